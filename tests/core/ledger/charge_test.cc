#include "core/ledger/charge.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <numeric>

namespace khu {
namespace {

const PartitionTerms h100{
    .gpus_per_node = 8, .weight_milli = 2200, .cores_per_gpu = 12, .mem_gib_per_gpu = 240};
const PartitionTerms cpu{.core_weight_milli = 78,
                         .mem_gib_weight_milli = 11,
                         .cores_per_node = 64,
                         .mem_gib_per_node = 256};

Payer payer(PayerKind kind, const std::string& id, int permille) {
    return Payer{.kind = kind, .id = FunderId{id}, .permille = permille};
}

TEST(Billable, CountsGpus) {
    EXPECT_EQ(billable_milli(h100, NodeUse{.gpus = 8, .cores = 96}), 17600);
    EXPECT_EQ(billable_milli(h100, {NodeUse{.gpus = 8}, NodeUse{.gpus = 8}}), 35200);
}

TEST(Billable, CountsOverAskedCoresAndMemoryAsGpus) {
    EXPECT_EQ(billable_milli(h100, NodeUse{.gpus = 1, .cores = 12}), 2200);
    EXPECT_EQ(billable_milli(h100, NodeUse{.gpus = 1, .cores = 13}), 4400);
    EXPECT_EQ(billable_milli(h100, NodeUse{.gpus = 1, .memory = gibibytes(240)}), 2200);
    EXPECT_EQ(billable_milli(h100, NodeUse{.gpus = 1, .memory = gibibytes(240) + Bytes{1}}), 4400);
}

TEST(Billable, NeverCountsMoreThanTheNode) {
    EXPECT_EQ(billable_milli(h100, NodeUse{.gpus = 1, .cores = 4000}), 17600);
    EXPECT_EQ(billable_milli(h100, NodeUse{.gpus = 1, .exclusive = true}), 17600);
}

TEST(Billable, TakesTheLargerOfCoresAndMemoryOnACpuPartition) {
    EXPECT_EQ(billable_milli(cpu, NodeUse{.cores = 10, .memory = gibibytes(10)}), 780);
    EXPECT_EQ(billable_milli(cpu, NodeUse{.cores = 1, .memory = gibibytes(100)}), 1100);
    EXPECT_EQ(billable_milli(cpu, NodeUse{.cores = 1, .exclusive = true}), 64 * 78);
}

TEST(Money, RoundsHalfToEven) {
    // At 1 VND per GPU-hour 3,600,000 atoms are 1 mvnd.
    EXPECT_EQ(money_of(Atoms{1'800'000}, 1), Mvnd{0});
    EXPECT_EQ(money_of(Atoms{1'800'001}, 1), Mvnd{1});
    EXPECT_EQ(money_of(Atoms{5'400'000}, 1), Mvnd{2});
    EXPECT_EQ(money_of(Atoms{9'000'000}, 1), Mvnd{2});
}

TEST(Money, GoesThrough128Bits) {
    EXPECT_EQ(money_of(Atoms{1'000'000'000'000'000'000}, 27'000), Mvnd{7'500'000'000'000'000});
}

TEST(Split, GivesTiesToTheSmallerFunderId) {
    const std::vector<Payer> payers{payer(PayerKind::Zone, "b", 500),
                                    payer(PayerKind::National, "a", 500)};

    EXPECT_EQ(split(Mvnd{3}, payers), (std::vector<Mvnd>{Mvnd{1}, Mvnd{2}}));
}

TEST(Split, GivesTheRestToTheLargestRemainder) {
    const std::vector<Payer> payers{payer(PayerKind::Zone, "a", 333),
                                    payer(PayerKind::National, "b", 333),
                                    payer(PayerKind::Enterprise, "c", 334)};

    EXPECT_EQ(split(Mvnd{100}, payers), (std::vector<Mvnd>{Mvnd{33}, Mvnd{33}, Mvnd{34}}));
}

TEST(SplitDeathTest, ClaimsSharesOfAThousand) {
    EXPECT_DEATH((void)split(Mvnd{3}, {payer(PayerKind::Zone, "a", 950)}), "shares sum to 950");
}

TEST(Waiver, FollowsTheEndCause) {
    const PriceTerms terms{.billable_milli = 1000};
    const PriceTerms idle{.billable_milli = 1000, .factor_permille = 0};

    EXPECT_EQ(waived_seconds(terms, EndCause::Completed, 30'000, false), 0);
    EXPECT_EQ(waived_seconds(terms, EndCause::NodeFail, 8'007, false), 8'007);
    EXPECT_EQ(waived_seconds(terms, EndCause::NodeFail, 30'000, false), 21'600);
    EXPECT_EQ(waived_seconds(terms, EndCause::Preempted, 30'000, false), 3'600);
    EXPECT_EQ(waived_seconds(idle, EndCause::Preempted, 30'000, false), 0);
    EXPECT_EQ(waived_seconds(terms, EndCause::UserCancel, 12, true), 12);
}

TEST(Overrun, IsWhatTheHoldDoesNotCover) {
    const PriceTerms terms{.billable_milli = 17600, .factor_permille = 1500};
    const Atoms held = hold_for(terms, hours(1));

    EXPECT_EQ(overrun_seconds(terms, 3600, held), 0);
    EXPECT_EQ(overrun_seconds(terms, 3610, held), 10);
    EXPECT_EQ(charge_of(terms, 3610, 10).charged, held);
}

/// A term sheet with at least one payer; the numbers are those a policy may hold.
PriceTerms any_terms() {
    PriceTerms terms{.billable_milli = *rc::gen::inRange<std::int64_t>(1, 2'000'000),
                     .factor_permille = *rc::gen::inRange(0, 3000),
                     .rate_vnd_per_gpuh = *rc::gen::inRange<std::int64_t>(0, 200'000)};
    const int first = *rc::gen::inRange(0, 1001);
    const int second = *rc::gen::inRange(0, 1001 - first);
    terms.payers = {payer(PayerKind::National, "n", first),
                    payer(PayerKind::Provincial, "p", second),
                    payer(PayerKind::Enterprise, "enterprise", 1000 - first - second)};
    return terms;
}

RC_GTEST_PROP(ChargeProperty, IdentityHoldsOnEveryCharge_I13, ()) {
    const PriceTerms terms = any_terms();
    const std::int64_t elapsed = *rc::gen::inRange<std::int64_t>(0, 3'000'000);
    const std::int64_t waived = *rc::gen::inRange<std::int64_t>(0, elapsed + 1);

    const Charge c = charge_of(terms, elapsed, waived);

    RC_ASSERT(c.charged == c.metered + c.surcharge - c.discount - c.waived);
    RC_ASSERT(c.metered.value == terms.billable_milli * elapsed * 1000);
    RC_ASSERT(c.surcharge == Atoms{0} || c.discount == Atoms{0});
    RC_ASSERT(c.waived <= c.metered);
}

RC_GTEST_PROP(ChargeProperty, MoreNeverCostsLess_I19, ()) {
    const PriceTerms terms = any_terms();
    const std::int64_t elapsed = *rc::gen::inRange<std::int64_t>(0, 3'000'000);
    PriceTerms more = terms;
    more.billable_milli += *rc::gen::inRange(0, 10'000);
    more.factor_permille += *rc::gen::inRange(0, 1'000);
    const std::int64_t longer = elapsed + *rc::gen::inRange(0, 100'000);

    const Charge less = charge_of(terms, elapsed, 0);
    const Charge dear = charge_of(more, longer, 0);

    RC_ASSERT(dear.charged >= less.charged);
    RC_ASSERT(money_of(dear.charged, terms.rate_vnd_per_gpuh) >=
              money_of(less.charged, terms.rate_vnd_per_gpuh));
}

RC_GTEST_PROP(ChargeProperty, MoreDevicesNeverCountLess_I19, ()) {
    const auto any_use = [] {
        return NodeUse{.gpus = *rc::gen::inRange(0, 17),
                       .cores = *rc::gen::inRange(0, 300),
                       .memory = Bytes{*rc::gen::inRange<std::int64_t>(0, 3'000'000'000'000)}};
    };
    const NodeUse use = any_use();
    const NodeUse extra = any_use();
    const NodeUse both{.gpus = use.gpus + extra.gpus,
                       .cores = use.cores + extra.cores,
                       .memory = use.memory + extra.memory};

    for (const PartitionTerms& terms : {h100, cpu}) {
        RC_ASSERT(billable_milli(terms, both) >= billable_milli(terms, use));
    }
}

RC_GTEST_PROP(SplitProperty, PartsSumAndStayWithinOne_I12, ()) {
    const PriceTerms terms = any_terms();
    const Mvnd total{*rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000)};

    const std::vector<Mvnd> parts = split(total, terms.payers);

    RC_ASSERT(std::accumulate(parts.begin(), parts.end(), Mvnd{0}) == total);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const std::int64_t exact_thousandths = total.value * terms.payers[i].permille;
        RC_ASSERT(std::abs(parts[i].value * 1000 - exact_thousandths) < 1000);
    }
}

}  // namespace
}  // namespace khu
