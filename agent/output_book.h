#pragma once

/// \file
/// Of each attempt of this node where its output went, so that it can be read long after the
/// attempt is forgotten. Two files of JSON lines: a full one becomes the older of the two, and what
/// was the older goes, so the newest attempts_max / 2 are always known, and at most attempts_max.
///
///     DIR/outputs.log      appended to: one write for each attempt
///     DIR/outputs.old.log  read only

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "agent/fd.h"
#include "core/base/describe.h"
#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"

namespace khu::agent {

struct OutputFiles {
    JobId job;
    AttemptNumber attempt;
    std::int64_t uid{-1};
    std::string output;  ///< absolute
    std::string error;   ///< absolute; empty: into output
};
KHU_DESCRIBE(OutputFiles, job, attempt, uid, output, error)

class OutputBook {
public:
    /// A last line that was cut off is dropped. Errors: SpoolUnusable.
    static Expected<OutputBook, Refusal> open(const std::string& directory,
                                              std::size_t attempts_max = 50'000);

    /// False with errno set if it cannot be written.
    bool add(const OutputFiles& files);
    [[nodiscard]] std::optional<OutputFiles> find(AttemptKey key) const;

private:
    struct Line {
        std::int64_t begin{0}, size{0};  ///< bytes, without the end of line
    };
    struct Volume {
        Fd file;
        std::int64_t size{0};
        std::unordered_map<AttemptKey, Line> lines;
    };

    OutputBook(std::string path, std::size_t lines_max)
        : path_(std::move(path)), lines_max_(lines_max) {}
    bool turn_over();

    std::string path_;
    std::size_t lines_max_;
    Volume current_, old_;
};

}  // namespace khu::agent
