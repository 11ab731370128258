#pragma once

/// \file
/// On which line of a policy's text each limit stands, as data: config/ knows the text and makes
/// it, the machine cites it in refusals. It is never stored, for the text is: whoever loads the
/// text makes it anew.

#include <string>
#include <string_view>
#include <vector>

namespace khu {

struct KeyLine {
    std::string key;  ///< its path: "programmes.kn-80.limits.max_gpus_per_job"
    int line{0};      ///< from 1
    bool operator==(const KeyLine&) const = default;
};

/// In the order of the keys, each once.
using KeyLines = std::vector<KeyLine>;

/// The line of the key, or of the nearest key above it that is written; 0 if there is none.
int line_of(const KeyLines& lines, std::string_view key);

}  // namespace khu
