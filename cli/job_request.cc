#include "cli/job_request.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

#include "cli/given.h"
#include "cli/job_options.h"
#include "cli/script_file.h"

namespace khu::cli {
namespace {

Expected<Done, Failure> apply(const Session& session, const Option& option,
                              const std::string& value, config::Submission& job) {
    const std::string_view name = long_name(option);
    const std::optional<config::BadValue> bad = config::apply_option(
        {.name = std::string(name.substr(2)), .value = value, .place = {}}, clock_here(), job);
    if (bad) {
        return Unexpected{bad_value(session, name, value, *bad)};
    }
    return Done{};
}

/// --env NAME is the variable as it is here.
Expected<std::string, Failure> with_own_value(const Session& session, const std::string& text) {
    if (text.find('=') != std::string::npos) {
        return text;
    }
    const char* own = std::getenv(text.c_str());
    if (own == nullptr) {
        return Unexpected{
            usage(session.say(Message::BadValue, {"--env", text}), session.say(Message::FormEnv))};
    }
    return text + "=" + own;
}

/// An option that may be given more than once.
Expected<Done, Failure> apply_each(const Session& session, const Option& option,
                                   config::Submission& job) {
    const bool variable = long_name(option) == "--env";
    if (long_name(option) == "--resource") {
        job.spec.counted.clear();  // Not beside what a script asks for, but in place of it.
    }
    for (const std::string& text : session.arguments.all(long_name(option))) {
        const Expected<std::string, Failure> value =
            variable ? with_own_value(session, text) : Expected<std::string, Failure>(text);
        if (!value) {
            return Unexpected{value.error()};
        }
        const Expected<Done, Failure> applied = apply(session, option, *value, job);
        if (!applied) {
            return applied;
        }
    }
    return Done{};
}

/// What the command line says, over what `job` says already.
Expected<Done, Failure> apply_options(const Session& session, config::Submission& job) {
    for (const Option& option : kJobOptions) {
        if (!session.arguments.has(long_name(option))) {
            continue;
        }
        const Expected<Done, Failure> applied =
            option.takes == Takes::Many
                ? apply_each(session, option, job)
                : apply(session, option, session.arguments.text(long_name(option)), job);
        if (!applied) {
            return applied;
        }
    }
    if (const std::optional<config::BadValue> bad = config::finish(job)) {
        return Unexpected{bad_value(session, "--cores-per-task",
                                    session.arguments.text("--cores-per-task"), *bad)};
    }
    return Done{};
}

/// Where relative paths of the job begin: this directory, as with sbatch.
std::string directory_of(const std::string& asked) {
    std::array<char, PATH_MAX> here{};
    if (asked.starts_with('/') || ::getcwd(here.data(), here.size()) == nullptr) {
        return asked;
    }
    return asked.empty() || asked == "." ? here.data() : std::string(here.data()) + "/" + asked;
}

std::string file_name(const std::string& path) {
    return path == "-" ? "stdin" : path.substr(path.rfind('/') + 1);
}

template <class Named>
std::vector<std::string> texts(const std::vector<Named>& names) {
    std::vector<std::string> made;
    for (const Named& name : names) {
        made.push_back(name.value);
    }
    return made;
}

wire::AlternativeAsk alternative_of(const config::Submission& job) {
    const JobSpec& spec = job.spec;
    return {.partition = spec.partition.value,
            .nodes = spec.nodes,
            .gpus_per_node = spec.shape.gpus,
            .gpu_model = spec.shape.gpu_model.value,
            .cores_per_task = job.cores_per_task,
            .tasks_per_node = spec.tasks_per_node,
            .mem_bytes = spec.shape.memory.value,
            .time_limit_s = whole_seconds_up(spec.time_limit),
            .exclusive = spec.shape.exclusive};
}

wire::SubmitRequest request_of(const config::Submission& job) {
    const JobSpec& spec = job.spec;
    const Payload& payload = job.payload;
    return {.name = spec.name,
            .programme = spec.programme.value,
            .partition = spec.partition.value,
            .qos = spec.qos.value,
            .project = spec.project,
            .enterprise = spec.enterprise.value,
            .nodes = spec.nodes,
            .gpus_per_node = spec.shape.gpus,
            .gpu_model = spec.shape.gpu_model.value,
            .cores_per_task = job.cores_per_task,
            .tasks_per_node = spec.tasks_per_node,
            .mem_bytes = spec.shape.memory.value,
            .time_limit_s = whole_seconds_up(spec.time_limit),
            .launcher = spec.launcher,
            .requeue = spec.requeue,
            .held = spec.held,
            .exclusive = spec.shape.exclusive,
            .or_idle = spec.or_idle,
            .begin_at = spec.not_before,
            .within = spec.within,
            .prefer = spec.prefer,
            .notice_signal = spec.notice_signal,
            .notice_seconds = spec.notice_seconds,
            .after = spec.when->after,
            .singleton = spec.when->singleton,
            .deadline_at = spec.when->deadline,
            .include = texts(spec.where->include),
            .exclude = texts(spec.where->exclude),
            .features = texts(spec.where->features),
            .segment = spec.where->segment,
            .segment_level = spec.where->segment_level,
            .reservation = spec.where->reservation,
            .resources = spec.counted->all,
            .array = spec.array->indices,
            .array_running_max = spec.array->running_max,
            .any_of = {},
            .argv = payload.argv,
            .script = payload.script,
            .env = payload.env,
            .chdir = payload.chdir,
            .output = payload.output,
            .error = payload.error};
}

}  // namespace

Expected<JobRequest, Failure> job_request(const Session& session, Launcher of_command, For what) {
    const bool named = !session.arguments.operands.empty();
    if (!named && what == For::Start) {
        return Unexpected{
            usage(session.say(Message::NoCommand), session.say(Message::NoCommandRemedy))};
    }
    const std::vector<std::string> operands =
        named ? session.arguments.operands : std::vector<std::string>{"true"};
    Expected<JobInput, Failure> input =
        named ? read_job_input(session) : Expected<JobInput, Failure>(JobInput{});
    if (!input) {
        return Unexpected{std::move(input).error()};
    }
    config::Submission& job = input->submission;
    if (job.payload.script.empty() && job.payload.argv.empty()) {
        job.payload.argv = operands;
        job.spec.launcher = of_command;
    }
    const Expected<Done, Failure> applied = apply_options(session, job);
    if (!applied) {
        return Unexpected{applied.error()};
    }
    if (job.spec.name.empty()) {
        job.spec.name = file_name(operands.front());
    }
    job.payload.chdir = directory_of(job.payload.chdir);
    if (const Expected<Done, Failure> read = read_any_of(session, job); !read) {
        return Unexpected{read.error()};
    }
    const auto ways = config::whole_alternatives(job);
    if (!ways) {
        return Unexpected{bad_value(session, "--any-of", job.any_of_file, ways.error())};
    }
    JobRequest made{.request = request_of(job), .notes = std::move(input->notes)};
    for (const config::Submission& way : *ways) {
        made.request.any_of.push_back(alternative_of(way));
    }
    return made;
}

}  // namespace khu::cli
