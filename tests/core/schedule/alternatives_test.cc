/// Jobs that may run in several ways, against a scheduler of sixty lines: two machines of eight
/// GPUs, jobs in line, EASY backfill on each with one shadow time, and a job that nothing can start
/// waits on the machine that would have it first. It knows nothing of shapes, lanes or memos.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <optional>

#include "core/base/random.h"
#include "core/jobs/alternatives.h"
#include "tests/core/schedule/zone.h"

namespace khu {
namespace {

using namespace machines;

constexpr int kGpus = 8;
constexpr std::size_t kMachines = 2;

class Reference {
public:
    struct Way {
        std::size_t machine{0};
        int gpus{0};
        Span limit;
    };
    struct Shadow {
        JobId job;
        int way{0};
        Moment at;
        int spare{0};
    };
    using Began = std::pair<JobId, int>;
    using Shadows = std::array<std::optional<Shadow>, kMachines>;

    void submit(JobId job, std::vector<Way> ways) { waiting_.emplace(job, std::move(ways)); }
    void end(JobId job) { running_.erase(job); }

    std::vector<Began> settle(Moment now) {
        std::vector<Began> started;
        shadows_ = {};
        for (const auto& [job, ways] : waiting_) {
            const int way = first_that_starts(ways, now);
            if (way < 0) {
                wait(job, ways, now);
                continue;
            }
            started.emplace_back(job, way);
            running_[job] = {ways[static_cast<std::size_t>(way)], now};
        }
        for (const auto& [job, way] : started) {
            waiting_.erase(job);
        }
        return started;
    }

    [[nodiscard]] const Shadows& shadows() const { return shadows_; }

private:
    struct Runs {
        Way way;
        Moment since;
        [[nodiscard]] Moment deadline() const { return since + way.limit; }
    };
    [[nodiscard]] int free_at(std::size_t machine, Moment at) const {
        int free = kGpus;
        for (const auto& [job, runs] : running_) {
            free -= runs.way.machine == machine && runs.deadline() > at ? runs.way.gpus : 0;
        }
        return free;
    }
    int first_that_starts(const std::vector<Way>& ways, Moment now) {
        for (std::size_t i = 0; i < ways.size(); ++i) {
            const Way& way = ways[i];
            std::optional<Shadow>& shadow = shadows_[way.machine];
            const bool outlasts = shadow && now + way.limit > shadow->at;
            // What ran over its deadline is still there.
            if (way.gpus <= free_at(way.machine, Moment{0}) &&
                (!outlasts || way.gpus <= shadow->spare)) {
                if (outlasts) {
                    shadow->spare -= way.gpus;
                }
                return static_cast<int>(i);
            }
        }
        return -1;
    }
    void wait(JobId job, const std::vector<Way>& ways, Moment now) {
        std::optional<Shadow> best;
        std::size_t on = 0;
        for (std::size_t i = 0; i < ways.size(); ++i) {
            const Shadow shadow = shadow_of(job, ways[i], static_cast<int>(i), now);
            if (!shadows_[ways[i].machine] && (!best || shadow.at < best->at)) {
                best = shadow;
                on = ways[i].machine;
            }
        }
        if (best) {
            shadows_[on] = best;
        }
    }
    [[nodiscard]] Shadow shadow_of(JobId job, const Way& way, int index, Moment now) const {
        Moment at = kNever;
        for (const auto& [other, runs] : running_) {
            if (free_at(way.machine, runs.deadline()) >= way.gpus) {
                at = std::min(at, runs.deadline());
            }
        }
        at = std::max(at, now);
        return {job, index, at, free_at(way.machine, at) - way.gpus};
    }

    std::map<JobId, std::vector<Way>> waiting_;
    std::map<JobId, Runs> running_;
    Shadows shadows_;
};

std::uint64_t seeds_to_try() {
    const char* asked = std::getenv("KHU_ROUND_SEEDS");
    return asked == nullptr ? 500 : static_cast<std::uint64_t>(std::max(1, std::atoi(asked)));
}

/// Both schedulers, told the same.
class Both {
public:
    inline static const GpuShare kFour{.cores = 4, .memory = Bytes{1}};

    explicit Both(std::uint64_t seed)
        : random(seed), zone(kMachines, {.cores = 64, .gpus = kGpus}, kFour) {
        std::vector<PartitionNodes> partitions;
        for (std::size_t m = 0; m < kMachines; ++m) {
            partitions.push_back({.id = partition(m),
                                  .nodes = {NodeName{"n" + std::to_string(m + 1)}},
                                  .share = kFour,
                                  .reservations = 1});
        }
        zone.scheduler.partitions_changed(partitions);
    }

