/// The clock: leases that are over, launches that take too long, time limits, windows of grants;
/// and the facts that follow from the state by themselves.

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/machine/arrays.h"
#include "core/machine/decide.h"
#include "core/machine/floor.h"
#include "core/machine/layers.h"
#include "core/machine/money.h"

namespace khu {
namespace decide_detail {
namespace {

AttemptEnding over(const Job& job, EndCause cause, std::string detail, NodeId suspect) {
    return {.job = job.id,
            .attempt = live_attempt(job)->number,
            .cause = cause,
            .detail = std::move(detail),
            .suspect = suspect,
            .requeue = is_infrastructure(cause) && job.spec.requeue};
}

void lose_node(const State& state, const NodeRecord& node, std::set<JobId>& ended,
               std::vector<Fact>& facts) {
    facts.push_back(NodeLost{node.id});
    const auto jobs = state.jobs_on.find(node.id);
    if (jobs == state.jobs_on.end()) {
        return;
    }
    for (const JobId id : jobs->second) {
        const Job& job = state.truth.jobs.at(id);
        const std::string why = "node " + node.name.value + " is lost";
        if (!std::holds_alternative<Ending>(job.phase) && ended.insert(id).second) {
            facts.push_back(over(job, EndCause::NodeFail, why, node.id));
        } else if (may_be_revised(job) && ended.insert(id).second) {
            facts.push_back(revised(job, EndCause::NodeFail, why, node.id));
        }
        facts.push_back(
            NodeReleased{.job = id, .attempt = live_attempt(job)->number, .node = node.id});
    }
}

/// The first node that is not ready; only asked of a gang that is not.
NodeId laggard(const Attempt& attempt) {
    const auto at = std::ranges::find(attempt.stages, NodeStage::Ordered);
    KHU_CHECK(at != attempt.stages.end());
    return attempt.placement.nodes[static_cast<std::size_t>(at - attempt.stages.begin())].node;
}

void look_at(const Job& job, Moment now, std::vector<Fact>& facts) {
    const Attempt* attempt = live_attempt(job);
    if (attempt == nullptr && job.progress->live > 0) {
        facts.push_back(ArrayTrimmed{.job = job.id, .cause = EndCause::DeadlineMissed, .by = {}});
        return;
    }
    if (attempt == nullptr) {
        facts.push_back(JobDropped{.job = job.id,
                                   .cause = EndCause::DeadlineMissed,
                                   .by = {},
                                   .detail = "it could no longer end before its deadline"});
        return;
    }
    if (std::holds_alternative<Ending>(job.phase)) {
        return;
    }
    if (attempt->deadline <= now) {
        facts.push_back(over(job, EndCause::TimeLimit, "reached its time limit", NodeId{}));
    } else if (std::holds_alternative<Starting>(job.phase) && !gang_ready(*attempt) &&
               attempt->taken_at + limits::launch_timeout <= now) {
        facts.push_back(
            over(job, EndCause::LaunchFail, "not every node was ready in time", laggard(*attempt)));
    }
}

}  // namespace

Decided on(State& state, const Tick&, Moment now) {
    Decision decision;
    std::set<JobId> ended;
    for (const auto& [id, heard] : state.heard_at) {
        const NodeRecord& node = state.truth.nodes.at(id);
        if (node.up && heard + limits::lease + limits::lease_skew <= now) {
            lose_node(state, node, ended, decision.facts);
        }
    }
    for (const auto& [at, id] : state.job_timers) {
        if (at > now) {
            break;
        }
        if (!ended.contains(id)) {
            const std::size_t before = decision.facts.size();
            look_at(state.truth.jobs.at(id), now, decision.facts);
            if (decision.facts.size() > before) {
                ended.insert(id);
            }
        }
    }
    const std::optional<Moment> expiry = state.truth.ledger.next_expiry();
    if (expiry && *expiry <= now) {
        decision.facts.push_back(GrantsExpired{});
    }
    std::ranges::move(layers_due(state, now), std::back_inserter(decision.facts));
    if (std::optional<Fact> policy = scheduled_policy_due(state, now)) {
        decision.facts.push_back(std::move(*policy));
    }
    if (decision.facts.empty()) {
        decision.facts = floor_due(state, now);
    }
    // What was just decided may end a job that would be told, or move its start: another tick.
    return decision.facts.empty() ? on(state, GiveEtas{}, now) : Decided(std::move(decision));
}

}  // namespace decide_detail

namespace {

Span backoff(int fails) {
    Span wait = seconds(1);
    for (int i = 1; i < fails && wait < limits::retry_backoff_max; ++i) {
        wait = wait * 2;
    }
    return std::min(wait, limits::retry_backoff_max);
}

Fact settled(JobId job, const DeadDependency& dead) {
    if (dead.job == JobId{}) {
        return DependenciesMet{job};
    }
    return JobDropped{.job = job,
                      .cause = EndCause::DependencyFailed,
                      .by = {},
                      .detail = "job " + std::to_string(dead.job.value) +
                                ", for which it waited, ended by " + enum_name(dead.cause)};
}

}  // namespace

std::optional<Fact> consequence(const State& state, Moment now) {
    if (state.budgets_due) {
        return BudgetsSet{budgets_due(state)};
    }
    if (state.to_close.empty()) {
        const auto first = state.settled.begin();
        return first == state.settled.end() ? array_consequence(state)
                                            : std::optional(settled(first->first, first->second));
    }
    const Job& job = state.truth.jobs.at(*state.to_close.begin());
    const Attempt& attempt = *live_attempt(job);
    const auto* ending = std::get_if<Ending>(&job.phase);
    if (ending == nullptr) {  // every node ended well by itself
        return AttemptEnding{
            .job = job.id, .attempt = attempt.number, .cause = EndCause::Completed};
    }
    AttemptClosed closed{.job = job.id, .attempt = attempt.number};
    closed.requeue = state.truth.books.at(job.id).requeue && !job.cancel_requested;
    if (closed.requeue && is_infrastructure(ending->cause)) {
        const int fails = job.infrastructure_fails + 1;
        closed.hold_job = fails >= limits::attempts_per_job_max;
        closed.not_before = now + backoff(fails);
    }
    return closed;
}

}  // namespace khu
