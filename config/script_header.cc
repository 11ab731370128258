#include "config/script_header.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/sbatch.h"
#include "config/shell_words.h"
#include "config/utf8.h"

namespace khu::config {
namespace {

constexpr std::size_t header_lines_max = 10'000;  // A script of only comments ends somewhere.

bool begins_line(std::string_view line, std::string_view directive) {
    return line.substr(0, directive.size()) == directive &&
           (line.size() == directive.size() || line[directive.size()] == ' ' ||
            line[directive.size()] == '\t');
}

/// One option of a line, before it is known whose it is.
struct Written {
    std::string text;  ///< as it stands
    std::string name;  ///< long name; empty if it is a letter
    char letter{0};
    std::optional<std::string> value;  ///< behind '=', or joined to the letter
    Place place;
};

class HeaderReader {
public:
    HeaderReader(std::string file, const JobClock& clock) : file_(std::move(file)), clock_(clock) {}

    ScriptHeader read(std::string_view script);

private:
    void line(std::string_view text);
    void khu_line(const std::vector<ShellWord>& words);
    void sbatch_line(const std::vector<ShellWord>& words);
    Written option_of(const ShellWord& word) const;
    void khu_option(const Written& option, std::optional<std::string> value);
    void complain(std::string code, Place at, std::string path, std::string en, std::string vi);
    void check();

    /// The value of an option that takes one: behind '=', joined, or the next word.
    static std::optional<std::string> value_of(const Written& option,
                                               const std::vector<ShellWord>& words,
                                               std::size_t& i) {
        if (!option.value && i + 1 < words.size()) {
            return words[++i].text;
        }
        return option.value;
    }

    std::string file_;
    JobClock clock_;
    int line_{0};
    int column_{1};  ///< of the first word behind the directive
    SbatchReader sbatch_;
    std::vector<JobOption> khu_;
    ScriptHeader header_;
};

void HeaderReader::complain(std::string code, Place at, std::string path, std::string en,
                            std::string vi) {
    if (header_.complaints.size() < complaints_max) {
        header_.complaints.push_back({std::move(code), Severity::Error, std::move(path),
                                      std::move(en), std::move(vi), file_, at.line, at.column});
    }
}

Written HeaderReader::option_of(const ShellWord& word) const {
    Written option;
    option.text = word.text;
    option.place = {line_, column_ + static_cast<int>(word.offset)};
    if (word.text.substr(0, 2) == "--") {
        const std::size_t equals = word.text.find('=');
        option.name = word.text.substr(2, equals == std::string::npos ? equals : equals - 2);
        if (equals != std::string::npos) {
            option.value = word.text.substr(equals + 1);
        }
    } else if (word.text.size() >= 2 && word.text[0] == '-') {
        option.letter = word.text[1];
        if (word.text.size() > 2) {
            option.value = word.text.substr(word.text[2] == '=' ? 3 : 2);
        }
    }
    return option;
}

void HeaderReader::khu_line(const std::vector<ShellWord>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        Written option = option_of(words[i]);
        if (option.name.empty() && option.letter == 0) {
            complain("P007", option.place, "#KHU", fmt::format("'{}' is no option", option.text),
                     fmt::format("'{}' không phải tuỳ chọn", option.text));
            continue;
        }
        const JobOptionInfo* info =
            option.letter != 0 ? find_job_option(option.letter) : find_job_option(option.name);
        if (info == nullptr) {
            option.name = option.letter != 0 ? std::string(1, option.letter) : option.name;
            khu_option(option, "");
            continue;
        }
        option.name = info->name;
        if (info->takes == OptionTakes::Nothing) {
            khu_option(option, option.value ? std::nullopt : std::optional<std::string>(""));
        } else {
            khu_option(option, value_of(option, words, i));
        }
    }
}

void HeaderReader::khu_option(const Written& option, std::optional<std::string> value) {
    if (!value) {
        const bool flag = option.value.has_value();
        complain("P004", option.place, "--" + option.name,
                 flag ? "takes no value" : "needs a value",
                 flag ? "không nhận giá trị" : "cần một giá trị");
        return;
    }
    khu_.push_back({option.name, *std::move(value), option.place});
}

void HeaderReader::sbatch_line(const std::vector<ShellWord>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        const Written option = option_of(words[i]);
        const SbatchOption* info = option.letter != 0 ? find_sbatch_option(option.letter)
                                                      : find_sbatch_option(option.name);
        if (info == nullptr) {
            const std::string near = nearest_sbatch_option(option.name);
            header_.not_honoured.push_back(
                {line_, option.text,
                 near.empty() ? "no option of sbatch"
                              : "no option of sbatch; did you mean --" + near,
                 near.empty() ? "không phải tuỳ chọn của sbatch"
                              : "không phải tuỳ chọn của sbatch; có phải --" + near});
            continue;
        }
        std::optional<std::string> value = option.value;
        if (info->takes == SbatchTakes::Value) {
            value = value_of(option, words, i);
        }
        if (info->takes == SbatchTakes::Value && !value) {
            header_.not_honoured.push_back(
                {line_, option.text, "needs a value", "cần một giá trị"});
            continue;
        }
        sbatch_.take(*info, value.value_or(""), option.place);
    }
}

