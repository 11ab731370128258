#include "core/sim/owner_waits.h"

#include <fmt/format.h>

#include "core/base/limits.h"
#include "core/jobs/alternatives.h"
#include "core/placement/fit.h"

namespace khu::sim {
namespace {

/// The first that may start; null if there is none.
const Job* first_in_line(const State& state) {
    const Queue& queue = state.scheduler.queue();
    std::optional<std::pair<QueueOrder, JobId>> first;
    for (const auto& [id, job] : state.truth.jobs) {
        if (queue.contains(id) && queue.ready(id) &&
            (!first || queue.order_of(id) < first->first)) {
            first = std::pair(queue.order_of(id), id);
        }
    }
    return first ? &state.truth.jobs.at(first->second) : nullptr;
}

/// It is an owner's, and only nodes are what it waits for.
bool owner_waits_for_nodes(const State& state, const Job& job, Moment now) {
    const JobSpec& spec = job.spec;
    if (ways_of(spec) > 1 || spec.nodes > 1 || spec.shape.exclusive || !spec.within.empty() ||
        *spec.where != NodeRules{} || !spec.counted->all.empty() ||
        !is_lent(*state.truth.policy, spec) || !is_owners(state.lending.pools, spec, false)) {
        return false;
    }
    const std::optional<Reason> why = state.scheduler.why(job.id, now);
    return why && (why->code == Code::ResourcesBusy || why->code == Code::LentOut);
}

/// Whether it would start if that attempt alone were gone.
bool would_do(const State& state, const Job& waits, const Job& goes, Moment now) {
    const std::vector<NodeAllocation>& has = live_attempt(goes)->placement.nodes;
    const ClusterNode* at = state.scheduler.cluster().find(has.front().node);
    if (has.size() > 1 || at == nullptr || at->health != NodeHealth::Up) {
        return false;
    }
    LendingPool pool = state.lending.pools.at(goes.spec.partition);
    pool.use(goes.spec.programme, -gpus_asked(goes.spec));
    const GangRequest request = request_of(waits.spec, NodeId{});
    const Span longest =
        waits.spec.time_limit + state.scheduler.preemption().grace + limits::promise_slack;
    const NodeFilter open = unbooked(state.scheduler.bookings(), request,
                                     {.from = now, .limit = longest}, NodeFilter{});
    NodeState node = at->state;
    node.give(has.front());
    return pool.ask(waits.spec.programme, gpus_asked(waits.spec)).lacking == 0 &&
           node.open_to(request.enterprise) &&
           can_fit(node, request.shape,
                   state.scheduler.cluster().partition(request.partition)->share) &&
           (!open || open(at->id));
}

}  // namespace

std::optional<std::string> owner_kept_waiting(const State& state, Moment now) {
    if (!state.truth.policy || !state.truth.promises.empty() || state.lending.stale ||
        state.next_wake() <= now) {
        return std::nullopt;  // Promised jobs have what is given back.
    }
    const Job* waits = first_in_line(state);
    if (waits == nullptr || !owner_waits_for_nodes(state, *waits, now)) {
        return std::nullopt;
    }
    for (const auto& [id, job] : state.truth.jobs) {
        const RunningJob* running = state.scheduler.running().find(id);
        if (running != nullptr && running->borrowed && running->yields_at <= now &&
            !std::holds_alternative<Ending>(job.phase) &&
            job.spec.partition == waits->spec.partition && would_do(state, *waits, job, now)) {
            return fmt::format("I-36 job {} of an owner waits for job {}, which has borrowed",
                               waits->id.value, id.value);
        }
    }
    return std::nullopt;
}

}  // namespace khu::sim
