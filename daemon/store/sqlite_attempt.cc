// What the books have of one attempt: its rows of usage and its entries.

#include <fmt/format.h>

#include "daemon/store/entry_columns.h"
#include "daemon/store/schema.h"
#include "daemon/store/sqlite_store.h"
#include "daemon/store/usage_columns.h"

namespace khu::daemon {
namespace {

std::string usage_of_job() {
    std::string names;
    each_usage_member([&](auto member) { names += fmt::format("{}, ", member.name); });
    return "SELECT " + names +
           "sum FROM usage INDEXED BY usage_key WHERE job_id = ? AND row_kind = 'usage' "
           "ORDER BY attempt, slice";
}

}  // namespace

Expected<std::vector<UsageRow>, Refusal> SqliteStore::usage_of(JobId job) {
    const std::lock_guard guard(reading_lock_);
    static const std::string sql = usage_of_job();
    Statement& rows = lookup(sql.c_str());
    rows.with(job);
    std::vector<UsageRow> out;
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        UsageRow& row = out.emplace_back();
        int column = 0;
        each_usage_member([&](auto member) { read_column(rows, column++, row.*member.pointer); });
        if (rows.integer(column) != usage_sum(row)) {
            rows.reset();
            return Unexpected{damaged(options_.directory,
                                      fmt::format("the usage of job {} has changed", job.value))};
        }
    }
    rows.reset();
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "usage")};
    }
    return out;
}

Expected<std::vector<Entry>, Refusal> SqliteStore::entries_of(AttemptKey key) {
    const std::lock_guard guard(reading_lock_);
    Statement& rows =
        lookup("SELECT " KHU_ENTRY_COLUMNS " FROM entries WHERE id >= ? AND id < ? ORDER BY seq");
    // Its ids go on after a dot, and '/' comes next after that.
    const std::string stem = fmt::format("{}.{}", key.job.value, key.attempt.value);
    rows.with(stem + ".", stem + "/");
    std::vector<Entry> out;
    int result = rows.step();
    for (; result == SQLITE_ROW; result = rows.step()) {
        out.push_back(entry_of(rows));
    }
    rows.reset();
    if (result != SQLITE_DONE) {
        return Unexpected{refused(result, "entries")};
    }
    return out;
}

}  // namespace khu::daemon
