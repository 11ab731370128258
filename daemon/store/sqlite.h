#pragma once

/// \file
/// SQLite behind two small classes: a connection, and a prepared statement whose arguments and
/// columns are our own types. Results are SQLite's codes; refusal_of() makes a refusal of them.
/// Not for more than one thread at a time (each connection is opened without SQLite's mutexes).

#include <sqlite3.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"

namespace khu::daemon {

/// Bytes that are not text: a hash.
struct Blob {
    std::string_view bytes;
};

class Connection {
public:
    Connection() = default;
    /// Null handle if it cannot be opened; result() tells why.
    static Connection open(const std::string& path, int flags);

    [[nodiscard]] sqlite3* handle() const { return handle_.get(); }
    [[nodiscard]] int result() const { return result_; }
    /// Runs statements without results. SQLITE_OK or an error.
    int run(const std::string& sql);
    /// The first column of the first row, as a number; null on an error or without a row.
    std::optional<std::int64_t> number(const std::string& sql);

private:
    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
    int result_{SQLITE_OK};
};

/// Text arguments must live until the next reset.
class Statement {
public:
    Statement() = default;
    /// Claims: `sql` is correct for the tables at hand (it is ours), unless the file is damaged;
    /// then step() gives the error.
    Statement(const Connection& connection, std::string_view sql);

    /// Starts over with these arguments, in order.
    template <class... Args>
    Statement& with(const Args&... args) {
        reset();
        bind_all(args...);
        return *this;
    }
    /// Binds one more argument; for rows that are bound member by member.
    template <class T>
    void bind_next(const T& value) {
        bind(++bound_, value);
    }
    void reset();

    /// SQLITE_ROW, SQLITE_DONE or an error.
    int step();
    /// For a statement without rows: steps and resets. SQLITE_OK or an error.
    int finish();

    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;
    [[nodiscard]] std::string_view bytes(int column) const;

private:
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };

    template <class... Args>
    void bind_all(const Args&... args) {
        (bind_next(args), ...);
    }
    void bind(int at, std::int64_t value);
    void bind(int at, std::string_view value);
    void bind(int at, Blob value);
    void bind(int at, const std::string& value) { bind(at, std::string_view(value)); }
    void bind(int at, const char* value) { bind(at, std::string_view(value)); }
    void bind(int at, bool value) { bind(at, std::int64_t{value}); }
    void bind(int at, int value) { bind(at, std::int64_t{value}); }
    void bind(int at, std::uint64_t value) { bind(at, static_cast<std::int64_t>(value)); }
    void bind(int at, Moment value) { bind(at, value.value); }
    template <class Unit>
    void bind(int at, Quantity<Unit> value) {
        bind(at, value.value);
    }
    template <class Tag>
    void bind(int at, Number<Tag> value) {
        bind(at, value.value);
    }
    template <class Tag>
    void bind(int at, const Name<Tag>& value) {
        bind(at, std::string_view(value.value));
    }
    template <class T>
    void bind(int at, const std::optional<T>& value) {
        if (value) {
            bind(at, *value);
        } else {
            bind_null(at);
        }
    }
    void bind_null(int at);

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int failed_{SQLITE_OK};
    int bound_{0};
};

/// Room is missing or the disk fails: StoreFull. Anything else is damage, and `where` says of what.
Refusal refusal_of(int result, const std::string& path, const std::string& where);
Refusal damaged(const std::string& path, const std::string& why);

}  // namespace khu::daemon
