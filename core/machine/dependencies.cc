#include "core/machine/dependencies.h"

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/base/limits.h"

namespace khu {
namespace {

std::int64_t number(JobId job) {
    return static_cast<std::int64_t>(job.value);
}

bool has_begun(const Job& job) {
    const Attempt* attempt = live_attempt(job);
    return attempt != nullptr && attempt->started_at > Moment{0};
}

bool satisfied_by_end(After on, EndCause cause) {
    switch (on) {
        case After::Ok:
            return cause == EndCause::Completed;
        case After::NotOk:
            return cause != EndCause::Completed;
        case After::Any:
        case After::Start:
            return true;
    }
    KHU_CHECK(false, "{}", static_cast<int>(on));
}

/// How a dependency of a job that is being submitted stands.
enum class Standing { Met, Open };

Expected<Standing, Refusal> standing(const State& state, const Identity& who,
                                     const Dependency& each) {
    if (const Job* job = state.find_job(each.job)) {
        if (!who.may_act_for(job->spec.enterprise)) {
            return Unexpected{Refusal(Code::DependencyUnknown).with("job", number(each.job))};
        }
        return each.on == After::Start && has_begun(*job) ? Standing::Met : Standing::Open;
    }
    const auto ended = state.truth.ended.find(each.job);
    if (ended == state.truth.ended.end() || !who.may_act_for(ended->second.enterprise)) {
        return Unexpected{Refusal(Code::DependencyUnknown).with("job", number(each.job))};
    }
    if (!satisfied_by_end(each.on, ended->second.cause)) {
        return Unexpected{Refusal(Code::DependencyDead)
                              .with("job", number(each.job))
                              .with("cause", enum_name(ended->second.cause))
                              .with("wanted", enum_name(each.on))};
    }
    return Standing::Met;
}

/// Every live job of that user and name must end first. Walks all jobs; few submissions ask for it.
void write_out_singleton(const State& state, JobSpec& spec) {
    if (!spec.when->singleton) {
        return;
    }
    TimeRules& rules = spec.when.edit();
    for (const auto& [id, job] : state.truth.jobs) {
        if (job.spec.user == spec.user && job.spec.enterprise == spec.enterprise &&
            job.spec.name == spec.name) {
            rules.after.push_back({.job = id, .on = After::Any});
        }
    }
}

}  // namespace

Expected<bool, Refusal> settle_dependencies(const State& state, const Identity& who,
                                            JobSpec& spec) {
    write_out_singleton(state, spec);
    const auto count = static_cast<std::int64_t>(spec.when->after.size());
    if (count > limits::dependencies_max) {
        return Unexpected{Refusal(Code::AbsurdRequest)
                              .with("what", "jobs to wait for")
                              .with("asked", count)
                              .with("low", 0)
                              .with("high", limits::dependencies_max)};
    }
    bool open = false;
    for (const Dependency& each : spec.when->after) {
        const Expected<Standing, Refusal> stands = standing(state, who, each);
        if (!stands) {
            return Unexpected{stands.error()};
        }
        open = open || *stands == Standing::Open;
    }
    return open;
}

const Dependency* waits_for(const State& state, const Job& job) {
    if (!job.blocked) {
        return nullptr;
    }
    for (const Dependency& each : job.spec.when->after) {
        const Job* other = state.find_job(each.job);
        if (other != nullptr && !(each.on == After::Start && has_begun(*other))) {
            return &each;
        }
    }
    return nullptr;
}

namespace apply_detail {

void index_dependencies(State& state, const Job& job) {
    if (job.blocked) {
        for (const Dependency& each : job.spec.when->after) {
            state.dependents[each.job].insert(job.id);
        }
    }
}

void unindex_dependencies(State& state, const Job& job) {
    state.settled.erase(job.id);
    for (const Dependency& each : job.spec.when->after) {
        const auto waiting = state.dependents.find(each.job);
        if (waiting != state.dependents.end() && waiting->second.erase(job.id) == 1 &&
            waiting->second.empty()) {
            state.dependents.erase(waiting);
        }
    }
}

void dependency_started(State& state, JobId job) {
    const auto waiting = state.dependents.find(job);
    if (waiting == state.dependents.end()) {
        return;
    }
    for (const JobId id : waiting->second) {
        if (waits_for(state, state.truth.jobs.at(id)) == nullptr) {
            state.settled.try_emplace(id);
        }
    }
}

void dependency_ended(State& state, const Job& job, EndCause cause) {
    Truth& truth = state.truth;
    truth.ended.insert_or_assign(job.id,
                                 EndedJob{.enterprise = job.spec.enterprise, .cause = cause});
    if (static_cast<std::int64_t>(truth.ended.size()) > limits::ended_jobs_remembered) {
        truth.ended.erase(truth.ended.begin());
    }
    const auto waiting = state.dependents.find(job.id);
    if (waiting == state.dependents.end()) {
        return;
    }
    for (const JobId id : waiting->second) {
        const Job& dependent = state.truth.jobs.at(id);
        const auto dead =
            std::ranges::find_if(dependent.spec.when->after, [&](const Dependency& each) {
                return each.job == job.id && !satisfied_by_end(each.on, cause);
            });
        if (dead != dependent.spec.when->after.end()) {
            state.settled.insert_or_assign(id, DeadDependency{.job = job.id, .cause = cause});
        } else if (waits_for(state, dependent) == nullptr) {
            state.settled.try_emplace(id);
        }
    }
}

}  // namespace apply_detail
}  // namespace khu
