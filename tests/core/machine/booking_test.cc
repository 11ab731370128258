/// Reservations that an enterprise books: held whole, used without being charged again, and in the
/// books to the last atom.

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/random.h"
#include "tests/core/machine/booked_zone.h"

namespace khu {
namespace {

using testing::expect_identity;
using testing::go_to;
using testing::inside;
using testing::job_of;
using testing::kMay;
using testing::kMorning;
using testing::song_han;
using testing::two_nodes;
using testing::Zone;

Outcome book(Zone& zone, const Reservation& what) {
    return zone.tell(
        BookReservation{.who = testing::admin(), .enterprise = song_han, .what = what});
}

TEST(Booking, IsHeldWholeAtItsFactor) {
    Zone zone(testing::booking_policy());

    const Outcome booked = book(zone, two_nodes(kMorning + hours(30)));

    ASSERT_FALSE(booked.refusal);
    EXPECT_EQ(zone.grant("G2").held, gpu_hours(48));  // 16 GPUs x 2 h x 150 %
    EXPECT_EQ(zone.machine.state().truth.reserved.size(), 1U);
    EXPECT_GT(zone.submit(job_of(1, 1)).value, booked.job.value);
}

TEST(Booking, CancelledADayBeforeItCostsNothing) {
    Zone zone(testing::booking_policy());
    book(zone, two_nodes(kMorning + hours(30)));
    zone.pass(hours(6));

    ASSERT_FALSE(zone.tell(CancelReservation{testing::admin(), "run"}).refusal);

    EXPECT_EQ(zone.grant("G2").held, Atoms{0});
    EXPECT_EQ(zone.grant("G2").free, gpu_hours(1000));
    EXPECT_TRUE(zone.machine.state().truth.reserved.empty());
    EXPECT_TRUE(rows(zone).empty());
    recounted(zone);
}

TEST(Booking, CancelledLaterItFreesItsNodesAndIsChargedAllTheSame) {
    Zone zone(testing::booking_policy());
    book(zone, two_nodes(kMorning + hours(30)));
    go_to(zone, kMorning + hours(7));

    ASSERT_FALSE(zone.tell(CancelReservation{testing::admin(), "run"}).refusal);
    EXPECT_TRUE(zone.machine.state().truth.reserved.empty());
    EXPECT_EQ(zone.grant("G2").held, gpu_hours(48));
    go_to(zone, kMorning + hours(32));

    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(48));
    ASSERT_EQ(rows(zone).size(), 1U);
    EXPECT_EQ(rows(zone)[0].metered_ugs, Atoms{0}) << "nothing was kept from others";
    EXPECT_EQ(rows(zone)[0].surcharge_ugs, gpu_hours(48));
    expect_identity(rows(zone)[0]);
    recounted(zone);
}

TEST(Booking, ItsJobsAreMeteredAndNotChargedAgainAndTheRestIsARow) {
    Zone zone(testing::booking_policy());
    book(zone, two_nodes(kMorning + hours(30)));
    go_to(zone, kMorning + hours(30));
    const JobId job = zone.submit(inside(1, 8, hours(2)), song_han);
    ASSERT_NE(live_attempt(*zone.job(job)), nullptr);
    EXPECT_EQ(zone.machine.state().truth.ledger.held({job, AttemptNumber{1}}), Atoms{0});
    zone.run_to_end(job, hours(1));

    go_to(zone, kMorning + hours(32));

    const std::vector<UsageRow> all = rows(zone);
    ASSERT_EQ(all.size(), 2U);
    EXPECT_EQ(all[0].job_id, job);
    EXPECT_EQ(all[0].metered_ugs, gpu_hours(8));
    EXPECT_EQ(all[0].discount_ugs, gpu_hours(8));
    EXPECT_EQ(all[0].charged_ugs, Atoms{0});
    EXPECT_EQ(all[1].end_cause, "reserved_unused");
    EXPECT_EQ(all[1].metered_ugs, gpu_hours(24));
    EXPECT_EQ(all[1].charged_ugs, gpu_hours(48));
    EXPECT_EQ(all[1].surcharge_ugs, gpu_hours(24));
    EXPECT_EQ(all[1].job_name, "run");
    EXPECT_EQ(all[1].paid_enterprise_mvnd * 2, all[1].list_mvnd);
    expect_identity(all[0]);
    expect_identity(all[1]);
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(48));
    EXPECT_EQ(recounted(zone).posted("used:gpu"), gpu_hours(32).value);
    EXPECT_TRUE(zone.machine.state().truth.booked.empty());
}

