/// Reservations that the policy has for one enterprise: booked whole when it takes effect, given up
/// by a later policy that has them no more while that is free, and never charged unforeseen.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/random.h"
#include "core/machine/policy_bookings.h"
#include "core/machine/policy_forecast.h"
#include "tests/core/machine/booked_zone.h"

namespace khu {
namespace {

using testing::booking_policy;
using testing::expect_identity;
using testing::go_to;
using testing::inside;
using testing::job_of;
using testing::kMorning;
using testing::song_han;
using testing::two_nodes;
using testing::Zone;

constexpr Moment kWindow = kMorning + hours(30);

Reservation for_song_han(Moment from, Span length = hours(2)) {
    Reservation made = two_nodes(from, length);
    made.enterprise = song_han;
    return made;
}

Policy with(std::vector<Reservation> reservations) {
    Policy made = booking_policy();
    made.calendar.reservations = std::move(reservations);
    return made;
}

/// Three windows, a day apart.
Reservation daily() {
    Reservation made = for_song_han(kWindow);
    made.every = hours(24);
    made.until = kWindow + hours(60);
    return made;
}

/// What is booked by now.
const std::map<std::string, Booked>& booked(const Zone& zone) {
    return zone.machine.state().truth.booked;
}

/// The next policy, in force a little later.
Policy successor(const Zone& zone, Policy next, Moment at) {
    next.supersedes = zone.machine.state().truth.policy->id;
    next.id = PolicyId{next.supersedes.value + "x"};
    next.effective_from = at;
    return next;
}

Outcome apply(Zone& zone, Policy next, Moment at) {
    return zone.tell(ApplyPolicy{
        .who = testing::admin(), .policy = successor(zone, std::move(next), at), .text = ""});
}

void take_effect(Zone& zone, Policy next) {
    const Moment at = zone.now + milliseconds(1);
    const Outcome applied = apply(zone, std::move(next), at);
    ASSERT_FALSE(applied.refusal) << text(*applied.refusal, Language::English);
    go_to(zone, at);
}

std::string refused(Zone& zone, Policy next) {
    const Outcome applied = apply(zone, std::move(next), zone.now + milliseconds(1));
    return applied.refusal ? text(*applied.refusal, Language::English) : "";
}

TEST(PolicyBooking, IsHeldWholeWhenThePolicyTakesEffect) {
    Zone zone(with({}));

    take_effect(zone, with({for_song_han(kWindow)}));

    EXPECT_EQ(zone.grant("G2").held, gpu_hours(48));  // 16 GPUs x 2 h x 150 %
    ASSERT_EQ(booked(zone).size(), 1U);
    const Booked& made = booked(zone).begin()->second;
    EXPECT_TRUE(made.of_policy);
    EXPECT_EQ(made.enterprise, song_han);
    EXPECT_EQ(made.by, testing::admin().user);
    EXPECT_EQ(zone.machine.state().truth.reserved.size(), 1U);
    testing::recounted(zone);
}

TEST(PolicyBooking, EveryWindowOfOneThatReturnsIsBookedThen) {
    Zone zone(with({}));

    take_effect(zone, with({daily()}));

    EXPECT_EQ(booked(zone).size(), 3U);
    EXPECT_EQ(zone.grant("G2").held, gpu_hours(3 * 48));
}

TEST(PolicyBooking, ItsJobsAreNotChargedAgainAndEachWindowIsInTheBooks) {
    Zone zone(with({}));
    take_effect(zone, with({daily()}));
    for (const Moment from : {kWindow, kWindow + hours(24)}) {
        go_to(zone, from);
        const JobId job = zone.submit(inside(1, 8, hours(1)), song_han);
        ASSERT_NE(live_attempt(*zone.job(job)), nullptr);
        zone.run_to_end(job, hours(1));
    }

    go_to(zone, kWindow + hours(50));

    Atoms charged, metered;
    int unused = 0;
    for (const UsageRow& row : testing::rows(zone)) {
        expect_identity(row);
        charged += row.charged_ugs;
        metered += row.metered_ugs;
        unused += row.end_cause == "reserved_unused" ? 1 : 0;
    }
    EXPECT_EQ(unused, 3);
    EXPECT_EQ(charged, gpu_hours(3 * 48));
    EXPECT_EQ(metered, gpu_hours(3 * 32));
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(3 * 48));
    EXPECT_EQ(zone.grant("G2").held, Atoms{0});
    EXPECT_TRUE(booked(zone).empty());
    testing::recounted(zone);
}

TEST(PolicyBooking, AJobOfTheNextWindowIsCountedThereThoughOneOfTheLastStillLeaves) {
    Zone zone(with({}));
    Reservation back_to_back = daily();
    back_to_back.every = hours(2);
    back_to_back.until = kWindow + hours(3);
    take_effect(zone, with({back_to_back}));
    go_to(zone, kWindow);
    const JobId first = zone.submit(inside(1, 8, hours(2)), song_han);
    zone.start_running(first);
    go_to(zone, kWindow + hours(2));
    const JobId second = zone.submit(inside(1, 8, hours(2)), song_han);
    ASSERT_NE(live_attempt(*zone.job(second)), nullptr);
    ASSERT_EQ(booked(zone).size(), 2U) << "the first job is told to end, and has not yet";
    zone.run_to_end(second, minutes(30));
    const JobId third = zone.submit(inside(1, 8, hours(1)), song_han);
    ASSERT_NE(live_attempt(*zone.job(third)), nullptr);

    testing::end_everywhere(zone, first, NodeEnd::Asked);
    go_to(zone, zone.now + minutes(1));

    EXPECT_EQ(booked(zone).size(), 1U) << "the third runs in the next window";
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(48));
    EXPECT_EQ(testing::rows(zone).back().metered_ugs, gpu_hours(32 - 20))
        << "less the first job's, half an hour too long, and nothing of the second's";
    zone.run_to_end(third, minutes(30));
    go_to(zone, kWindow + hours(4));
    EXPECT_TRUE(booked(zone).empty());
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(2 * 48));
    testing::recounted(zone);
}

