// Reading: recovery, lookups on the shared connection, streams on their own.

#include <fmt/format.h>

#include <algorithm>

#include "core/base/digest.h"
#include "core/base/limits.h"
#include "daemon/store/piece_sum.h"
#include "daemon/store/schema.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/usage_columns.h"

namespace khu::daemon {
namespace {

EventSeq event_seq(const Statement& row, int column) {
    return EventSeq{static_cast<std::uint64_t>(row.integer(column))};
}

/// Columns seq, at, sum, json. Null if the checksum says that a byte has changed.
std::optional<StoredFact> fact_of(const Statement& row) {
    StoredFact fact{.seq = event_seq(row, 0), .at = Moment{row.integer(1)}, .json = row.text(3)};
    const std::int64_t sum =
        row_sum(fact.seq.value, static_cast<std::uint64_t>(fact.at.value), fact.json);
    if (sum != row.integer(2)) {
        return std::nullopt;
    }
    return fact;
}

/// Columns job, enterprise, user, ended_at, sum, json.
std::optional<HistoryRow> history_row_of(const Statement& row) {
    HistoryRow out{.job = JobId{static_cast<std::uint64_t>(row.integer(0))},
                   .enterprise = EnterpriseId{row.text(1)},
                   .user = UserId{row.text(2)},
                   .ended_at = Moment{row.integer(3)},
                   .json = row.text(5)};
    const std::int64_t sum =
        row_sum(out.job.value, static_cast<std::uint64_t>(out.ended_at.value), out.json);
    if (sum != row.integer(4)) {
        return std::nullopt;
    }
    return out;
}

/// Of one month alone the index goes on to the enterprise; of several, SQLite reads all of each.
std::string usage_select(const UsageQuery& query) {
    std::string names;
    each_usage_member([&](auto member) { names += fmt::format("{}, ", member.name); });
    return "SELECT " + names + "sum FROM usage WHERE period " +
           (query.period_from == query.period_to ? "= ?" : "BETWEEN ? AND ?") +
           (query.enterprise.empty() ? "" : " AND enterprise_id = ?") +
           " ORDER BY period, enterprise_id, job_id, attempt, slice, row";
}

/// The pieces of one snapshot: how many, and the sum over their sums.
struct Pieces {
    std::int64_t count{0};
    std::int64_t sum{0};
    int result{SQLITE_DONE};  ///< of SQLite
};
using SumOfPiece = std::int64_t (*)(std::uint64_t, std::uint64_t, std::string_view);

Pieces pieces_of(Connection& from, EventSeq up_to, SumOfPiece sum_of) {
    Statement rows(from, "SELECT json FROM snapshot_chunks WHERE up_to = ? ORDER BY chunk");
    rows.with(up_to);
    Digest sums;
    Pieces all;
    for (all.result = rows.step(); all.result == SQLITE_ROW; all.result = rows.step()) {
        const auto number = static_cast<std::uint64_t>(all.count++);
        sums.add(static_cast<std::uint64_t>(sum_of(up_to.value, number, rows.bytes(0))));
    }
    all.sum = static_cast<std::int64_t>(sums.value());
    return all;
}

}  // namespace

Expected<Recovered, Refusal> SqliteStore::recover(const RecoverSteps& steps) {
    Recovered out;
    Connection from = own_connection();
    from.run("BEGIN");
    const Expected<std::optional<EventSeq>, Refusal> snapshot = good_snapshot(from, out);
    if (!snapshot) {
        return Unexpected{snapshot.error()};
    }
    if (snapshot->has_value()) {
        out.snapshot = out.last_fact = **snapshot;
        Statement chunks(from, "SELECT json FROM snapshot_chunks WHERE up_to = ? ORDER BY chunk");
        chunks.with(out.snapshot);
        int piece = chunks.step();
        for (; piece == SQLITE_ROW; piece = chunks.step()) {
            steps.snapshot_chunk(out.snapshot, chunks.text(0));
        }
        if (piece != SQLITE_DONE) {
            return Unexpected{refused(piece, "the snapshot's pieces")};
        }
    }

    const Expected<Done, Refusal> read = read_facts(from, steps, out);
    if (!read) {
        return Unexpected{read.error()};
    }
    return out;
}

/// Every fact after `out.last_fact`, which moves on to the last one.
Expected<Done, Refusal> SqliteStore::read_facts(Connection& from, const RecoverSteps& steps,
                                                Recovered& out) {
    Statement rows(from, "SELECT seq, at, sum, json FROM facts WHERE seq > ? ORDER BY seq");
    rows.with(out.last_fact);
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        const std::uint64_t wanted = out.last_fact.value + 1;
        if (event_seq(rows, 0).value != wanted) {
            return Unexpected{
                damaged(options_.directory, fmt::format("fact {} is missing", wanted))};
        }
        const std::optional<StoredFact> fact = fact_of(rows);
        if (!fact) {
            return Unexpected{
                damaged(options_.directory, fmt::format("fact {} has changed", wanted))};
        }
        steps.fact(*fact);
        out.last_fact = fact->seq;
    }
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, fmt::format("facts after {}", out.last_fact.value))};
    }
    if (out.last_fact != head_.fact) {
        return Unexpected{
            damaged(options_.directory, fmt::format("facts end at {}, the head says {}",
                                                    out.last_fact.value, head_.fact.value))};
    }
    return Done{};
}

