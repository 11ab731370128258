#include "daemon/http/submission.h"

#include <algorithm>
#include <numeric>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/limits.h"

namespace khu::daemon {
namespace {

Refusal bad_text(const char* what, const std::string& why) {
    return Refusal(Code::BadText).with("what", what).with("why", why);
}

struct Narrowed {
    const char* what;
    std::int64_t asked;
    int* into;
    std::int64_t high;
};

std::optional<Refusal> narrow(const std::vector<Narrowed>& numbers) {
    for (const Narrowed& number : numbers) {
        if (number.asked < 0 || number.asked > number.high) {
            return Refusal(Code::AbsurdRequest)
                .with("what", number.what)
                .with("asked", number.asked)
                .with("low", 0)
                .with("high", number.high);
        }
        *number.into = static_cast<int>(number.asked);
    }
    return std::nullopt;
}

bool has_nul(std::string_view text) {
    return text.find('\0') != std::string_view::npos;
}

bool any_nul(const wire::SubmitRequest& request) {
    const auto in_env = [](const auto& entry) {
        return has_nul(entry.first) || has_nul(entry.second) || entry.first.empty() ||
               entry.first.find('=') != std::string::npos;
    };
    return std::ranges::any_of(request.argv, has_nul) || std::ranges::any_of(request.env, in_env) ||
           has_nul(request.chdir) || has_nul(request.output) || has_nul(request.error) ||
           has_nul(request.script);
}

std::int64_t bytes_of(const std::vector<std::string>& words) {
    return std::accumulate(words.begin(), words.end(), std::int64_t{0},
                           [](std::int64_t sum, const std::string& word) {
                               return sum + static_cast<std::int64_t>(word.size()) + 1;
                           });
}

std::int64_t bytes_of(const std::map<std::string, std::string>& env) {
    std::int64_t sum = 0;
    for (const auto& [name, value] : env) {
        sum += static_cast<std::int64_t>(name.size() + value.size()) + 2;
    }
    return sum;
}

bool name_is_sane(const std::string& name) {
    return std::ranges::all_of(name, [](char c) { return c >= 0x20 || c < 0; });
}

std::optional<Refusal> bad_paths(const wire::SubmitRequest& request) {
    for (const std::string* path : {&request.chdir, &request.output, &request.error}) {
        if (static_cast<std::int64_t>(path->size()) > limits::path_bytes_max) {
            return bad_text("a path", "it is longer than 4096 bytes");
        }
    }
    if (!request.chdir.starts_with('/')) {
        return bad_text("the working directory", "it must be an absolute path");
    }
    return std::nullopt;
}

template <class Named>
std::vector<Named> named(const std::vector<std::string>& names) {
    std::vector<Named> made;
    for (const std::string& name : names) {
        made.emplace_back(name);
    }
    return made;
}

/// What most jobs do not have stays unfilled.
void add_rules(const wire::SubmitRequest& request, int segment, int array_running_max,
               JobSpec& spec) {
    NodeRules where{.include = named<NodeName>(request.include),
                    .exclude = named<NodeName>(request.exclude),
                    .features = named<FeatureName>(request.features),
                    .segment = segment,
                    .segment_level = Text(request.segment_level),
                    .reservation = Text(request.reservation)};
    if (where != NodeRules{}) {
        spec.where = std::move(where);
    }
    TimeRules when{
        .after = request.after, .singleton = request.singleton, .deadline = request.deadline_at};
    if (!request.resources.empty()) {
        spec.counted = CountedWishes{request.resources};
    }
    if (!request.array.empty()) {
        spec.array = ArrayRules{.indices = request.array, .running_max = array_running_max};
    }
    if (when != TimeRules{}) {
        spec.when = std::move(when);
    }
}

Expected<Alternative, Refusal> alternative_of(const wire::AlternativeAsk& ask) {
    Alternative way;
    int cores_per_task = 0;
    int time_limit_s = 0;
    const std::vector<Narrowed> numbers{
        {"nodes", ask.nodes, &way.nodes, limits::nodes_max},
        {"GPUs per node", ask.gpus_per_node, &way.shape.gpus, limits::gpus_per_node_max},
        {"cores per task", ask.cores_per_task, &cores_per_task, limits::cores_per_node_max},
        {"tasks per node", ask.tasks_per_node, &way.tasks_per_node, limits::tasks_per_node_max},
        {"time limit in seconds", ask.time_limit_s, &time_limit_s,
         limits::time_limit_max.value / 1000},
    };
    if (std::optional<Refusal> absurd = narrow(numbers)) {
        return Unexpected{std::move(*absurd)};
    }
    way.partition = PartitionId{ask.partition};
    way.shape.gpu_model = GpuModel{ask.gpu_model};
    way.shape.cores = cores_per_task * way.tasks_per_node;
    way.shape.memory = Bytes{ask.mem_bytes};
    way.shape.exclusive = ask.exclusive;
    way.time_limit = seconds(time_limit_s);
    return way;
}

std::optional<Refusal> add_alternatives(const std::vector<wire::AlternativeAsk>& asked,
                                        JobSpec& spec) {
    if (static_cast<std::int64_t>(asked.size()) > limits::alternatives_max) {
        return Refusal(Code::AbsurdRequest)
            .with("what", "alternatives")
            .with("asked", static_cast<std::int64_t>(asked.size()))
            .with("low", 0)
            .with("high", limits::alternatives_max);
    }
    std::int64_t number = 0;
    for (const wire::AlternativeAsk& ask : asked) {
        ++number;
        Expected<Alternative, Refusal> way = alternative_of(ask);
        if (!way) {
            return std::move(way).error().with("alternative", number);
        }
        spec.any_of.edit().ways.push_back(std::move(way).value());
    }
    return std::nullopt;
}

}  // namespace

Expected<JobSpec, Refusal> spec_of(const wire::SubmitRequest& request) {
    JobSpec spec;
    int cores_per_task = 0;
    int time_limit_s = 0;
    int segment = 0;
    int array_running_max = 0;
    const std::vector<Narrowed> numbers{
        {"nodes", request.nodes, &spec.nodes, limits::nodes_max},
        {"GPUs per node", request.gpus_per_node, &spec.shape.gpus, limits::gpus_per_node_max},
        {"cores per task", request.cores_per_task, &cores_per_task, limits::cores_per_node_max},
        {"tasks per node", request.tasks_per_node, &spec.tasks_per_node,
         limits::tasks_per_node_max},
        {"time limit in seconds", request.time_limit_s, &time_limit_s,
         limits::time_limit_max.value / 1000},
        {"signal", request.notice_signal, &spec.notice_signal, 64},
        {"seconds of notice", request.notice_seconds, &spec.notice_seconds, 86'400},
        {"nodes of a segment", request.segment, &segment, limits::nodes_max},
        {"elements at a time", request.array_running_max, &array_running_max,
         limits::array_index_max},
    };
    if (std::optional<Refusal> absurd = narrow(numbers)) {
        return Unexpected{std::move(*absurd)};
    }
    if (!name_is_sane(request.name)) {
        return Unexpected{bad_text("the job's name", "it contains control characters")};
    }
    spec.name = request.name;
    spec.enterprise = EnterpriseId{request.enterprise};
    spec.programme = ProgrammeId{request.programme};
    spec.partition = PartitionId{request.partition};
    spec.qos = QosId{request.qos};
    spec.project = request.project;
    spec.shape.gpu_model = GpuModel{request.gpu_model};
    spec.shape.cores = cores_per_task * spec.tasks_per_node;
    spec.shape.memory = Bytes{request.mem_bytes};
    spec.shape.exclusive = request.exclusive;
    spec.time_limit = seconds(time_limit_s);
    spec.launcher = request.launcher;
    spec.requeue = request.requeue;
    spec.held = request.held;
    spec.or_idle = request.or_idle;
    spec.not_before = request.begin_at;
    spec.within = request.within;
    spec.prefer = request.prefer;
    add_rules(request, segment, array_running_max, spec);
    if (std::optional<Refusal> bad = add_alternatives(request.any_of, spec)) {
        return Unexpected{std::move(*bad)};
    }
    return spec;
}

Expected<Payload, Refusal> payload_of(const wire::SubmitRequest& request, const Identity& who) {
    const auto script_bytes = static_cast<std::int64_t>(request.script.size());
    if (script_bytes > limits::script_bytes_max) {
        return Unexpected{Refusal(Code::ScriptTooLarge)
                              .with("size_bytes", script_bytes)
                              .with("limit_bytes", limits::script_bytes_max)};
    }
    if (request.argv.empty() == request.script.empty()) {
        return Unexpected{bad_text("the job", request.argv.empty()
                                                  ? "it has neither a command nor a script"
                                                  : "it has both a command and a script")};
    }
    if (any_nul(request)) {
        return Unexpected{bad_text("the command or environment",
                                   "it has a NUL byte or a variable without a proper name")};
    }
    if (bytes_of(request.argv) > limits::argv_bytes_max ||
        bytes_of(request.env) > limits::env_bytes_max) {
        return Unexpected{bad_text("the command or environment", "each may take 1 MiB at most")};
    }
    if (std::optional<Refusal> bad = bad_paths(request)) {
        return Unexpected{std::move(*bad)};
    }
    return Payload{.argv = request.argv,
                   .script = request.script,
                   .env = request.env,
                   .chdir = request.chdir,
                   .output = request.output,
                   .error = request.error,
                   .uid = who.uid,
                   .gid = who.gid};
}

}  // namespace khu::daemon
