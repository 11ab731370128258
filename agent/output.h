#pragma once

/// \file
/// Where a job's output goes. Opened by the shepherd under the user's identity. A symbolic link as
/// the last name is followed only if it belongs to that user or to root: a link that somebody else
/// planted in a shared directory cannot make a job overwrite its owner's files.

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/fd.h"

namespace khu::agent {

struct OutputNames {
    std::int64_t job{0};
    std::int64_t array_index{-1};
    std::string_view node;
    std::int64_t rank{0};
};

/// What the job asked for, or "khu-%j.out".
std::string output_pattern(const std::string& asked);

/// %j job, %N node, %t rank, %A its array, %a its index there, %% percent; other letters stay as
/// they are.
std::string expand_output(std::string_view pattern, const OutputNames& names);

/// A file open for appending, or the errno and the words why there is none.
struct OpenedOutput {
    Fd fd;
    int error{0};
    std::string why;
};

/// Opens `path`, relative to the open directory `dir`, as the calling identity; makes it (mode 0666
/// less the umask) or empties it (`truncate`). Refused: directories, FIFOs, sockets, block devices.
OpenedOutput open_output(int dir, const std::string& path, bool truncate);

}  // namespace khu::agent