TEST(PolicyBooking, APolicyWithoutItADayBeforeGivesItUp) {
    Zone zone(with({}));
    take_effect(zone, with({daily()}));

    take_effect(zone, with({}));

    EXPECT_TRUE(booked(zone).empty());
    EXPECT_TRUE(zone.machine.state().truth.reserved.empty());
    EXPECT_EQ(zone.grant("G2").held, Atoms{0});
    EXPECT_EQ(zone.grant("G2").free, gpu_hours(1000));
    testing::recounted(zone);
}

TEST(PolicyBooking, APolicyWithoutItLaterLeavesTheWindowThatIsNear) {
    Zone zone(with({}));
    take_effect(zone, with({daily()}));
    go_to(zone, kWindow - hours(23));

    take_effect(zone, with({}));

    ASSERT_EQ(booked(zone).size(), 1U);
    EXPECT_EQ(booked(zone).begin()->second.what.window.from, kWindow);
    go_to(zone, kWindow);
    const JobId job = zone.submit(inside(1, 8, hours(1)), song_han);
    EXPECT_NE(live_attempt(*zone.job(job)), nullptr) << "it is paid, so it may be used";
    zone.run_to_end(job, hours(1));
    go_to(zone, kWindow + hours(2));
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(48));
    testing::recounted(zone);
}

TEST(PolicyBooking, UnchangedItKeepsThePriceAtWhichItWasBooked) {
    Zone zone(with({}));
    take_effect(zone, with({for_song_han(kWindow)}));
    const Booked before = booked(zone).begin()->second;
    Policy dearer = with({for_song_han(kWindow)});
    dearer.price_list.front().vnd_per_gpuh *= 2;
    dearer.qos.back().factor_permille = 3000;

    take_effect(zone, dearer);

    ASSERT_EQ(booked(zone).size(), 1U);
    EXPECT_EQ(booked(zone).begin()->second.terms, before.terms);
    EXPECT_EQ(booked(zone).begin()->second.number, before.number);
    EXPECT_EQ(zone.grant("G2").held, gpu_hours(48));
}

