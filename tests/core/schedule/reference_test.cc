/// The round against a scheduler of forty lines: one machine of eight GPUs, jobs in line, EASY
/// backfill as in the textbook (Mu'alem and Feitelson, "Utilization, predictability, workloads, and
/// user runtime estimates in scheduling the IBM SP2 with backfilling", TPDS 2001): a shadow time
/// for the first that waits, and what is to spare then. It knows nothing of shapes, lanes, memos or
/// nodes. Both must start the same jobs in the same order at every moment.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

#include "core/base/random.h"
#include "tests/core/schedule/zone.h"

namespace khu {
namespace {

using namespace machines;

constexpr int kGpus = 8;

class Reference {
public:
    struct Wanted {
        int gpus{0};
        Span limit;
    };
    struct Shadow {
        JobId job;
        Moment at;
        int spare{0};
    };

    void submit(JobId job, Wanted wanted) { waiting_.emplace(job, wanted); }
    void end(JobId job) { running_.erase(job); }

    std::vector<JobId> settle(Moment now) {
        std::vector<JobId> started;
        shadow_.reset();
        for (const auto& [job, wanted] : waiting_) {
            if (wanted.gpus > free()) {
                if (!shadow_) {
                    shadow_ = shadow_of(job, wanted, now);
                }
            } else if (!shadow_ || now + wanted.limit <= shadow_->at ||
                       wanted.gpus <= shadow_->spare) {
                if (shadow_ && now + wanted.limit > shadow_->at) {
                    shadow_->spare -= wanted.gpus;
                }
                running_[job] = {wanted.gpus, now + wanted.limit};
                started.push_back(job);
            }
        }
        for (const JobId job : started) {
            waiting_.erase(job);
        }
        return started;
    }

    [[nodiscard]] const std::optional<Shadow>& shadow() const { return shadow_; }

private:
    struct Runs {
        int gpus{0};
        Moment deadline;
    };
    [[nodiscard]] int free() const { return free_at(Moment{0}); }
    [[nodiscard]] int free_at(Moment at) const {
        int free = kGpus;
        for (const auto& [job, runs] : running_) {
            free -= runs.deadline > at ? runs.gpus : 0;
        }
        return free;
    }
    [[nodiscard]] Shadow shadow_of(JobId job, const Wanted& wanted, Moment now) const {
        Moment at = kNever;
        for (const auto& [other, runs] : running_) {
            if (free_at(runs.deadline) >= wanted.gpus) {
                at = std::min(at, runs.deadline);
            }
        }
        at = std::max(at, now);
        return {job, at, free_at(at) - wanted.gpus};
    }

    std::map<JobId, Wanted> waiting_;
    std::map<JobId, Runs> running_;
    std::optional<Shadow> shadow_;
};

std::uint64_t seeds_to_try() {
    const char* asked = std::getenv("KHU_ROUND_SEEDS");
    return asked == nullptr ? 500 : static_cast<std::uint64_t>(std::max(1, std::atoi(asked)));
}

/// Both schedulers, told the same.
class Both {
public:
    explicit Both(std::uint64_t seed)
        : random(seed), zone(1, {.cores = 64, .gpus = kGpus}, {.cores = 4, .memory = Bytes{1}}) {}

    void submit() {
        const Reference::Wanted wanted{.gpus = static_cast<int>(1 + random.below(kGpus)),
                                       .limit = minutes(random.between(1, 30) * 10)};
        reference.submit(zone.submit(gpus(wanted.gpus), wanted.limit), wanted);
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

    Random random;
    machines::Zone zone;
    Reference reference;
};

TEST(Reference, TheSameJobsStartInTheSameOrderAtEveryMoment) {
    int starts = 0;
    int passed = 0;
    for (std::uint64_t seed = 1; seed <= seeds_to_try(); ++seed) {
        SCOPED_TRACE(seed);
        Both both(seed);
        std::optional<Reference::Shadow> promise;
        for (int step = 0; step < 60; ++step) {
            both.random.chance(550) ? both.submit() : both.end_one();
            const std::vector<JobId> expected = both.reference.settle(both.zone.now);

            ASSERT_EQ(both.zone.settle(), expected) << "step " << step;

            const auto& shadow = both.reference.shadow();
            const StartReservation* made = both.zone.reservation();
            ASSERT_EQ(made != nullptr, shadow.has_value()) << "step " << step;
            starts += static_cast<int>(expected.size());
            if (shadow) {
                ASSERT_EQ(made->job, shadow->job) << "step " << step;
                ASSERT_EQ(made->at, shadow->at) << "step " << step;
                passed += static_cast<int>(
                    std::ranges::count_if(expected, [&](JobId job) { return shadow->job < job; }));
                if (promise && promise->job == shadow->job) {
                    ASSERT_LE(shadow->at, std::max(promise->at, both.zone.now));
                }
            }
            promise = shadow;
        }
    }
    EXPECT_GT(starts, 1000);
    EXPECT_GT(passed, 100);
}

}  // namespace
}  // namespace khu
