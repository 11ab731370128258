#include "core/policy/diff.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "core/policy/path_walk.h"

namespace khu {
namespace {

struct Line {
    std::string path;
    std::string text;
};

/// Writes each scalar with its whole path; what is as usual is left out.
class Flattener : public PathWalk<Flattener> {
public:
    using PathWalk::PathWalk;

    std::vector<Line> take() { return std::move(lines_); }

    template <class Kind, class T>
    void leaf(const char* key, Kind kind, const T& value, const T* usual) {
        if (usual == nullptr || !(value == *usual)) {
            lines_.push_back({path(key), schema::write(kind, value, how_)});
        }
    }
    template <class Kind, class T>
    void words(const char* key, Kind kind, const std::vector<T>& values) {
        std::string text;
        for (const T& value : values) {
            text += (text.empty() ? "" : ", ") + schema::write(kind, value, how_);
        }
        lines_.push_back({path(key), "[" + text + "]"});
    }
    void span(const char* key, schema::Day kind, const Window& window) {
        lines_.push_back({path(key), fmt::format("[{}, {}]", schema::write(kind, window.from, how_),
                                                 schema::write(kind, window.to, how_))});
    }
    [[nodiscard]] bool skips(bool usual) const { return usual; }

private:
    std::vector<Line> lines_;
};

std::vector<Line> flatten(const Policy& policy) {
    Flattener flattener(policy.utc_offset_minutes);
    schema::fields(flattener, policy);
    return flattener.take();
}

bool begins(const std::string& path, std::string_view with) {
    return path.compare(0, with.size(), with) == 0;
}
bool ends(const std::string& path, std::string_view with) {
    return path.size() >= with.size() &&
           path.compare(path.size() - with.size(), with.size(), with) == 0;
}

/// The grants of a policy by the path of their amount.
std::map<std::string, const PolicyGrant*> grants_by_path(const Policy& policy) {
    std::map<std::string, const PolicyGrant*> grants;
    for (const Enterprise& enterprise : policy.enterprises) {
        for (const PolicyGrant& grant : enterprise.grants) {
            grants.emplace(
                fmt::format("enterprises.{}.grants.{}.amount", enterprise.id.value, grant.id.value),
                &grant);
        }
    }
    return grants;
}

using GrantPaths = std::map<std::string, const PolicyGrant*>;

void explain_grant(PolicyChange& change, const GrantPaths& before, const GrantPaths& after) {
    const auto old_grant = before.find(change.path);
    const auto new_grant = after.find(change.path);
    if (old_grant == before.end()) {
        change.meaning_en = fmt::format("a new grant of {}", change.new_value);
        change.meaning_vi = fmt::format("hạn mức mới {}", change.new_value);
    } else if (new_grant == after.end()) {
        change.meaning_en = "this grant is closed; what is held runs on, the rest expires";
        change.meaning_vi =
            "hạn mức này bị đóng; phần đang giữ chạy tiếp, phần còn lại hết hiệu lực";
    } else {
        const Atoms by = new_grant->second->amount - old_grant->second->amount;
        const bool more = by > Atoms{0};
        const std::string hours = schema::write(schema::GpuHours{}, more ? by : -by, {});
        change.meaning_en =
            fmt::format("the free amount {} by {}", more ? "rises" : "falls", hours);
        change.meaning_vi = fmt::format("phần còn trống {} {}", more ? "tăng" : "giảm", hours);
    }
}

void explain(PolicyChange& change, const GrantPaths& before, const GrantPaths& after) {
    const std::string& path = change.path;
    const bool priced = begins(path, "units.") || begins(path, "programmes.") ||
                        (begins(path, "qos.") && ends(path, ".factor"));
    if (begins(path, "enterprises.") && ends(path, ".amount")) {
        explain_grant(change, before, after);
    } else if (begins(path, "enterprises.") && ends(path, ".to") &&
               path.find(".grants.") != std::string::npos) {
        change.meaning_en = "moves the end of the grant; jobs that have started run on";
        change.meaning_vi = "dời ngày hết hạn; tác vụ đã bắt đầu vẫn chạy tiếp";
    } else if (priced) {
        change.meaning_en = "for attempts that start from then on; running ones keep their terms";
        change.meaning_vi = "cho các lần chạy bắt đầu từ đó; lần đang chạy giữ điều kiện cũ";
    } else if (begins(path, "partitions.") && ends(path, ".nodes")) {
        change.meaning_en = "queued jobs are placed on the new set; running ones stay";
        change.meaning_vi = "tác vụ chờ được xếp vào tập nút mới; tác vụ đang chạy ở lại";
    } else if (begins(path, "resources.") && !change.old_value.empty()) {
        change.meaning_en = "for attempts that start from then on; running ones keep what they use";
        change.meaning_vi = "cho các lần chạy bắt đầu từ đó; lần đang chạy giữ phần đang dùng";
    }
}

}  // namespace

std::vector<std::string> key_paths(const Policy& policy) {
    std::vector<std::string> paths;
    for (Line& line : flatten(policy)) {
        paths.push_back(std::move(line.path));
    }
    return paths;
}

std::vector<PolicyChange> diff(const Policy& running, const Policy& next) {
    const std::vector<Line> before = flatten(running);
    const std::vector<Line> after = flatten(next);
    std::map<std::string_view, const Line*> old_by_path;
    std::map<std::string_view, const Line*> new_by_path;
    for (const Line& line : before) {
        old_by_path.emplace(line.path, &line);
    }
    for (const Line& line : after) {
        new_by_path.emplace(line.path, &line);
    }

    std::vector<PolicyChange> changes;
    for (const Line& line : after) {
        const auto old_line = old_by_path.find(line.path);
        const std::string old_text = old_line == old_by_path.end() ? "" : old_line->second->text;
        if (old_text != line.text) {
            changes.push_back({line.path, old_text, line.text, {}, {}});
        }
    }
    for (const Line& line : before) {
        if (!new_by_path.contains(line.path)) {
            changes.push_back({line.path, line.text, {}, {}, {}});
        }
    }
    const GrantPaths old_grants = grants_by_path(running);
    const GrantPaths new_grants = grants_by_path(next);
    for (PolicyChange& change : changes) {
        explain(change, old_grants, new_grants);
    }
    return changes;
}

std::string show(const PolicyChange& change) {
    if (change.old_value.empty()) {
        return fmt::format("+ {}: {}", change.path, change.new_value);
    }
    if (change.new_value.empty()) {
        return fmt::format("- {}: {}", change.path, change.old_value);
    }
    return fmt::format("  {}: {} -> {}", change.path, change.old_value, change.new_value);
}

std::string explained(const PolicyChange& change, Language language) {
    const std::string& meaning =
        language == Language::English ? change.meaning_en : change.meaning_vi;
    return show(change) + (meaning.empty() ? "" : "  (" + meaning + ")");
}

}  // namespace khu
