/// Step 6 of a round: places are cleared for jobs that are charged, and taken when they are free.

#include <algorithm>

#include "core/placement/gang.h"
#include "core/schedule/round_steps.h"

namespace khu {

/// The promised jobs come first: their places are nobody else's to take.
void Round::start_cleared() {
    std::vector<std::pair<QueueOrder, JobId>> order;
    for (const auto& [job, promise] : in_.clearings.all()) {
        order.emplace_back(in_.queue.order_of(job, promise.alternative), job);
    }
    std::ranges::sort(order);
    for (const auto& [place, job] : order) {
        settled_.insert(job);
        keep(job);
    }
}

/// Where else it may start: on nodes that are as full as those promised, without free work. Others
/// only look full, and if a narrow job sat down there, none would become whole for a wide one.
NodeFilter Round::as_full_as(const Clearing& promise, const Look& look) const {
    const auto room = [this, job = promise.job](NodeId node) {
        const NodeState state = without_free_work(view(), in_.cluster.at(node), job);
        return std::pair(state.free_gpu_count(), state.free_cores());
    };
    auto most = room(promise.nodes.front());
    for (const NodeId node : promise.nodes) {
        most = std::max(most, room(node));
    }
    return [most, room, free = leaving_room(look, bars_of(look))](NodeId node) {
        return (!free || free(node)) && room(node) <= most;
    };
}

void Round::keep(JobId job) {
    const Clearing promise = *in_.clearings.find(job);
    const int way = promise.alternative;
    const LaneNumber lane = in_.queue.lane_of(job, way);
    const Lane& of = *in_.queue.lane(lane);
    const Look look = look_at(visit_of(of.key.shape), lane, of, in_.queue.order_of(job, way));
    ++result_.looked_at;
    if (look.way.yields || !intact(promise) || in_.admission.admit(job, way)) {
        result_.lapsed.push_back(job);
        return;
    }
    if (in_.admission.lent_out(job, way)) {
        return;  // Those that were told are still there.
    }
    const NodeFilter its_own = [&](NodeId node) {
        return std::ranges::binary_search(promise.nodes, node);
    };
    Expected<Placement, Misfit> placement =
        place(in_.cluster, look.request,
              by_calendar(look, beside_clearings(view(), job, look.request, its_own)));
    if (!placement) {
        placement = place(in_.cluster, look.request, as_full_as(promise, look));
    }
    if (placement) {
        kept_.push_back(in_.clearings.remove(job));
        start(look, std::move(*placement));
    }
}

bool Round::intact(const Clearing& promise) const {
    const auto& members = in_.cluster.members(promise.request.partition);
    return in_.now <= promise.by + limits::promise_slack &&
           std::ranges::all_of(promise.nodes, [&](NodeId node) {
               const auto member = members.find(node);
               return member != members.end() && member->second->health == NodeHealth::Up;
           });
}

std::optional<Room> Round::room_for(const Look& look, const std::vector<PromiseKey>& bars) const {
    if (!may_clear(look)) {
        return std::nullopt;
    }
    StateFilter allowed;
    // It starts within the time that its promise will have.
    const Span longest = look.time_limit + longest_to_clear();
    const NodeFilter open =
        unbooked(in_.bookings, look.request, {.from = in_.now, .limit = longest}, {});
    if (!bars.empty() || open) {
        allowed = [&](NodeId node, const NodeState& state) {
            return (!open || open(node)) && std::ranges::all_of(bars, [&](const PromiseKey& bar) {
                       const StartReservation& reserved = *memo_.promises_.find(bar);
                       return reserved.then_on(node) == nullptr ||
                              leaves_room(reserved, in_.cluster, look.request, node, state);
                   });
        };
    }
    return make_room(view(), in_.rule, look.request, allowed, may_tell(look), in_.now);
}

/// Where there is free work that gives way, a job of one node takes of the nodes that have room for
/// it, now or when those have left who were told, the one that is fullest without that work: the
/// others only look full, and if it sat down there, no node would become whole for a wide job.
Expected<Placement, Misfit> Round::place_now(const Look& look,
                                             const std::vector<PromiseKey>& bars) const {
    const NodeFilter free = leaving_room(look, bars_of(look));
    const std::optional<Room> room =
        of_one_node(look.request) ? room_for(look, bars) : std::nullopt;
    if (!room || !room->victims.empty()) {
        return place(in_.cluster, look.request, free);
    }
    const NodeId fullest = room->nodes.front().node;
    return place(in_.cluster, look.request,
                 [&](NodeId node) { return node == fullest && (!free || free(node)); });
}

MayTell Round::whom(const Look& look) const {
    if (look.way.yields) {
        return MayTell::Nobody;
    }
    return in_.admission.reclaims(look.order.job, look.order.alternative) ? MayTell::Borrowers
                                                                          : MayTell::FreeWork;
}

TellFilter Round::may_tell(const Look& look) const {
    return [whom = whom(look)](const RunningJob& attempt) {
        return !attempt.borrowed || whom == MayTell::Borrowers;
    };
}

/// Who has borrowed what the job lacks goes too, wherever it runs in the partition.
bool Round::call_in(const Look& look, Room& room) const {
    const auto enough = [&](const std::vector<JobId>& more) {
        std::vector<JobId> all = room.victims;
        all.insert(all.end(), more.begin(), more.end());
        return in_.admission.enough_without(look.order.job, look.order.alternative, all);
    };
    if (enough({})) {
        return true;
    }
    const TellFilter of_its_job = may_tell(look);
    const TellFilter borrowers = [&](const RunningJob& attempt) {
        return attempt.borrowed && of_its_job(attempt);
    };
    const std::optional<std::vector<JobId>> more = cheapest_until(
        view(), in_.rule, look.request.partition, borrowers, room.victims, enough, in_.now);
    if (more) {
        room.victims.insert(room.victims.end(), more->begin(), more->end());
        std::ranges::sort(room.victims);
    }
    return more.has_value();
}

/// Step 6. The job counts as started for everybody after it, where it will be. None if others could
/// not make room for it, or need not.
std::optional<Round::Verdict> Round::make_way(const Look& look,
                                              const std::vector<PromiseKey>& bars) {
    std::optional<Room> room = other_way_starts(look) ? std::nullopt : room_for(look, bars);
    if (!room) {
        return std::nullopt;
    }
    if (std::optional<Reason> reason =
            in_.admission.runs_out(look.order.job, look.order.alternative, longest_to_clear())) {
        promise_later(look, *reason);
        park(look, *std::move(reason));
        return Verdict::NextLane;
    }
    if (!call_in(look, *room)) {
        return std::nullopt;
    }
    Clearing promise{.job = look.order.job,
                     .request = look.request,
                     .time_limit = look.time_limit,
                     .nodes = {},
                     .by = in_.now + in_.rule.grace,
                     .alternative = look.order.alternative};
    for (const NodeAllocation& allocation : room->nodes) {
        promise.nodes.push_back(allocation.node);
        take_from_reservations(look, allocation);
    }
    for (const JobId victim : room->victims) {
        in_.clearings.leaving(victim, promise.by);
    }
    in_.clearings.add(promise);
    in_.admission.told(room->victims);
    in_.admission.promised(look.order.job, look.order.alternative);
    settled_.insert(look.order.job);
    result_.evictions.push_back({std::move(promise), std::move(room->victims)});
    step_aside(look);
    return Verdict::NextJob;
}

}  // namespace khu
