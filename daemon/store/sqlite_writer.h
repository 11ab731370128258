#pragma once

/// \file
/// The statements that store a batch, prepared once. Each function gives SQLITE_OK or an error;
/// after an error the caller rolls the transaction back.

#include "daemon/store/chain.h"
#include "daemon/store/sqlite.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/store.h"

namespace khu::daemon {

struct SqliteStore::Writer {
    explicit Writer(Connection& connection);

    int put(const StoredFact& fact);
    int put(const Entry& entry, const ChainHash& hash);
    int put(const UsageRow& row);
    int put(const HistoryRow& row);
    int put(const PayloadRow& row);
    int drop_payload(JobId job);
    int drop_history(JobId job);
    int put(const IdempotencyRow& row);
    int put(const KeyValue& pair);
    int put(const Snapshot& snapshot);
    int put_head(EventSeq fact, LedgerSeq entry, const ChainHash& hash);

    Statement begin, end, undo;

private:
    int put_chunks(const Snapshot& snapshot);
    int complete(const Snapshot& snapshot);

    Statement fact_, entry_, usage_, history_, drop_history_, payload_, drop_payload_, key_, value_,
        forget_;
    Statement has_snapshot_, abandon_, chunk_, chunks_of_, snapshot_, old_snapshots_, old_chunks_;
    Statement head_;
};

}  // namespace khu::daemon
