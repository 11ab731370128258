#pragma once

/// \file
/// A visitor of the schema (schema.h) that knows where it is: the names on the way to each value,
/// as the key paths of complaints have them. Whoever derives from it gives leaf() and words().

#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/policy/schema.h"

namespace khu {

/// The value of the one key by which a row of a list is known, as it is written.
class RowName {
public:
    RowName(const char* identity, schema::Writing how) : identity_(identity), how_(how) {}

    std::string take() { return std::move(name_); }

    template <class Kind, class T>
    void must(std::string_view key, Kind kind, const T& value) {
        if (key == identity_) {
            name_ = schema::write(kind, value, how_);
        }
    }
    template <class... Rest>
    void may(Rest&&...) {}
    template <class... Rest>
    void list(Rest&&...) {}
    template <class... Rest>
    void list_may(Rest&&...) {}
    template <class... Rest>
    void group(Rest&&...) {}
    template <class... Rest>
    void group_may(Rest&&...) {}
    template <class... Rest>
    void rows(Rest&&...) {}
    template <class... Rest>
    void ordered(Rest&&...) {}

private:
    std::string_view identity_;
    schema::Writing how_;
    std::string name_{"?"};
};

/// `Derived` has
///     leaf(key, kind, value, usual)   a scalar; `usual` is null where it must be written
///     words(key, kind, values)        a list
///     span(key, kind, window)         [from, to]
/// and may hide skips() and row_name().
template <class Derived>
class PathWalk {
public:
    explicit PathWalk(int utc_offset_minutes) : how_{utc_offset_minutes} {}

    template <class Kind, class T>
    void must(const char* key, Kind kind, T& value) {
        self().leaf(key, kind, value, static_cast<const std::remove_const_t<T>*>(nullptr));
    }
    template <class Kind, class T, class U>
    void may(const char* key, Kind kind, T& value, const U& usual) {
        const std::remove_const_t<T> same(usual);
        self().leaf(key, kind, value, &same);
    }
    template <class T>
    void offset(const char* key, T& minutes) {
        must(key, schema::Offset{}, minutes);
    }
    template <class Kind, class List>
    void list(const char* key, Kind kind, List& values) {
        self().words(key, kind, values);
    }
    template <class Kind, class List>
    void list_may(const char* key, Kind kind, List& values) {
        if (!values.empty()) {
            list(key, kind, values);
        }
    }
    template <class Body>
    void group(const std::string& key, Body body) {
        way_.push_back(key);
        body();
        way_.pop_back();
    }
    template <class Body>
    void group_may(const char* key, bool usual, Body body) {
        if (!self().skips(usual)) {
            group(key, body);
        }
    }
    template <class Kind, class Rows>
    void keyed(const char* key, Kind kind, Rows& rows) {
        group(key, [&] {
            for (auto& row : rows) {
                group(schema::write(kind, row.id, how_), [&] { schema::fields(self(), row); });
            }
        });
    }
    /// Of two rows with one name the second is known by its index.
    template <class Rows>
    void rows(const std::string& key, const char* identity, Rows& rows) {
        std::set<std::string> seen;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            const std::string name = self().row_name(rows[i], identity);
            const auto visit = [&] { schema::fields(self(), rows[i]); };
            if (seen.insert(name).second) {
                group(key, [&] { group(name, visit); });
            } else {
                group(fmt::format("{}[{}]", key, i), visit);
            }
        }
    }
    template <class Rows, class Name, class List>
    void keyed_rows(const char* key, const char* identity, Rows& all, Name name, List list) {
        group(key, [&] {
            for (auto& row : all) {
                rows((row.*name).value, identity, row.*list);
            }
        });
    }
    template <class NameKind, class Kind, class Rows, class Name, class Value>
    void table(const char* key, NameKind, Kind kind, Rows& all, Name name, Value value) {
        group(key, [&] {
            for (auto& row : all) {
                must((row.*name).value.c_str(), kind, row.*value);
            }
        });
    }
    template <class W>
    void pair(const char* key, schema::Day kind, W& window) {
        self().span(key, kind, window);
    }
    void ordered(const char*, const Window&) {}

    /// A group that is wholly as usual is visited all the same.
    [[nodiscard]] bool skips(bool /*usual*/) const { return false; }
    template <class Row>
    std::string row_name(const Row& row, const char* identity) const {
        RowName name(identity, how_);
        schema::fields(name, row);
        return name.take();
    }

protected:
    /// The names of the maps that `key` stands in, the outermost first.
    [[nodiscard]] const std::vector<std::string>& way() const { return way_; }
    [[nodiscard]] std::string path(std::string_view key) const {
        std::string path;
        for (const std::string& each : way_) {
            path += each + ".";
        }
        return path.append(key);
    }

    schema::Writing how_;

private:
    Derived& self() { return static_cast<Derived&>(*this); }

    std::vector<std::string> way_;
};

}  // namespace khu
