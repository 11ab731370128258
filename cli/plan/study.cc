#include "cli/plan/study.h"

#include <time.h>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "cli/given.h"
#include "cli/plan/fairness.h"
#include "cli/plan/recorded.h"
#include "cli/plan/settings.h"

namespace khu::cli {
namespace {

constexpr std::size_t kPoints = 400;  ///< of the picture

std::int64_t monotonic_ms() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

/// The word is one of the option's choices: the parser has refused any other.
plan::Runtimes runtimes_of(const Session& session) {
    const std::string word = session.arguments.text("--runtimes");
    if (word == "known") {
        return plan::Runtimes::Known;
    }
    return word == "limits" ? plan::Runtimes::Limits : plan::Runtimes::Predicted;
}

/// Each tenant of the trace must have nodes to run on.
std::optional<Failure> without_nodes(const Session& session, const Setting& setting,
                                     const std::vector<plan::TraceJob>& jobs) {
    std::set<std::string> owners;
    for (const plan::NodeGroup& group : setting.machine.machine.groups) {
        owners.insert(group.tenant);
    }
    if (owners.contains("")) {
        return std::nullopt;
    }
    for (const plan::TraceJob& job : jobs) {
        if (!owners.contains(job.tenant)) {
            return Failure{.exit = ExitCode::Refused,
                           .text = session.say(
                               Message::PlanNoShare,
                               {setting.machine_file, job.tenant.empty() ? "\"\"" : job.tenant}),
                           .remedy = session.say(Message::PlanNoShareRemedy)};
        }
    }
    return std::nullopt;
}

std::vector<Rejected> rejected_of(const Session& session, const plan::Measures& measures,
                                  const plan::ReplayResult& result) {
    std::vector<Rejected> all;
    for (const auto& [code, jobs] : measures.rejected_by_code) {
        const auto first = result.refusals.find(code);
        if (first == result.refusals.end()) {
            all.push_back(
                {.code = code, .jobs = jobs, .text = session.say(Message::PlanNeverStarted)});
            continue;
        }
        const Failure why = from_refusal(first->second, session.language);
        all.push_back({.code = why.code, .jobs = jobs, .text = why.text});
    }
    return all;
}

Expected<PlanOutcome, Failure> replay_once(const Session& session, const Setting& setting,
                                           const std::vector<plan::TraceJob>& jobs) {
    if (std::optional<Failure> none = without_nodes(session, setting, jobs)) {
        return Unexpected{*std::move(none)};
    }
    const std::int64_t began = monotonic_ms();
    const Replayable replayable{.setting = setting, .runtimes = runtimes_of(session)};
    const std::string all = std::to_string(jobs.size());
    const plan::Progress progress = [&](std::size_t done) {
        session.progress(
            session.say(Message::PlanProgress, {setting.name, std::to_string(done), all}));
    };
    const Expected<plan::PlannedZone, std::string> zone =
        plan::plan_zone(setting.machine.machine, jobs, setting.wishes());
    if (!zone) {
        return Unexpected{Failure{.exit = ExitCode::Refused,
                                  .text = setting.machine_file + ": " + zone.error(),
                                  .remedy = session.say(Message::PlanMachineRemedy)}};
    }
    const plan::ReplayResult result =
        plan::replay(*zone, jobs, replayable.runtimes, progress, session.arguments.has("--eta"));
    PlanOutcome outcome{.name = setting.name, .counted = setting.machine.counted};
    outcome.measures = plan::measure(*zone, jobs, result);
    outcome.rejected = rejected_of(session, outcome.measures, result);
    outcome.samples = plan::sample(*zone, jobs, result, kPoints);
    outcome.not_lent = zone->not_lent;
    if (session.arguments.has("--fairness")) {
        outcome.finish_time_ratio = finish_time_ratios(replayable, jobs, outcome.measures);
    }
    outcome.wall_ms = monotonic_ms() - began;
    return outcome;
}

/// The jobs submitted in [--from, --to), with their first submission at 0, which moves `begins`.
Expected<std::vector<plan::TraceJob>, Failure> in_window(const Session& session,
                                                         std::vector<plan::TraceJob> jobs,
                                                         Moment& begins) {
    const std::int64_t end = jobs.back().submit.value / 1000 + 1;
    const Expected<std::int64_t, Failure> from = given_number(session, "--from", 0);
    const Expected<std::int64_t, Failure> to = given_number(session, "--to", end);
    if (!from || !to) {
        return Unexpected{from ? to.error() : from.error()};
    }
    const auto outside = [&](const plan::TraceJob& job) {
        const std::int64_t at = job.submit.value / 1000;
        return at < *from || at >= *to;
    };
    std::erase_if(jobs, outside);
    if (jobs.empty()) {
        return Unexpected{
            usage(session.say(Message::PlanEmptyWindow),
                  session.say(Message::PlanEmptyWindowRemedy, {std::to_string(end - 1)}))};
    }
    const Span first = jobs.front().submit;
    for (plan::TraceJob& job : jobs) {
        job.submit = job.submit - first;
    }
    begins = begins + first;
    return jobs;
}

/// A trace and a machine; or what the zone has run, which brings its own.
Expected<Done, Failure> needed_options(const Session& session) {
    const bool recorded = session.arguments.has("--last");
    if (recorded && session.arguments.has("--trace")) {
        return Unexpected{usage(session.say(Message::NotTogether, {"--trace", "--last"}),
                                session.say(Message::SeeHelp, {"khu plan --help"}))};
    }
    for (const std::string_view needed : {"--trace", "--machine"}) {
        if (!recorded && !session.arguments.has(needed)) {
            return Unexpected{usage(session.say(Message::MissingOption, {"khu plan", needed}),
                                    session.say(Message::SeeHelp, {"khu plan --help"}))};
        }
    }
    return Done{};
}

Expected<Trace, Failure> trace_of_file(const Session& session, const std::string& path,
                                       Counted counted) {
    Expected<Trace, std::vector<Complaint>> trace = read_trace(path, counted);
    if (!trace) {
        return Unexpected{complained(session, trace.error(), Message::PlanTraceRemedy)};
    }
    return *std::move(trace);
}

}  // namespace

Expected<PlanReport, Failure> study(Session& session) {
    const Expected<Done, Failure> complete = needed_options(session);
    if (!complete) {
        return Unexpected{complete.error()};
    }
    const bool recorded = session.arguments.has("--last");
    Expected<Setting, Failure> base =
        recorded ? zone_as_it_is(session) : Expected<Setting, Failure>(Setting{});
    if (!base) {
        return Unexpected{std::move(base).error()};
    }
    Expected<std::vector<Setting>, Failure> settings = read_settings(session, *std::move(base));
    if (!settings) {
        return Unexpected{settings.error()};
    }
    PlanReport report{.trace = recorded ? "--last " + session.arguments.text("--last")
                                        : session.arguments.text("--trace")};
    Expected<Trace, Failure> trace =
        recorded ? recorded_jobs(session)
                 : trace_of_file(session, report.trace, settings->front().machine.counted);
    if (!trace) {
        return Unexpected{std::move(trace).error()};
    }
    report.ignored = std::move(trace->ignored);
    report.never_ran = trace->never_ran;
    Moment begins = trace->begins.value_or(plan::kStart);
    const Expected<std::vector<plan::TraceJob>, Failure> jobs =
        in_window(session, std::move(trace->jobs), begins);
    if (!jobs) {
        return Unexpected{jobs.error()};
    }
    for (Setting& setting : *settings) {
        setting.begins = begins;
        Expected<PlanOutcome, Failure> outcome = replay_once(session, setting, *jobs);
        if (!outcome) {
            return Unexpected{std::move(outcome).error()};
        }
        report.outcomes.push_back(*std::move(outcome));
    }
    return report;
}

}  // namespace khu::cli
