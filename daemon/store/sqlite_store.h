#pragma once

/// \file
/// The embedded store: SQLite in WAL mode with synchronous=FULL, so that a commit is one append to
/// the log and one synchronisation. One connection writes; lookups share a second one behind a
/// mutex; long streams open their own, so that neither waits for a commit.
///
/// `head` (one row, written by every commit) says what the last fact and the last entry are: a file
/// that lost its tail in any other way than by losing whole commits is found out at recover().

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "daemon/store/chain.h"
#include "daemon/store/lock.h"
#include "daemon/store/sqlite.h"
#include "daemon/store/store.h"

namespace khu::daemon {

class SqliteStore final : public Store {
public:
    static Expected<std::unique_ptr<Store>, Refusal> open(const StoreOptions& options);
    ~SqliteStore() override;

    Expected<Done, Refusal> commit(const Batch& batch) override;
    Expected<Recovered, Refusal> recover(const RecoverSteps& steps) override;
    Expected<std::vector<StoredFact>, Refusal> facts(EventSeq first, std::int64_t limit) override;
    Expected<std::optional<std::string>, Refusal> payload(JobId job) override;
    Expected<std::vector<HistoryRow>, Refusal> history(const HistoryQuery& query) override;
    Expected<std::optional<HistoryRow>, Refusal> history_of(JobId job) override;
    Expected<std::vector<HistoryRow>, Refusal> oldest_history(Moment from, Moment until,
                                                              std::int64_t limit) override;
    Expected<Done, Refusal> usage(const UsageQuery& query,
                                  const std::function<void(const UsageRow&)>& each) override;
    Expected<std::vector<UsageRow>, Refusal> usage_of(JobId job) override;
    Expected<std::vector<Entry>, Refusal> entries_of(AttemptKey key) override;
    Expected<Done, Refusal> entries(
        const EntryQuery& query,
        const std::function<void(const Entry&, const std::string& hash)>& each) override;
    Expected<std::optional<IdempotencyRow>, Refusal> find_key(const EnterpriseId& enterprise,
                                                              const UserId& user,
                                                              const std::string& key) override;
    Expected<std::optional<std::string>, Refusal> value(const std::string& space,
                                                        const std::string& key) override;
    Expected<std::vector<KeyValue>, Refusal> values(const std::string& space) override;
    Expected<Done, Refusal> each_value(const std::string& space, const std::string& prefix,
                                       const std::function<void(const KeyValue&)>& each) override;
    LedgerHead ledger_head() const override;
    Expected<LedgerHead, Refusal> verify_ledger() override;

private:
    struct Head {
        EventSeq fact;
        LedgerSeq entry;
        ChainHash hash{};
    };
    struct Writer;

    SqliteStore(StoreOptions options, DirectoryLock lock) noexcept;
    [[nodiscard]] LedgerSeq first_entry_at(const Connection& from, Moment at) const;

    Expected<Done, Refusal> connect();
    Expected<Done, Refusal> read_head();
    Expected<Done, Refusal> write(const Batch& batch, Head& next);
    void bound_log();
    [[nodiscard]] Refusal refused(int result, const std::string& where) const;
    [[nodiscard]] std::string database() const { return options_.directory + "/zone.db"; }
    /// A connection of the caller's own, for a stream.
    [[nodiscard]] Connection own_connection() const;
    /// The prepared statement for `sql` of the shared reading connection. Claims: reading_ is
    /// locked.
    Statement& lookup(const char* sql);
    /// All that `rows` gives.
    Expected<std::vector<HistoryRow>, Refusal> history_rows(Statement& rows);
    Expected<std::optional<EventSeq>, Refusal> good_snapshot(Connection& from, Recovered& out);
    Expected<Done, Refusal> read_facts(Connection& from, const RecoverSteps& steps, Recovered& out);
    Expected<bool, Refusal> is_good_snapshot(Connection& from, EventSeq up_to);

    StoreOptions options_;
    DirectoryLock lock_;
    Connection writing_;
    std::unique_ptr<Writer> writer_;
    Chain chain_;
    mutable std::mutex head_lock_;
    Head head_;
    int log_pages_{0};
    int next_checkpoint_;

    std::mutex reading_lock_;
    Connection reading_;
    std::map<std::string, Statement> lookups_;
};

/// The checksum of a stored row, of its numbers and its text.
std::int64_t row_sum(std::uint64_t first, std::uint64_t second, std::string_view text);

}  // namespace khu::daemon
