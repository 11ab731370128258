#include "daemon/store/schema.h"

#include <fmt/format.h>

#include "daemon/store/sqlite_store.h"
#include "daemon/store/usage_columns.h"

namespace khu::daemon {
namespace {

constexpr std::string_view tables = R"(
CREATE TABLE meta (
    name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    fact INTEGER NOT NULL, entry INTEGER NOT NULL, hash BLOB NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE facts (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, sum INTEGER NOT NULL, json TEXT NOT NULL);
CREATE TABLE snapshots (
    up_to INTEGER PRIMARY KEY, chunks INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE TABLE snapshot_chunks (
    id INTEGER PRIMARY KEY, up_to INTEGER NOT NULL, chunk INTEGER NOT NULL, sum INTEGER NOT NULL,
    json TEXT NOT NULL);
CREATE UNIQUE INDEX snapshot_chunks_key ON snapshot_chunks (up_to, chunk);
CREATE TABLE entries (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE,
    debit TEXT NOT NULL, credit TEXT NOT NULL, amount INTEGER NOT NULL, ref TEXT NOT NULL,
    policy TEXT NOT NULL, hash BLOB NOT NULL);
CREATE TABLE history (
    job INTEGER PRIMARY KEY, enterprise TEXT NOT NULL, user TEXT NOT NULL,
    ended_at INTEGER NOT NULL, sum INTEGER NOT NULL, json TEXT NOT NULL);
CREATE INDEX history_newest ON history (ended_at, job);
CREATE INDEX history_of_enterprise ON history (enterprise, ended_at, job);
CREATE TABLE payloads (
    job INTEGER PRIMARY KEY, sum INTEGER NOT NULL, json TEXT NOT NULL);
CREATE TABLE idempotency (
    enterprise TEXT NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL,
    request_digest TEXT NOT NULL, job INTEGER NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (enterprise, user, key)) WITHOUT ROWID;
CREATE TABLE key_values (
    space TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (space, key)) WITHOUT ROWID;
)";

std::string usage_table() {
    std::string columns;
    each_usage_member([&](auto member) {
        using Value = std::remove_cvref_t<decltype(UsageRow{}.*member.pointer)>;
        columns += fmt::format("    {} {},\n", member.name, ColumnType<Value>::sql);
    });
    return "CREATE TABLE usage (\n" + columns +
           "    sum INTEGER NOT NULL, row INTEGER PRIMARY KEY);\n" +
           "CREATE UNIQUE INDEX usage_key ON usage (job_id, attempt, slice) "
           "WHERE row_kind = 'usage';\n"
           "CREATE INDEX usage_of_month ON usage (period, enterprise_id, job_id, attempt, "
           "slice);\n";
}

/// What one enterprise's grants and wallet have seen is read by these. A zone of an older release
/// gets them when it is opened.
std::string account_indexes() {
    std::string sql;
    for (const char* column : {"debit", "credit"}) {
        sql += fmt::format("CREATE INDEX IF NOT EXISTS entries_{0} ON entries ({0}) WHERE {1};",
                           column, indexed_accounts(column));
    }
    return sql;
}

std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("''") : std::string(1, c);
    }
    return out + "'";
}

Expected<Done, Refusal> check_ours(Connection& connection, const StoreOptions& options) {
    if (connection.number("PRAGMA application_id") != kApplicationId) {
        return Unexpected{damaged(options.directory, "zone.db is not a file of khud")};
    }
    const std::int64_t version = connection.number("PRAGMA user_version").value_or(0);
    if (version > options.version) {
        return Unexpected{Refusal(Code::NewerState)
                              .with("path", options.directory)
                              .with("found", version)
                              .with("version", options.version)};
    }
    Statement zone(connection, "SELECT value FROM meta WHERE name = 'zone'");
    if (const int result = zone.step(); result != SQLITE_ROW) {
        return Unexpected{refusal_of(result, options.directory, "the zone's name")};
    }
    if (zone.text(0) != options.zone.value) {
        return Unexpected{Refusal(Code::OtherZone)
                              .with("path", options.directory)
                              .with("found", zone.text(0))
                              .with("zone", options.zone.value)};
    }
    return Done{};
}

}  // namespace

std::string indexed_accounts(std::string_view column) {
    return fmt::format("({0} GLOB 'grant:*' OR {0} GLOB 'wallet:*')", column);
}

std::string connection_settings() {
    return "PRAGMA synchronous = FULL; PRAGMA mmap_size = 0; PRAGMA wal_autocheckpoint = 0;"
           "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -2048; PRAGMA cell_size_check = ON;";
}

std::string create_tables(const ZoneId& zone) {
    const ChainHash none{};
    return fmt::format(
        "BEGIN IMMEDIATE;{}{}{}INSERT INTO meta VALUES ('zone', {});"
        "INSERT INTO head VALUES (1, 0, 0, zeroblob({}), {});",
        tables, usage_table(), account_indexes(), quoted(zone.value), none.size(),
        row_sum(0, 0, bytes_of(none)));
}

Expected<Done, Refusal> prepare(Connection& connection, const StoreOptions& options) {
    // Reading the schema's own version reads page 1: a file that is not a database fails here.
    const int readable = connection.run("SELECT count(*) FROM sqlite_master");
    if (readable != SQLITE_OK) {
        return Unexpected{refusal_of(readable, options.directory, "zone.db")};
    }
    if (connection.number("SELECT count(*) FROM sqlite_master") != 0) {
        if (auto ours = check_ours(connection, options); !ours) {
            return ours;
        }
        const int indexed = connection.run(account_indexes());
        return indexed == SQLITE_OK ? Expected<Done, Refusal>(Done{})
                                    : Unexpected{refusal_of(indexed, options.directory, "indexes")};
    }
    int result = connection.run(
        fmt::format("PRAGMA page_size = {}; PRAGMA journal_mode = WAL;", kPageBytes));
    if (result == SQLITE_OK) {
        result = connection.run(create_tables(options.zone) +
                                fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {};"
                                            "COMMIT;",
                                            kApplicationId, options.version));
    }
    if (result != SQLITE_OK) {
        return Unexpected{refusal_of(result, options.directory, "new tables")};
    }
    return Done{};
}

}  // namespace khu::daemon