TEST(PolicyBooking, ChangedInTimeItIsBookedAnew) {
    Zone zone(with({}));
    take_effect(zone, with({for_song_han(kWindow)}));
    Reservation smaller = for_song_han(kWindow);
    smaller.gpus = 8;

    take_effect(zone, with({smaller}));

    ASSERT_EQ(booked(zone).size(), 1U);
    EXPECT_EQ(zone.grant("G2").held, gpu_hours(24));
    EXPECT_EQ(zone.machine.state().truth.reserved.begin()->second.placed.size(), 1U);
}

TEST(PolicyBooking, ChangedTooLateThePolicyIsRefused) {
    Zone zone(with({}));
    take_effect(zone, with({for_song_han(kWindow)}));
    go_to(zone, kWindow - hours(23));
    Reservation longer = for_song_han(kWindow, hours(3));

    EXPECT_NE(refused(zone, with({longer})).find("P071 its window of"), std::string::npos)
        << refused(zone, with({longer}));
    EXPECT_EQ(refused(zone, with({for_song_han(kWindow)})), "");
}

TEST(PolicyBooking, WhatTheGrantCannotPayRefusesThePolicy) {
    Zone zone(with({}));
    const std::string said = refused(zone, with({for_song_han(kWindow, days(20))}));

    EXPECT_NE(said.find("P071"), std::string::npos) << said;
    EXPECT_NE(said.find("A110"), std::string::npos) << said;
    EXPECT_NE(said.find("G2"), std::string::npos) << said;
    EXPECT_EQ(zone.grant("G2").held, Atoms{0});
}

TEST(PolicyBooking, AllWindowsTogetherMustBePaid) {
    Zone zone(with({}));
    Reservation many = daily();
    many.until = kWindow + days(21);  // 22 x 48 h, of 1,000.

    EXPECT_NE(refused(zone, with({many})).find("P071"), std::string::npos);
    many.until = kWindow + days(19);
    EXPECT_EQ(refused(zone, with({many})), "");
}

