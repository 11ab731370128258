#include "core/machine/floor.h"

#include <algorithm>
#include <vector>

#include "core/base/limits.h"
#include "core/jobs/alternatives.h"
#include "core/jobs/array.h"
#include "core/machine/apply.h"

namespace khu {
namespace {

const Floor& rule_of(const State& state) {
    return state.truth.policy->fairshare.floor;
}

bool runs_something(const State& state, const EnterpriseId& enterprise) {
    for (auto use = state.usage.lower_bound({enterprise, ProgrammeId{}});
         use != state.usage.end() && use->first.first == enterprise; ++use) {
        if (use->second.running_gpus > 0) {
            return true;
        }
    }
    return false;
}

int lifted_gpus(const State& state, const EnterpriseId& enterprise) {
    int gpus = 0;
    if (const auto lifted = state.floor.lifted.find(enterprise);
        lifted != state.floor.lifted.end()) {
        for (const auto& [job, of] : lifted->second) {
            gpus += of;
        }
    }
    return gpus;
}

/// Adds those of one enterprise that are due. Gives when the next of it will be; kNever if an event
/// must come first.
Moment lift(const State& state, const EnterpriseId& enterprise, Moment now,
            std::vector<Fact>& facts) {
    const Floor& rule = rule_of(state);
    if (runs_something(state, enterprise)) {
        return kNever;
    }
    if (!state.truth.ledger.has_live_grant(enterprise, now)) {
        return now + limits::floor_again;  // One may open.
    }
    int gpus = lifted_gpus(state, enterprise);
    for (const auto& [since, id] : state.floor.waiting.at(enterprise)) {
        if (since + rule.after_wait > now) {
            return since + rule.after_wait;
        }
        const int asked = gpus_at_most(state.truth.jobs.at(id).spec);
        if (gpus + asked <= rule.per_enterprise_gpus) {
            gpus += asked;
            facts.push_back(FloorApplied{id});
        }
        if (gpus == rule.per_enterprise_gpus) {
            break;
        }
    }
    return kNever;
}

}  // namespace

int gpus_at_most(const JobSpec& spec) {
    int most = spec.nodes * spec.shape.gpus;
    for (const Alternative& way : spec.any_of->ways) {
        most = std::max(most, way.nodes * way.shape.gpus);
    }
    return most;
}

std::vector<Fact> floor_due(State& state, Moment now) {
    std::vector<Fact> facts;
    if (state.floor.due_at > now || !state.truth.policy) {
        return facts;
    }
    Moment next = kNever;
    for (const auto& [enterprise, jobs] : state.floor.waiting) {
        next = std::min(next, lift(state, enterprise, now, facts));
    }
    state.floor.due_at = next;
    return facts;
}

void cut_ages(State& state, Moment now) {
    const std::int64_t day = day_of(now);
    if (day <= state.age_day || !state.truth.policy) {
        return;
    }
    state.age_day = day;
    const Moment oldest = Moment{0} + days(1) * day - state.truth.policy->priority.age.cap;
    for (const auto& [id, job] : state.truth.jobs) {  // in the order in which they were submitted
        if (job.submitted_at >= oldest) {
            break;
        }
        if (std::holds_alternative<Queued>(job.phase) && !is_array(job.spec)) {
            apply_detail::stand_anew(state, job, now);
        }
    }
}

namespace apply_detail {

void watch_floor(State& state, const Job& job) {
    const int gpus = gpus_at_most(job.spec);
    const Floor& rule = rule_of(state);
    const Qos* qos = find_qos(*state.truth.policy, job.spec.qos);
    if (job.at_floor) {
        state.floor.lifted[job.spec.enterprise][job.id] = gpus;
    } else if (gpus > 0 && gpus <= rule.per_enterprise_gpus && !job.spec.held && !job.blocked &&
               !is_array(job.spec) && qos != nullptr && !is_idle_class(*qos)) {
        const Moment since = std::max(std::get<Queued>(job.phase).since, job.spec.not_before);
        state.floor.waiting[job.spec.enterprise].emplace(since, job.id);
        state.floor.since[job.id] = since;
        state.floor.due_at = std::min(state.floor.due_at, since + rule.after_wait);
    }
}

void unwatch_floor(State& state, const Job& job) {
    if (const auto lifted = state.floor.lifted.find(job.spec.enterprise);
        lifted != state.floor.lifted.end()) {
        if (lifted->second.erase(job.id) > 0) {
            state.floor.due_at = Moment{0};  // Another may have its part.
        }
        if (lifted->second.empty()) {
            state.floor.lifted.erase(lifted);
        }
    }
    const auto since = state.floor.since.find(job.id);
    if (since == state.floor.since.end()) {
        return;
    }
    const auto waiting = state.floor.waiting.find(job.spec.enterprise);
    waiting->second.erase({since->second, job.id});
    if (waiting->second.empty()) {
        state.floor.waiting.erase(waiting);
    }
    state.floor.since.erase(since);
}

void review_floor(State& state, const EnterpriseId& enterprise, Moment at) {
    if (state.floor.waiting.contains(enterprise)) {
        state.floor.due_at = std::min(state.floor.due_at, at);
    }
}

}  // namespace apply_detail
}  // namespace khu
