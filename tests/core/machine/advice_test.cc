#include "core/machine/advice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/random.h"
#include "core/jobs/alternatives.h"
#include "core/machine/standing.h"
#include "tests/core/machine/zone_builder.h"

namespace khu {
namespace {

using testing::admin;
using testing::job_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

Advice advice_of(Zone& zone, JobId job) {
    return advise(zone.machine.borrow(), *zone.job(job), zone.now);
}

bool runs(const Zone& zone, JobId job) {
    return live_attempt(*zone.job(job)) != nullptr;
}

bool names(const Advice& advice, Code code) {
    return std::ranges::any_of(advice.blockers,
                               [&](const Reason& reason) { return reason.code == code; });
}

TEST(Advice, NamesEveryBlockerAtOnce) {
    Zone zone(1);
    zone.submit(job_of(1, 8));  // all GPUs
    JobSpec big = job_of(1, 8);
    big.time_limit = hours(12);  // 96 of 100 hours, 16 are held
    const JobId job = zone.submit(big);

    const Advice advice = advice_of(zone, job);

    EXPECT_TRUE(names(advice, Code::HoldDoesNotFit));
    EXPECT_TRUE(names(advice, Code::ResourcesBusy));
    EXPECT_TRUE(advice.changes.empty());
}

TEST(Advice, SaysWhichTimeLimitTheGrantHolds) {
    Zone zone(4);
    zone.submit(job_of(1, 8));
    JobSpec big = job_of(1, 8);
    big.time_limit = hours(12);
    const JobId job = zone.submit(big);

    const Advice advice = advice_of(zone, job);

    ASSERT_EQ(advice.changes.size(), 2U);
    // 84 GPU-hours are free: 7 GPUs for 12 h, or 8 GPUs for 10.5 h.
    EXPECT_EQ(advice.changes[0].kind, ChangeKind::ShorterTime);
    EXPECT_EQ(advice.changes[0].to.time_limit, hours(10) + minutes(30));
    EXPECT_EQ(advice.changes[0].loss_permille, 125);
    EXPECT_EQ(advice.changes[1].kind, ChangeKind::FewerGpus);
    EXPECT_EQ(advice.changes[1].to.shape.gpus, 7);
}

class RandomZone {
public:
    explicit RandomZone(std::uint64_t seed) : random_(seed), zone(3) {
        for (int i = 0; i < 10; ++i) {
            const int gpus = static_cast<int>(1 + random_.below(8));
            JobSpec spec = job_of(static_cast<int>(1 + random_.below(3)), gpus);
            spec.time_limit = minutes(random_.between(1, 20) * 30);
            if (random_.chance(300)) {
                add_alternative(spec);
            }
            const EnterpriseId owner = random_.chance(500) ? sao_mai : song_han;
            const Outcome made =
                zone.tell(SubmitJob{.who = testing::member_of(owner), .spec = spec, .key = ""});
            zone.round();
            if (!made.refusal) {
                jobs.push_back(made.job);
            }
            zone.pass(minutes(random_.between(0, 20)));
        }
        zone.round();
    }

private:
    void add_alternative(JobSpec& spec) {
        spec.any_of.edit().ways.resize(2);
        keep_way(spec, 0);
        JobSpec other =
            job_of(static_cast<int>(1 + random_.below(3)), static_cast<int>(1 + random_.below(8)));
        other.time_limit = minutes(random_.between(1, 20) * 30);
        other.any_of = spec.any_of;
        keep_way(other, 1);
        spec.any_of = other.any_of;
    }

