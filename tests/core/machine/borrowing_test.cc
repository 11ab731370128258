/// Borrowing of GPUs between programmes: what is one's own, what may be borrowed, and what an owner
/// gets back.

#include <gtest/gtest.h>

#include "core/base/limits.h"
#include "core/machine/advice.h"
#include "core/machine/machine.h"
#include "tests/core/machine/zone_books.h"

namespace khu {
namespace {

using testing::admin;
using testing::job_of;
using testing::rich_policy;
using testing::sao_mai;
using testing::song_han;
using testing::Zone;

constexpr Span kSure = hours(2);
constexpr Span kGrace = minutes(5);

/// Of the 32 GPUs, 16 are the nominal of each programme of the zone.
Policy borrowing_policy(BorrowRule first, BorrowRule second) {
    Policy policy = rich_policy();
    first.programme = policy.programmes.at(0).id;
    second.programme = policy.programmes.at(1).id;
    policy.borrowing = {{.partition = PartitionId{"gpu"}, .rules = {first, second}}};
    policy.preemption.order = {kBorrowed};
    policy.preemption.grace = kGrace;
    policy.preemption.min_runtime_borrowed = kSure;
    return policy;
}

Policy usual() {
    return borrowing_policy({.programme = {}, .nominal_gpus = 16, .lend = 16, .borrow = 16},
                            {.programme = {}, .nominal_gpus = 16, .lend = 8, .borrow = 16});
}

JobSpec long_job(int nodes, int gpus) {
    JobSpec spec = job_of(nodes, gpus);
    spec.time_limit = hours(12);
    return spec;
}

class BorrowingTest : public ::testing::Test {
protected:
    explicit BorrowingTest(const Policy& policy = usual()) : zone(policy) {}

    JobId start(int nodes, int gpus, const EnterpriseId& owner) {
        const JobId job = zone.submit(long_job(nodes, gpus), owner);
        if (live_attempt(*zone.job(job)) != nullptr) {
            zone.start_running(job);
        }
        return job;
    }
    void pass(Span span) {
        zone.pass(span);
        for (const auto& [id, record] : state().truth.nodes) {
            zone.tell(HearNode{id, record.epoch, 1});
        }
        zone.tell(Tick{});
        zone.round();
    }
    [[nodiscard]] const State& state() const { return zone.machine.state(); }
    [[nodiscard]] std::string phase(JobId job) const { return phase_name(zone.job(job)->phase); }
    [[nodiscard]] bool borrowed(JobId job) const { return live_attempt(*zone.job(job))->borrowed; }
    [[nodiscard]] std::optional<Code> why(JobId job) const {
        const std::optional<Reason> reason = state().scheduler.why(job, zone.now);
        return reason ? std::optional(reason->code) : std::nullopt;
    }

