#include <array>

#include "cli/commands/all.h"
#include "cli/decode.h"
#include "cli/given.h"
#include "cli/jobs.h"
#include "config/job_options.h"
#include "config/values.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"-J,--name", "NAME", Message::HelpName},
    {"-t,--time", "TIME", Message::HelpTime},
    {"--begin", "TIME", Message::HelpBegin},
    {"--deadline", "TIME", Message::HelpDeadline},
    {"-q,--qos", "NAME", Message::HelpQos},
    {"-a,--array", "%N", Message::HelpArrayCap},
    {"-L,--resource", "NAME[=N]", Message::HelpResource, Takes::Many},
    {"--no-resources", "", Message::HelpNoResources, Takes::Nothing},
});

/// "%8"; "%0" for any number.
std::optional<std::int64_t> cap_in(const std::string& text) {
    if (!text.starts_with('%')) {
        return std::nullopt;
    }
    const auto cap = config::parse_whole(text.substr(1), 0, limits::array_index_max);
    return cap ? std::optional(*cap) : std::nullopt;
}

/// The options are read by the same table as a submission's; only what was given is sent.
Expected<wire::UpdateRequest, Failure> changes(const Session& session) {
    config::Submission job;
    wire::UpdateRequest request;
    bool any = false;
    for (const Option& option : kOptions) {
        const std::string_view name = long_name(option);
        if (!session.arguments.has(name)) {
            continue;
        }
        any = true;
        const std::string value = session.arguments.text(name);
        if (name == "--array") {
            request.array_running_max = cap_in(value);
            if (!request.array_running_max) {
                return Unexpected{usage(session.say(Message::BadValue, {"--array", value}),
                                        session.say(Message::FormArrayCap))};
            }
            continue;
        }
        if (name == "--resource" || name == "--no-resources") {
            continue;
        }
        const std::optional<config::BadValue> bad = config::apply_option(
            {.name = std::string(name.substr(2)), .value = value, .place = {}}, clock_here(), job);
        if (bad) {
            return Unexpected{bad_value(session, name, value, *bad)};
        }
    }
    if (!any) {
        return Unexpected{usage(session.say(Message::NothingToChange),
                                session.say(Message::NothingToChangeRemedy))};
    }
    const Arguments& given = session.arguments;
    if (given.has("--resource") && given.has("--no-resources")) {
        return Unexpected{usage(session.say(Message::NotTogether, {"--resource", "--no-resources"}),
                                session.say(Message::SeeHelp, {"khu update --help"}))};
    }
    if (given.has("--name")) {
        request.name = job.spec.name;
    }
    if (given.has("--time")) {
        request.time_limit_s = whole_seconds_up(job.spec.time_limit);
    }
    if (given.has("--begin")) {
        request.begin_at = job.spec.not_before;
    }
    if (given.has("--deadline")) {
        request.deadline_at = job.spec.when->deadline;
    }
    if (given.has("--qos")) {
        request.qos = job.spec.qos.value;
    }
    if (given.has("--resource") || given.has("--no-resources")) {
        const auto resources = given_resources(session);
        if (!resources) {
            return Unexpected{resources.error()};
        }
        request.resources = *resources;
    }
    return request;
}

Result update(Session& session) {
    const Expected<wire::UpdateRequest, Failure> request = changes(session);
    if (!request) {
        return Unexpected{request.error()};
    }
    return each_job(session, "/update", encode(*request), Message::Updated);
}

}  // namespace

constinit const Command kUpdate{.name = "update",
                                .operands = "JOB...",
                                .help = Message::HelpUpdate,
                                .options = {kOptions},
                                .refused = Message::Refused,
                                .run = update};

}  // namespace khu::cli
