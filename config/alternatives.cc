#include "config/alternatives.h"

#include <algorithm>
#include <array>

#include "core/base/limits.h"
#include "core/base/nearest.h"

namespace khu::config {
namespace {

constexpr std::array<std::string_view, 8> kKeys{"partition", "nodes",          "gpus-per-node",
                                                "mem",       "cores-per-task", "tasks-per-node",
                                                "time",      "exclusive"};

class Reader {
public:
    Reader(const std::string& file, std::vector<Complaint>& complaints)
        : file_(file), complaints_(complaints) {}

    Alternatives list(const Node& node) {
        if (node.kind != NodeKind::Sequence || node.items.empty()) {
            complain(node.kind == NodeKind::Null ? "P004" : "P017", node.place, "any-of",
                     "a list of alternatives is expected: - {partition: gpu, nodes: 2}",
                     "cần danh sách các phương án: - {partition: gpu, nodes: 2}");
            return {};
        }
        if (static_cast<std::int64_t>(node.items.size()) > limits::alternatives_max) {
            complain("P011", node.place, "any-of",
                     "at most " + std::to_string(limits::alternatives_max) + " alternatives",
                     "tối đa " + std::to_string(limits::alternatives_max) + " phương án");
            return {};
        }
        Alternatives all;
        for (const Node& item : node.items) {
            all.push_back(one(item, "any-of[" + std::to_string(all.size() + 1) + "]"));
        }
        return all;
    }

private:
    std::vector<JobOption> one(const Node& node, const std::string& path) {
        std::vector<JobOption> options;
        if (node.kind != NodeKind::Map) {
            complain("P017", node.place, path, "keys with values are expected here",
                     "ở đây cần các khoá và giá trị");
            return options;
        }
        for (const Entry& entry : node.entries) {
            option(entry, path + "." + entry.key.substr(0, 60), options);
        }
        return options;
    }

    void option(const Entry& entry, const std::string& path, std::vector<JobOption>& options) {
        if (std::ranges::find(kKeys, entry.key) == kKeys.end()) {
            unknown(entry, path);
        } else if (entry.value.kind != NodeKind::Scalar) {
            complain("P017", entry.value.place, path, "one value is expected here",
                     "ở đây cần một giá trị");
        } else if (entry.key == "exclusive" && entry.value.text != "true" &&
                   entry.value.text != "false") {
            complain("P018", entry.value.place, path, "true or false is expected",
                     "cần true hoặc false");
        } else {
            JobOption read{entry.key, entry.value.text, entry.value.place};
            Submission scratch;
            if (const auto bad = apply_to_alternative(read, scratch)) {
                complain(bad->code, read.place, path, bad->why_en, bad->why_vi);
            }
            options.push_back(std::move(read));
        }
    }

    void unknown(const Entry& entry, const std::string& path) {
        if (find_job_option(entry.key) != nullptr) {
            complain("P007", entry.key_place, path,
                     "this cannot differ between alternatives; say it of the job",
                     "mục này không thể khác nhau giữa các phương án; hãy ghi ở công việc");
            return;
        }
        const auto near =
            nearest(entry.key, std::vector<std::string_view>(kKeys.begin(), kKeys.end()));
        const std::string word(near.value_or(""));
        complain(
            "P007", entry.key_place, path,
            near ? "unknown key; did you mean '" + word + "'?" : "unknown key",
            near ? "khoá không tồn tại; có phải bạn muốn '" + word + "'?" : "khoá không tồn tại");
    }

    void complain(std::string code, Place at, std::string path, std::string en, std::string vi) {
        complaints_.push_back({std::move(code), Severity::Error, std::move(path), std::move(en),
                               std::move(vi), file_, at.line, at.column});
    }

    const std::string& file_;
    std::vector<Complaint>& complaints_;
};

}  // namespace

Alternatives alternatives_of(const Node& list, const std::string& file_name,
                             std::vector<Complaint>& complaints) {
    return Reader(file_name, complaints).list(list);
}

Expected<Alternatives, std::vector<Complaint>> read_alternatives(std::string_view text,
                                                                 std::string file_name) {
    Tree tree = read_tree(text, file_name, job_file_limits());
    std::vector<Complaint> complaints = std::move(tree.complaints);
    if (!tree.readable) {
        return Unexpected{std::move(complaints)};
    }
    Alternatives all = alternatives_of(tree.root, file_name, complaints);
    if (!complaints.empty()) {
        return Unexpected{std::move(complaints)};
    }
    return all;
}

}  // namespace khu::config
