#pragma once

/// \file
/// What the zone never forgets. One batch is one transaction: facts, ledger entries, usage rows,
/// history, payloads, keys and values are stored together or not at all, and when commit() has
/// answered they survive the loss of power.
///
///     engine:  decide -> apply -> commit(batch) -> perform effects and answer the callers
///     restart: recover(): the newest good snapshot, then every fact after it, in order
///
/// This is the seam for another store (PostgreSQL, many controllers); open_store() gives the
/// embedded one, SQLite in one directory. Tables and formats: docs/formats/store.md.
///
/// Threads: commit() from one thread at a time; everything else from any thread, also during a
/// commit. The callbacks run on the caller's thread and may not call commit().
///
/// Errors of every function: StoreFull L209 (the disk is full or fails; nothing was done, and it
/// works again when space returns), StateDamaged S603 with what and where.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"
#include "core/ledger/entry.h"
#include "core/ledger/usage.h"

namespace khu::daemon {

/// A fact as the machine stored it. Seqs are 1, 2, 3, ... without gaps over the whole life of a
/// zone.
struct StoredFact {
    EventSeq seq;
    Moment at;
    std::string json;
    bool operator==(const StoredFact&) const = default;
};

/// A finished job, for `khu history`.
struct HistoryRow {
    JobId job;
    EnterpriseId enterprise;
    UserId user;
    Moment ended_at;
    std::string json;
    bool operator==(const HistoryRow&) const = default;
};

/// Command, script and environment of a job that may still start.
struct PayloadRow {
    JobId job;
    std::string json;
};

/// "This request was made before and became that job."
struct IdempotencyRow {
    EnterpriseId enterprise;
    UserId user;
    std::string key;
    std::string request_digest;
    JobId job;
    Moment at;
    bool operator==(const IdempotencyRow&) const = default;
};

/// Identity and other small data: hashed tokens, join tokens, certificates. Null `value`: forget
/// it.
struct KeyValue {
    std::string space;  ///< "token", "join", "certificate", ...
    std::string key;
    std::optional<std::string> value;
    bool operator==(const KeyValue&) const = default;
};

/// The state after `up_to`, in pieces. A large one may be spread over several batches, all with the
/// same `up_to`; it counts from the batch that says `complete`.
struct Snapshot {
    EventSeq up_to;
    std::uint32_t first_chunk{0};  ///< number of chunks[0] within the snapshot
    std::vector<std::string> chunks;
    bool complete{true};
};

struct Batch {
    std::vector<StoredFact> facts;
    std::vector<Entry> entries;
    std::vector<UsageRow> usage;
    std::vector<HistoryRow> history;  ///< one of the same job before is replaced
    std::vector<PayloadRow> payloads;
    std::vector<JobId> drop_payloads;
    std::vector<JobId> drop_history;
    std::vector<IdempotencyRow> keys;
    std::vector<KeyValue> values;
    std::optional<Snapshot> snapshot;
};

/// Where the books stand: the last entry and its hash, 64 hexadecimal digits.
struct LedgerHead {
    LedgerSeq seq;
    std::string hash;
    bool operator==(const LedgerHead&) const = default;
};

/// What recover() did.
struct Recovered {
    EventSeq snapshot;  ///< 0: none, all facts were read
    EventSeq last_fact;
    std::vector<std::string> remarks;  ///< for the log: a damaged snapshot that was passed over
};

/// Called with each piece in order; the strings live only during the call.
struct RecoverSteps {
    std::function<void(EventSeq up_to, const std::string& chunk)> snapshot_chunk;
    std::function<void(const StoredFact&)> fact;
};

/// A page of history, newest first. The cursor of the next page is the last row of this one.
struct HistoryQuery {
    EnterpriseId enterprise;  ///< empty: all
    UserId user;              ///< empty: all of the enterprise
    Moment before_at{kNever};
    JobId before_job{INT64_MAX};
    std::int64_t limit{100};  ///< at most limits::page_rows_max
};

struct UsageQuery {
    std::string period_from;  ///< "2026-03"
    std::string period_to;    ///< inclusive
    EnterpriseId enterprise;  ///< empty: all
};

/// Entries by number, both inclusive; made in [from, to); those that move something into or out of
/// one of the accounts, or all. An enterprise's accounts and a month are read without the rest.
struct EntryQuery {
    LedgerSeq first{1};
    LedgerSeq last{INT64_MAX};
    Moment from;
    Moment to{kNever};
    std::vector<std::string> accounts{};  ///< of grants and wallets; empty: of all
};

class Store {
public:
    virtual ~Store() = default;

