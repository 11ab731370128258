#include "core/machine/counted.h"

#include <algorithm>

#include "core/machine/counted_uses.h"
#include "core/schedule/later.h"

namespace khu {

CountedTimeline counted_timeline(const State& state, const CountedResource& resource, Moment now) {
    CountedTimeline timeline(resource.count);
    const auto add = [&](const CountedHold& hold) { timeline.add(hold); };
    each_use(state, resource.id, now, add);
    each_promised(state, resource.id, now, add);
    for (const auto& [id, booking] : state.truth.counted_booked) {
        for (const CountedWish& wish : booking.what) {
            if (wish.resource == resource.id) {
                timeline.add({.enterprise = booking.enterprise,
                              .time = {std::max(booking.window.from, now), booking.window.to},
                              .count = wish.count,
                              .as = CountedAs::SetAside});
            }
        }
    }
    return timeline;
}

std::int64_t counted_in_use(const State& state, const ResourceId& resource) {
    std::int64_t sum = 0;
    each_use(state, resource, Moment{0}, [&](const CountedHold& hold) { sum += hold.count; });
    return sum;
}

std::int64_t counted_in_use(const State& state, const ResourceId& resource,
                            const EnterpriseId& enterprise) {
    std::int64_t sum = 0;
    each_use(state, resource, Moment{0}, [&](const CountedHold& hold) {
        sum += hold.enterprise == enterprise ? hold.count : 0;
    });
    return sum;
}

bool waits_for_counted(const Reason& reason) {
    return reason.code != Code::CountedLimit && there_by(reason).has_value();
}

std::map<ResourceId, JobId> firsts_in_line(const State& state) {
    const Queue& queue = state.scheduler.queue();
    std::map<ResourceId, QueueOrder> firsts;
    for (const LaneNumber number : queue.wishing()) {
        const Lane& lane = *queue.lane(number);
        const Reason* parked = state.scheduler.memo().parked(number);
        if (lane.ready.empty() || parked == nullptr || !waits_for_counted(*parked)) {
            continue;
        }
        for (const CountedWish& wish : state.truth.jobs.at(lane.head.job).spec.counted->all) {
            const auto [first, fresh] = firsts.try_emplace(wish.resource, lane.head);
            first->second = std::min(first->second, lane.head);
        }
    }
    std::map<ResourceId, JobId> jobs;
    for (const auto& [resource, order] : firsts) {
        jobs.emplace(resource, order.job);
    }
    return jobs;
}

bool review_line(State& state) {
    CountedLine line{.firsts = firsts_in_line(state), .promised = {}};
    if (!state.scheduler.queue().wishing().empty()) {
        for (const auto& [key, promise] : state.scheduler.memo().reservations()) {
            if (!state.truth.jobs.at(promise.job).spec.counted->all.empty()) {
                line.promised.emplace(promise.job, promise.at);
            }
        }
    }
    const auto lost = [](const auto& before, const auto& now) {
        return std::ranges::any_of(before, [&](const auto& each) {
            const auto found = now.find(each.first);
            return found == now.end() || found->second != each.second;
        });
    };
    const bool gone = lost(state.counted_line.firsts, line.firsts) ||
                      lost(state.counted_line.promised, line.promised);
    state.counted_line = std::move(line);
    if (gone) {
        state.scheduler.counted_changed();
    }
    return gone;
}

std::optional<Moment> next_counted_end(const State& state, Moment after) {
    std::optional<Moment> next;
    for (const auto& [id, booking] : state.truth.counted_booked) {
        if (booking.window.to > after && (!next || booking.window.to < *next)) {
            next = booking.window.to;
        }
    }
    return next;
}

namespace apply_detail {

void counted_begins(State& state, const Job& job) {
    for (const CountedWish& wish : job.spec.counted->all) {
        state.counted_use[wish.resource].emplace(job.id, wish.count);
    }
}

void counted_ends(State& state, const Job& job) {
    for (const CountedWish& wish : job.spec.counted->all) {
        const auto users = state.counted_use.find(wish.resource);
        KHU_CHECK(users != state.counted_use.end() && users->second.erase(job.id) == 1, "job {}",
                  job.id.value);
        if (users->second.empty()) {
            state.counted_use.erase(users);
        }
    }
    counted_leaves(state, job);
}

void counted_leaves(State& state, const Job& job) {
    if (!job.spec.counted->all.empty()) {
        state.scheduler.counted_changed();
    }
}

}  // namespace apply_detail
}  // namespace khu
