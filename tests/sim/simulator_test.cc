#include "core/sim/simulator.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace khu::sim {
namespace {

/// How many seeds: 500 unless KHU_SIM_SEEDS says otherwise.
std::uint64_t seeds() {
    const char* wanted = std::getenv("KHU_SIM_SEEDS");
    return wanted == nullptr ? 500 : std::stoull(wanted);
}

TEST(Simulation, EverySeedHoldsEveryClaimAndComesToRest) {
    std::int64_t crashes = 0;
    std::int64_t acknowledged = 0;
    for (std::uint64_t seed = 1; seed <= seeds(); ++seed) {
        const Report report = run({.seed = seed});
        ASSERT_TRUE(report.ok) << "khu-sim --seed " << seed << ": " << report.broken << " ["
                               << report.faults << "]";
        crashes += report.controller_crashes;
        acknowledged += report.acknowledged;
    }
    RecordProperty("controller_crashes", std::to_string(crashes));
    EXPECT_GT(crashes, 0);
    EXPECT_GT(acknowledged, 0);
}

TEST(Simulation, TheSameSeedGivesTheSameTrace) {
    for (const std::uint64_t seed : {3U, 7U, 11U, 42U}) {
        const Report first = run({.seed = seed});
        const Report again = run({.seed = seed});
        EXPECT_EQ(first.trace, again.trace) << seed;
        EXPECT_EQ(first.steps, again.steps) << seed;
    }
}

TEST(Simulation, ManyAgentsAndFewJobsHoldToo) {
    for (std::uint64_t seed = 9001; seed <= 9010; ++seed) {
        const Report report = run({.seed = seed, .agents = 16, .jobs = 60});
        ASSERT_TRUE(report.ok) << "seed " << seed << ": " << report.broken;
    }
}

}  // namespace
}  // namespace khu::sim
