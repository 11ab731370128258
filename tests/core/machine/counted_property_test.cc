/// Counted resources in random zones, against a model that only adds up who runs: never more than
/// there are in use, of an enterprise never more than its limit, nothing idles that the only one
/// who waits could use, and the first in line starts when it was said to.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/base/random.h"
#include "tests/core/machine/counted_zone.h"

namespace khu {
namespace {

using namespace testing;

constexpr int kCount = 5;
constexpr Span kStep = minutes(10);

class World {
public:
    explicit World(std::uint64_t seed) : random(seed), zone(policy_of(random)) {}

    static Policy policy_of(Random& random) {
        Policy made = counted_policy(kCount, 2);
        made.resources.front().max_per_enterprise =
            random.chance(300) ? static_cast<int>(random.between(2, kCount)) : 0;
        return made;
    }
    [[nodiscard]] int limit() const {
        return zone.machine.state().truth.policy->resources.front().max_per_enterprise;
    }

    void submit() {
        const int most = limit() > 0 ? limit() : kCount;
        JobSpec spec =
            with(eda, static_cast<int>(random.between(1, most)), kStep * random.between(1, 12));
        if (random.chance(200)) {
            spec.counted.edit().all.push_back({bench, static_cast<int>(random.between(1, 2))});
        }
        zone.submit(spec, random.chance(500) ? sao_mai : song_han);
    }

    /// A job of one node, or of all, with `licences` of them.
    JobId submit(int nodes, int gpus, int licences, Span limit) {
        JobSpec spec = job_of(nodes, gpus);
        spec.time_limit = limit;
        if (licences > 0) {
            spec.counted = CountedWishes{{{eda, licences}}};
        }
        return zone.submit(spec, random.chance(500) ? sao_mai : song_han);
    }

    /// Those whose limit is over end, and now and then another.
    void go_on() {
        zone.now = zone.now + kStep;
        std::vector<JobId> over;
        for (const auto& [id, job] : zone.machine.state().truth.jobs) {
            const Attempt* attempt = live_attempt(job);
            if (attempt != nullptr && (attempt->deadline <= zone.now || random.chance(50))) {
                over.push_back(id);
            }
        }
        for (const JobId id : over) {
            zone.run_to_end(id, milliseconds(0));
        }
        settle();
    }
    void settle() {
        for (int n = 0; n < 3; ++n) {
            zone.round();
        }
    }

    /// In use of the resource, by enterprise, as the live attempts say.
    [[nodiscard]] std::map<EnterpriseId, std::int64_t> used_by(const ResourceId& resource) const {
        std::map<EnterpriseId, std::int64_t> sums;
        for (const auto& [id, job] : zone.machine.state().truth.jobs) {
            for (const CountedWish& wish : job.spec.counted->all) {
                const bool its = live_attempt(job) != nullptr && wish.resource == resource;
                sums[job.spec.enterprise] += its ? wish.count : 0;
            }
        }
        return sums;
    }

    void expect_sums() const {
        for (const auto& [resource, count] : {std::pair(eda, kCount), std::pair(bench, 2)}) {
            std::int64_t all = 0;
            for (const auto& [who, sum] : used_by(resource)) {
                all += sum;
                EXPECT_TRUE(resource != eda || limit() == 0 || sum <= limit()) << who.value.str();
            }
            EXPECT_LE(all, count);
            EXPECT_EQ(all, counted_in_use(zone.machine.state(), resource));
        }
    }

    /// Whoever stands first in all of the queue waits only for what is really lacking.
    void expect_the_first_is_not_held_up() const {
        for (const auto& [id, job] : zone.machine.state().truth.jobs) {
            if (live_attempt(job) != nullptr) {
                continue;
            }
            bool lacks = false;
            for (const CountedWish& wish : job.spec.counted->all) {
                std::int64_t all = 0;
                for (const auto& [who, sum] : used_by(wish.resource)) {
                    all += sum;
                    const bool own = who == job.spec.enterprise && wish.resource == eda;
                    lacks = lacks || (own && limit() > 0 && sum + wish.count > limit());
                }
                lacks = lacks || all + wish.count > (wish.resource == eda ? kCount : 2);
            }
            EXPECT_TRUE(lacks) << "job " << id.value << " could start and does not";
            return;  // In the order of their numbers: the first that waits.
        }
    }

    /// What was said of the first in line, when it was said first. Where enterprises have limits,
    /// one that waited for its own stands before it later.
    void note_promises() {
        if (limit() > 0) {
            return;
        }
        for (const auto& [resource, id] : firsts_in_line(zone.machine.state())) {
            const auto why = zone.machine.state().scheduler.why(id, zone.now);
            const bool alone = zone.job(id)->spec.counted->all.size() == 1;
            if (alone && why && why->code == Code::CountedInUse) {
                promised.emplace(id, Moment{std::get<std::int64_t>(why->data.back().value)});
            }
        }
    }
    void expect_promises_kept() const {
        for (const auto& [id, by] : promised) {
            EXPECT_TRUE(zone.job(id) == nullptr || runs(zone, id) || zone.now < by)
                << "job " << id.value << " was to start by " << by.value << ", it is "
                << zone.now.value;
        }
    }

    Random random;
    Zone zone;
    std::map<JobId, Moment> promised;
};

TEST(CountedProperty, NeverMoreThanThereAreAndTheFirstInLineInTime) {
    std::size_t promises = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed);
        for (int step = 0; step < 40; ++step) {
            for (auto n = world.random.below(3); n > 0; --n) {
                world.submit();
            }
            world.go_on();
            world.expect_sums();
            world.expect_the_first_is_not_held_up();
            world.note_promises();
            world.expect_promises_kept();
            ASSERT_FALSE(HasFailure());
        }
        promises += world.promised.size();
        for (int left = 1000; left > 0 && !world.zone.machine.state().truth.jobs.empty(); --left) {
            world.go_on();
        }
        EXPECT_TRUE(world.zone.machine.state().truth.jobs.empty()) << "nobody waits for ever";
        EXPECT_TRUE(world.zone.machine.state().counted_use.empty());
    }
    EXPECT_GT(promises, 50U);
}

/// More work than the nodes can do, and a wide job that needs all of them and a licence: it waits
/// for those before it and no longer, whichever of the two the others have when.
TEST(CountedProperty, ThoseBehindAWideJobDoNotKeepItWaiting) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        SCOPED_TRACE(seed);
        World world(seed);
        const auto narrow = [&] {
            const int licences = world.random.chance(500) ? 1 : 0;
            world.submit(1, static_cast<int>(world.random.between(1, 7)), licences,
                         kStep * world.random.between(1, 12));
        };
        std::int64_t before = 0;
        for (int n = 0; n < 10; ++n) {
            narrow();
            before += 12;
        }
        const JobId wide = world.submit(4, 8, 2, kStep * 3);
        std::int64_t waited = 0;
        for (; !runs(world.zone, wide) && waited < 400; ++waited) {
            narrow();
            narrow();
            narrow();
            world.go_on();
            world.expect_sums();
        }
        EXPECT_LE(waited, before) << "all of them one after the other";
        ASSERT_FALSE(HasFailure());
    }
}

}  // namespace
}  // namespace khu