TEST(Booking, ANodeThatFailedAndWasNotReplacedIsRefunded) {
    Zone zone(testing::booking_policy());
    book(zone, two_nodes(kMorning + hours(30)));
    go_to(zone, kMorning + hours(30));
    const std::vector<NodeId> placed = zone.machine.state().truth.reserved.begin()->second.placed;
    for (const auto& [id, node] : zone.machine.state().truth.nodes) {
        if (id != placed[1]) {  // All but one go, so that nobody takes its place.
            zone.tell(DrainNode{testing::admin(), node.name, "power"});
        }
    }
    go_to(zone, kMorning + hours(31));
    zone.tell(ResumeNode{testing::admin(), zone.machine.state().find_node(placed[0])->name});

    go_to(zone, kMorning + hours(32));

    ASSERT_EQ(rows(zone).size(), 1U);
    EXPECT_EQ(rows(zone)[0].waived_ugs, gpu_hours(8));  // One node of two, for an hour.
    EXPECT_EQ(rows(zone)[0].charged_ugs, gpu_hours(36));
    EXPECT_EQ(zone.grant("G2").spent, gpu_hours(36));
    expect_identity(rows(zone)[0]);
    recounted(zone);
}

TEST(Booking, AWindowOverTheEndOfAMonthIsARowInEach) {
    Zone zone(testing::booking_policy());
    book(zone, two_nodes(kMay - hours(1), hours(4)));
    go_to(zone, kMay - hours(1));
    const JobId job = zone.submit(inside(2, 8, hours(2)), song_han);
    go_to(zone, kMay);
    zone.run_to_end(job, minutes(30));

    go_to(zone, kMay + hours(3));

    Atoms charged, metered;
    std::map<std::string, int> months;
    for (const UsageRow& row : rows(zone)) {
        expect_identity(row);
        charged += row.charged_ugs;
        metered += row.metered_ugs;
        months[row.period] += row.end_cause == "reserved_unused" ? 1 : 0;
    }
    EXPECT_EQ(charged, gpu_hours(16 * 4 * 3 / 2));
    EXPECT_EQ(metered, gpu_hours(16 * 4));
    EXPECT_EQ(months, (std::map<std::string, int>{{"2026-04", 1}, {"2026-05", 1}}));
    EXPECT_EQ(zone.grant("G2").spent, charged);
    recounted(zone);
}

TEST(Booking, RefusesWhatTheCalendarOrTheBooksHaveNoRoomFor) {
    Zone zone(testing::booking_policy());
    const auto code = [&](const Reservation& what) {
        const Outcome outcome = book(zone, what);
        return outcome.refusal ? std::optional(outcome.refusal->code) : std::nullopt;
    };
    const Reservation first = two_nodes(kMorning + hours(30));
    EXPECT_EQ(code(first), std::nullopt);
    EXPECT_EQ(code(first), Code::ReservationExists);
    Reservation more = first;
    more.id = "more";
    more.gpus = 17;
    const Outcome over = book(zone, more);
    ASSERT_TRUE(over.refusal);
    EXPECT_NE(text(*over.refusal, Language::English).find("P070 40 GPUs are reserved"),
              std::string::npos)
        << text(*over.refusal, Language::English);
    more.gpus = 16;
    more.window.to = more.window.from + days(30);
    EXPECT_EQ(code(more), Code::HoldDoesNotFit);
    more.window = {.from = kMorning - hours(1), .to = kMorning + hours(1)};
    EXPECT_EQ(code(more), Code::BadField);
    more.window = first.window;
    more.qos = QosId{"thu"};
    EXPECT_EQ(code(more), Code::UnknownName);
    const Outcome not_holder = zone.tell(BookReservation{
        .who = testing::member_of(song_han), .enterprise = song_han, .what = first});
    ASSERT_TRUE(not_holder.refusal);
    EXPECT_EQ(not_holder.refusal->code, Code::Forbidden);
}

TEST(Booking, IsRefusedWhereWhatRunsLastsTooLong) {
    Zone zone(testing::booking_policy());
    JobSpec long_one = job_of(3, 1);
    long_one.time_limit = hours(40);
    ASSERT_NE(live_attempt(*zone.job(zone.submit(long_one, song_han))), nullptr);

    const Outcome outcome = book(zone, two_nodes(kMorning + hours(30)));

    ASSERT_TRUE(outcome.refusal);
    EXPECT_NE(text(*outcome.refusal, Language::English).find("P070 1 of 2 nodes"),
              std::string::npos);
    EXPECT_FALSE(book(zone, two_nodes(kMorning + hours(40))).refusal);
}

