#pragma once

/// \file
/// How an entry of the books is read from its table.

#include "core/ledger/entry.h"
#include "daemon/store/sqlite.h"

/// The columns that entry_of() reads, in its order.
#define KHU_ENTRY_COLUMNS "seq, at, kind, id, debit, credit, amount, ref, policy"

namespace khu::daemon {

inline Entry entry_of(const Statement& row) {
    return Entry{.seq = LedgerSeq{static_cast<std::uint64_t>(row.integer(0))},
                 .at = Moment{row.integer(1)},
                 .kind = row.text(2),
                 .id = row.text(3),
                 .debit = row.text(4),
                 .credit = row.text(5),
                 .amount = row.integer(6),
                 .ref = row.text(7),
                 .policy = PolicyId{row.text(8)}};
}

}  // namespace khu::daemon