    static PartitionId partition(std::size_t machine) {
        return PartitionId{"p" + std::to_string(machine)};
    }
    void submit() {
        std::vector<Reference::Way> ways;
        std::vector<QueuedWay> queued;
        const std::size_t count = random.chance(400) ? 1 : 1 + random.below(3);
        for (std::size_t i = 0; i < count; ++i) {
            ways.push_back({.machine = static_cast<std::size_t>(random.below(kMachines)),
                            .gpus = static_cast<int>(1 + random.below(kGpus)),
                            .limit = minutes(random.between(1, 30) * 10)});
            if (i > 0 && random.chance(300)) {  // the same for another time: a shape they share
                ways.back().machine = ways.front().machine;
                ways.back().gpus = ways.front().gpus;
            }
            GangRequest request = gpus(ways.back().gpus);
            request.partition = partition(ways.back().machine);
            queued.push_back({request, ways.back().limit});
        }
        reference.submit(zone.submit_any(queued), ways);
    }
    /// The one whose deadline is next, now and then before it; time passes until then.
    void end_one() {
        const auto& running = zone.scheduler.running().by_deadline();
        if (running.empty()) {
            return;
        }
        const auto [deadline, job] = running.begin()->first;
        const Span early = random.chance(400) ? minutes(random.between(0, 60)) : Span{0};
        zone.now = std::max(zone.now, deadline - early);
        zone.end(job);
        reference.end(job);
    }
    std::vector<Reference::Began> settle() {
        std::vector<Reference::Began> began;
        for (const JobId job : zone.settle()) {
            began.emplace_back(job, way_taken(zone.running.at(job).receipt));
        }
        return began;
    }

    Random random;
    machines::Zone zone;
    Reference reference;
};

TEST(Alternatives, TheSameJobsStartInTheSameWayAtEveryMoment) {
    int others = 0;
    int promised_otherwise = 0;
    for (std::uint64_t seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(seed);
        Both both(seed);
        for (int step = 0; step < 60; ++step) {
            both.random.chance(550) ? both.submit() : both.end_one();
            const std::vector<Reference::Began> expected = both.reference.settle(both.zone.now);

            ASSERT_EQ(both.settle(), expected) << "step " << step;

            others += static_cast<int>(
                std::ranges::count_if(expected, [](const auto& each) { return each.second > 0; }));
            for (std::size_t m = 0; m < kMachines; ++m) {
                const auto& shadow = both.reference.shadows()[m];
                const StartReservation* made =
                    both.zone.scheduler.memo().promises().first_of(Both::partition(m));
                ASSERT_EQ(made != nullptr, shadow.has_value()) << "step " << step << " on " << m;
                if (shadow) {
                    ASSERT_EQ(made->job, shadow->job) << "step " << step << " on " << m;
                    ASSERT_EQ(made->at, shadow->at) << "step " << step << " on " << m;
                    ASSERT_EQ(made->order.alternative, shadow->way) << "step " << step;
                    promised_otherwise += shadow->way > 0 ? 1 : 0;
                }
            }
        }
    }
    EXPECT_GT(others, 500);
    EXPECT_GT(promised_otherwise, 500);
}

TEST(Alternatives, AJobLeavesTheQueueInAllItsWays) {
    Both both(1);
    GangRequest here = gpus(8);
    here.partition = Both::partition(0);
    GangRequest there = gpus(8);
    there.partition = Both::partition(1);
    const JobId first = both.zone.submit_any({{here, hours(1)}, {there, hours(1)}});
    const JobId second = both.zone.submit_any({{here, hours(1)}, {there, hours(1)}});
    const JobId third = both.zone.submit_any({{here, hours(3)}, {there, hours(2)}});

    EXPECT_EQ(both.zone.settle(), (std::vector{first, second}));
    EXPECT_EQ(both.zone.running.at(second).receipt.alternative, 2);
    EXPECT_EQ(both.zone.scheduler.queue().size(), 1U);
    EXPECT_EQ(both.zone.why(third)->code, Code::ResourcesBusy);
    EXPECT_EQ(both.zone.scheduler.why(third, 1, both.zone.now)->code, Code::ResourcesBusy);
    both.zone.scheduler.job_unqueued(third);
    EXPECT_TRUE(both.zone.scheduler.queue().heads_in(Both::partition(0)).empty());
    EXPECT_TRUE(both.zone.scheduler.queue().heads_in(Both::partition(1)).empty());
    EXPECT_TRUE(both.zone.scheduler.memo().reservations().empty());
}

}  // namespace
}  // namespace khu
