#include "cli/job_request.h"

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <optional>

#include "cli/script_file.h"
#include "cli/values.h"

namespace khu::cli {
namespace {

/// Collects what the options say; the first that is wrong stays in `failure`.
class OptionReader {
public:
    OptionReader(const Session& session, wire::SubmitRequest& request)
        : session_(session), request_(request) {}

    std::optional<Failure> failure;

    void read_texts();
    void read_numbers();
    void read_shape();
    void read_times();
    void read_flags();
    void read_environment();

private:
    [[nodiscard]] bool given(std::string_view option) const {
        return session_.arguments.has(option) && !failure;
    }
    void wrong(std::string_view option, Message form) {
        failure = usage(session_.say(Message::BadValue, {option, session_.arguments.text(option)}),
                        session_.say(form));
    }
    void take_count(std::string_view option, std::int64_t& into);

    const Session& session_;
    wire::SubmitRequest& request_;
};

void OptionReader::take_count(std::string_view option, std::int64_t& into) {
    if (!given(option)) {
        return;
    }
    const std::optional<std::int64_t> number = parse_count(session_.arguments.text(option));
    if (number) {
        into = *number;
    } else {
        wrong(option, Message::FormCount);
    }
}

void OptionReader::read_texts() {
    const auto take = [this](std::string_view option, std::string& into) {
        if (given(option)) {
            into = session_.arguments.text(option);
        }
    };
    take("--partition", request_.partition);
    take("--qos", request_.qos);
    take("--programme", request_.programme);
    take("--project", request_.project);
    take("--enterprise", request_.enterprise);
    take("--name", request_.name);
    take("--within", request_.within);
    take("--prefer", request_.prefer);
    take("--output", request_.output);
    take("--error", request_.error);
    take("--chdir", request_.chdir);
}

void OptionReader::read_numbers() {
    take_count("--nodes", request_.nodes);
    take_count("--cores-per-task", request_.cores_per_task);
    take_count("--tasks-per-node", request_.tasks_per_node);
}

void OptionReader::read_shape() {
    if (given("--gpus-per-node")) {
        const auto gpus = parse_gpus(session_.arguments.text("--gpus-per-node"));
        if (!gpus) {
            return wrong("--gpus-per-node", Message::FormGpus);
        }
        request_.gpus_per_node = gpus->count;
        request_.gpu_model = gpus->model;
    }
    if (given("--mem")) {
        const auto size = parse_size(session_.arguments.text("--mem"));
        if (!size) {
            return wrong("--mem", Message::FormSize);
        }
        request_.mem_bytes = size->value;
    }
    const std::string launcher = session_.arguments.text("--launcher");
    for (const auto& [name, value] :
         std::array<std::pair<std::string_view, Launcher>, 4>{{{"mpi", Launcher::Mpi},
                                                               {"torch", Launcher::Torch},
                                                               {"fork", Launcher::Fork},
                                                               {"script", Launcher::Script}}}) {
        request_.launcher = launcher == name ? value : request_.launcher;
    }
}

void OptionReader::read_times() {
    if (given("--time")) {
        const auto limit = parse_duration(session_.arguments.text("--time"));
        if (!limit) {
            return wrong("--time", Message::FormDuration);
        }
        request_.time_limit_s = whole_seconds_up(*limit);
    }
    if (given("--begin")) {
        const auto begin = parse_moment(session_.arguments.text("--begin"), wall_now());
        if (!begin) {
            return wrong("--begin", Message::FormMoment);
        }
        request_.begin_at = *begin;
    }
    if (given("--signal")) {
        const auto signal = parse_signal(session_.arguments.text("--signal"));
        if (!signal) {
            return wrong("--signal", Message::FormSignal);
        }
        request_.notice_signal = signal->number;
        request_.notice_seconds = signal->seconds;
    }
}

void OptionReader::read_flags() {
    request_.exclusive = request_.exclusive || given("--exclusive");
    request_.held = request_.held || given("--hold");
    if (given("--requeue") || given("--no-requeue")) {
        request_.requeue = given("--requeue");
    }
}

void OptionReader::read_environment() {
    for (const std::string& text : session_.arguments.all("--env")) {
        const std::size_t equals = text.find('=');
        const std::string name = text.substr(0, equals);
        const char* own = std::getenv(name.c_str());
        if (name.empty() || (equals == std::string::npos && own == nullptr)) {
            failure = usage(session_.say(Message::BadValue, {"--env", text}),
                            session_.say(Message::FormEnv));
            return;
        }
        request_.env[name] = equals == std::string::npos ? own : text.substr(equals + 1);
    }
}

/// Where relative paths of the job begin: this directory, as with sbatch.
void set_directory(wire::SubmitRequest& request) {
    if (request.chdir.starts_with('/')) {
        return;
    }
    std::array<char, PATH_MAX> here{};
    if (::getcwd(here.data(), here.size()) == nullptr) {
        return;
    }
    const bool relative = !request.chdir.empty() && request.chdir != ".";
    request.chdir = std::string(here.data()) + (relative ? "/" + request.chdir : "");
}

std::string file_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

}  // namespace

Expected<Done, Failure> apply_options(const Session& session, wire::SubmitRequest& request) {
    OptionReader reader(session, request);
    reader.read_texts();
    reader.read_numbers();
    reader.read_shape();
    reader.read_times();
    reader.read_flags();
    reader.read_environment();
    if (reader.failure) {
        return Unexpected{*std::move(reader.failure)};
    }
    return Done{};
}

Expected<JobRequest, Failure> job_request(const Session& session, Launcher of_command) {
    const std::vector<std::string>& operands = session.arguments.operands;
    if (operands.empty()) {
        return Unexpected{
            usage(session.say(Message::NoCommand), session.say(Message::NoCommandRemedy))};
    }
    Expected<JobRequest, Failure> job = read_job_input(session);
    if (!job) {
        return job;
    }
    if (job->request.script.empty() && job->request.argv.empty()) {
        job->request.argv = operands;
        job->request.launcher = of_command;
    }
    const Expected<Done, Failure> applied = apply_options(session, job->request);
    if (!applied) {
        return Unexpected{applied.error()};
    }
    if (job->request.name.empty()) {
        job->request.name = file_name(operands.front());
    }
    set_directory(job->request);
    return job;
}

}  // namespace khu::cli
