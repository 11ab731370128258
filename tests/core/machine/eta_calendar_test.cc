/// What jobs are told of their start where blackouts and reservations lie ahead, against what the
/// rounds then really do.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/random.h"
#include "core/machine/eta.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::job_of;
using testing::rich_policy;
using testing::Zone;

constexpr Moment kMorning{1'775'000'000'000};  // when a test's zone begins
constexpr Span kStep = minutes(30);

Blackout blackout(Span from, Span to) {
    return {.id = "power-work",
            .window = {.from = kMorning + from, .to = kMorning + to},
            .partitions = {PartitionId{"gpu"}}};
}

Reservation lesson(int nodes, Span from, Span to) {
    return {.id = "lesson",
            .programme = ProgrammeId{"free"},
            .partition = PartitionId{"gpu"},
            .gpus = 8 * nodes,
            .qos = QosId{"thuong"},
            .window = {.from = kMorning + from, .to = kMorning + to}};
}

JobSpec whole_nodes(int nodes, Span limit) {
    JobSpec spec = job_of(nodes, 8);
    spec.time_limit = limit;
    return spec;
}

std::optional<JobEta> told(const Zone& zone, JobId job) {
    return eta_of(zone.machine.state(), *zone.job(job), zone.now);
}

/// Everything runs for its whole limit.
void go_to(Zone& zone, Moment at) {
    zone.now = at;
    for (const auto& [id, node] : zone.machine.state().truth.nodes) {
        zone.tell(HearNode{.node = id, .epoch = node.epoch});
    }
    std::vector<JobId> starting;
    std::vector<std::pair<NodeId, JobId>> over;
    for (const auto& [id, job] : zone.machine.state().truth.jobs) {
        const Attempt* attempt = live_attempt(job);
        if (std::holds_alternative<Starting>(job.phase)) {
            starting.push_back(id);
        }
        if (attempt != nullptr && attempt->deadline <= at) {
            for (const NodeAllocation& each : attempt->placement.nodes) {
                over.emplace_back(each.node, id);
            }
        }
    }
    for (const JobId job : starting) {
        zone.start_running(job);
    }
    for (const auto& [node, job] : over) {
        zone.report(node, job, AgentStage::Ended);
    }
    zone.tell(Tick{});
    zone.round();
}

/// When the job first had resources; none if it has had none by then.
std::optional<Moment> start_of(Zone& zone, JobId job, Moment until) {
    while (zone.now < until) {
        if (zone.job(job) == nullptr) {
            break;
        }
        if (const Attempt* attempt = live_attempt(*zone.job(job))) {
            return attempt->taken_at;
        }
        go_to(zone, zone.now + kStep);
    }
    return std::nullopt;
}

TEST(EtaCalendar, AJobThatOnlyABlackoutKeepsIsToldItsEnd) {
    Policy policy = rich_policy();
    policy.calendar.blackouts = {blackout(hours(2), hours(5))};
    Zone zone(policy);
    const JobId job = zone.submit(whole_nodes(1, hours(3)));

    const std::optional<JobEta> eta = told(zone, job);

    ASSERT_TRUE(eta);
    EXPECT_LE(eta->early, kMorning + hours(5));
    EXPECT_GE(eta->late, kMorning + hours(5));
    EXPECT_LE(eta->late - eta->early, minutes(1));
    EXPECT_EQ(start_of(zone, job, kMorning + hours(9)), kMorning + hours(5));
}

TEST(EtaCalendar, AJobThatWouldRunIntoAReservationIsToldItsEnd) {
    Policy policy = rich_policy();
    policy.calendar.reservations = {lesson(3, hours(2), hours(4))};
    Zone zone(policy);
    const JobId job = zone.submit(whole_nodes(2, hours(3)));

    const std::optional<JobEta> eta = told(zone, job);

    ASSERT_TRUE(eta);
    EXPECT_LE(eta->late - eta->early, minutes(1));
    EXPECT_EQ(start_of(zone, job, kMorning + hours(9)), kMorning + hours(4));
    EXPECT_LE(eta->early, kMorning + hours(4));
    EXPECT_GE(eta->late, kMorning + hours(4));
}

TEST(EtaCalendar, OneThatNamesAReservationIsToldWhenItOpens) {
    Policy policy = rich_policy();
    policy.calendar.reservations = {lesson(2, hours(90), hours(94))};  // It has no nodes yet.
    Zone zone(policy);
    JobSpec spec = whole_nodes(2, hours(3));
    spec.where.edit().reservation = Text("lesson");
    const JobId job = zone.submit(spec);

    const std::optional<JobEta> eta = told(zone, job);

    ASSERT_TRUE(eta);
    EXPECT_LE(eta->early, kMorning + hours(90));
    EXPECT_GE(eta->late, kMorning + hours(90));
    EXPECT_LE(eta->late - eta->early, minutes(1));
}