TEST(PolicyBooking, AGrantOfTheSamePolicyPaysForIt) {
    Zone zone(with({}));
    Policy next = with({for_song_han(kWindow, days(20))});
    next.enterprises[1].grants.front().amount = gpu_hours(20'000);
    next.programmes[1].grant.max = gpu_hours(20'000);

    take_effect(zone, next);

    EXPECT_EQ(zone.grant("G2").held, gpu_hours(16 * 24 * 20 * 3 / 2));
}

TEST(PolicyBooking, WhatIsSaidBeforeIsWhatIsHeldAfter) {
    Zone zone(with({}));
    const Policy next = successor(zone, with({daily()}), zone.now + milliseconds(1));

    const BookingForecast seen = forecast_bookings(zone.machine.state(), next, zone.now);

    EXPECT_TRUE(seen.complaints.empty());
    ASSERT_EQ(seen.notes.size(), 1U);
    EXPECT_EQ(seen.notes[0].en,
              "calendar.reservations.run: 3 window(s) of 2 nodes (16 GPUs) are booked for " +
                  song_han.value.str() + "; 144.0 GPU-hours are held at once: G2 144.0 GPU-hours");
    EXPECT_FALSE(seen.notes[0].vi.empty());
    EXPECT_EQ(zone.grant("G2").held, Atoms{0}) << "looking changes nothing";
}

TEST(PolicyBooking, WhatIsGivenUpAndWhatStaysIsSaidBefore) {
    Zone zone(with({}));
    take_effect(zone, with({daily()}));
    go_to(zone, kWindow - hours(23));
    const Policy next = successor(zone, with({}), zone.now + milliseconds(1));

    const BookingForecast seen = forecast_bookings(zone.machine.state(), next, zone.now);

    ASSERT_EQ(seen.notes.size(), 3U);
    const auto count = [&](const char* words) {
        return std::ranges::count_if(
            seen.notes, [&](const Said& each) { return each.en.find(words) != std::string::npos; });
    };
    EXPECT_EQ(count("is given up, 48.0 GPU-hours are free again"), 2);
    EXPECT_EQ(count("stays booked and is charged"), 1);
}

TEST(PolicyBooking, ItIsSaidThatNodesAreBusyUntilThen) {
    Zone zone(with({}));
    JobSpec long_one = job_of(3, 1);
    long_one.time_limit = hours(40);
    ASSERT_NE(live_attempt(*zone.job(zone.submit(long_one, song_han))), nullptr);
    const Policy next = successor(zone, with({for_song_han(kWindow)}), zone.now + milliseconds(1));

    const BookingForecast seen = forecast_bookings(zone.machine.state(), next, zone.now);

    ASSERT_EQ(seen.complaints.size(), 1U);
    EXPECT_EQ(seen.complaints[0].code, "P070");
    EXPECT_EQ(seen.complaints[0].severity, Severity::Warning);
}

TEST(PolicyBooking, IsBookedWhenWhatWasInTheWayIsGone) {
    Zone zone(with({}));
    JobSpec long_one = job_of(3, 1);
    long_one.time_limit = hours(40);
    const JobId job = zone.submit(long_one, song_han);
    take_effect(zone, with({for_song_han(kWindow)}));
    EXPECT_TRUE(booked(zone).empty());
    const std::vector<Unbooked> waits = not_booked_yet(zone.machine.state(), zone.now);
    ASSERT_EQ(waits.size(), 1U);
    ASSERT_TRUE(waits[0].why);
    EXPECT_NE(text(*waits[0].why, Language::English).find("P070 1 of 2 nodes"), std::string::npos);

    zone.run_to_end(job, hours(1));
    go_to(zone, zone.now + minutes(1));

    EXPECT_EQ(booked(zone).size(), 1U);
    EXPECT_TRUE(not_booked_yet(zone.machine.state(), zone.now).empty());
}

TEST(PolicyBooking, AnEnterpriseThatUsedItsGrantMeanwhileStopsNoPolicy) {
    Zone zone(with({}));
    const Moment later = zone.now + hours(5);
    ASSERT_FALSE(apply(zone, with({for_song_han(kWindow, hours(30))}), later).refusal);
    JobSpec large = job_of(2, 8);  // 16 GPUs x 24 h = 384 of 1,000; the window needs 720.
    large.time_limit = hours(24);
    const JobId job = zone.submit(large, song_han);
    ASSERT_NE(live_attempt(*zone.job(job)), nullptr);

    go_to(zone, later);

    EXPECT_EQ(zone.machine.state().truth.policy->id, PolicyId{"test-1x"});
    EXPECT_TRUE(booked(zone).empty());
    EXPECT_TRUE(zone.machine.state().truth.reserved.empty()) << "what nobody pays is not set aside";
    zone.run_to_end(job, hours(1));
    go_to(zone, later + hours(1) + minutes(2));
    EXPECT_EQ(booked(zone).size(), 1U);
}

TEST(PolicyBooking, OnlyAPolicyGivesItUp) {
    Zone zone(with({}));
    take_effect(zone, with({for_song_han(kWindow)}));

    for (const std::string& name : {std::string("run"), booked(zone).begin()->first}) {
        const Outcome outcome = zone.tell(CancelReservation{testing::admin(), name});
        ASSERT_TRUE(outcome.refusal);
        EXPECT_EQ(outcome.refusal->code, Code::BadField);
    }
    EXPECT_EQ(booked(zone).size(), 1U);
}

TEST(PolicyBooking, IsOfItsEnterpriseAlone) {
    Zone zone(with({}));
    take_effect(zone, with({for_song_han(kWindow)}));

    const Outcome outcome = zone.tell(SubmitJob{
        .who = testing::member_of(testing::sao_mai), .spec = inside(1, 8, hours(1)), .key = ""});

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(outcome.refusal->code, Code::NotOpen);
}

TEST(PolicyBooking, OneOfAProgrammeIsNotCharged) {
    Zone zone(with({two_nodes(kWindow)}));
    go_to(zone, kWindow);
    const JobId job = zone.submit(inside(1, 8, hours(1)), song_han);
    ASSERT_NE(live_attempt(*zone.job(job)), nullptr);
    EXPECT_EQ(zone.grant("G2").held, gpu_hours(12)) << "the job alone is";
    EXPECT_TRUE(booked(zone).empty());
}

TEST(PolicyForecast, NamesTheWaitingJobsThatCouldNotStart) {
    Zone zone(booking_policy());
    zone.submit(job_of(4, 8), song_han);
    const JobId waits = zone.submit(job_of(1, 1), song_han);
    zone.submit(job_of(1, 2), song_han);
    Policy next = booking_policy();
    next.programmes[1].partitions.clear();

    const std::vector<Said> seen = forecast_starts(zone.machine.state(), next);

    ASSERT_EQ(seen.size(), 1U);
    EXPECT_TRUE(seen[0].en.starts_with("2 waiting job(s) of 0401000002, the first " +
                                       std::to_string(waits.value) + ", could not start: A101 "))
        << seen[0].en;
    EXPECT_TRUE(forecast_starts(zone.machine.state(), booking_policy()).empty());
}

/// Random policies one after another, against the sum of what each window that came was worth.
TEST(PolicyBooking, WhateverPoliciesFollowEachWindowIsChargedOnceOrNotAtAll) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(seed);
        Random random(seed);
        Zone zone(with({}));
        std::map<Moment, std::int64_t> nodes_of_window;  // of those that stay, by the small model
        const auto firm = [&](Moment from, Moment at) { return at > from - hours(24); };
        for (int step = 0; step < 8; ++step) {
            go_to(zone, zone.now + hours(random.between(1, 20)));
            std::vector<Reservation> wanted;
            std::map<Moment, std::int64_t> by_policy;
            const int days_wanted = static_cast<int>(random.below(4));
            if (days_wanted > 0) {
                Reservation made = daily();
                made.until = kWindow + hours(24 * (days_wanted - 1) + 1);
                made.gpus = static_cast<int>(random.between(1, 2)) * 8;
                for (const Window& window : windows_of(made)) {
                    by_policy[window.from] = made.gpus / 8;
                }
                wanted = {made};
            }
            Policy next = with(wanted);
            const bool refuse = !refused(zone, next).empty();
            bool clash = false;
            const Moment at = zone.now + milliseconds(1);
            for (const auto& [from, nodes] : nodes_of_window) {
                const auto asked = by_policy.find(from);
                clash |= firm(from, at) && from + hours(2) > at && asked != by_policy.end() &&
                         asked->second != nodes;
            }
            ASSERT_EQ(refuse, clash);
            if (refuse) {
                continue;
            }
            go_to(zone, at);
            std::erase_if(nodes_of_window, [&](const auto& each) {
                const auto asked = by_policy.find(each.first);
                const bool same = asked != by_policy.end() && asked->second == each.second;
                return !firm(each.first, at) && !same;
            });
            for (const auto& [from, nodes] : by_policy) {
                if (from >= at) {
                    nodes_of_window.emplace(from, nodes);
                }
            }
        }
        go_to(zone, kWindow + hours(100));
        std::int64_t worth = 0;
        for (const auto& [from, nodes] : nodes_of_window) {
            worth += nodes * 24;  // 8 GPUs x 2 h x 150 %
        }
        EXPECT_EQ(zone.grant("G2").spent, gpu_hours(worth));
        EXPECT_EQ(zone.grant("G2").held, Atoms{0});
        EXPECT_TRUE(booked(zone).empty());
        testing::recounted(zone);
    }
}

}  // namespace
}  // namespace khu