TEST(Booking, IsOfItsEnterpriseAlone) {
    Zone zone(testing::booking_policy());
    book(zone, two_nodes(kMorning + hours(30)));
    JobSpec theirs = inside(1, 8, hours(1));

    const Outcome outcome = zone.tell(
        SubmitJob{.who = testing::member_of(testing::sao_mai), .spec = theirs, .key = ""});

    ASSERT_TRUE(outcome.refusal);
    EXPECT_EQ(outcome.refusal->code, Code::NotOpen);
}

/// A random window with random jobs and failures inside, and a sum written down apart: how long
/// nodes of it were away, at least.
class Life {
public:
    explicit Life(std::uint64_t seed) : random_(seed), zone(testing::booking_policy()) {
        from = kMay - minutes(random_.between(-300, 300));
        length = minutes(random_.between(30, 600));
    }

    void run() {
        ASSERT_FALSE(book(zone, two_nodes(from, length)).refusal);
        for (Moment at = from; at < from + length; at = at + minutes(10)) {
            go_to(zone, std::max(zone.now, at));
            happen();
            note_missing(std::min(at + minutes(10), from + length));
        }
        for (const JobId job : jobs_) {
            end(job);
        }
        go_to(zone, std::max(zone.now, from + length));
        go_to(zone, kMay + hours(30));
    }

    [[nodiscard]] const std::vector<JobId>& jobs() const { return jobs_; }

    std::int64_t missing_ms{0};
    Moment from;
    Span length;

private:
    void happen() {
        if (random_.chance(300)) {
            const auto gpus = static_cast<int>(random_.between(1, 8));
            jobs_.push_back(
                zone.submit(inside(1, gpus, minutes(random_.between(5, 30))), song_han));
            if (live_attempt(*zone.job(jobs_.back())) != nullptr) {
                zone.start_running(jobs_.back());
            }
        }
        if (random_.chance(200)) {
            const auto& nodes = zone.machine.state().truth.nodes;
            const NodeRecord& node = nodes.at(NodeId{1 + random_.below(nodes.size())});
            node.drained ? zone.tell(ResumeNode{testing::admin(), node.name})
                         : zone.tell(DrainNode{testing::admin(), node.name, "fan"});
        }
        for (const JobId job : jobs_) {
            const Job* known = zone.job(job);
            const std::string phase = known == nullptr ? "" : phase_name(known->phase);
            if (phase == "ending" || (phase == "running" && random_.chance(500))) {
                end(job);
            }
        }
    }
    void end(JobId job) {
        const Job* known = zone.job(job);
        if (known != nullptr && live_attempt(*known) == nullptr) {
            zone.tell(CancelJob{testing::admin(), job});
        } else if (known != nullptr) {
            for (const NodeAllocation& each : Placement{live_attempt(*known)->placement}.nodes) {
                zone.report(each.node, job, AgentStage::Ended, AttemptResult{});
            }
        }
    }
    void note_missing(Moment to) {
        const auto& placed = zone.machine.state().truth.reserved;
        if (placed.empty() || to <= zone.now) {
            return;
        }
        for (const NodeId node : placed.begin()->second.placed) {
            const bool away = zone.machine.state().truth.nodes.at(node).drained;
            missing_ms += away ? (to - zone.now).value : 0;
        }
    }

    Random random_;
    std::vector<JobId> jobs_;

public:
    Zone zone;
};

TEST(Booking, TheBooksAddUpWhateverHappens) {
    std::int64_t missing = 0;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        SCOPED_TRACE(seed);
        Life life(seed);
        life.run();

        ASSERT_TRUE(life.zone.machine.state().truth.booked.empty());
        Atoms charged, metered, waived;
        for (const UsageRow& row : rows(life.zone)) {
            expect_identity(row);
            const bool unused = row.end_cause == "reserved_unused" || row.row_kind == "correction";
            EXPECT_TRUE(unused || row.charged_ugs == Atoms{0});
            charged += row.charged_ugs;
            metered += row.metered_ugs;
            waived += unused ? row.waived_ugs : Atoms{0};
        }
        const Atoms whole{16'000 * life.length.value};
        EXPECT_GE(metered, whole);  // Seconds of jobs are rounded up, and some end late:
        EXPECT_LE(metered, whole + gpu_hours(8) * static_cast<std::int64_t>(life.jobs().size()));
        EXPECT_EQ(charged.value, (whole - waived).value / 2 * 3);
        EXPECT_GE(waived.value, 8'000 * life.missing_ms);
        EXPECT_EQ(life.zone.grant("G2").spent, charged);
        EXPECT_EQ(recounted(life.zone).posted("used:gpu"), metered.value);
        ASSERT_FALSE(HasFailure());
        missing += life.missing_ms;
    }
    EXPECT_GT(missing, 0);
}

}  // namespace
}  // namespace khu
