#include "daemon/store/sqlite.h"

#include "core/base/check.h"

namespace khu::daemon {

Connection Connection::open(const std::string& path, int flags) {
    Connection connection;
    sqlite3* handle = nullptr;
    connection.result_ =
        sqlite3_open_v2(path.c_str(), &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    connection.handle_.reset(handle);
    if (handle != nullptr) {
        sqlite3_extended_result_codes(handle, 1);
    }
    return connection;
}

int Connection::run(const std::string& sql) {
    return sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
}

std::optional<std::int64_t> Connection::number(const std::string& sql) {
    Statement statement(*this, sql);
    if (statement.step() != SQLITE_ROW) {
        return std::nullopt;
    }
    return statement.integer(0);
}

Statement::Statement(const Connection& connection, std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    failed_ = sqlite3_prepare_v3(connection.handle(), sql.data(), static_cast<int>(sql.size()),
                                 SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    statement_.reset(statement);
}

void Statement::reset() {
    if (statement_ != nullptr) {
        sqlite3_reset(statement_.get());
        sqlite3_clear_bindings(statement_.get());
    }
    bound_ = 0;
}

int Statement::step() {
    return statement_ == nullptr ? failed_ : sqlite3_step(statement_.get());
}

int Statement::finish() {
    const int result = step();
    if (statement_ != nullptr) {
        sqlite3_reset(statement_.get());
    }
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

bool Statement::is_null(int column) const {
    return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    return std::string(bytes(column));
}

std::string_view Statement::bytes(int column) const {
    const void* data = sqlite3_column_blob(statement_.get(), column);
    const int size = sqlite3_column_bytes(statement_.get(), column);
    return data == nullptr
               ? std::string_view{}
               : std::string_view(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

void Statement::bind(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), at, value);
}

void Statement::bind(int at, std::string_view value) {
    // A null pointer would bind NULL; an empty text is an empty text.
    const char* data = value.data() == nullptr ? "" : value.data();
    sqlite3_bind_text64(statement_.get(), at, data, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind(int at, Blob value) {
    sqlite3_bind_blob64(statement_.get(), at, value.bytes.data(), value.bytes.size(),
                        SQLITE_STATIC);
}

void Statement::bind_null(int at) {
    sqlite3_bind_null(statement_.get(), at);
}

Refusal damaged(const std::string& path, const std::string& why) {
    return Refusal(Code::StateDamaged).with("path", path).with("why", why);
}

Refusal refusal_of(int result, const std::string& path, const std::string& where) {
    switch (result & 0xff) {
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_CANTOPEN:
        case SQLITE_READONLY:
        case SQLITE_PERM:
        case SQLITE_NOMEM:
        case SQLITE_BUSY:
            return Refusal(Code::StoreFull).with("why", std::string(sqlite3_errstr(result)));
        default:
            return damaged(path, where + ": " + sqlite3_errstr(result));
    }
}

}  // namespace khu::daemon
