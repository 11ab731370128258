#pragma once

/// \file
/// The text of a file that may be packed: xz and gzip are known by their first bytes, whatever the
/// file is called. Where a packed file is cut off or damaged nothing of it is given, since half a
/// trace would be measured as a whole one.

#include <cstdint>
#include <optional>
#include <string>

#include "cli/files.h"
#include "core/policy/complaint.h"

namespace khu::cli {

/// Adds a complaint without a place to `complaints` if the file cannot be read (P000), is damaged
/// or cut off (P000), or holds more than `bytes_max` bytes when unpacked (P006).
std::optional<std::string> read_unpacked(const std::string& path, std::int64_t bytes_max,
                                         std::vector<Complaint>& complaints);

}  // namespace khu::cli
