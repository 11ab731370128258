#pragma once

/// \file
/// Reads SQLite's write-ahead log before SQLite does. SQLite takes the log up to the first frame
/// whose checksum fails and forgets the rest without a word: right for a tail torn by a crash,
/// wrong for a byte that flipped in the middle of what had been acknowledged. Since every commit is
/// synchronised before the next begins, at most one transaction can be torn: if two or more commits
/// stand behind the first bad frame, at least one of them had been acknowledged, and we refuse.
///
/// Source: SQLite, "WAL-mode File Format" (sqlite.org/walformat.html).

#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::daemon {

/// What stands in a log file; all 0 if there is none.
struct WalScan {
    std::int64_t good_frames{0};
    std::int64_t commits_behind{0};  ///< commits of the same log behind the first bad frame
};

/// Reads the whole file (bounded by the checkpoints to some MiB). Errors: StoreFull if unreadable.
Expected<WalScan, Refusal> scan_wal(const std::string& path);

}  // namespace khu::daemon
