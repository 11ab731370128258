/// Counted resources: what is in use, and what is booked.

#include <algorithm>

#include "core/machine/counted.h"
#include "daemon/http/call.h"
#include "wire/api_resources.h"

namespace khu::daemon {
namespace {

std::int64_t waiting_for(const State& state, const ResourceId& resource) {
    const Queue& queue = state.scheduler.queue();
    std::int64_t waiting = 0;
    for (const LaneNumber number : queue.wishing()) {
        const Lane& lane = *queue.lane(number);
        if (lane.ready.empty() || lane.key.alternative != 0) {
            continue;
        }
        const JobSpec& spec = state.truth.jobs.at(lane.head.job).spec;
        const bool asks = std::ranges::any_of(
            spec.counted->all, [&](const CountedWish& wish) { return wish.resource == resource; });
        waiting += asks ? static_cast<std::int64_t>(lane.ready.size()) : 0;
    }
    return waiting;
}

void add_use(const State& state, const Identity& who, wire::ResourceView& view) {
    const auto users = state.counted_use.find(view.resource);
    if (users == state.counted_use.end()) {
        return;
    }
    for (const auto& [id, count] : users->second) {
        const Job& job = state.truth.jobs.at(id);
        const bool shown = who.may_read(job.spec.enterprise);
        view.in_use += count;
        view.used.push_back({.job = shown ? id : JobId{},
                             .enterprise = shown ? job.spec.enterprise.value.str() : "-",
                             .count = count,
                             .until_at = live_attempt(job)->deadline});
    }
    std::ranges::stable_sort(view.used, {}, &wire::ResourceUse::until_at);
}

void add_booked(const State& state, const Identity& who, Moment now, wire::ResourceView& view) {
    for (const auto& [id, booking] : state.truth.counted_booked) {
        for (const CountedWish& wish : booking.what) {
            if (wish.resource == view.resource && booking.window.to > now) {
                const bool shown = who.may_read(booking.enterprise);
                view.booked.push_back({.reservation = shown ? id : "-",
                                       .enterprise = shown ? booking.enterprise.value.str() : "-",
                                       .count = wish.count,
                                       .from_at = booking.window.from,
                                       .to_at = booking.window.to});
            }
        }
    }
    std::ranges::stable_sort(view.booked, {}, &wire::ResourceBooked::from_at);
}

}  // namespace

void list_resources(const Call& call) {
    answer_from_state(call, [who = call->caller.who](State& state, Moment now) {
        wire::ResourcePage page;
        if (!state.truth.policy) {
            return page;
        }
        const std::map<ResourceId, JobId> firsts = firsts_in_line(state);
        for (const CountedResource& each : state.truth.policy->resources) {
            wire::ResourceView view;
            view.resource = each.id;
            view.kind = each.kind;
            view.count = each.count;
            view.max_per_enterprise = each.max_per_enterprise;
            view.programmes = each.programmes;
            view.enterprises = each.enterprises;
            view.in_use_own = counted_in_use(state, each.id, who.enterprise);
            view.jobs_waiting = waiting_for(state, each.id);
            const auto first = firsts.find(each.id);
            view.first = first == firsts.end() ? JobId{} : first->second;
            add_use(state, who, view);
            add_booked(state, who, now, view);
            page.resources.push_back(std::move(view));
        }
        return page;
    });
}

}  // namespace khu::daemon
