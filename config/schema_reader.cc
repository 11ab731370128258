#include "config/schema_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace khu::config {
std::optional<Complaint> other_schema(const Node& root, std::string_view key,
                                      const std::string& file) {
    constexpr std::string_view ours = "1";
    const auto entry = std::ranges::find(root.entries, key, &Entry::key);
    if (entry == root.entries.end() || entry->value.kind != NodeKind::Scalar ||
        entry->value.text == ours) {
        return std::nullopt;
    }
    const std::string shown = entry->value.text.substr(0, 20);
    return Complaint{"P001",
                     Severity::Error,
                     std::string(key),
                     fmt::format("schema {} unknown, this khud reads {}", shown, ours),
                     fmt::format("không biết lược đồ {}, khud này đọc {}", shown, ours),
                     file,
                     entry->value.place.line,
                     entry->value.place.column};
}

const Entry* SchemaReader::take(const char* key) {
    frame_.asked.insert(key);
    const auto& entries = frame_.map->entries;
    const auto found = std::find_if(entries.begin(), entries.end(),
                                    [&](const Entry& entry) { return entry.key == key; });
    return found == entries.end() ? nullptr : &*found;
}

std::string SchemaReader::path_of(std::string_view key) const {
    return frame_.path.empty() ? std::string(key) : fmt::format("{}.{}", frame_.path, key);
}

void SchemaReader::complain(std::string code, Place at, std::string path, std::string en,
                            std::string vi) {
    unread_.push_back(path);
    remark(std::move(code), at, std::move(path), std::move(en), std::move(vi));
}

void SchemaReader::remark(std::string code, Place at, std::string path, std::string en,
                          std::string vi) {
    if (complaints_.size() < complaints_max) {
        complaints_.push_back({std::move(code), Severity::Error, std::move(path), std::move(en),
                               std::move(vi), file_, at.line, at.column});
    }
}

void SchemaReader::bad_name(std::string code, const Entry& entry, const std::string& path,
                            std::pair<std::string, std::string> text) {
    unread_.push_back(path.substr(0, path.size() - entry.key.substr(0, 60).size()) + "*");
    remark(std::move(code), entry.key_place, path, std::move(text.first), std::move(text.second));
}

void SchemaReader::required(const char* key, const Entry* entry) {
    const auto map_key = places_.find(frame_.path);
    const Place map_place = map_key == places_.end() ? frame_.place : map_key->second;
    const Place at = entry == nullptr ? map_place : entry->key_place;
    complain("P004", at, path_of(key), entry == nullptr ? "required" : "required, but has no value",
             entry == nullptr ? "bắt buộc" : "bắt buộc, nhưng chưa có giá trị");
}

void SchemaReader::wrong_kind(const Node& node, const std::string& path, std::string_view en,
                              std::string_view vi) {
    if (node.kind == NodeKind::Refused) {
        unread_.push_back(path);  // An alias, complained about where it stands.
        return;
    }
    complain("P017", node.place, path, fmt::format("{} is expected here", en),
             fmt::format("ở đây cần {}", vi));
}

void SchemaReader::refuse_unknown() {
    for (const Entry& entry : frame_.map->entries) {
        if (frame_.asked.contains(entry.key)) {
            continue;
        }
        const std::vector<std::string_view> known(frame_.asked.begin(), frame_.asked.end());
        const auto near = nearest(entry.key, known);
        if (near && take(std::string(*near).c_str()) == nullptr) {
            unread_.push_back(path_of(*near));
        }
        remark("P007", entry.key_place, path_of(entry.key.substr(0, 60)),
               near ? fmt::format("unknown key; did you mean '{}'?", *near) : "unknown key",
               near ? fmt::format("khoá không tồn tại; có phải bạn muốn '{}'?", *near)
                    : "khoá không tồn tại");
    }
}

std::string SchemaReader::row_path(const std::string& path, const Node& item, const char* identity,
                                   std::size_t index) {
    for (const Entry& entry : item.entries) {
        if (entry.key == identity && entry.value.kind == NodeKind::Scalar) {
            const std::string named = path + "." + entry.value.text.substr(0, 60);
            if (!places_.contains(named)) {
                return named;
            }
        }
    }
    return fmt::format("{}[{}]", path, index);
}

void SchemaReader::pair(const char* key, schema::Day kind, Window& window) {
    const Entry* entry = take(key);
    if (entry == nullptr || entry->value.kind == NodeKind::Null) {
        required(key, entry);
        return;
    }
    const std::string path = path_of(key);
    note(path, entry->value.place);
    if (entry->value.kind != NodeKind::Sequence || entry->value.items.size() != 2) {
        wrong_kind(entry->value, path, "[from, to]", "[từ, đến]");
        return;
    }
    scalar(path + "[0]", entry->value.items[0], kind, window.from);
    scalar(path + "[1]", entry->value.items[1], kind, window.to);
    ordered(key, window);
}

void SchemaReader::ordered(const char* key, const Window& window) {
    if (window.to > window.from) {
        return;
    }
    const std::string path = path_of(key);
    const auto place = places_.find(path);
    complain("P015", place == places_.end() ? frame_.place : place->second, path,
             "the window is empty: its end is not after its begin",
             "khoảng thời gian rỗng: kết thúc không sau bắt đầu");
}

void SchemaReader::tax_code(const Entry& entry, const std::string& path, std::string& code) {
    const Value<std::string> read = read_tax_code(entry.key, entry.key_quoted);
    if (!read) {
        bad_name("P009", entry, path, {read.error().why_en, read.error().why_vi});
    }
    code = entry.key;
}

}  // namespace khu::config
