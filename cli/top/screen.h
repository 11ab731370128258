#pragma once

/// \file
/// What `khu top` shows, as text: the zone in a line, its nodes, the jobs that run, the first that
/// wait with when they start and why not now. It only draws; where the rows come from, and the
/// terminal, are the command's.

#include <cstdint>
#include <string>
#include <vector>

#include "cli/session.h"
#include "wire/api.h"

namespace khu::cli {

struct TopPicture {
    std::vector<wire::NodeView> nodes;
    std::vector<wire::JobView> running;  ///< and starting and ending
    std::vector<wire::JobView> waiting;  ///< the first, in their order
    std::int64_t jobs{0};                ///< all that live, of the caller's enterprise or the zone
    Moment now;
};

struct TopSize {
    int width{0};   ///< 0: nothing is cut
    int height{0};  ///< lines; 0: all rows are shown
    bool colour{false};
};

/// Ends with a newline after the last line. What does not fit is left out, and each list says how
/// many rows were.
std::string top_screen(const Session& session, const TopPicture& picture, const TopSize& size);

/// How the lines below the head are shared by three lists that want so many, `all` in sum: each
/// gets a third, and what one does not need the others get, in their order.
std::vector<int> shared_lines(const std::vector<int>& wanted, int all);

}  // namespace khu::cli
