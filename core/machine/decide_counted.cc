/// Counted resources that an enterprise books for a time (counted.h).

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/apply.h"
#include "core/machine/booking.h"
#include "core/machine/citing.h"
#include "core/machine/counted.h"
#include "core/machine/decide.h"
#include "core/machine/own_rules.h"

namespace khu {
namespace {

using Checked = Expected<Done, Refusal>;

/// What no job of the enterprise may ask for, it may not book.
Checked offered(const State& state, const CountedBooking& what) {
    const Policy& policy = policy_for(state, what.enterprise);
    JobSpec as_job;
    as_job.enterprise = what.enterprise;
    as_job.counted = CountedWishes{what.what};
    std::optional<Refusal> refused = counted_not_offered(policy, as_job);
    if (!refused) {
        refused = counted_over(policy, as_job);
    }
    return refused ? Checked(Unexpected{cited_own(state, what.enterprise, *std::move(refused))})
                   : Done{};
}

/// Its bookings of one time together are not more than it may use.
Checked inside_limit(const State& state, const CountedBooking& what, const CountedWish& wish) {
    const Policy& policy = policy_for(state, what.enterprise);
    const int limit = find_resource(policy, wish.resource)->max_per_enterprise;
    std::int64_t all = wish.count;
    for (const auto& [id, other] : state.truth.counted_booked) {
        if (other.enterprise == what.enterprise && other.window.from < what.window.to &&
            what.window.from < other.window.to) {
            for (const CountedWish& each : other.what) {
                all += each.resource == wish.resource ? each.count : 0;
            }
        }
    }
    if (limit == 0 || all <= limit) {
        return Done{};
    }
    return Unexpected{cited_own(state, what.enterprise,
                                Refusal(Code::OverLimit)
                                    .with("what", wish.resource.value)
                                    .with("asked", all)
                                    .with("where", "one enterprise")
                                    .with("limit", limit)
                                    .limited_by(key_of(wish.resource, "max_per_enterprise")))};
}

/// At every moment of the window what is used and set aside is no more than there is.
Checked free_then(const State& state, const CountedBooking& what, const CountedWish& wish,
                  Moment now) {
    const CountedResource& resource = *find_resource(*state.truth.policy, wish.resource);
    CountedTimeline timeline = counted_timeline(state, resource, now);
    const std::int64_t before = timeline.taken({.enterprise = {}, .time = what.window});
    timeline.add({.enterprise = what.enterprise,
                  .time = what.window,
                  .count = wish.count,
                  .as = CountedAs::SetAside});
    if (timeline.taken({.enterprise = {}, .time = what.window}) <= resource.count) {
        return Done{};
    }
    return bad_reservation(
        "resources", std::to_string(before) + " of " + std::to_string(resource.count) + " " +
                         wish.resource.value.str() + " are used or booked in that window already");
}

}  // namespace

namespace decide_detail {

/// Errors: N403, A101, A102, A133, A146, H422.
Decided on(State& state, const BookCounted& command, Moment now) {
    CountedBooking what = command.what;
    what.enterprise = what.enterprise.empty() ? command.who.enterprise : what.enterprise;
    what.by = command.who.user;
    if (auto allowed = need_holder(state, command.who, what.enterprise, "reservation book");
        !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    if (Checked right = may_be_booked(state, what.id, what.window, now); !right) {
        return Unexpected{std::move(right).error()};
    }
    const bool sane = !what.what.empty() &&
                      static_cast<std::int64_t>(what.what.size()) <= limits::counted_per_job_max &&
                      std::ranges::all_of(what.what, [](const CountedWish& wish) {
                          return wish.count >= 1 && wish.count <= limits::counted_max;
                      });
    if (!sane || !state.truth.policy) {
        return bad_reservation("resources", "1 to 16 resources, at least one of each");
    }
    what.what = sorted(CountedWishes{std::move(what.what)}).all;
    if (Checked open = offered(state, what); !open) {
        return Unexpected{std::move(open).error()};
    }
    for (const CountedWish& wish : what.what) {
        for (const Checked& checked :
             {inside_limit(state, what, wish), free_then(state, what, wish, now)}) {
            if (!checked) {
                return Unexpected{checked.error()};
            }
        }
    }
    return Decision{.facts = {CountedBooked{std::move(what)}}, .job = {}};
}

Decided free_counted(const State& state, const CancelReservation& command) {
    const CountedBooking& booking = state.truth.counted_booked.at(command.id);
    if (auto allowed = need_holder(state, command.who, booking.enterprise, "reservation cancel");
        !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    return Decision{
        .facts = {CountedFreed{
            .id = command.id, .enterprise = booking.enterprise, .by = command.who.user}},
        .job = {}};
}

}  // namespace decide_detail

namespace apply_detail {

/// Those that are over are forgotten.
Effects on(State& state, const CountedBooked& fact, Moment at) {
    std::erase_if(state.truth.counted_booked,
                  [&](const auto& each) { return each.second.window.to <= at; });
    const auto [known, fresh] = state.truth.counted_booked.emplace(fact.booking.id, fact.booking);
    KHU_CHECK(fresh, "{}", known->first);
    return {};
}

Effects on(State& state, const CountedFreed& fact, Moment) {
    const std::size_t gone = state.truth.counted_booked.erase(fact.id);
    KHU_CHECK(gone == 1, "{}", fact.id);
    state.scheduler.counted_changed();
    return {};
}

}  // namespace apply_detail
}  // namespace khu