    Zone zone;
};

TEST_F(BorrowingTest, WhatAProgrammeOwnsIsNotBorrowedAndTheRestIsUpToWhatTheOtherLends) {
    const JobId own = start(2, 8, sao_mai);
    const JobId more = start(1, 8, sao_mai);
    const JobId too_much = start(1, 8, sao_mai);

    EXPECT_FALSE(borrowed(own));
    EXPECT_TRUE(borrowed(more));
    EXPECT_EQ(phase(too_much), "queued");
    EXPECT_EQ(why(too_much), Code::NothingLent) << "the other keeps 8 of its 16 for itself";
    EXPECT_EQ(live_attempt(*zone.job(own))->yields_at, kNever);
    EXPECT_EQ(live_attempt(*zone.job(more))->yields_at, zone.now + kSure);
}

TEST_F(BorrowingTest, WhatIsNotLentIsFreeForItsOwnerAtOnce) {
    start(2, 8, sao_mai);
    start(1, 8, sao_mai);

    EXPECT_EQ(phase(start(1, 8, song_han)), "running");
}

TEST_F(BorrowingTest, AnOwnerWithoutAReservationIsToldOfTheStartForWhichBorrowersLeave) {
    for (int node = 0; node < 4; ++node) {
        start(1, 5, sao_mai);  // The last has borrowed; three GPUs stay on each node.
    }
    start(1, 8, song_han);
    const JobId second = start(1, 8, song_han);

    const auto why = state().scheduler.why(second, zone.now, may_reclaim(state()));

    ASSERT_TRUE(why.has_value());
    EXPECT_EQ(why->code, Code::ResourcesBusy);
    const auto expected = std::ranges::find(why->data, "expected_at", &Datum::key);
    ASSERT_NE(expected, why->data.end());
    EXPECT_EQ(std::get<std::int64_t>(expected->value), (zone.now + kSure + kGrace).value);
}

TEST_F(BorrowingTest, AnOwnerWaitsUntilTheBorrowerHasHadItsTimeAndThenHasItsGpusWithinTheGrace) {
    start(2, 8, sao_mai);
    const JobId borrower = start(1, 8, sao_mai);
    start(1, 8, song_han);
    pass(minutes(10));
    const JobId owner = start(1, 8, song_han);
    EXPECT_EQ(phase(owner), "queued");
    EXPECT_EQ(phase(borrower), "running");

    pass(kSure - minutes(10));

    ASSERT_EQ(phase(borrower), "ending");
    EXPECT_EQ(std::get<Ending>(zone.job(borrower)->phase).cause, EndCause::Preempted);
    EXPECT_EQ(std::get<Ending>(zone.job(borrower)->phase).stop_by, zone.now + kGrace);
    testing::end_everywhere(zone, borrower, NodeEnd::Asked);
    EXPECT_EQ(phase(owner), "starting");
    EXPECT_FALSE(borrowed(owner));
    EXPECT_EQ(phase(borrower), "queued");
    EXPECT_EQ(why(borrower), Code::NothingLent);
}

TEST_F(BorrowingTest, ABorrowerReclaimsNothing) {
    start(2, 8, sao_mai);
    const JobId borrower = start(1, 8, sao_mai);
    start(1, 8, song_han);
    pass(kSure);
    const JobId third = start(1, 4, sao_mai);

    EXPECT_EQ(phase(third), "queued");
    EXPECT_EQ(phase(borrower), "running");
}

TEST_F(BorrowingTest, WithoutTheWordBorrowedNobodyIsTold) {
    Policy policy = usual();
    policy.preemption.order.clear();
    policy.preemption.min_runtime_borrowed = Span{};
    testing::apply_next(zone, policy);
    start(2, 8, sao_mai);
    const JobId borrower = start(1, 8, sao_mai);
    start(1, 8, song_han);
    const JobId owner = start(1, 8, song_han);
    pass(kSure);

    EXPECT_EQ(phase(borrower), "running");
    EXPECT_EQ(phase(owner), "queued");
    testing::end_everywhere(zone, borrower, NodeEnd::Itself);
    EXPECT_EQ(phase(owner), "starting");
}

TEST_F(BorrowingTest, WhenWhatItOwnsIsFreeAgainTheAttemptIsItsOwn) {
    const JobId own = start(1, 8, sao_mai);
    start(1, 8, sao_mai);
    const JobId was_borrowed = start(1, 8, sao_mai);
    start(1, 8, song_han);
    ASSERT_TRUE(borrowed(was_borrowed));
    testing::end_everywhere(zone, own, NodeEnd::Itself);
    pass(kSure + hours(1));
    const JobId first = start(1, 8, song_han);

    EXPECT_EQ(phase(first), "running") << "the freed node is left";
    EXPECT_EQ(phase(was_borrowed), "running");
    EXPECT_FALSE(on_borrowed_gpus(state(), *zone.job(was_borrowed)));
}

TEST_F(BorrowingTest, APolicyThatGivesMoreMakesWhatWasBorrowedItsOwn) {
    start(2, 8, sao_mai);
    const JobId borrower = start(1, 8, sao_mai);
    ASSERT_TRUE(on_borrowed_gpus(state(), *zone.job(borrower)));
    testing::apply_next(
        zone, borrowing_policy({.programme = {}, .nominal_gpus = 24, .lend = 0, .borrow = 0},
                               {.programme = {}, .nominal_gpus = 8, .lend = 0, .borrow = 0}));
    pass(kSure);
    start(1, 8, song_han);

    EXPECT_FALSE(on_borrowed_gpus(state(), *zone.job(borrower)));
    EXPECT_EQ(phase(borrower), "running");
}

TEST_F(BorrowingTest, ARestartKnowsWhoHasBorrowed) {
    start(2, 8, sao_mai);
    const JobId borrower = start(1, 8, sao_mai);
    start(1, 8, song_han);
    pass(kSure);
    Machine again{ZoneId{"test"}};
    Truth truth = state().truth;
    again.load(std::move(truth));

    EXPECT_EQ(again.state().scheduler.running().find(borrower)->yields_at,
              state().scheduler.running().find(borrower)->yields_at);
    EXPECT_EQ(again.state().lending.running, state().lending.running);
}

TEST_F(BorrowingTest, MoreThanCanEverBeItsIsRefused) {
    const Outcome refused = zone.tell(SubmitJob{.who = testing::member_of(sao_mai),
                                                .spec = long_job(4, 8),
                                                .key = "",
                                                .request_digest = 0});

    ASSERT_TRUE(refused.refusal);
    EXPECT_EQ(refused.refusal->code, Code::OverLimit);
}

TEST_F(BorrowingTest, TimeSinceTheLastCheckpointIsNotChargedUpToTheBound) {
    Policy policy = usual();
    policy.preemption.charge_lost = {.up_to = minutes(30), .payer = policy.funders.front().id};
    testing::apply_next(zone, policy);
    start(2, 8, sao_mai);
    const JobId borrower = start(1, 8, sao_mai);
    start(1, 8, song_han);
    pass(kSure);
    start(1, 8, song_han);
    ASSERT_EQ(phase(borrower), "ending");
    testing::end_everywhere(zone, borrower, NodeEnd::Asked);

    ASSERT_EQ(testing::rows_of(zone, borrower).size(), 1U);
    const UsageRow& row = testing::rows_of(zone, borrower).front();
    EXPECT_EQ(row.end_cause, "preempted");
    EXPECT_EQ(row.waived_ugs, gpu_hours(4));
    EXPECT_EQ(row.charged_ugs, row.metered_ugs - row.waived_ugs);
}

/// What is free is what a third keeps for itself.
TEST(BorrowingOfThree, AnOwnerDoesNotTakeWhatAnotherKeepsButAsksBackWhatIsLent) {
    Policy policy = borrowing_policy({.programme = {}, .nominal_gpus = 8, .lend = 8, .borrow = 24},
                                     {.programme = {}, .nominal_gpus = 8, .lend = 8, .borrow = 0});
    Programme third = policy.programmes.at(1);
    third.id = ProgrammeId{"third"};
    policy.programmes.push_back(third);
    policy.borrowing.front().rules.push_back(
        {.programme = third.id, .nominal_gpus = 16, .lend = 8, .borrow = 0});
    Zone zone(policy);
    std::vector<JobId> borrowers;
    for (int n = 0; n < 3; ++n) {
        borrowers.push_back(zone.submit(long_job(1, 8), sao_mai));
        zone.start_running(borrowers.back());
    }
    const JobId owner = zone.submit(long_job(1, 8), song_han);

    const auto why = [&](JobId job) { return zone.machine.state().scheduler.why(job, zone.now); };
    ASSERT_TRUE(why(owner));
    EXPECT_EQ(why(owner)->code, Code::LentOut) << "a node is free, and is not his";

    zone.pass(kSure);
    for (const auto& [id, record] : zone.machine.state().truth.nodes) {
        zone.tell(HearNode{id, record.epoch, 1});
    }
    zone.round();
    int told = 0;
    for (const JobId job : borrowers) {
        told += std::holds_alternative<Ending>(zone.job(job)->phase) ? 1 : 0;
    }
    EXPECT_EQ(told, 1);
    EXPECT_EQ(phase_name(zone.job(owner)->phase), "queued") << "not before it has left";
    for (const JobId job : borrowers) {
        if (std::holds_alternative<Ending>(zone.job(job)->phase)) {
            AttemptResult result;
            result.end = NodeEnd::Asked;
            zone.report(live_attempt(*zone.job(job))->placement.nodes[0].node, job,
                        AgentStage::Ended, result);
            break;
        }
    }
    zone.round();
    EXPECT_EQ(phase_name(zone.job(owner)->phase), "starting");
}

}  // namespace
}  // namespace khu
