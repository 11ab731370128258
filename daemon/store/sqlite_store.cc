#include "daemon/store/sqlite_store.h"

#include <fmt/format.h>

#include <filesystem>

#include "core/base/digest.h"
#include "daemon/store/schema.h"
#include "daemon/store/sqlite_writer.h"
#include "daemon/store/wal.h"

namespace khu::daemon {
namespace {

/// A store was made here once and its file is gone or empty: SQLite would make a new one and throw
/// the log away.
bool is_lost(const std::string& database, const DirectoryLock& lock) {
    std::error_code error;
    const auto bytes = std::filesystem::file_size(database, error);
    return lock.is_marked() && (error || bytes == 0);
}

}  // namespace

std::int64_t row_sum(std::uint64_t first, std::uint64_t second, std::string_view text) {
    Digest sum;
    sum.add(first);
    sum.add(second);
    sum.add(text);
    return static_cast<std::int64_t>(sum.value());
}

Expected<std::unique_ptr<Store>, Refusal> open_store(const StoreOptions& options) {
    return SqliteStore::open(options);
}

SqliteStore::SqliteStore(StoreOptions options, DirectoryLock lock) noexcept
    : options_(std::move(options)), lock_(std::move(lock)), next_checkpoint_(kLogPagesMax) {}

SqliteStore::~SqliteStore() = default;

Expected<std::unique_ptr<Store>, Refusal> SqliteStore::open(const StoreOptions& options) {
    const Expected<Done, Refusal> made = make_directory(options.directory);
    if (!made) {
        return Unexpected{made.error()};
    }
    Expected<DirectoryLock, Refusal> lock = DirectoryLock::take(options.directory);
    if (!lock) {
        return Unexpected{lock.error()};
    }
    std::unique_ptr<SqliteStore> store(new SqliteStore(options, std::move(lock).value()));
    const Expected<Done, Refusal> connected = store->connect();
    if (!connected) {
        return Unexpected{connected.error()};
    }
    return std::unique_ptr<Store>(std::move(store));
}

Expected<Done, Refusal> SqliteStore::connect() {
    if (is_lost(database(), lock_)) {
        return Unexpected{damaged(options_.directory, "zone.db is missing or empty")};
    }
    const Expected<WalScan, Refusal> log = scan_wal(database() + "-wal");
    if (!log) {
        return Unexpected{log.error()};
    }
    if (log->commits_behind >= 2) {
        return Unexpected{
            damaged(options_.directory,
                    fmt::format("zone.db-wal: frame {} is bad and {} commits stand behind it",
                                log->good_frames + 1, log->commits_behind))};
    }

    writing_ = Connection::open(database(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    if (writing_.result() != SQLITE_OK) {
        return Unexpected{refused(writing_.result(), "zone.db")};
    }
    Expected<Done, Refusal> done = prepare(writing_, options_);
    if (!done) {
        return done;
    }
    if (const int result = writing_.run(connection_settings()); result != SQLITE_OK) {
        return Unexpected{refused(result, "settings")};
    }
    done = lock_.mark(options_.zone.value);
    if (!done) {
        return done;
    }
    done = sync_directory(options_.directory);
    if (!done) {
        return done;
    }
    reading_ = own_connection();
    writer_ = std::make_unique<Writer>(writing_);
    sqlite3_wal_hook(
        writing_.handle(),
        [](void* pages, sqlite3*, const char*, int count) {
            *static_cast<int*>(pages) = count;
            return SQLITE_OK;
        },
        &log_pages_);
    return read_head();
}

Expected<Done, Refusal> SqliteStore::read_head() {
    Statement row(writing_, "SELECT fact, entry, hash, sum FROM head");
    const int result = row.step();
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        return Unexpected{refused(result, "head")};
    }
    const bool good =
        result == SQLITE_ROW && row.bytes(2).size() == sizeof(ChainHash) &&
        row.integer(3) == row_sum(static_cast<std::uint64_t>(row.integer(0)),
                                  static_cast<std::uint64_t>(row.integer(1)), row.bytes(2));
    if (!good) {
        return Unexpected{damaged(options_.directory, "head")};
    }
    head_ = Head{.fact = EventSeq{static_cast<std::uint64_t>(row.integer(0))},
                 .entry = LedgerSeq{static_cast<std::uint64_t>(row.integer(1))},
                 .hash = hash_of(row.bytes(2))};
    return Done{};
}

LedgerHead SqliteStore::ledger_head() const {
    const std::lock_guard guard(head_lock_);
    return LedgerHead{.seq = head_.entry, .hash = hex(head_.hash)};
}

Refusal SqliteStore::refused(int result, const std::string& where) const {
    return refusal_of(result, options_.directory, where);
}

Connection SqliteStore::own_connection() const {
    Connection connection = Connection::open(database(), SQLITE_OPEN_READWRITE);
    connection.run(connection_settings() + "PRAGMA query_only = ON;");
    return connection;
}

Statement& SqliteStore::lookup(const char* sql) {
    const auto found = lookups_.find(sql);
    if (found != lookups_.end()) {
        return found->second;
    }
    return lookups_.emplace(sql, Statement(reading_, sql)).first->second;
}

}  // namespace khu::daemon
