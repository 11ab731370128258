#include "config/policy_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/schema_reader.h"
#include "config/yaml_tree.h"
#include "core/policy/not_in_force.h"

namespace khu::config {
namespace {

struct Reading {
    Policy policy;
    std::map<std::string, Place> places;  ///< of each key path
    std::vector<Complaint> complaints;
    std::vector<std::string> unread;  ///< key paths whose values are not known
    bool followed{false};             ///< false: nothing but the complaints is worth looking at
};

constexpr std::string_view schema_version = "1";

/// P001: a text of another schema is not judged by this one.
bool other_schema(const Node& root, Reading& reading, const std::string& file) {
    for (const Entry& entry : root.entries) {
        const bool scalar = entry.value.kind == NodeKind::Scalar;
        if (entry.key == "khu_policy" && scalar && entry.value.text != schema_version) {
            const std::string shown = entry.value.text.substr(0, 20);
            reading.complaints.push_back(
                {"P001", Severity::Error, "khu_policy",
                 fmt::format("schema {} unknown, this khud reads {}", shown, schema_version),
                 fmt::format("không biết lược đồ {}, khud này đọc {}", shown, schema_version), file,
                 entry.value.place.line, entry.value.place.column});
            return true;
        }
    }
    return false;
}

Reading read(std::string_view text, const std::string& file) {
    Reading reading;
    Tree tree = read_tree(text, file, policy_limits());
    reading.complaints = std::move(tree.complaints);
    for (const Complaint& complaint : reading.complaints) {
        if (complaint.code != "P003") {  // What was set first is known.
            reading.unread.push_back(complaint.path);
        }
    }
    if (!tree.readable || other_schema(tree.root, reading, file)) {
        return reading;
    }
    if (tree.root.kind != NodeKind::Map) {
        reading.complaints.push_back(
            {"P017", Severity::Error, "", "keys with values are expected here",
             "ở đây cần các khoá và giá trị", file, tree.root.place.line, tree.root.place.column});
        return reading;
    }
    SchemaReader reader(tree.root, file, reading.complaints);
    int version = 1;
    reader.must("khu_policy", schema::Whole{1, 1}, version);
    schema::fields(reader, reading.policy);
    reader.finish();
    reading.places = reader.take_places();
    const std::vector<std::string> unread = reader.take_unread();
    reading.unread.insert(reading.unread.end(), unread.begin(), unread.end());
    reading.followed = true;
    return reading;
}

/// The place of a path, or of the nearest key above it.
Place place_of(const std::map<std::string, Place>& places, std::string path) {
    while (!path.empty()) {
        const auto found = places.find(path);
        if (found != places.end()) {
            return found->second;
        }
        const std::size_t cut = path.find_last_of(".[");
        path.resize(cut == std::string::npos ? 0 : cut);
    }
    return {};
}

bool is_part_of(const std::string& path, const std::string& whole) {
    return path.compare(0, whole.size(), whole) == 0 &&
           (path.size() == whole.size() || path[whole.size()] == '.' || path[whole.size()] == '[');
}

/// True if the finding may only be the shadow of what could not be read.
bool may_follow_from(const Finding& finding, const std::vector<std::string>& unread) {
    const auto hidden = [&](const std::string& missing) {
        const auto below = [&](const std::string& path) { return is_part_of(path, missing); };
        const auto unnamed = [&](const std::string& map) {
            return below(map) || missing == map + ".*";
        };
        const auto related = [&](const std::string& path) {
            return below(path) || is_part_of(missing, path);
        };
        return std::any_of(finding.looks_at.begin(), finding.looks_at.end(), related) ||
               std::any_of(finding.names_from.begin(), finding.names_from.end(), unnamed);
    };
    return std::any_of(unread.begin(), unread.end(), hidden);
}

void add_review(const Reading& reading, const ReviewContext& context, const std::string& file,
                std::vector<Complaint>& complaints) {
    for (Finding& finding : review_with_sources(reading.policy, context)) {
        if (may_follow_from(finding, reading.unread)) {
            continue;
        }
        Complaint& found = finding.complaint;
        const Place place = place_of(reading.places, found.path);
        found.file = file;
        found.line = place.line;
        found.column = place.column;
        complaints.push_back(std::move(found));
    }
}

/// The key paths of the text, in its order.
std::vector<std::string> written(const Reading& reading) {
    std::vector<std::pair<std::pair<int, int>, std::string>> keys;
    for (const auto& [path, place] : reading.places) {
        keys.push_back({{place.line, place.column}, path});
    }
    std::sort(keys.begin(), keys.end());
    std::vector<std::string> paths;
    for (auto& [place, path] : keys) {
        paths.push_back(std::move(path));
    }
    return paths;
}

void sort_by_place(std::vector<Complaint>& complaints) {
    std::stable_sort(complaints.begin(), complaints.end(), [](const auto& a, const auto& b) {
        return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    });
}

}  // namespace

Expected<Policy, std::vector<Complaint>> read_policy(std::string_view text, std::string file_name) {
    Reading reading = read(text, file_name);
    if (!reading.complaints.empty()) {
        sort_by_place(reading.complaints);
        return Unexpected{std::move(reading.complaints)};
    }
    return std::move(reading.policy);
}

PolicyCheck check_policy(std::string_view text, std::string file_name, const ReviewContext& context,
                         bool strict) {
    const Reading reading = read(text, file_name);
    PolicyCheck check;
    check.complaints = reading.complaints;
    if (reading.followed) {
        add_review(reading, context, file_name, check.complaints);
    }
    check.not_in_force = not_in_force(written(reading));
    sort_by_place(check.complaints);
    if (!refuses(check.complaints, strict)) {
        check.policy = reading.policy;
    }
    return check;
}

}  // namespace khu::config