TEST(EtaCalendar, AWindowThatHasNoNodesYetIsForeseen) {
    Policy policy = rich_policy();
    policy.calendar.reservations = {lesson(4, hours(80), hours(84))};
    Zone zone(policy);
    zone.submit(whole_nodes(4, hours(70)));
    const JobId next = zone.submit(whole_nodes(4, hours(20)));

    ASSERT_TRUE(told(zone, next));
    EXPECT_GE(told(zone, next)->late, kMorning + hours(84));
    EXPECT_EQ(start_of(zone, next, kMorning + hours(120)), kMorning + hours(84));
}

TEST(EtaCalendar, WithoutACalendarNothingIsSaidOtherwise) {
    Policy policy = rich_policy();
    policy.calendar.blackouts = {blackout(hours(200), hours(201))};
    Zone with(policy);
    Zone without(rich_policy());
    for (Zone* zone : {&with, &without}) {
        for (int nodes = 1; nodes <= 4; ++nodes) {
            zone->submit(whole_nodes(nodes, hours(3 * nodes)));
        }
    }

    EXPECT_EQ(etas_of(with.machine.state(), with.now), etas_of(without.machine.state(), with.now));
}

/// A zone under a random calendar, with jobs that run or wait.
class RandomZone {
public:
    explicit RandomZone(std::uint64_t seed) : random(seed), zone(policy()) {
        for (std::int64_t left = random.between(1, 9); left > 0; --left) {
            const auto nodes = static_cast<int>(random.between(1, 4));
            jobs.push_back(zone.submit(whole_nodes(nodes, span(1, 24))));
        }
        go_to(zone, zone.now + span(0, 8));
    }

    /// The first that waits; none if none does.
    [[nodiscard]] std::optional<JobId> first() const {
        const auto waits = [&](JobId id) {
            const Job* job = zone.job(id);
            return job != nullptr && live_attempt(*job) == nullptr;
        };
        const auto found = std::ranges::find_if(jobs, waits);
        return found == jobs.end() ? std::nullopt : std::optional(*found);
    }

    /// Halves of an hour.
    Span span(int from, int to) { return minutes(30 * random.between(from, to)); }

    Random random;
    Zone zone;
    std::vector<JobId> jobs;

private:
    Policy policy() {
        Policy made = rich_policy();
        const Span black = span(1, 30);
        if (random.chance(700)) {
            made.calendar.blackouts = {blackout(black, black + span(1, 12))};
        }
        const Span from = span(1, 60);
        const Span to = from + span(1, 12);
        const bool apart = made.calendar.blackouts.empty() ||
                           made.calendar.blackouts[0].window.to <= kMorning + from ||
                           kMorning + to <= made.calendar.blackouts[0].window.from;
        if (apart) {
            made.calendar.reservations = {lesson(static_cast<int>(random.between(1, 4)), from, to)};
        }
        return made;
    }
};

/// That jobs behind it start first is in the model of the early end, where nothing is promised to
/// the first: now and then one starts before its interval.
TEST(EtaCalendar, TheFirstInLineStartsByItsLateEndAndHardlyAnybodyBeforeTheirEarlyOne) {
    int firsts = 0;
    int exact = 0;
    int seen = 0;
    int sooner = 0;
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE(seed);
        RandomZone world(seed);
        const std::optional<JobId> first = world.first();
        if (!first) {
            continue;
        }
        const std::vector<JobEta> all = etas_of(world.zone.machine.state(), world.zone.now);
        ASSERT_TRUE(std::ranges::any_of(all, [&](const JobEta& e) { return e.job == *first; }));
        for (const JobEta& eta : all) {
            const auto start = start_of(world.zone, eta.job, kMorning + hours(400));
            if (!start) {
                continue;  // It had ended when the one before it was looked at.
            }
            ++seen;
            sooner += *start < eta.early ? 1 : 0;
            if (eta.job == *first) {
                EXPECT_LE(*start, eta.late);
                ++firsts;
                exact += eta.late - *start < minutes(1) ? 1 : 0;
            }
        }
    }
    EXPECT_GT(firsts, 150);
    EXPECT_GT(exact, firsts / 3) << "what the limits promise is what happens";
    EXPECT_LT(sooner * 50, seen);
}

}  // namespace
}  // namespace khu
