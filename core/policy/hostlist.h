#pragma once

/// \file
/// Node names in Slurm's compact writing: "gn[01-16],x[1,3-5]". Bounded: a list of more than
/// limits::nodes_max names is refused before it is made, so "n[1-999999999]" costs nothing.

#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"

namespace khu {

struct BadHostlist {
    std::string why_en;
    std::string why_vi;
    std::size_t offset{0};  ///< byte of the text where it stops being right
    bool operator==(const BadHostlist&) const = default;
};

/// The names in the order written. One pair of brackets a name; numbers keep their width
/// ("[01-16]" gives 01 to 16). Names are 1 to 63 bytes of [A-Za-z0-9.-], and begin with a letter or
/// digit. Errors: empty, a bad name, a range backwards or of unequal widths where zeros lead, a
/// name twice, too many.
Expected<std::vector<NodeName>, BadHostlist> expand_hostlist(std::string_view text);

/// The shortest such text that keeps the order: expand_hostlist(compress_hostlist(x)) == x for
/// every list that expand_hostlist gives. "" for none.
std::string compress_hostlist(const std::vector<NodeName>& nodes);

}  // namespace khu
