#pragma once

/// \file
/// What `khu checkpoint PATH` left in the attempt's own directory: the path, and by the file's time
/// when that was. The directory is the user's, so nothing in it is trusted. Read by the agent while
/// the attempt runs and by its shepherd at the end, so the standard library only.

#include <cstdint>
#include <optional>
#include <string>

namespace khu::agent {

struct CheckpointFile {
    std::int64_t stamp{
        0};  ///< of the file, ns of the wall clock: another one is another checkpoint
    std::int64_t age_ms{0};  ///< by the wall clock; a file of the future has age 0
    std::string path;        ///< as the job said it, without control characters
};

/// Looks for `name` in the directory `dir` (a descriptor, or AT_FDCWD with a whole path). None:
/// nothing declared, or no regular file of 1 to 4096 bytes of text.
std::optional<CheckpointFile> read_checkpoint(int dir, const char* name);

}  // namespace khu::agent