/// The newest snapshot whose every piece is as it was stored; null if there is none, then all facts
/// are read. One that is damaged is passed over, since the facts are still there.
Expected<std::optional<EventSeq>, Refusal> SqliteStore::good_snapshot(Connection& from,
                                                                      Recovered& out) {
    Statement newest(from, "SELECT up_to FROM snapshots ORDER BY up_to DESC");
    int result = newest.step();
    for (; result == SQLITE_ROW; result = newest.step()) {
        const EventSeq up_to = event_seq(newest, 0);
        const Expected<bool, Refusal> good = is_good_snapshot(from, up_to);
        if (!good) {
            return Unexpected{good.error()};
        }
        if (*good) {
            return std::optional<EventSeq>(up_to);
        }
        out.remarks.push_back(
            fmt::format("the snapshot of fact {} is damaged; using an older one", up_to.value));
    }
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "snapshots")};
    }
    return std::optional<EventSeq>();
}

Expected<bool, Refusal> SqliteStore::is_good_snapshot(Connection& from, EventSeq up_to) {
    Statement row(from, "SELECT chunks, sum FROM snapshots WHERE up_to = ?");
    if (row.with(up_to).step() != SQLITE_ROW || up_to > head_.fact) {
        return false;
    }
    // Snapshots of releases before piece_sum() have row_sum() of their pieces.
    for (const SumOfPiece sum_of : {&piece_sum, &row_sum}) {
        const Pieces pieces = pieces_of(from, up_to, sum_of);
        if (pieces.result != SQLITE_DONE) {
            return Unexpected{
                refused(pieces.result, fmt::format("the snapshot of fact {}", up_to.value))};
        }
        if (row.integer(0) == pieces.count && row.integer(1) == pieces.sum) {
            return true;
        }
    }
    return false;
}

Expected<std::vector<StoredFact>, Refusal> SqliteStore::facts(EventSeq first, std::int64_t limit) {
    const std::lock_guard guard(reading_lock_);
    std::vector<StoredFact> out;
    Statement& rows =
        lookup("SELECT seq, at, sum, json FROM facts WHERE seq >= ? ORDER BY seq LIMIT ?");
    rows.with(first, std::min(limit, limits::page_rows_max));
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        std::optional<StoredFact> fact = fact_of(rows);
        if (!fact) {
            const std::uint64_t seq = event_seq(rows, 0).value;
            rows.reset();
            return Unexpected{damaged(options_.directory, fmt::format("fact {} has changed", seq))};
        }
        out.push_back(std::move(*fact));
    }
    rows.reset();
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "facts")};
    }
    return out;
}

Expected<std::optional<std::string>, Refusal> SqliteStore::payload(JobId job) {
    const std::lock_guard guard(reading_lock_);
    Statement& row = lookup("SELECT sum, json FROM payloads WHERE job = ?");
    const int result = row.with(job).step();
    std::optional<std::string> json;
    bool good = true;
    if (result == SQLITE_ROW) {
        json = row.text(1);
        good = row.integer(0) == row_sum(job.value, 0, *json);
    }
    row.reset();
    if (!good) {
        return Unexpected{damaged(options_.directory,
                                  fmt::format("the payload of job {} has changed", job.value))};
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return Unexpected{refused(result, "payloads")};
    }
    return json;
}

Expected<std::vector<HistoryRow>, Refusal> SqliteStore::history(const HistoryQuery& query) {
    const std::lock_guard guard(reading_lock_);
    Statement& rows =
        query.enterprise.empty()
            ? lookup(
                  "SELECT job, enterprise, user, ended_at, sum, json FROM history "
                  "WHERE (ended_at, job) < (?1, ?2) AND ?4 = '' AND (?5 = '' OR user = ?5) "
                  "ORDER BY ended_at DESC, job DESC LIMIT ?3")
            : lookup(
                  "SELECT job, enterprise, user, ended_at, sum, json FROM history "
                  "WHERE (ended_at, job) < (?1, ?2) AND enterprise = ?4 "
                  "AND (?5 = '' OR user = ?5) ORDER BY ended_at DESC, job DESC LIMIT ?3");
    const std::int64_t limit = std::clamp<std::int64_t>(query.limit, 0, limits::page_rows_max);
    rows.with(query.before_at, query.before_job, limit, query.enterprise, query.user);
    return history_rows(rows);
}

