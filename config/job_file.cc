#include "config/job_file.h"

#include <algorithm>
#include <array>

#include "config/alternatives.h"
#include "config/yaml_tree.h"
#include "core/base/limits.h"
#include "core/base/nearest.h"

namespace khu::config {
namespace {

class JobFileReader {
public:
    JobFileReader(std::string file, const JobClock& clock, std::vector<Complaint>& complaints)
        : file_(std::move(file)), clock_(clock), complaints_(complaints) {}

    JobFile read(const Node& root) {
        if (root.kind != NodeKind::Map) {
            complain("P017", root.place, "", "keys with values are expected here",
                     "ở đây cần các khoá và giá trị");
            return {};
        }
        for (const Entry& entry : root.entries) {
            key(entry);
        }
        if (const auto bad = finish(job_.submission)) {
            complain(bad->code, root.place, "cores-per-task", bad->why_en, bad->why_vi);
        }
        if (const auto ways = whole_alternatives(job_.submission); !ways && complaints_.empty()) {
            complain(ways.error().code, root.place, "any-of", ways.error().why_en,
                     ways.error().why_vi);
        }
        if (job_.command.empty() == job_.script.empty() && complaints_.empty()) {
            complain("P004", root.place, job_.script.empty() ? "command" : "script",
                     "exactly one of command and script is required",
                     "cần đúng một trong command và script");
        }
        job_.submission.payload.argv = job_.command;
        job_.submission.payload.script = job_.script;
        return std::move(job_);
    }

private:
    void complain(std::string code, Place at, std::string path, std::string en, std::string vi) {
        complaints_.push_back({std::move(code), Severity::Error, std::move(path), std::move(en),
                               std::move(vi), file_, at.line, at.column});
    }

    void key(const Entry& entry) {
        if (entry.key == "command") {
            command(entry.value);
        } else if (entry.key == "script") {
            script(entry.value);
        } else if (entry.key == "env") {
            environment(entry.value);
        } else if (entry.key == "any-of" || entry.key == "any_of") {
            job_.submission.any_of = alternatives_of(entry.value, file_, complaints_);
        } else {
            option(entry);
        }
    }

    bool is_kind(const Node& node, NodeKind kind, const std::string& path, std::string en,
                 std::string vi) {
        if (node.kind != kind && node.kind != NodeKind::Refused) {
            complain(node.kind == NodeKind::Null ? "P004" : "P017", node.place, path, std::move(en),
                     std::move(vi));
        }
        return node.kind == kind;
    }

    void command(const Node& node) {
        if (!is_kind(node, NodeKind::Sequence, "command",
                     "a list of words is expected: [python3, train.py]",
                     "cần danh sách các từ: [python3, train.py]")) {
            return;
        }
        std::int64_t bytes = 0;
        for (std::size_t i = 0; i < node.items.size(); ++i) {
            const std::string path = "command[" + std::to_string(i) + "]";
            if (is_kind(node.items[i], NodeKind::Scalar, path, "one word is expected here",
                        "ở đây cần một từ")) {
                job_.command.push_back(node.items[i].text);
                bytes += static_cast<std::int64_t>(node.items[i].text.size()) + 1;
            }
        }
        const bool hollow =
            node.items.empty() || (!job_.command.empty() && job_.command[0].empty());
        if (hollow || bytes > limits::argv_bytes_max) {
            complain(hollow ? "P004" : "P006", node.place, "command",
                     hollow ? "at least one word is required" : "the command is too long",
                     hollow ? "cần ít nhất một từ" : "lệnh quá dài");
        }
    }

    void script(const Node& node) {
        if (!is_kind(node, NodeKind::Scalar, "script", "the script's lines are expected, after |",
                     "cần các dòng của tập lệnh, sau dấu |")) {
            return;
        }
        job_.script = node.text;
        if (node.text.substr(0, 2) != "#!") {
            complain("P008", node.place, "script", "a script begins with #!, as in #!/bin/bash",
                     "tập lệnh bắt đầu bằng #!, ví dụ #!/bin/bash");
        }
    }

    void environment(const Node& node) {
        if (!is_kind(node, NodeKind::Map, "env",
                     "names with values are expected: {NAME: \"value\"}",
                     "cần tên và giá trị: {TÊN: \"giá trị\"}")) {
            return;
        }
        for (const Entry& entry : node.entries) {
            const std::string path = "env." + entry.key.substr(0, 60);
            if (entry.key.find('=') != std::string::npos || entry.key.empty()) {
                complain("P008", entry.key_place, path, "not a variable's name",
                         "không phải tên biến");
            } else if (is_kind(entry.value, NodeKind::Scalar, path, "one value is expected here",
                               "ở đây cần một giá trị")) {
                apply({"env", entry.key + "=" + entry.value.text, entry.value.place}, path);
            }
        }
    }

    void option(const Entry& entry) {
        const JobOptionInfo* info = find_job_option(entry.key);
        const std::string path = entry.key.substr(0, 60);
        if (info == nullptr) {
            unknown(entry, path);
        } else if (is_kind(entry.value, NodeKind::Scalar, path, "one value is expected here",
                           "ở đây cần một giá trị")) {
            info->takes == OptionTakes::Nothing
                ? flag(entry, path)
                : apply({entry.key, entry.value.text, entry.value.place}, path);
        }
    }

    void unknown(const Entry& entry, const std::string& path) {
        std::vector<std::string_view> known{"command", "script"};
        for (const JobOptionInfo& info : all_job_options()) {
            known.push_back(info.name);
        }
        const auto near = nearest(entry.key, known);
        const std::string word(near.value_or(""));
        complain(
            "P007", entry.key_place, path,
            near ? "unknown key; did you mean '" + word + "'?" : "unknown key",
            near ? "khoá không tồn tại; có phải bạn muốn '" + word + "'?" : "khoá không tồn tại");
    }

    void flag(const Entry& entry, const std::string& path) {
        const std::string& text = entry.value.text;
        if (text != "true" && text != "false") {
            complain("P018", entry.value.place, path, "true or false is expected",
                     "cần true hoặc false");
        } else if (text == "true") {
            apply({entry.key, "", entry.value.place}, path);
        } else if (entry.key == "requeue") {
            apply({"no-requeue", "", entry.value.place}, path);
        }
    }

    void apply(JobOption option, const std::string& path) {
        if (const auto bad = apply_option(option, clock_, job_.submission)) {
            complain(bad->code, option.place, path, bad->why_en, bad->why_vi);
        } else {
            job_.options.push_back(std::move(option));
        }
    }

    std::string file_;
    JobClock clock_;
    std::vector<Complaint>& complaints_;
    JobFile job_;
};

}  // namespace

Expected<JobFile, std::vector<Complaint>> read_job_file(std::string_view text,
                                                        std::string file_name,
                                                        const JobClock& clock) {
    Tree tree = read_tree(text, file_name, job_file_limits());
    std::vector<Complaint> complaints = std::move(tree.complaints);
    if (!tree.readable) {
        return Unexpected{std::move(complaints)};
    }
    JobFile job = JobFileReader(std::move(file_name), clock, complaints).read(tree.root);
    if (!complaints.empty()) {
        return Unexpected{std::move(complaints)};
    }
    return job;
}

}  // namespace khu::config
