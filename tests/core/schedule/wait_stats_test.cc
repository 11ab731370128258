#include "core/schedule/wait_stats.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "core/base/limits.h"

namespace khu {
namespace {

const Moment kNow{1'800'000'000'000};

FirstStart start(std::int64_t wait_s, std::int64_t gpus = 1) {
    return {.day = 20'000,
            .enterprise = EnterpriseId{"0401000001"},
            .programme = ProgrammeId{"free"},
            .gpus = gpus,
            .submitted = kNow,
            .started = kNow + seconds(wait_s),
            .early = {},
            .late = {}};
}

FirstStart told(std::int64_t wait_s, std::int64_t early_s, std::int64_t late_s) {
    FirstStart made = start(wait_s);
    made.early = kNow + seconds(early_s);
    made.late = kNow + seconds(late_s);
    return made;
}

WaitCounts all(const WaitStats& stats) {
    WaitCounts sum;
    for (const auto& [kind, counts] : stats.rows()) {
        sum += counts;
    }
    return sum;
}

TEST(WaitStats, CountsWhetherWhatWasSaidHeld) {
    WaitStats stats;
    stats.count(start(5));
    stats.count(told(100, 60, 120));
    stats.count(told(60, 60, 60));
    stats.count(told(30, 60, 120));
    stats.count(told(200, 60, 120));

    const WaitCounts counts = all(stats);

    EXPECT_EQ(counts.jobs, 5);
    EXPECT_EQ(counts.eta_given(), 4);
    EXPECT_EQ(counts.eta_within, 2);
    EXPECT_EQ(counts.eta_sooner, 1);
    EXPECT_EQ(counts.eta_later, 1);
    EXPECT_EQ(counts.eta_width_s, 180);
    EXPECT_EQ(counts.eta_missed_s, 30 + 80);
}

TEST(WaitStats, KeepsSizesInPowersOfTwo) {
    EXPECT_EQ(size_class(0), 0);
    EXPECT_EQ(size_class(1), 1);
    EXPECT_EQ(size_class(3), 4);
    EXPECT_EQ(size_class(8), 8);
    EXPECT_EQ(size_class(9), 16);
}

TEST(WaitStats, DropsTheOldestDaysBeyondItsBound) {
    WaitStats stats;
    for (std::int64_t day = 0; day <= limits::wait_rows_max; ++day) {
        FirstStart one = start(1);
        one.day = day;
        stats.count(one);
    }

    EXPECT_EQ(static_cast<std::int64_t>(stats.rows().size()), limits::wait_rows_max);
    EXPECT_EQ(stats.rows().begin()->first.day, 1);
}

RC_GTEST_PROP(WaitStats, PercentilesAreAtMostAQuarterTooHigh, ()) {
    const auto waits = *rc::gen::nonEmpty(
        rc::gen::container<std::vector<std::int64_t>>(rc::gen::inRange<std::int64_t>(0, 100'000)));
    const int percent = *rc::gen::inRange(1, 101);
    WaitStats stats;
    for (const std::int64_t wait_s : waits) {
        stats.count(start(wait_s));
    }
    std::vector<std::int64_t> sorted = waits;
    std::ranges::sort(sorted);
    const std::size_t rank =
        std::max<std::size_t>(1, (sorted.size() * static_cast<std::size_t>(percent) + 99) / 100);
    const std::int64_t exact = sorted[rank - 1];

    const std::int64_t said = all(stats).percentile_s(percent);

    RC_ASSERT(said >= exact);
    RC_ASSERT(said <= exact + std::max<std::int64_t>(1, exact / 4));
}

}  // namespace
}  // namespace khu