Expected<std::vector<HistoryRow>, Refusal> SqliteStore::oldest_history(Moment from, Moment until,
                                                                       std::int64_t limit) {
    const std::lock_guard guard(reading_lock_);
    Statement& rows = lookup(
        "SELECT job, enterprise, user, ended_at, sum, json FROM history "
        "WHERE ended_at >= ? AND ended_at < ? ORDER BY ended_at, job LIMIT ?");
    rows.with(from, until, limit);
    return history_rows(rows);
}

Expected<std::vector<HistoryRow>, Refusal> SqliteStore::history_rows(Statement& rows) {
    std::vector<HistoryRow> out;
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        std::optional<HistoryRow> row = history_row_of(rows);
        if (!row) {
            rows.reset();
            return Unexpected{damaged(options_.directory, "a row of the history has changed")};
        }
        out.push_back(std::move(*row));
    }
    rows.reset();
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "history")};
    }
    return out;
}

Expected<std::optional<HistoryRow>, Refusal> SqliteStore::history_of(JobId job) {
    const std::lock_guard guard(reading_lock_);
    Statement& row =
        lookup("SELECT job, enterprise, user, ended_at, sum, json FROM history WHERE job = ?");
    const int result = row.with(job).step();
    std::optional<HistoryRow> out;
    if (result == SQLITE_ROW) {
        out = history_row_of(row);
    }
    row.reset();
    if (result == SQLITE_DONE) {
        return std::optional<HistoryRow>();
    }
    if (result != SQLITE_ROW) {
        return Unexpected{refused(result, "history")};
    }
    if (!out) {
        return Unexpected{damaged(options_.directory,
                                  fmt::format("the history of job {} has changed", job.value))};
    }
    return out;
}

Expected<Done, Refusal> SqliteStore::usage(const UsageQuery& query,
                                           const std::function<void(const UsageRow&)>& each) {
    const Connection from = own_connection();
    Statement rows(from, usage_select(query));
    rows.with(query.period_from);
    if (query.period_from != query.period_to) {
        rows.bind_next(query.period_to);
    }
    if (!query.enterprise.empty()) {
        rows.bind_next(query.enterprise);
    }
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        UsageRow row;
        int column = 0;
        each_usage_member([&](auto member) { read_column(rows, column++, row.*member.pointer); });
        if (rows.integer(column) != usage_sum(row)) {
            return Unexpected{
                damaged(options_.directory, fmt::format("the usage of job {} in {} has changed",
                                                        row.job_id.value, row.period))};
        }
        each(row);
    }
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "usage")};
    }
    return Done{};
}

Expected<std::optional<IdempotencyRow>, Refusal> SqliteStore::find_key(
    const EnterpriseId& enterprise, const UserId& user, const std::string& key) {
    const std::lock_guard guard(reading_lock_);
    Statement& row = lookup(
        "SELECT request_digest, job, at FROM idempotency "
        "WHERE enterprise = ? AND user = ? AND key = ?");
    const int result = row.with(enterprise, user, key).step();
    std::optional<IdempotencyRow> out;
    if (result == SQLITE_ROW) {
        out = IdempotencyRow{.enterprise = enterprise,
                             .user = user,
                             .key = key,
                             .request_digest = row.text(0),
                             .job = JobId{static_cast<std::uint64_t>(row.integer(1))},
                             .at = Moment{row.integer(2)}};
    }
    row.reset();
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return Unexpected{refused(result, "idempotency")};
    }
    return out;
}

Expected<std::optional<std::string>, Refusal> SqliteStore::value(const std::string& space,
                                                                 const std::string& key) {
    const std::lock_guard guard(reading_lock_);
    Statement& row = lookup("SELECT value FROM key_values WHERE space = ? AND key = ?");
    const int result = row.with(space, key).step();
    std::optional<std::string> out;
    if (result == SQLITE_ROW) {
        out = row.text(0);
    }
    row.reset();
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return Unexpected{refused(result, "key_values")};
    }
    return out;
}

Expected<std::vector<KeyValue>, Refusal> SqliteStore::values(const std::string& space) {
    const std::lock_guard guard(reading_lock_);
    std::vector<KeyValue> out;
    Statement& rows = lookup("SELECT key, value FROM key_values WHERE space = ? ORDER BY key");
    rows.with(space);
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        out.push_back(KeyValue{.space = space, .key = rows.text(0), .value = rows.text(1)});
    }
    rows.reset();
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "key_values")};
    }
    return out;
}

Expected<Done, Refusal> SqliteStore::each_value(const std::string& space, const std::string& prefix,
                                                const std::function<void(const KeyValue&)>& each) {
    const Connection from = own_connection();
    Statement rows(from,
                   "SELECT key, value FROM key_values WHERE space = ? AND key >= ? ORDER BY key");
    rows.with(space, prefix);
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        const KeyValue row{.space = space, .key = rows.text(0), .value = rows.text(1)};
        if (!row.key.starts_with(prefix)) {
            return Done{};
        }
        each(row);
    }
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "key_values")};
    }
    return Done{};
}

}  // namespace khu::daemon
