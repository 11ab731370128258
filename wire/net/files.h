#pragma once

/// \file
/// Small files that must be whole or absent: keys, certificates, tokens.

#include <string>
#include <string_view>

#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::wire::net {

/// Writes `bytes` to `path` with exactly `mode`, atomically and durably: a temporary file in the
/// same folder, fsync, rename, fsync of the folder. Errors: FileFailed.
Expected<Done, Refusal> write_file(const std::string& path, std::string_view bytes, unsigned mode);
/// write_file with mode 0600, for keys.
Expected<Done, Refusal> write_private(const std::string& path, std::string_view bytes);
/// Errors: FileFailed, also if it is larger than 16 MiB.
Expected<std::string, Refusal> read_file(const std::string& path);

}  // namespace khu::wire::net
