#pragma once

/// \file
/// Inside the policy reader: the visitor of core/policy/schema.h that reads. It walks the tree
/// beside the schema, notes the place of each key path, and goes on after each complaint.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/leaf_read.h"
#include "config/yaml_tree.h"
#include "core/policy/complaint.h"
#include "core/policy/schema.h"

namespace khu::config {

/// P001: the text says under `key` that it is of another schema than ours, 1, and is not judged by
/// that.
std::optional<Complaint> other_schema(const Node& root, std::string_view key,
                                      const std::string& file);

class SchemaReader {
public:
    SchemaReader(const Node& root, const std::string& file, std::vector<Complaint>& complaints)
        : file_(file), complaints_(complaints), frame_{&root, {}, root.place, {}} {}

    template <class Kind, class T>
    void must(const char* key, Kind kind, T& value) {
        const Entry* entry = take(key);
        if (entry == nullptr || entry->value.kind == NodeKind::Null) {
            required(key, entry);
        } else {
            scalar(path_of(key), entry->value, kind, value);
        }
    }
    template <class Kind, class T, class U>
    void may(const char* key, Kind kind, T& value, const U&) {
        const Entry* entry = take(key);
        const bool open_end =
            std::is_same_v<Kind, schema::Day>;  // `to: null` is a window without end
        if (entry != nullptr && !(open_end && entry->value.kind == NodeKind::Null)) {
            must(key, kind, value);
        }
    }
    void offset(const char* key, int& minutes) {
        must(key, schema::Offset{}, minutes);
        offset_ = minutes;
    }
    template <class Kind, class T>
    void list(const char* key, Kind kind, std::vector<T>& values) {
        const Entry* entry = take(key);
        if (entry == nullptr || entry->value.kind == NodeKind::Null) {
            required(key, entry);
        } else {
            read_list(key, entry->value, kind, values);
            if (entry->value.kind == NodeKind::Sequence && entry->value.items.empty()) {
                required(key, entry);
            }
        }
    }
    template <class Kind, class T>
    void list_may(const char* key, Kind kind, std::vector<T>& values) {
        const Entry* entry = take(key);
        if (entry != nullptr) {
            read_list(key, entry->value, kind, values);
        }
    }
    template <class Body>
    void group(const char* key, Body body) {
        const Entry* entry = take(key);
        if (entry == nullptr || entry->value.kind == NodeKind::Null) {
            required(key, entry);
        } else {
            note(path_of(key), entry->key_place);
            inside(path_of(key), entry->value, body);
        }
    }
    template <class Body>
    void group_may(const char* key, bool, Body body) {
        if (take(key) != nullptr) {
            group(key, body);
        }
    }
    template <class Kind, class Row>
    void keyed(const char* key, Kind kind, std::vector<Row>& rows) {
        entries(key, [&](const Entry& entry, const std::string& path) {
            Row& row = rows.emplace_back();
            key_name(kind, entry, path, row.id);
            inside(path, entry.value, [&] { schema::fields(*this, row); });
        });
    }
    template <class Row>
    void rows(const char* key, const char* identity, std::vector<Row>& rows) {
        const Entry* entry = take(key);
        if (entry != nullptr) {
            note(path_of(key), entry->key_place);
            read_rows(path_of(key), entry->value, identity, rows);
        }
    }
    template <class Row, class Name, class List>
    void keyed_rows(const char* key, const char* identity, std::vector<Row>& all, Name name,
                    List list) {
        entries(key, [&](const Entry& entry, const std::string& path) {
            Row& row = all.emplace_back();
            key_name(schema::Identifier{}, entry, path, row.*name);
            read_rows(path, entry.value, identity, row.*list);
        });
    }
    template <class NameKind, class Kind, class Row, class Name, class Value>
    void table(const char* key, NameKind name_kind, Kind kind, std::vector<Row>& all, Name name,
               Value value) {
        const Entry* entry = take(key);
        if (entry == nullptr || entry->value.kind == NodeKind::Null) {
            required(key, entry);
            return;
        }
        entries(key, [&](const Entry& item, const std::string& path) {
            Row& row = all.emplace_back();
            key_name(name_kind, item, path, row.*name);
            scalar(path, item.value, kind, row.*value);
        });
    }
    void pair(const char* key, schema::Day kind, Window& window);
    /// Each entry of an optional map with its path.
    template <class Each>
    void entries(const char* key, Each each) {
        const Entry* entry = take(key);
        if (entry == nullptr) {
            return;
        }
        const std::string path = path_of(key);
        note(path, entry->key_place);
        if (entry->value.kind != NodeKind::Map) {
            wrong_kind(entry->value, path, "keys with values", "các khoá và giá trị");
            return;
        }
        for (const Entry& item : entry->value.entries) {
            const std::string item_path = path + "." + item.key.substr(0, 60);
            note(item_path, item.key_place);
            each(item, item_path);
        }
    }
    void ordered(const char* key, const Window& window);

