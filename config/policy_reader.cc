#include "config/policy_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/schema_reader.h"

namespace khu::config {
namespace {

struct Reading {
    Policy policy;
    std::map<std::string, Place> places;  ///< of each key path
    std::vector<Complaint> complaints;
    std::vector<std::string> unread;  ///< key paths whose values are not known
    bool followed{false};             ///< false: nothing but the complaints is worth looking at
};

Reading read(std::string_view text, const std::string& file) {
    Reading reading;
    Tree tree = read_tree(text, file, policy_limits());
    reading.complaints = std::move(tree.complaints);
    for (const Complaint& complaint : reading.complaints) {
        if (complaint.code != "P003") {  // What was set first is known.
            reading.unread.push_back(complaint.path);
        }
    }
    if (!tree.readable) {
        return reading;
    }
    if (auto other = other_schema(tree.root, "khu_policy", file)) {
        reading.complaints.push_back(*std::move(other));
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

/// P072: what a reservation for a programme says of a charge. Only the text knows that it does.
void warn_of_charges(const Reading& reading, std::vector<Complaint>& complaints) {
    for (const Reservation& each : reading.policy.calendar.reservations) {
        for (const char* key : {"charge", "cancel_until"}) {
            const std::string path = fmt::format("calendar.reservations.{}.{}", each.id, key);
            if (each.enterprise.empty() && reading.places.contains(path)) {
                complaints.push_back(
                    {"P072",
                     Severity::Warning,
                     path,
                     "without effect: it is for all of a programme, so its jobs are charged as any "
                     "others; only one for an enterprise is charged whole",
                     "không có tác dụng: đặt chỗ này cho cả chương trình nên tác vụ bên trong tính "
                     "phí như thường; chỉ đặt chỗ cho một doanh nghiệp mới tính phí trọn khoảng",
                     {}});
            }
        }
    }
}

/// What was found, without the shadows.
std::vector<Complaint> reviewed(const Reading& reading, const ReviewContext& context) {
    std::vector<Complaint> complaints;
    for (Finding& finding : review_with_sources(reading.policy, context)) {
        if (!may_follow_from(finding, reading.unread)) {
            complaints.push_back(std::move(finding.complaint));
        }
    }
    warn_of_charges(reading, complaints);
    return complaints;
}

/// Items of lists are cited as the list; there may be tens of thousands of enterprises.
bool may_be_cited(std::string_view key) {
    constexpr std::string_view enterprises = "enterprises.";
    if (key.find('[') != std::string_view::npos) {
        return false;
    }
    return !key.starts_with(enterprises) || key.find(".wallet") != std::string_view::npos ||
           key.ends_with(".amount") || key.find('.', enterprises.size()) == std::string_view::npos;
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

KeyLines key_lines(const std::map<std::string, Place>& places) {
    KeyLines lines;
    for (const auto& [key, place] : places) {
        if (may_be_cited(key)) {
            lines.push_back({key, place.line});
        }
    }
    return lines;
}

KeyLines key_lines(std::string_view text) {
    return key_lines(read(text, "").places);
}

void add_complaints(PolicyCheck& check, std::vector<Complaint> more, const std::string& file_name,
                    bool strict) {
    for (Complaint& found : more) {
        const Place place = place_of(check.places, found.path);
        found.file = file_name;
        found.line = place.line;
        found.column = place.column;
        if (!found.limit_key.empty() && !found.limit && check.policy) {
            found.limit = RuleSource{.layer = Layer::Zone,
                                     .policy = check.policy->id.value,
                                     .line = place_of(check.places, found.limit_key).line};
        }
        check.complaints.push_back(std::move(found));
    }
    sort_by_place(check.complaints);
    if (refuses(check.complaints, strict)) {
        check.policy.reset();
    }
}

PolicyCheck check_policy(std::string_view text, std::string file_name, const ReviewContext& context,
                         bool strict) {
    Reading reading = read(text, file_name);
    PolicyCheck check;
    check.complaints = reading.complaints;
    std::vector<Complaint> more =
        reading.followed ? reviewed(reading, context) : std::vector<Complaint>{};
    check.places = std::move(reading.places);
    check.policy = std::move(reading.policy);
    add_complaints(check, std::move(more), file_name, strict);
    return check;
}

}  // namespace khu::config
