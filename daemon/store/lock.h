#pragma once

/// \file
/// One khud for one directory: an advisory lock on DIR/lock that the kernel drops when the process
/// ends, however it ends, and that a child does not inherit past exec.

#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::daemon {

class DirectoryLock {
public:
    /// Errors: StateLocked; StoreFull if the file cannot be made.
    static Expected<DirectoryLock, Refusal> take(const std::string& directory);

    DirectoryLock(DirectoryLock&& other) noexcept;
    DirectoryLock& operator=(DirectoryLock&& other) noexcept;
    ~DirectoryLock();

    /// True once mark() was called in this directory, by this process or one before it: a store was
    /// made here, so an empty directory is not a new one.
    [[nodiscard]] bool is_marked() const;
    /// Durable when it returns. Errors: StoreFull.
    Expected<Done, Refusal> mark(const std::string& zone);

private:
    explicit DirectoryLock(int fd) : fd_(fd) {}
    int fd_{-1};
};

/// Makes `directory` (for the owner only) if it is missing. Errors: StoreFull with the system's
/// words.
Expected<Done, Refusal> make_directory(const std::string& directory);
/// Makes the names in `directory` durable.
Expected<Done, Refusal> sync_directory(const std::string& directory);

}  // namespace khu::daemon