    /// Stores the whole batch durably, with one synchronisation of the disk, or nothing of it.
    /// Claims: facts and entries follow the last ones stored; an entry id is new (L200).
    [[nodiscard]] virtual Expected<Done, Refusal> commit(const Batch& batch) = 0;

    /// The newest good snapshot and every fact after it; before the first commit. StateDamaged
    /// names the fact that is damaged or missing.
    [[nodiscard]] virtual Expected<Recovered, Refusal> recover(const RecoverSteps& steps) = 0;
    /// Facts from `first` on, at most `limit`: for `khu log` and audits.
    [[nodiscard]] virtual Expected<std::vector<StoredFact>, Refusal> facts(EventSeq first,
                                                                           std::int64_t limit) = 0;

    [[nodiscard]] virtual Expected<std::optional<std::string>, Refusal> payload(JobId job) = 0;
    [[nodiscard]] virtual Expected<std::vector<HistoryRow>, Refusal> history(
        const HistoryQuery& query) = 0;
    [[nodiscard]] virtual Expected<std::optional<HistoryRow>, Refusal> history_of(JobId job) = 0;
    /// Of jobs that ended in [from, until), oldest first, at most `limit`.
    [[nodiscard]] virtual Expected<std::vector<HistoryRow>, Refusal> oldest_history(
        Moment from, Moment until, std::int64_t limit) = 0;
    /// Ordered by period, enterprise, job, attempt and slice.
    [[nodiscard]] virtual Expected<Done, Refusal> usage(
        const UsageQuery& query, const std::function<void(const UsageRow&)>& each) = 0;
    /// Rows of kind usage of one job, by attempt and slice.
    [[nodiscard]] virtual Expected<std::vector<UsageRow>, Refusal> usage_of(JobId job) = 0;
    /// Every entry of the attempt, with its refunds, in order.
    [[nodiscard]] virtual Expected<std::vector<Entry>, Refusal> entries_of(AttemptKey key) = 0;
    /// In order, each with its hash in hexadecimal.
    [[nodiscard]] virtual Expected<Done, Refusal> entries(
        const EntryQuery& query,
        const std::function<void(const Entry&, const std::string& hash)>& each) = 0;
    [[nodiscard]] virtual Expected<std::optional<IdempotencyRow>, Refusal> find_key(
        const EnterpriseId& enterprise, const UserId& user, const std::string& key) = 0;
    [[nodiscard]] virtual Expected<std::optional<std::string>, Refusal> value(
        const std::string& space, const std::string& key) = 0;
    /// Ordered by key.
    [[nodiscard]] virtual Expected<std::vector<KeyValue>, Refusal> values(
        const std::string& space) = 0;
    /// The same one by one, however many there are; only keys that begin with `prefix`.
    [[nodiscard]] virtual Expected<Done, Refusal> each_value(
        const std::string& space, const std::string& prefix,
        const std::function<void(const KeyValue&)>& each) = 0;

    /// The head as of the last commit.
    [[nodiscard]] virtual LedgerHead ledger_head() const = 0;
    /// Recomputes the chain and the balances from the entries. Errors: those of Recount with the
    /// first entry that is wrong.
    [[nodiscard]] virtual Expected<LedgerHead, Refusal> verify_ledger() = 0;
};

/// The version of the tables this program writes; it reads this one and older ones.
inline constexpr int kStoreVersion = 1;

struct StoreOptions {
    std::string directory;  ///< made if it is missing, for the owner only
    ZoneId zone;
    int version{kStoreVersion};
};

/// Opens or makes the embedded store. Errors: OtherZone S600, NewerState S601, StateLocked S602,
/// StateDamaged S603, StoreFull L209.
[[nodiscard]] Expected<std::unique_ptr<Store>, Refusal> open_store(const StoreOptions& options);

}  // namespace khu::daemon