    /// Complains about the root's keys that nothing asked for; the last call.
    void finish() { refuse_unknown(); }
    std::map<std::string, Place> take_places() { return std::move(places_); }
    /// The key paths whose values are not known: they could not be read, or are missing while a key
    /// is there that may be meant. "qos.*": one of the names in that map is not known.
    std::vector<std::string> take_unread() { return std::move(unread_); }

private:
    struct Frame {
        const Node* map;
        std::string path;
        Place place;
        std::set<std::string, std::less<>> asked;
    };

    const Entry* take(const char* key);
    [[nodiscard]] std::string path_of(std::string_view key) const;
    void note(const std::string& path, Place place) { places_.emplace(path, place); }
    /// The value at `path` is not known.
    void complain(std::string code, Place at, std::string path, std::string en, std::string vi);
    /// Something stands there that should not; every value is known.
    void remark(std::string code, Place at, std::string path, std::string en, std::string vi);
    /// The key of one of a map's entries is not the name it should be; its value is known, but any
    /// name of that map may be meant.
    void bad_name(std::string code, const Entry& entry, const std::string& path,
                  std::pair<std::string, std::string> text);
    void required(const char* key, const Entry* entry);
    void wrong_kind(const Node& node, const std::string& path, std::string_view en,
                    std::string_view vi);
    void refuse_unknown();
    /// The path of one item of a list of maps: by its identity where that is a new word.
    std::string row_path(const std::string& path, const Node& item, const char* identity,
                         std::size_t index);

    template <class Kind, class T>
    void scalar(const std::string& path, const Node& node, Kind kind, T& value) {
        note(path, node.place);
        if (node.kind != NodeKind::Scalar) {
            wrong_kind(node, path, "one value", "một giá trị");
            return;
        }
        auto read = read_leaf(kind, node, offset_);
        if (read) {
            assign(value, std::move(*read));
        } else {
            keep_text(value, node.text);
            complain(read.error().code, node.place, path, read.error().why_en, read.error().why_vi);
        }
    }
    template <class Kind, class T>
    void read_list(const char* key, const Node& node, Kind kind, std::vector<T>& values) {
        const std::string path = path_of(key);
        note(path, node.place);
        if (node.kind != NodeKind::Sequence) {
            wrong_kind(node, path, "a list like [a, b]", "một danh sách như [a, b]");
            return;
        }
        std::set<std::string> seen;
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            const Node& item = node.items[i];
            const std::string item_path = path + "[" + std::to_string(i) + "]";
            scalar(item_path, item, kind, values.emplace_back());
            if (item.kind == NodeKind::Scalar && !seen.insert(item.text).second) {
                remark("P003", item.place, item_path, "named twice", "nêu hai lần");
            }
        }
    }
    template <class Body>
    void inside(const std::string& path, const Node& node, Body body) {
        note(path, node.place);
        if (node.kind != NodeKind::Map) {
            wrong_kind(node, path, "keys with values", "các khoá và giá trị");
            return;
        }
        Frame outer = std::exchange(frame_, Frame{&node, path, node.place, {}});
        body();
        refuse_unknown();
        frame_ = std::move(outer);
    }
    template <class Row>
    void read_rows(const std::string& path, const Node& node, const char* identity,
                   std::vector<Row>& rows) {
        note(path, node.place);
        if (node.kind != NodeKind::Sequence) {
            wrong_kind(node, path, "a list", "một danh sách");
            return;
        }
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            const std::string item_path = row_path(path, node.items[i], identity, i);
            Row& row = rows.emplace_back();
            inside(item_path, node.items[i], [&] { schema::fields(*this, row); });
        }
    }
    template <class Kind, class T>
    void key_name(Kind kind, const Entry& entry, const std::string& path, T& name) {
        Node key;
        key.kind = NodeKind::Scalar;
        key.text = entry.key;
        const auto read = read_leaf(kind, key, offset_);
        if (read) {
            assign(name, *read);
        } else {
            keep_text(name, entry.key);
            bad_name(read.error().code, entry, path, {read.error().why_en, read.error().why_vi});
        }
    }
    /// A tax code must be quoted: without quotes a zero in front may already be lost.
    template <class T>
    void key_name(schema::TaxCode, const Entry& entry, const std::string& path, T& name) {
        std::string code = name.value;
        tax_code(entry, path, code);
        name = T(std::move(code));
    }
    void tax_code(const Entry& entry, const std::string& path, std::string& code);

    const std::string& file_;
    std::vector<Complaint>& complaints_;
    Frame frame_;
    int offset_{0};
    std::map<std::string, Place> places_;
    std::vector<std::string> unread_;
};

}  // namespace khu::config
