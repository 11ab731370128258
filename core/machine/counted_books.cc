#include "core/machine/counted_books.h"

#include <algorithm>
#include <set>

#include "core/jobs/alternatives.h"
#include "core/machine/citing.h"
#include "core/machine/counted_uses.h"
#include "core/machine/own_rules.h"
#include "core/schedule/later.h"

namespace khu {
namespace {

/// Moments that a forecast looks at again for counted resources; later ones are not foreseen.
constexpr std::size_t kGivenBackMax = 64;

/// What the job names of that resource; 0: nothing.
int asked_of(const JobSpec& spec, const ResourceId& resource) {
    for (const CountedWish& wish : spec.counted->all) {
        if (wish.resource == resource) {
            return wish.count;
        }
    }
    return 0;
}

}  // namespace

CountedBooks::Line& CountedBooks::line(const CountedResource& resource) {
    const auto known = lines_.find(resource.id);
    if (known != lines_.end()) {
        return known->second;
    }
    Line made{.all = {.timeline = counted_timeline(state_, resource, now_)}};
    const auto count = [&](const CountedHold& hold) {
        made.used += hold.count;
        ++made.jobs;
    };
    each_use(state_, resource.id, now_, count);
    each_promised(state_, resource.id, now_, count);
    return lines_.emplace(resource.id, std::move(made)).first->second;
}

CountedBooks::Share* CountedBooks::own_share(const CountedResource& resource,
                                             const EnterpriseId& enterprise) {
    if (resource.max_per_enterprise == 0) {
        return nullptr;
    }
    std::map<EnterpriseId, Share>& own = line(resource).own;
    const auto known = own.find(enterprise);
    if (known != own.end()) {
        return &known->second;
    }
    CountedTimeline timeline(resource.max_per_enterprise);
    const auto add = [&](const CountedHold& hold) {
        if (hold.enterprise == enterprise) {
            timeline.add(hold);
        }
    };
    each_use(state_, resource.id, now_, add);
    each_promised(state_, resource.id, now_, add);
    return &own.emplace(enterprise, Share{.timeline = std::move(timeline), .own = true})
                .first->second;
}

std::vector<CountedBooks::Share*> CountedBooks::shares_of(const Wish& wish) {
    std::vector<Share*> shares{&line(wish.resource).all};
    if (Share* own = own_share(wish.resource, wish.by.spec.enterprise)) {
        shares.push_back(own);
    }
    return shares;
}

/// Who was the first in line when the round began: those that were refused and stand first.
void CountedBooks::look_at_queue() {
    if (std::exchange(looked_, true)) {
        return;
    }
    const Queue& queue = state_.scheduler.queue();
    std::set<std::pair<QueueOrder, bool>> waiting;
    for (const LaneNumber number : queue.wishing()) {
        const Lane& lane = *queue.lane(number);
        const Reason* parked = state_.scheduler.memo().parked(number);
        if (!lane.ready.empty() && parked != nullptr && there_by(*parked)) {
            waiting.emplace(lane.head, parked->code == Code::CountedLimit);
        }
    }
    for (const auto& [order, own] : waiting) {
        const JobSpec& asked = state_.truth.jobs.at(order.job).spec;
        if (counted_not_offered(policy_for(state_, asked.enterprise), asked)) {
            continue;
        }
        const JobSpec spec = in_way(asked, order.alternative);
        const Asker asker{order.job, spec, order};
        const std::vector<Wish> wishes = wishes_of(asker);
        if (may_be_first(wishes, own)) {
            stand_in_line(wishes, earliest(wishes), own);
        }
    }
}

std::vector<CountedBooks::Wish> CountedBooks::wishes_of(const Asker& asker) const {
    const Policy& policy = policy_for(state_, asker.spec.enterprise);
    std::vector<Wish> wishes;
    for (const CountedWish& each : asker.spec.counted->all) {
        wishes.push_back({asker, *find_resource(policy, each.resource), each.count});
    }
    return wishes;
}

std::optional<Reason> CountedBooks::refuses(JobId job, const JobSpec& spec,
                                            const QueueOrder& order) {
    if (spec.counted->all.empty()) {
        return std::nullopt;
    }
    if (std::optional<Refusal> never = counted_over(policy_for(state_, spec.enterprise), spec)) {
        return cited_own(state_, spec.enterprise, *std::move(never));
    }
    const Asker asker{job, spec, order};
    const std::vector<Wish> wishes = wishes_of(asker);
    if (state_.truth.promises.contains(job)) {
        return lost_since(wishes);
    }
    look_at_queue();
    for (const Wish& wish : wishes) {
        if (std::optional<Reason> over = over_enterprise(wish)) {
            return wait(wishes, *std::move(over));
        }
    }
    for (const Wish& wish : wishes) {
        if (std::optional<Reason> why = refuses(wish)) {
            return wait(wishes, *std::move(why));
        }
    }
    return std::nullopt;
}

/// What a promised job names is counted as its own; others may have more only by a policy that
/// lowers the count, or a booking made since.
std::optional<Reason> CountedBooks::lost_since(const std::vector<Wish>& wishes) {
    for (const Wish& wish : wishes) {
        for (const Share* share : shares_of(wish)) {
            if (share->timeline.taken(wish.from(now_)) > share->timeline.count()) {
                return reason(Code::CountedInUse, wish).with("expected_at", kNever.value);
            }
        }
    }
    return std::nullopt;
}

std::optional<Reason> CountedBooks::runs_out(JobId job, JobSpec spec, const QueueOrder& order,
                                             Span later) {
    spec.time_limit = spec.time_limit + later;
    const Asker asker{job, spec, order};
    const std::vector<Wish> wishes = wishes_of(asker);
    for (const Wish& wish : wishes) {
        if (!line(wish.resource).all.timeline.fits(wish.from(now_))) {
            return wait(wishes, reason(Code::CountedSetAside, wish));
        }
    }
    return std::nullopt;
}

Reason CountedBooks::wait(const std::vector<Wish>& wishes, Reason why) {
    const std::optional<Moment> at = earliest(wishes);
    stand_in_line(wishes, at, why.code == Code::CountedLimit);
    return std::move(why).with("expected_at", at.value_or(kNever).value);
}

Reason CountedBooks::reason(Code code, const Wish& wish) {
    const Line& in = line(wish.resource);
    return Reason(code)
        .with("resource", wish.resource.id.value)
        .with("count", wish.resource.count)
        .with("used", in.used)
        .with("jobs", in.jobs)
        .with("asked", wish.count)
        .with("until_at", wish.from(now_).time.to.value);
}

std::optional<Reason> CountedBooks::refuses(const Wish& wish) {
    const Line& in = line(wish.resource);
    if (!in.all.timeline.fits(wish.from(now_))) {
        const bool in_use = in.used + wish.count > wish.resource.count;
        return reason(in_use ? Code::CountedInUse : Code::CountedSetAside, wish);
    }
    for (Share* share : shares_of(wish)) {
        if (std::optional<Reason> kept = kept_for_another(*share, wish)) {
            return kept;
        }
    }
    return std::nullopt;
}

/// Mostly it is kept for the same as it was for the one who asked before.
const CountedTimeline& CountedBooks::with_kept(Share& share, const Wish& wish) {
    std::vector<Kept> kept = kept_from(share, wish);
    if (kept.empty()) {
        return share.timeline;
    }
    if (!share.beside || share.kept != kept) {
        share.beside = share.timeline;
        for (const Kept& each : kept) {
            share.beside->add(
                {.enterprise = each.enterprise, .time = each.time, .count = each.count});
        }
        share.kept = std::move(kept);
    }
    return *share.beside;
}

std::optional<Reason> CountedBooks::kept_for_another(Share& share, const Wish& wish) {
    const CountedTimeline& taken = with_kept(share, wish);
    if (&taken == &share.timeline || taken.fits(wish.from(now_))) {
        return std::nullopt;
    }
    return reason(Code::CountedKept, wish)
        .with("first", static_cast<std::int64_t>(share.kept.front().job.value));
}

std::optional<Reason> CountedBooks::over_enterprise(const Wish& wish) {
    const EnterpriseId& enterprise = wish.by.spec.enterprise;
    const Share* own = own_share(wish.resource, enterprise);
    if (own == nullptr || own->timeline.fits(wish.from(now_))) {
        return std::nullopt;
    }
    return cited_own(state_, enterprise,
                     Reason(Code::CountedLimit)
                         .with("enterprise", enterprise.value)
                         .with("resource", wish.resource.id.value)
                         .with("used", own->timeline.taken(wish.from(now_)))
                         .with("limit", wish.resource.max_per_enterprise)
                         .with("asked", wish.count)
                         .limited_by(key_of(wish.resource.id, "max_per_enterprise")));
}

/// Those that wait for nodes and have a promised start, and the first in line.
std::vector<CountedBooks::Kept> CountedBooks::kept_from(const Share& share,
                                                        const Wish& wish) const {
    std::vector<Kept> before;
    const auto consider = [&](const Kept& kept) {
        const bool counts = !share.own || kept.enterprise == wish.by.spec.enterprise;
        if (counts && kept.job != wish.by.job && kept.order < wish.by.order && kept.count > 0) {
            before.push_back(kept);
        }
    };
    std::optional<Kept> first = share.first;
    for (const auto& [key, promise] : state_.scheduler.memo().reservations()) {
        const JobSpec& asked = state_.truth.jobs.at(promise.job).spec;
        if (asked.counted->all.empty()) {
            continue;
        }
        const Span limit = in_way(asked, promise.order.alternative).time_limit;
        const Moment at = std::max(promise.at, now_);
        consider({.job = promise.job,
                  .order = promise.order,
                  .enterprise = asked.enterprise,
                  .time = {at, at + limit},
                  .count = asked_of(asked, wish.resource.id)});
        if (first && first->job == promise.job) {
            first.reset();  // It starts when it has its nodes too.
        }
    }
    if (first) {
        consider(*first);
    }
    std::ranges::sort(before, {}, &Kept::order);
    return before;
}

std::optional<Moment> CountedBooks::earliest(const std::vector<Wish>& wishes) {
    struct Ahead {
        const Wish& wish;
        const CountedTimeline& timeline;
    };
    std::vector<Ahead> all;
    for (const Wish& wish : wishes) {
        for (Share* share : shares_of(wish)) {
            all.push_back({wish, with_kept(*share, wish)});
        }
    }
    Moment at = now_;
    for (std::size_t agreed = 0; agreed < all.size();) {
        agreed = 0;
        for (const Ahead& each : all) {
            const std::optional<Moment> then = each.timeline.earliest(each.wish.from(at));
            if (!then) {
                return std::nullopt;
            }
            agreed += *then == at ? 1 : 0;
            at = *then;
        }
    }
    return at;
}

bool CountedBooks::may_be_first(const std::vector<Wish>& wishes, bool own) {
    return std::ranges::any_of(wishes, [&](const Wish& wish) {
        return std::ranges::any_of(shares_of(wish), [&](const Share* share) {
            return (share->own || !own) && (!share->first || wish.by.order < share->first->order);
        });
    });
}

/// It may only be the first if it stands before who is.
void CountedBooks::stand_in_line(const std::vector<Wish>& wishes, std::optional<Moment> at,
                                 bool own) {
    for (const Wish& wish : wishes) {
        const auto& [job, spec, order] = wish.by;
        for (Share* share : shares_of(wish)) {
            const bool before = !share->first || order < share->first->order;
            if (at && before && (share->own || !own)) {
                share->first = Kept{.job = job,
                                    .order = order,
                                    .enterprise = spec.enterprise,
                                    .time = {*at, *at + spec.time_limit},
                                    .count = wish.count};
            }
        }
    }
}

void CountedBooks::takes(JobId job, const JobSpec& spec) {
    if (state_.truth.promises.contains(job)) {
        return;  // It has it already.
    }
    const QueueOrder order{};
    const Asker asker{job, spec, order};
    for (const Wish& wish : wishes_of(asker)) {
        for (Share* share : shares_of(wish)) {
            share->timeline.add(
                {.enterprise = spec.enterprise, .time = wish.from(now_).time, .count = wish.count});
            share->beside.reset();
            if (share->first && share->first->job == job) {
                share->first.reset();
            }
        }
        Line& in = line(wish.resource);
        in.used += wish.count;
        ++in.jobs;
    }
}

bool CountedBooks::free_at(const JobSpec& spec, Moment at) {
    return std::ranges::all_of(spec.counted->all, [&](const CountedWish& wish) {
        const CountedResource* resource = find_resource(*state_.truth.policy, wish.resource);
        return resource == nullptr ||
               line(*resource).all.timeline.fits({.enterprise = spec.enterprise,
                                                  .count = wish.count,
                                                  .time = {at, at + spec.time_limit}});
    });
}

std::vector<Moment> CountedBooks::given_back() const {
    std::set<Moment> all;
    if (!state_.scheduler.queue().wishing().empty()) {
        for (const auto& [resource, users] : state_.counted_use) {
            for (const auto& [id, count] : users) {
                all.insert(live_attempt(state_.truth.jobs.at(id))->deadline);
            }
        }
        for (const auto& [id, booking] : state_.truth.counted_booked) {
            all.insert(booking.window.to);
        }
    }
    std::vector<Moment> moments(all.upper_bound(now_), all.end());
    moments.resize(std::min(moments.size(), kGivenBackMax));
    return moments;
}

}  // namespace khu
