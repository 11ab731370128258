// Months: what runs across local midnight of the 1st is cut there, and a closed month stays as it
// is.
#include <gtest/gtest.h>

#include "core/machine/settle.h"
#include "tests/core/machine/zone_books.h"

namespace khu {
namespace {

using testing::job_of;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

/// 2026-05-01T00:00:00+07:00
constexpr Moment may{1'777'568'400'000};

/// A job of song_han on 8 GPUs for at most two hours, an hour before May.
JobId started_in_april(Zone& zone) {
    go(zone, may - hours(1));
    const JobId job = zone.submit(job_of(1, 8), song_han);
    zone.start_running(job);
    return job;
}

TEST(MonthCuts, ARunningAttemptIsSettledAtLocalMidnight) {
    Zone zone;
    const JobId job = started_in_april(zone);
    EXPECT_LE(zone.machine.next_wake(), may);

    go(zone, may + milliseconds(700));  // A tick is a little late; the cut is not.

    ASSERT_EQ(rows(zone).size(), 1U);
    const UsageRow row = rows(zone).front();
    EXPECT_EQ(row.period, "2026-04");
    EXPECT_EQ(row.end_cause, "period_cut");
    EXPECT_EQ(row.slice_end, may);
    EXPECT_EQ(row.elapsed_s, 3600);
    EXPECT_EQ(row.charged_ugs, gpu_hours(8));
    EXPECT_EQ(row.list_mvnd, Mvnd{216'000'000});
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(8));
    EXPECT_EQ(zone.grant("G2").held, gpu_hours(8));
    EXPECT_EQ(phase_name(zone.job(job)->phase), "running");
    recounted(zone);
}

TEST(MonthCuts, WhatTheNodesCouldHaveGivenIsCountedToTheCut) {
    Zone zone{2};
    const Moment begin = zone.now;
    go(zone, begin + hours(10));
    ASSERT_FALSE(
        zone.tell(DrainNode{.who = testing::admin(), .node = NodeName{"n1"}, .reason = "disk"})
            .refusal);
    go(zone, begin + hours(14));
    ASSERT_FALSE(zone.tell(ResumeNode{.who = testing::admin(), .node = NodeName{"n1"}}).refusal);
    zone.now = begin + hours(20);
    zone.tell(Tick{});  // Nobody was heard for six hours: both are lost.

    go(zone, may);

    const std::vector<CapacityTotal> all = zone.machine.state().truth.months.back().capacity;
    // Sixteen GPUs of weight 1000: thousandths times milliseconds are atoms.
    const auto all_of_it = [](Span span) { return Atoms{16'000 * span.value}; };
    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].installed, all_of_it(may - begin));
    EXPECT_EQ(all[0].maintenance, gpu_hours(8) * 4);
    EXPECT_EQ(all[0].down, all_of_it(may - begin - hours(20)));
}

TEST(MonthCuts, TheEndSettlesTheRestInItsOwnMonth) {
    Zone zone;
    const JobId job = started_in_april(zone);
    go(zone, may);

    zone.run_to_end(job, minutes(30));

    ASSERT_EQ(rows(zone).size(), 2U);
    const UsageRow last = rows(zone).back();
    EXPECT_EQ(last.period, "2026-05");
    EXPECT_EQ(last.slice, 2);
    EXPECT_EQ(last.slice_start, may);
    EXPECT_EQ(last.charged_ugs, gpu_hours(4));
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(12));
    EXPECT_EQ(zone.grant("G2").held, Atoms{0});
    EXPECT_EQ(recounted(zone).posted("revenue:test"), 324'000'000);
}

TEST(MonthCuts, AFailureAfterTheCutGivesBackInTheNewMonth) {
    Zone zone;
    started_in_april(zone);
    go(zone, may);

    zone.pass(minutes(30));
    zone.tell(Tick{});  // No agent was heard for half an hour: every node is lost.

    const std::vector<UsageRow> all = rows(zone);
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(all[0].charged_ugs, gpu_hours(8));  // April stays as it was written.
    EXPECT_EQ(all[1].row_kind, "correction");
    EXPECT_EQ(all[1].period, "2026-05");
    EXPECT_EQ(all[1].corrects, "1.1.1");
    EXPECT_EQ(all[1].charged_ugs, -gpu_hours(8));
    EXPECT_EQ(all[1].waived_ugs, gpu_hours(8));
    EXPECT_EQ(all[1].list_mvnd, Mvnd{-216'000'000});
    EXPECT_EQ(all[1].paid_enterprise_mvnd, Mvnd{-108'000'000});
    EXPECT_EQ(all[2].waived_ugs, gpu_hours(4));
    EXPECT_EQ(all[2].charged_ugs, Atoms{0});
    EXPECT_EQ(zone.grant("G2").spent, Atoms{0});
    const Recount books = recounted(zone);
    EXPECT_EQ(books.posted("revenue:test"), 0);
    EXPECT_EQ(-books.posted("zone_loss"), gpu_hours(12).value);
    EXPECT_EQ(books.posted("used:gpu"), gpu_hours(12).value);  // I-03
}

TEST(MonthCuts, AKhudThatSleptOverMidnightCutsThereAllTheSame) {
    Zone zone;
    started_in_april(zone);

    go(zone, may + minutes(40));

    ASSERT_EQ(rows(zone).size(), 1U);
    EXPECT_EQ(rows(zone).front().slice_end, may);
    EXPECT_EQ(rows(zone).front().period, "2026-04");
}

TEST(MonthClosing, AMonthIsClosedOnItsDayAndNoRowOfItFollows) {
    Zone zone;
    const JobId job = started_in_april(zone);
    go(zone, may);
    EXPECT_EQ(zone.machine.state().truth.closed_period, "");

    const Moment closes = may + days(4);  // close_day is 5
    zone.run_to_end(job, hours(1));
    EXPECT_EQ(next_month_event(zone.machine.state()), closes);
    go(zone, closes - milliseconds(1));
    EXPECT_EQ(zone.machine.state().truth.closed_period, "");
    go(zone, closes);

    EXPECT_EQ(zone.machine.state().truth.closed_period, "2026-04");
    const std::size_t before = rows(zone).size();
    zone.run_to_end(zone.submit(job_of(1, 8)), minutes(1));
    for (std::size_t i = before; i < rows(zone).size(); ++i) {
        EXPECT_GT(rows(zone)[i].period, "2026-04");
    }
}

TEST(MonthClosing, SeveralMonthsAreClosedOneAfterTheOther) {
    Zone zone;

    go(zone, may + days(100));  // 9 August

    std::vector<std::string> closed;
    for (const Stamped& fact : zone.history) {
        if (const auto* month = std::get_if<MonthClosed>(&fact.fact)) {
            closed.push_back(month->period);
        }
    }
    EXPECT_EQ(closed, (std::vector<std::string>{"2026-04", "2026-05", "2026-06", "2026-07"}));
}

TEST(MonthReplay, GivesTheSameBooksInTheMiddleOfASlice) {
    Zone zone;
    const JobId job = started_in_april(zone);
    go(zone, may);
    zone.pass(minutes(1));

    Machine again{ZoneId{"test"}};
    for (const Stamped& fact : zone.history) {
        again.replay(fact);
    }

    EXPECT_EQ(again.state().truth.ledger.state(), zone.machine.state().truth.ledger.state());
    EXPECT_EQ(again.state().truth.books.at(job), zone.machine.state().truth.books.at(job));
    EXPECT_EQ(again.state().truth.cut_until, may);
}

}  // namespace
}  // namespace khu