    Random random_;

public:
    Zone zone;
    std::vector<JobId> jobs;
};

/// The change made for real: what stands in the queue is taken out and put back with the request.
bool starts_for_real(std::uint64_t seed, JobId job, const JobSpec& spec) {
    RandomZone world(seed);
    State& state = world.zone.machine.borrow();
    Job& changed = state.truth.jobs.at(job);
    state.scheduler.job_unqueued(job);
    changed.spec = spec;
    --state.usage[{spec.enterprise, spec.programme}].queued;
    apply_detail::enter_queue(state, changed, world.zone.now);
    world.zone.round();
    return runs(world.zone, job);
}

/// As if it had been submitted then, the fair share of its enterprise counted.
Moment stands(const Zone& zone, const Job& job) {
    const OrderFactors factors = order_factors(zone.machine.state(), job);
    const FairTree& fair = zone.machine.state().scheduler.fair();
    const auto leaf = fair.find(job.spec.programme, job.spec.enterprise);
    const Delay delay = leaf && factors.fair ? fair.delay(*leaf) : Delay{};
    return factors.as_if() + delay.of(factors.narrow_permille);
}

/// A narrower job lets more pass, and an alternative stands where the first one does: alone it may
/// stand later. Then it is not certain that it would come first.
bool stands_later(const Zone& zone, JobId job, const JobSpec& spec) {
    Job changed = *zone.job(job);
    changed.spec = spec;
    return stands(zone, changed) > stands(zone, *zone.job(job));
}

/// Random zones tried; KHU_ADVICE_ZONES asks for more at night.
std::uint64_t zones_to_try() {
    const char* asked = std::getenv("KHU_ADVICE_ZONES");
    return asked == nullptr ? 400 : static_cast<std::uint64_t>(std::max(1, std::atoi(asked)));
}

/// Every smaller request in one dimension; a list of all of them, where advise() searches.
std::vector<JobSpec> smaller_requests(const JobSpec& asked) {
    std::vector<JobSpec> all;
    for (int gpus = 1; gpus < asked.shape.gpus; ++gpus) {
        JobSpec spec = asked;
        spec.shape.gpus = gpus;
        spec.shape.cores = std::max(1, asked.shape.cores * gpus / asked.shape.gpus);
        all.push_back(spec);
    }
    for (int nodes = 1; nodes < asked.nodes; ++nodes) {
        JobSpec spec = asked;
        spec.nodes = nodes;
        all.push_back(spec);
    }
    for (Span limit = minutes(1); limit < asked.time_limit; limit = limit * 2) {
        JobSpec spec = asked;
        spec.time_limit = limit;
        all.push_back(spec);
    }
    return all;
}

/// What advise() says of one way of a job, made for real; counted as {changes, nones}.
std::pair<int, int> try_advice(RandomZone& world, std::uint64_t seed, JobId job, int way) {
    const Advice advice =
        advise(world.zone.machine.borrow(), *world.zone.job(job), way, world.zone.now);
    EXPECT_FALSE(advice.blockers.empty()) << job.value << " way " << way;
    for (const Change& change : advice.changes) {
        EXPECT_TRUE(starts_for_real(seed, job, change.to)) << job.value << " way " << way;
    }
    if (!advice.changes.empty()) {
        return {static_cast<int>(advice.changes.size()), 0};
    }
    const JobSpec asked = only_way(world.zone.job(job)->spec, way);
    for (const JobSpec& spec : smaller_requests(asked)) {
        EXPECT_TRUE(stands_later(world.zone, job, spec) || !starts_for_real(seed, job, spec))
            << job.value << " way " << way;
    }
    return {0, 1};
}

TEST(Advice, StartsTheJobInARealRoundAndNoneMeansThatNoSmallerRequestWould) {
    int changes = 0;
    int nones = 0;
    int further = 0;
    for (std::uint64_t seed = 1; seed <= zones_to_try(); ++seed) {
        SCOPED_TRACE(seed);
        RandomZone world(seed);
        for (const JobId job : world.jobs) {
            if (world.zone.job(job) == nullptr || runs(world.zone, job)) {
                continue;
            }
            for (int way = 0; way < ways_of(world.zone.job(job)->spec); ++way) {
                const auto [starts, none] = try_advice(world, seed, job, way);
                changes += starts;
                nones += none;
                further += way > 0 ? starts : 0;
            }
        }
    }
    RecordProperty("changes", changes);
    RecordProperty("nones", nones);
    EXPECT_GT(changes, 200);
    EXPECT_GT(nones, 50);
    EXPECT_GT(further, 50);
}

}  // namespace
}  // namespace khu