void HeaderReader::line(std::string_view text) {
    const bool khu = begins_line(text, "#KHU");
    if (!khu && !begins_line(text, "#SBATCH")) {
        return;
    }
    const std::size_t directive = khu ? 4 : 7;
    column_ = static_cast<int>(directive) + 1;
    if (!bad_characters(text, 1).empty()) {
        complain("P008", {line_, 1}, khu ? "#KHU" : "#SBATCH",
                 "control characters or invalid UTF-8", "ký tự điều khiển hoặc UTF-8 không hợp lệ");
        return;
    }
    const auto words = shell_words(text.substr(directive));
    if (!words) {
        complain("P000", {line_, 1}, khu ? "#KHU" : "#SBATCH", "a quote is not closed",
                 "dấu ngoặc kép chưa đóng");
    } else if (khu) {
        khu_line(*words);
    } else {
        sbatch_line(*words);
    }
}

/// Reads every value once, so that what is wrong is said with its line before anything is sent.
void HeaderReader::check() {
    Submission scratch;
    for (const JobOption& option : header_.options) {
        if (const auto bad = apply_option(option, clock_, scratch)) {
            complain(bad->code, option.place, "--" + option.name, bad->why_en, bad->why_vi);
        }
    }
    if (const auto bad = finish(scratch)) {
        complain(bad->code, {1, 1}, "--cores-per-task", bad->why_en, bad->why_vi);
    }
}

ScriptHeader HeaderReader::read(std::string_view script) {
    bool in_header = true;
    while (!script.empty() && static_cast<std::size_t>(line_) < header_lines_max) {
        const std::size_t end = script.find('\n');
        const std::string_view text = script.substr(0, end);
        script.remove_prefix(end == std::string_view::npos ? script.size() : end + 1);
        ++line_;
        const bool blank = text.find_first_not_of(" \t\r") == std::string_view::npos;
        in_header = in_header && (blank || text[0] == '#');
        if (in_header) {
            line(text);
        } else if (begins_line(text, "#KHU") || begins_line(text, "#SBATCH")) {
            header_.not_honoured.push_back({line_, std::string(text.substr(0, 60)),
                                            "stands behind the first command",
                                            "đứng sau lệnh đầu tiên"});
        }
    }
    sbatch_.finish();
    header_.options = std::move(sbatch_.options);
    header_.options.insert(header_.options.end(), khu_.begin(), khu_.end());
    header_.not_honoured.insert(header_.not_honoured.end(), sbatch_.not_honoured.begin(),
                                sbatch_.not_honoured.end());
    std::stable_sort(header_.not_honoured.begin(), header_.not_honoured.end(),
                     [](const NotHonoured& a, const NotHonoured& b) { return a.line < b.line; });
    check();
    return std::move(header_);
}

}  // namespace

ScriptHeader read_script_header(std::string_view script, std::string file_name,
                                const JobClock& clock) {
    return HeaderReader(std::move(file_name), clock).read(script);
}

}  // namespace khu::config
