#pragma once

/// \file
/// The usage table follows from the description of UsageRow: a column for each member, in its
/// order, so that accounting scripts read it with SQL and a new member needs no second list.

#include <boost/mp11.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "core/base/digest.h"
#include "core/ledger/usage.h"
#include "daemon/store/sqlite.h"

namespace khu::daemon {

using UsageMembers = boost::describe::describe_members<UsageRow, boost::describe::mod_public>;

template <class Visit>
void each_usage_member(Visit visit) {
    boost::mp11::mp_for_each<UsageMembers>(visit);
}

// How a column is declared.
template <class T>
struct ColumnType {
    static constexpr const char* sql = "INTEGER NOT NULL";
};
template <>
struct ColumnType<std::string> {
    static constexpr const char* sql = "TEXT NOT NULL";
};
template <class Tag>
struct ColumnType<Name<Tag>> {
    static constexpr const char* sql = "TEXT NOT NULL";
};
template <class T>
struct ColumnType<std::optional<T>> {
    static constexpr const char* sql = "INTEGER";
};
template <>
struct ColumnType<std::optional<std::string>> {
    static constexpr const char* sql = "TEXT";
};
template <class Tag>
struct ColumnType<std::optional<Name<Tag>>> {
    static constexpr const char* sql = "TEXT";
};

// What a row's checksum is made of: texts, numbers, and for each optional whether it is there.
inline void add_column(Digest& sum, const std::string& value) {
    sum.add(value);
}
template <class T>
    requires std::is_integral_v<T>
void add_column(Digest& sum, T value) {
    sum.add(static_cast<std::uint64_t>(value));
}
template <class T>
    requires requires(const T& t) { t.value; }
void add_column(Digest& sum, const T& value) {
    add_column(sum, value.value);
}
template <class T>
void add_column(Digest& sum, const std::optional<T>& value) {
    sum.add(std::uint64_t{value.has_value()});
    if (value) {
        add_column(sum, *value);
    }
}

inline std::int64_t usage_sum(const UsageRow& row) {
    Digest sum;
    each_usage_member([&](auto member) { add_column(sum, row.*member.pointer); });
    return static_cast<std::int64_t>(sum.value());
}

// How a column is read back.
inline void read_column(const Statement& row, int column, std::string& out) {
    out = row.text(column);
}
inline void read_column(const Statement& row, int column, std::int64_t& out) {
    out = row.integer(column);
}
inline void read_column(const Statement& row, int column, int& out) {
    out = static_cast<int>(row.integer(column));
}
inline void read_column(const Statement& row, int column, bool& out) {
    out = row.integer(column) != 0;
}
inline void read_column(const Statement& row, int column, Moment& out) {
    out = Moment{row.integer(column)};
}
template <class Unit>
void read_column(const Statement& row, int column, Quantity<Unit>& out) {
    out = Quantity<Unit>{row.integer(column)};
}
template <class Tag>
void read_column(const Statement& row, int column, Number<Tag>& out) {
    out = Number<Tag>{static_cast<std::uint64_t>(row.integer(column))};
}
template <class Tag>
void read_column(const Statement& row, int column, Name<Tag>& out) {
    out = Name<Tag>{row.text(column)};
}
template <class T>
void read_column(const Statement& row, int column, std::optional<T>& out) {
    if (row.is_null(column)) {
        out.reset();
        return;
    }
    T value{};
    read_column(row, column, value);
    out = std::move(value);
}

}  // namespace khu::daemon
