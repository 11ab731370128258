#include "config/job_options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/leaf_read.h"
#include "config/utf8.h"
#include "core/base/limits.h"
#include "core/base/nearest.h"

namespace khu::config {
namespace {

/// Keeps what was read, or passes on what is wrong with it.
template <class T, class Into>
std::optional<BadValue> take(Value<T> value, Into&& into) {
    if (!value) {
        return value.error();
    }
    into(*value);
    return std::nullopt;
}

std::optional<BadValue> take_text(const JobOption& option, std::int64_t bytes_max,
                                  std::string& into) {
    const bool hidden = !bad_characters(option.value, 1).empty() ||
                        option.value.find_first_of("\t\r\n") != std::string::npos;
    if (option.value.empty() || static_cast<std::int64_t>(option.value.size()) > bytes_max ||
        hidden) {
        return BadValue{
            "P008", fmt::format("a text of 1 to {} bytes without control characters", bytes_max),
            fmt::format("cần văn bản dài 1 đến {} byte, không có ký tự điều khiển", bytes_max), 0};
    }
    into = option.value;
    return std::nullopt;
}

std::optional<BadValue> take_text(const JobOption& option, std::int64_t bytes_max, Text& into) {
    std::string text;
    const std::optional<BadValue> bad = take_text(option, bytes_max, text);
    into = Text(std::move(text));
    return bad;
}

template <class Tag>
std::optional<BadValue> take_name(const JobOption& option, Name<Tag>& into) {
    return take(parse_reference(option.value),
                [&](const std::string& name) { into = Name<Tag>(name); });
}

std::optional<BadValue> take_count(const JobOption& option, std::int64_t high, int& into) {
    return take(parse_whole(option.value, 1, high),
                [&](std::int64_t count) { into = static_cast<int>(count); });
}

using Apply = std::optional<BadValue> (*)(const JobOption&, const JobClock&, Submission&);

struct Row {
    JobOptionInfo info;
    Apply apply;
};

// --- What each option does ----------------------------------------------------------------------

std::optional<BadValue> gpus_per_node(const JobOption& o, const JobClock&, Submission& s) {
    return take(parse_gpus(o.value), [&](const GpuRequest& gpus) {
        s.spec.shape.gpus = gpus.count;
        s.spec.shape.gpu_model = gpus.model;
    });
}

std::optional<BadValue> tasks_per_node(const JobOption& o, const JobClock&, Submission& s) {
    return take_count(o, limits::tasks_per_node_max, s.spec.tasks_per_node);
}

std::optional<BadValue> mem(const JobOption& o, const JobClock&, Submission& s) {
    return take(parse_size(o.value), [&](Bytes bytes) { s.spec.shape.memory = bytes; });
}

std::optional<BadValue> time(const JobOption& o, const JobClock&, Submission& s) {
    return take(parse_time_limit(o.value), [&](Span span) { s.spec.time_limit = span; });
}

std::optional<BadValue> begin(const JobOption& o, const JobClock& clock, Submission& s) {
    return take(parse_begin(o.value, clock.now, clock.utc_offset_minutes),
                [&](Moment at) { s.spec.not_before = at; });
}

std::optional<BadValue> notice(const JobOption& o, const JobClock&, Submission& s) {
    return take(parse_signal(o.value), [&](const Notice& found) {
        s.spec.notice_signal = found.signal;
        s.spec.notice_seconds = found.seconds;
    });
}

std::optional<BadValue> launcher(const JobOption& o, const JobClock&, Submission& s) {
    Node node;
    node.text = o.value;
    return take(read_leaf(schema::Word<Launcher>{}, node, 0),
                [&](Launcher found) { s.spec.launcher = found; });
}

std::optional<BadValue> env(const JobOption& o, const JobClock&, Submission& s) {
    const std::size_t equals = o.value.find('=');
    const std::string name = o.value.substr(0, equals);
    const bool fits =
        equals != std::string::npos && !name.empty() && o.value.find('\0') == std::string::npos;
    if (!fits) {
        return BadValue{"P008", "NAME=VALUE is expected", "cần dạng TÊN=GIÁ TRỊ", 0};
    }
    s.payload.env[name] = o.value.substr(equals + 1);
    return std::nullopt;
}

BadValue not_of_form(const char* form_en, const char* form_vi) {
    return BadValue{"P008", form_en, form_vi, 0};
}

/// Calls `one` with each part between commas; false if it says so for one, or one is empty.
template <class One>
bool each_part(std::string_view text, One one) {
    while (true) {
        const std::size_t comma = text.find(',');
        const std::string_view part = text.substr(0, comma);
        if (part.empty() || !one(part)) {
            return false;
        }
        if (comma == std::string_view::npos) {
            return true;
        }
        text.remove_prefix(comma + 1);
    }
}

/// "12" or "12,13": those jobs, each to be as `on` says.
std::optional<BadValue> after(const JobOption& o, After on, Submission& s) {
    std::vector<Dependency> found;
    const bool right = each_part(o.value, [&](std::string_view part) {
        const Value<std::int64_t> job = parse_whole(part, 1, INT64_MAX);
        if (job) {
            found.push_back({.job = JobId{static_cast<std::uint64_t>(*job)}, .on = on});
        }
        return job.has_value();
    });
    if (!right) {
        return not_of_form("numbers of jobs are expected: 12 or 12,13",
                           "cần số của các tác vụ: 12 hoặc 12,13");
    }
    std::vector<Dependency>& all = s.spec.when.edit().after;
    all.insert(all.end(), found.begin(), found.end());
    return std::nullopt;
}

std::optional<BadValue> deadline(const JobOption& o, const JobClock& clock, Submission& s) {
    return take(parse_begin(o.value, clock.now, clock.utc_offset_minutes),
                [&](Moment at) { s.spec.when.edit().deadline = at; });
}

std::optional<BadValue> hosts(const JobOption& o, std::vector<NodeName>& into) {
    Node node;
    node.text = o.value;
    return take(read_leaf(schema::Hostlist{}, node, 0),
                [&](const std::vector<NodeName>& names) { into = names; });
}

std::optional<BadValue> features(const JobOption& o, const JobClock&, Submission& s) {
    std::vector<FeatureName> found;
    const bool right = each_part(o.value, [&](std::string_view part) {
        const bool named = parse_identifier(part).has_value();
        found.emplace_back(std::string(part));
        return named;
    });
    if (!right) {
        return not_of_form("names of features are expected: nvme or nvme,400g",
                           "cần tên các đặc tính: nvme hoặc nvme,400g");
    }
    s.spec.where.edit().features = std::move(found);
    return std::nullopt;
}

std::optional<BadValue> reservation(const JobOption& o, const JobClock&, Submission& s) {
    if (!parse_identifier(o.value)) {
        return not_of_form("the id of a reservation is expected: khu reservation list",
                           "cần mã của một đặt chỗ: khu reservation list");
    }
    s.spec.where.edit().reservation = Text(o.value);
    return std::nullopt;
}

/// "eda-licence=2" or "eda-licence=2,bench-rf": so many of each, one where no number is given.
std::optional<BadValue> resource(const JobOption& o, const JobClock&, Submission& s) {
    std::vector<CountedWish> found;
    const bool right = each_part(o.value, [&](std::string_view part) {
        const std::size_t equals = part.find('=');
        const std::string_view name = part.substr(0, equals);
        const Value<std::int64_t> count =
            equals == std::string_view::npos
                ? Value<std::int64_t>(1)
                : parse_whole(part.substr(equals + 1), 1, limits::counted_max);
        if (!count || !parse_identifier(name)) {
            return false;
        }
        found.push_back({ResourceId{std::string(name)}, static_cast<int>(*count)});
        return true;
    });
    if (!right) {
        return not_of_form("counted resources are expected: eda-licence or eda-licence=2,bench-rf",
                           "cần các tài nguyên đếm được: eda-licence hoặc eda-licence=2,bench-rf");
    }
    std::vector<CountedWish>& all = s.spec.counted.edit().all;
    all.insert(all.end(), found.begin(), found.end());
    return std::nullopt;
}

/// "12@rack".
std::optional<BadValue> segment(const JobOption& o, const JobClock&, Submission& s) {
    const std::size_t at = o.value.find('@');
    const Value<std::int64_t> size = parse_whole(o.value.substr(0, at), 1, limits::nodes_max);
    const std::string level = at == std::string::npos ? "" : o.value.substr(at + 1);
    if (!size || !parse_identifier(level)) {
        return not_of_form("nodes of a segment and a level are expected: 12@rack",
                           "cần số nút mỗi nhóm và cấp: 12@rack");
    }
    s.spec.where.edit().segment = static_cast<int>(*size);
    s.spec.where.edit().segment_level = Text(level);
    return std::nullopt;
}

/// "7", "1-10", "1-10:2".
std::optional<IndexRange> index_range(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view ends = text.substr(0, colon);
    const std::size_t dash = ends.find('-');
    const Value<std::int64_t> first = parse_whole(ends.substr(0, dash), 0, limits::array_index_max);
    const Value<std::int64_t> last =
        dash == std::string_view::npos
            ? first
            : parse_whole(ends.substr(dash + 1), 0, limits::array_index_max);
    const Value<std::int64_t> step =
        colon == std::string_view::npos
            ? Value<std::int64_t>(1)
            : parse_whole(text.substr(colon + 1), 1, limits::array_index_max);
    if (!first || !last || !step || *last < *first) {
        return std::nullopt;
    }
    return IndexRange{.first = static_cast<int>(*first),
                      .last = static_cast<int>(*last),
                      .step = static_cast<int>(*step)};
}

/// "1-100%8": indices, and how many of them may run at a time.
std::optional<BadValue> array(const JobOption& o, const JobClock&, Submission& s) {
    ArrayRules rules;
    const std::size_t percent = o.value.find('%');
    bool right = each_part(o.value.substr(0, percent), [&](std::string_view part) {
        const std::optional<IndexRange> range = index_range(part);
        if (range) {
            rules.indices.push_back(*range);
        }
        return range.has_value();
    });
    if (percent != std::string::npos) {
        const Value<std::int64_t> most =
            parse_whole(o.value.substr(percent + 1), 1, limits::array_index_max);
        right = right && most;
        rules.running_max = most ? static_cast<int>(*most) : 0;
    }
    if (!right) {
        return not_of_form("indices up to 100000 are expected: 1-100, 0,3,5-9:2 or 1-100%8",
                           "cần các chỉ số đến 100000: 1-100, 0,3,5-9:2 hoặc 1-100%8");
    }
    s.spec.array = std::move(rules);
    return std::nullopt;
}

std::optional<BadValue> set(bool& flag, bool to) {
    flag = to;
    return std::nullopt;
}

/// Every option. A capture-less lambda where one line says it.
const std::vector<Row>& rows() {
    constexpr auto flag = OptionTakes::Nothing;
    constexpr auto value = OptionTakes::Value;
    using O = const JobOption&;
    using C = const JobClock&;
    using S = Submission&;
    static const std::vector<Row> all{
        {{"nodes", 'n', value, false},
         [](O o, C, S s) { return take_count(o, limits::nodes_max, s.spec.nodes); }},
        {{"gpus-per-node", 'g', value, false}, gpus_per_node},
        {{"cores-per-task", 'c', value, false},
         [](O o, C, S s) { return take_count(o, limits::cores_per_node_max, s.cores_per_task); }},
        {{"tasks-per-node", 0, value, false}, tasks_per_node},
        {{"mem", 0, value, false}, mem},
        {{"time", 't', value, false}, time},
        {{"partition", 'p', value, false},
         [](O o, C, S s) { return take_name(o, s.spec.partition); }},
        {{"qos", 'q', value, false}, [](O o, C, S s) { return take_name(o, s.spec.qos); }},
        {{"programme", 0, value, false},
         [](O o, C, S s) { return take_name(o, s.spec.programme); }},
        {{"project", 0, value, false},
         [](O o, C, S s) { return take_text(o, limits::name_bytes_max, s.spec.project); }},
        {{"enterprise", 0, value, false},
         [](O o, C, S s) { return take_name(o, s.spec.enterprise); }},
        {{"name", 'J', value, false},
         [](O o, C, S s) { return take_text(o, limits::name_bytes_max, s.spec.name); }},
        {{"launcher", 0, value, false}, launcher},
        {{"within", 0, value, false},
         [](O o, C, S s) { return take_text(o, limits::name_bytes_max, s.spec.within); }},
        {{"prefer", 0, value, false},
         [](O o, C, S s) { return take_text(o, limits::name_bytes_max, s.spec.prefer); }},
        {{"exclusive", 0, flag, false},
         [](O, C, S s) { return set(s.spec.shape.exclusive, true); }},
        {{"signal", 0, value, false}, notice},
        {{"requeue", 0, flag, false}, [](O, C, S s) { return set(s.spec.requeue, true); }},
        {{"no-requeue", 0, flag, false}, [](O, C, S s) { return set(s.spec.requeue, false); }},
        {{"or-idle", 0, flag, false}, [](O, C, S s) { return set(s.spec.or_idle, true); }},
        {{"hold", 0, flag, false}, [](O, C, S s) { return set(s.spec.held, true); }},
        {{"begin", 0, value, false}, begin},
        {{"output", 'o', value, false},
         [](O o, C, S s) { return take_text(o, limits::path_bytes_max, s.payload.output); }},
        {{"error", 'e', value, false},
         [](O o, C, S s) { return take_text(o, limits::path_bytes_max, s.payload.error); }},
        {{"chdir", 'C', value, false},
         [](O o, C, S s) { return take_text(o, limits::path_bytes_max, s.payload.chdir); }},
        {{"env", 0, value, false}, env},
        {{"deadline", 0, value, false}, deadline},
        {{"after", 0, value, false}, [](O o, C, S s) { return after(o, After::Ok, s); }},
        {{"after-any", 0, value, false}, [](O o, C, S s) { return after(o, After::Any, s); }},
        {{"after-notok", 0, value, false}, [](O o, C, S s) { return after(o, After::NotOk, s); }},
        {{"after-start", 0, value, false}, [](O o, C, S s) { return after(o, After::Start, s); }},
        {{"singleton", 0, flag, false},
         [](O, C, S s) { return set(s.spec.when.edit().singleton, true); }},
        {{"include", 0, value, false},
         [](O o, C, S s) { return hosts(o, s.spec.where.edit().include); }},
        {{"exclude", 'x', value, false},
         [](O o, C, S s) { return hosts(o, s.spec.where.edit().exclude); }},
        {{"features", 0, value, false}, features},
        {{"segment", 0, value, false}, segment},
        {{"reservation", 0, value, false}, reservation},
        {{"resource", 'L', value, false}, resource},
        {{"array", 'a', value, false}, array},
        {{"any-of", 0, value, false},
         [](O o, C, S s) { return take_text(o, limits::path_bytes_max, s.any_of_file); }},
        {{"container", 0, value, true}, nullptr},
    };
    return all;
}

const Row* find_row(std::string_view name) {
    const auto found = std::find_if(rows().begin(), rows().end(),
                                    [&](const Row& row) { return row.info.name == name; });
    return found == rows().end() ? nullptr : &*found;
}

BadValue unknown_option(std::string_view name) {
    std::vector<std::string_view> names;
    for (const Row& row : rows()) {
        names.push_back(row.info.name);
    }
    const auto near = nearest(name, names);
    return {"P007",
            near ? fmt::format("unknown option; did you mean '{}'?", *near) : "unknown option",
            near ? fmt::format("tuỳ chọn không tồn tại; có phải bạn muốn '{}'?", *near)
                 : "tuỳ chọn không tồn tại",
            0};
}

}  // namespace

const std::vector<JobOptionInfo>& all_job_options() {
    static const std::vector<JobOptionInfo> infos = [] {
        std::vector<JobOptionInfo> made;
        for (const Row& row : rows()) {
            made.push_back(row.info);
        }
        return made;
    }();
    return infos;
}

const JobOptionInfo* find_job_option(std::string_view name) {
    const Row* row = find_row(name);
    return row == nullptr ? nullptr : &row->info;
}

const JobOptionInfo* find_job_option(char letter) {
    const auto found = std::find_if(rows().begin(), rows().end(), [&](const Row& row) {
        return row.info.letter != 0 && row.info.letter == letter;
    });
    return found == rows().end() ? nullptr : &found->info;
}

std::optional<BadValue> apply_option(const JobOption& option, const JobClock& clock,
                                     Submission& submission) {
    const Row* row = find_row(option.name);
    if (row == nullptr) {
        return unknown_option(option.name);
    }
    if (row->info.later) {
        return BadValue{"P019", "known, but not honoured before a later release; leave it out",
                        "đã biết, nhưng chưa có trong bản này; hãy bỏ ra", 0};
    }
    return row->apply(option, clock, submission);
}

std::optional<BadValue> apply_to_alternative(const JobOption& option, Submission& submission) {
    if (option.name == "exclusive") {
        submission.spec.shape.exclusive = option.value != "false";
        return std::nullopt;
    }
    if (option.name == "partition") {
        submission.spec.shape.gpu_model = GpuModel{};
    }
    return apply_option(option, JobClock{}, submission);
}

Expected<std::vector<Submission>, BadValue> whole_alternatives(const Submission& submission) {
    std::vector<Submission> all;
    for (const std::vector<JobOption>& options : submission.any_of) {
        Submission one = submission;
        std::vector<JobOption> sorted = options;  // A partition's model gives way to one named.
        std::ranges::stable_partition(
            sorted, [](const JobOption& option) { return option.name == "partition"; });
        for (const JobOption& option : sorted) {
            if (std::optional<BadValue> bad = apply_to_alternative(option, one)) {
                return Unexpected{std::move(*bad)};
            }
        }
        if (std::optional<BadValue> bad = finish(one)) {
            return Unexpected{std::move(*bad)};
        }
        all.push_back(std::move(one));
    }
    return all;
}

std::optional<BadValue> finish(Submission& submission) {
    const std::int64_t cores =
        std::int64_t{std::max(submission.cores_per_task, 1)} * submission.spec.tasks_per_node;
    if (cores > limits::cores_per_node_max) {
        return BadValue{"P011",
                        fmt::format("{} cores a node are out of range, 1 to {}", cores,
                                    limits::cores_per_node_max),
                        fmt::format("{} lõi mỗi nút ngoài phạm vi, 1 đến {}", cores,
                                    limits::cores_per_node_max),
                        0};
    }
    submission.spec.shape.cores = static_cast<int>(cores);
    return std::nullopt;
}

}  // namespace khu::config
