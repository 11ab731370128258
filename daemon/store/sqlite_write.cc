// Storing: one batch, one transaction, one synchronisation of the disk.

#include <fmt/format.h>

#include "core/base/digest.h"
#include "daemon/store/piece_sum.h"
#include "daemon/store/schema.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/sqlite_writer.h"
#include "daemon/store/usage_columns.h"

namespace khu::daemon {
namespace {

std::string usage_insert() {
    std::string names;
    std::string marks;
    each_usage_member([&](auto member) {
        names += fmt::format("{}, ", member.name);
        marks += "?, ";
    });
    return "INSERT INTO usage (" + names + "sum) VALUES (" + marks + "?)";
}

/// Seqs have no gaps: the first follows `last`, and each the one before.
template <class Rows, class Seq>
Seq claim_follows(const Rows& rows, Seq last) {
    for (const auto& row : rows) {
        KHU_CHECK(row.seq.value == last.value + 1, "{} follows {}", row.seq.value, last.value);
        last = row.seq;
    }
    return last;
}

bool is_empty(const Batch& b) {
    return b.facts.empty() && b.entries.empty() && b.usage.empty() && b.history.empty() &&
           b.payloads.empty() && b.drop_payloads.empty() && b.drop_history.empty() &&
           b.keys.empty() && b.values.empty() && !b.snapshot;
}

/// Calls `put` for each row until one fails.
template <class Rows, class Put>
int put_all(const Rows& rows, Put put) {
    for (const auto& row : rows) {
        if (const int result = put(row); result != SQLITE_OK) {
            return result;
        }
    }
    return SQLITE_OK;
}

}  // namespace

SqliteStore::Writer::Writer(Connection& c)
    : begin(c, "BEGIN IMMEDIATE"),
      end(c, "COMMIT"),
      undo(c, "ROLLBACK"),
      fact_(c, "INSERT INTO facts (seq, at, sum, json) VALUES (?, ?, ?, ?)"),
      entry_(c, "INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
      usage_(c, usage_insert()),
      history_(c, "INSERT OR REPLACE INTO history VALUES (?, ?, ?, ?, ?, ?)"),
      drop_history_(c, "DELETE FROM history WHERE job = ?"),
      payload_(c, "INSERT OR REPLACE INTO payloads VALUES (?, ?, ?)"),
      drop_payload_(c, "DELETE FROM payloads WHERE job = ?"),
      key_(c, "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)"),
      value_(c, "INSERT OR REPLACE INTO key_values VALUES (?, ?, ?)"),
      forget_(c, "DELETE FROM key_values WHERE space = ? AND key = ?"),
      has_snapshot_(c, "SELECT 1 FROM snapshots WHERE up_to = ?"),
      abandon_(c, "DELETE FROM snapshot_chunks WHERE up_to NOT IN (SELECT up_to FROM snapshots)"),
      chunk_(c, "INSERT INTO snapshot_chunks (up_to, chunk, sum, json) VALUES (?, ?, ?, ?)"),
      chunks_of_(c, "SELECT sum FROM snapshot_chunks WHERE up_to = ? ORDER BY chunk"),
      snapshot_(c, "INSERT INTO snapshots VALUES (?, ?, ?)"),
      old_snapshots_(c,
                     "DELETE FROM snapshots WHERE up_to NOT IN "
                     "(SELECT up_to FROM snapshots ORDER BY up_to DESC LIMIT 2)"),
      old_chunks_(c,
                  "DELETE FROM snapshot_chunks WHERE up_to < (SELECT min(up_to) FROM snapshots)"),
      head_(c, "UPDATE head SET fact = ?, entry = ?, hash = ?, sum = ?") {}

int SqliteStore::Writer::put(const StoredFact& fact) {
    const std::int64_t sum =
        row_sum(fact.seq.value, static_cast<std::uint64_t>(fact.at.value), fact.json);
    return fact_.with(fact.seq, fact.at, sum, fact.json).finish();
}

int SqliteStore::Writer::put(const Entry& e, const ChainHash& hash) {
    return entry_
        .with(e.seq, e.at, e.kind, e.id, e.debit, e.credit, e.amount, e.ref, e.policy,
              Blob{bytes_of(hash)})
        .finish();
}

int SqliteStore::Writer::put(const UsageRow& row) {
    usage_.reset();
    each_usage_member([&](auto member) { usage_.bind_next(row.*member.pointer); });
    usage_.bind_next(usage_sum(row));
    return usage_.finish();
}

int SqliteStore::Writer::put(const HistoryRow& row) {
    const std::int64_t sum =
        row_sum(row.job.value, static_cast<std::uint64_t>(row.ended_at.value), row.json);
    return history_.with(row.job, row.enterprise, row.user, row.ended_at, sum, row.json).finish();
}

int SqliteStore::Writer::put(const PayloadRow& row) {
    return payload_.with(row.job, row_sum(row.job.value, 0, row.json), row.json).finish();
}

int SqliteStore::Writer::drop_payload(JobId job) {
    return drop_payload_.with(job).finish();
}

int SqliteStore::Writer::drop_history(JobId job) {
    return drop_history_.with(job).finish();
}

int SqliteStore::Writer::put(const IdempotencyRow& row) {
    return key_.with(row.enterprise, row.user, row.key, row.request_digest, row.job, row.at)
        .finish();
}

int SqliteStore::Writer::put(const KeyValue& pair) {
    return pair.value ? value_.with(pair.space, pair.key, *pair.value).finish()
                      : forget_.with(pair.space, pair.key).finish();
}

int SqliteStore::Writer::put(const Snapshot& snapshot) {
    const int has = has_snapshot_.with(snapshot.up_to).step();
    has_snapshot_.reset();
    if (has == SQLITE_ROW) {
        return SQLITE_OK;  // The same state is stored already.
    }
    if (has != SQLITE_DONE) {
        return has;
    }
    if (snapshot.first_chunk == 0) {
        if (const int result = abandon_.with().finish(); result != SQLITE_OK) {
            return result;
        }
    }
    const int result = put_chunks(snapshot);
    return result == SQLITE_OK && snapshot.complete ? complete(snapshot) : result;
}

int SqliteStore::Writer::put_chunks(const Snapshot& snapshot) {
    std::uint64_t number = snapshot.first_chunk;
    for (const std::string& chunk : snapshot.chunks) {
        const std::int64_t sum = piece_sum(snapshot.up_to.value, number, chunk);
        const int result = chunk_.with(snapshot.up_to, number, sum, chunk).finish();
        if (result != SQLITE_OK) {
            return result;
        }
        ++number;
    }
    return SQLITE_OK;
}

int SqliteStore::Writer::complete(const Snapshot& snapshot) {
    Digest sums;
    std::uint64_t count = 0;
    chunks_of_.with(snapshot.up_to);
    int result = chunks_of_.step();
    for (; result == SQLITE_ROW; result = chunks_of_.step()) {
        sums.add(static_cast<std::uint64_t>(chunks_of_.integer(0)));
        ++count;
    }
    chunks_of_.reset();
    if (result != SQLITE_DONE) {
        return result;
    }
    result = snapshot_.with(snapshot.up_to, count, sums.value()).finish();
    if (result == SQLITE_OK) {
        result = old_snapshots_.with().finish();
    }
    return result == SQLITE_OK ? old_chunks_.with().finish() : result;
}

int SqliteStore::Writer::put_head(EventSeq fact, LedgerSeq entry, const ChainHash& hash) {
    const std::int64_t sum = row_sum(fact.value, entry.value, bytes_of(hash));
    return head_.with(fact, entry, Blob{bytes_of(hash)}, sum).finish();
}

Expected<Done, Refusal> SqliteStore::commit(const Batch& batch) {
    if (is_empty(batch)) {
        return Done{};
    }
    Head next = head_;
    const Expected<Done, Refusal> written = write(batch, next);
    if (!written) {
        // Folding the log into the database gives back the log's room.
        next_checkpoint_ = 0;
        bound_log();
        return written;
    }
    {
        const std::lock_guard guard(head_lock_);
        head_ = next;
    }
    bound_log();
    return written;
}

Expected<Done, Refusal> SqliteStore::write(const Batch& batch, Head& next) {
    next.fact = claim_follows(batch.facts, head_.fact);
    next.entry = claim_follows(batch.entries, head_.entry);
    KHU_CHECK(!batch.snapshot || batch.snapshot->up_to <= next.fact, "a snapshot of fact {}",
              batch.snapshot->up_to.value);

    Writer& w = *writer_;
    const auto put = [&](const auto& row) { return w.put(row); };
    int result = w.begin.finish();
    const auto then = [&](auto step) { result = result == SQLITE_OK ? step() : result; };
    then([&] { return put_all(batch.facts, put); });
    then([&] {
        return put_all(batch.entries, [&](const Entry& entry) {
            next.hash = chain_.next(next.hash, entry);
            return w.put(entry, next.hash);
        });
    });
    then([&] { return put_all(batch.usage, put); });
    then([&] { return put_all(batch.history, put); });
    then([&] { return put_all(batch.payloads, put); });
    then([&] {
        return put_all(batch.drop_payloads, [&](JobId job) { return w.drop_payload(job); });
    });
    then([&] {
        return put_all(batch.drop_history, [&](JobId job) { return w.drop_history(job); });
    });
    then([&] { return put_all(batch.keys, put); });
    then([&] { return put_all(batch.values, put); });
    then([&] { return batch.snapshot ? w.put(*batch.snapshot) : SQLITE_OK; });
    then([&] { return w.put_head(next.fact, next.entry, next.hash); });
    then([&] { return w.end.finish(); });
    if (result == SQLITE_OK) {
        return Done{};
    }
    const std::string words = sqlite3_errmsg(writing_.handle());
    if (sqlite3_get_autocommit(writing_.handle()) == 0) {
        w.undo.finish();
    }
    // Two rows under one key: a number or an entry id was given twice (L200). Only a bug does that.
    KHU_CHECK((result & 0xff) != SQLITE_CONSTRAINT, "{}", words);
    return Unexpected{refused(result, words)};
}

/// Folds the log into the database when it has grown. A stream that is being read keeps its part of
/// the log; then it is tried again when as much has come on top.
void SqliteStore::bound_log() {
    if (log_pages_ < next_checkpoint_) {
        return;
    }
    const int result = sqlite3_wal_checkpoint_v2(writing_.handle(), nullptr,
                                                 SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
    if (result == SQLITE_OK) {
        log_pages_ = 0;
    }
    next_checkpoint_ = log_pages_ + kLogPagesMax;
}

}  // namespace khu::daemon
