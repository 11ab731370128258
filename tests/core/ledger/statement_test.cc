// The statement of the project's example month, whose figures were computed by another program: an
// urgent job, a node failure and a run over the month's end, a short job of the playground, and one
// of the idle class.

#include "core/ledger/statement.h"

#include <gtest/gtest.h>

namespace khu {
namespace {

const EnterpriseId enterprise{"0401000001"};
const ZoneId zone{"dn-cvpm2"};
const PolicyId policy{"dn-cvpm2-2026.1"};
const ProgrammeId kn80{"kn-80"};
const ProgrammeId playground{"san-choi"};
constexpr int vietnam = 420;
constexpr Moment march{1'772'298'000'000};  // 2026-03-01T00:00:00+07:00
constexpr Moment april{1'774'976'400'000};

const std::vector<Payer> subsidised{{PayerKind::National, FunderId{"nat"}, 500},
                                    {PayerKind::Provincial, FunderId{"prov"}, 300},
                                    {PayerKind::Enterprise, FunderId{"enterprise"}, 200}};
const std::vector<Payer> free_of_charge{{PayerKind::Zone, FunderId{"zone"}, 1000}};

struct Attempted {
    std::uint64_t job;
    std::uint64_t attempt;
    Moment taken;
    Moment released;
    EndCause cause;
    std::int64_t milli;
    int factor;
    Span limit;
    ProgrammeId programme;
    const char* partition;
    const char* qos;
};

class MarchTest : public testing::Test {
protected:
    void SetUp() override {
        take(ledger.set_budget({"wallet:0401000001", Mvnd{500'000'000}}, march, policy));
        take(ledger.pay_in({"wallet:0401000001", Mvnd{5'000'000'000}}, "FT-1", march, policy));
        for (const char* funder : {"funder:nat", "funder:prov", "funder:zone"}) {
            take(ledger.set_budget({funder, Mvnd{1'000'000'000'000}}, march, policy));
        }
        open("DN-2026-0007", kn80, gpu_hours(5000));
        open("DN-2026-0008", playground, gpu_hours(500));
    }
    void open(const char* grant, const ProgrammeId& programme, Atoms amount) {
        take(ledger.open({.id = GrantId{grant},
                          .enterprise = enterprise,
                          .programme = programme,
                          .amount = amount,
                          .from = march,
                          .to = march + days(366),
                          .decision_ref = "1/QD"},
                         march, policy));
    }
    void take(const std::vector<Entry>& made) {
        entries.insert(entries.end(), made.begin(), made.end());
    }

    void run(const Attempted& run) {
        const bool paid = run.programme == kn80;
        const PriceTerms terms{.billable_milli = run.milli,
                               .factor_permille = run.factor,
                               .rate_vnd_per_gpuh = 27'000,
                               .payers = paid ? subsidised : free_of_charge};
        const AttemptKey key{JobId{run.job}, AttemptNumber{run.attempt}};
        const Atoms need = hold_for(terms, run.limit);
        auto plan = ledger.can_hold(enterprise, run.programme, need, run.taken);
        ASSERT_TRUE(plan.has_value());
        plan->zone = zone;
        for (const Mvnd part : money_holds(terms, need, run.limit)) {
            const Payer& payer = terms.payers[plan->money.size()];
            plan->money.push_back({payer.kind == PayerKind::Enterprise ? wallet_account(enterprise)
                                                                       : funder_account(payer.id),
                                   part});
        }
        take(ledger.hold(key, *plan, run.taken, policy));
        const UsageContext context{.zone = zone,
                                   .enterprise = enterprise,
                                   .key = key,
                                   .partition = PartitionId{run.partition},
                                   .programme = run.programme,
                                   .qos = QosId{run.qos},
                                   .holds = plan->parts,
                                   .terms = terms,
                                   .policy = policy};
        AttemptEnd end{.taken_at = run.taken,
                       .released_at = std::min(run.released, april),
                       .cause = run.cause,
                       .held = need};
        const bool cut = run.released > april;
        for (const SliceBill& slice : cut ? bill_to_cut(terms, end, {}, vietnam)
                                          : bill_end(terms, end, {}, vietnam).slices) {
            const auto made = ledger.settle(
                key, settle_input(slice, context.partition, context.qos), end.released_at, policy);
            take(made);
            rows.push_back(usage_row(context, end, slice, made));
        }
    }

    void run_march() {
        const Moment second{march + days(1) + hours(8)};  // 2 March 08:00, local
        run({1001, 1, second, second + hours(6), EndCause::Completed, 17'600, 1500, hours(12), kn80,
             "gpu-h100", "gap"});
        const Moment last{april - milliseconds(28'200'000)};  // 31 March 16:10
        run({1002, 1, last, last + seconds(8007), EndCause::NodeFail, 35'200, 1000, hours(12), kn80,
             "gpu-h100", "thuong"});
        run({1002, 2, april - hours(4), april + seconds(25'512), EndCause::Completed, 35'200, 1000,
             hours(12), kn80, "gpu-h100", "thuong"});
        run({1003, 1, march + days(4), march + days(4) + seconds(37), EndCause::UserError, 220,
             1000, hours(1), playground, "gpu-l4", "thuong"});
        run({1004, 1, march + days(7), march + days(7) + hours(3), EndCause::Preempted, 17'600, 0,
             hours(4), ProgrammeId{"nhan-roi"}, "gpu-h100", "nhan-roi"});
    }

    /// As the ledger has them, seen from the month's end.
    std::map<GrantId, GrantFrame> frames() {
        std::map<GrantId, GrantFrame> frames;
        for (const auto& [id, grant] : ledger.grants()) {
            frames[id] = {.from = grant.from,
                          .to = end_before(grant, april),
                          .voucher = id == GrantId{"DN-2026-0007"} ? "VC-7" : ""};
        }
        return frames;
    }

    Statement statement() {
        StatementMaker maker({.zone = zone,
                              .province_code = "48",
                              .enterprise = enterprise,
                              .words = {.name = "Sông Hàn", .kind = "startup"},
                              .period = "2026-03",
                              .start = march,
                              .end = april,
                              .until = april,
                              .utc_offset_minutes = vietnam,
                              .before = LedgerSeq{0},
                              .last = entries.back().seq,
                              .is_final = true,
                              .grants = frames(),
                              .tiers = {{kn80, "subsidised"}, {playground, "free"}}});
        for (const UsageRow& row : rows) {
            maker.add(row);
        }
        for (const Entry& entry : entries) {
            maker.add(entry, "hash of " + std::to_string(entry.seq.value));
        }
        return maker.finish();
    }

    Ledger ledger;
    std::vector<Entry> entries;
    std::vector<UsageRow> rows;
};

TEST_F(MarchTest, HasTheFiguresOfTheExample) {
    run_march();

    const Statement made = statement();

    EXPECT_EQ(made.statement_id, "dn-cvpm2/0401000001/2026-03");
    EXPECT_EQ(made.period_start, "2026-02-28T17:00:00Z");
    EXPECT_EQ(made.class_, "startup");
    EXPECT_EQ(made.revision, 1);
    EXPECT_EQ(made.ledger_first, LedgerSeq{1});
    EXPECT_EQ(made.reconcile.rows, 5);
    EXPECT_EQ(made.reconcile.charged_ugs, Atoms{1'077'128'140'000});
    EXPECT_EQ(made.reconcile.list_mvnd, Mvnd{8'078'461'050});
    EXPECT_EQ(made.money.paid_national_mvnd, Mvnd{4'039'200'000});
    EXPECT_EQ(made.money.paid_provincial_mvnd, Mvnd{2'423'520'000});
    EXPECT_EQ(made.money.paid_zone_mvnd, Mvnd{61'050});
    EXPECT_EQ(made.money.paid_enterprise_mvnd, Mvnd{1'615'680'000});
    EXPECT_EQ(made.money.waived_list_mvnd, Mvnd{2'113'848'000});
    EXPECT_EQ(made.money.payable_vnd, 1'615'680);
    EXPECT_EQ(made.money.rounding_mvnd, Mvnd{0});
}

TEST_F(MarchTest, ShowsTheGrantsAsTheyStoodAtTheMonthsEnd) {
    run_march();

    const Statement made = statement();

    ASSERT_EQ(made.grants.size(), 2U);
    EXPECT_EQ(made.grants[0], (StatementGrant{.grant_id = GrantId{"DN-2026-0007"},
                                              .programme = kn80,
                                              .tier = "subsidised",
                                              .from = "2026-03-01",
                                              .to = "2027-03-02",
                                              .voucher = "VC-7",
                                              .decision_ref = "1/QD",
                                              .granted_ugs = Atoms{18'000'000'000'000},
                                              .charged_ugs = Atoms{1'077'120'000'000},
                                              .held_ugs = Atoms{1'013'760'000'000},
                                              .available_ugs = Atoms{15'909'120'000'000},
                                              .available_gpuh = "4419.200000",
                                              .used_permille = 116,
                                              .days_left = 335}));
    EXPECT_EQ(made.grants[1].available_ugs, Atoms{1'799'991'860'000});
    ASSERT_EQ(made.usage.size(), 4U);
    EXPECT_EQ(made.usage[0].metered_ugs, Atoms{380'160'000'000});
    EXPECT_EQ(made.usage[0].surcharge_ugs, Atoms{190'080'000'000});
    EXPECT_EQ(made.usage[1].attempts, 2);
    EXPECT_EQ(made.usage[1].waived_ugs, Atoms{281'846'400'000});
    EXPECT_EQ(made.usage[2].discount_ugs, Atoms{190'080'000'000});
}

TEST_F(MarchTest, AWindowMovedLaterDoesNotMoveInAClosedMonth_I27) {
    const GrantId id{"DN-2026-0007"};
    const Moment end = march + days(366);
    take(ledger.extend({.id = id, .to = end + days(10)}, april - hours(1), policy));
    take(ledger.extend({.id = id, .to = end + days(40)}, april, policy));
    take(ledger.close(id, april + hours(2), policy));

    const StatementGrant grant = statement().grants.front();

    EXPECT_EQ(grant.to, "2027-03-12");
    EXPECT_EQ(grant.days_left, 345);
    EXPECT_EQ(end_before(*ledger.find(id), april + hours(1)), end + days(40));
    EXPECT_EQ(end_before(*ledger.find(id), april + hours(3)), april + hours(2));
}

TEST_F(MarchTest, AWindowThatEndsWithinADaySaysWhen) {
    take(ledger.close(GrantId{"DN-2026-0008"}, april - hours(3), policy));

    const StatementGrant grant = statement().grants.back();

    EXPECT_EQ(grant.to, "2026-03-31T21:00:00+07:00");
    EXPECT_EQ(grant.days_left, 0);
    EXPECT_EQ(grant.used_permille, 0);
}

TEST_F(MarchTest, WhatCameBackIsNotUsed) {
    const GrantId id{"DN-2026-0007"};
    run_march();
    const auto refund = [&](Atoms amount) {
        Entry entry{.seq = LedgerSeq{entries.size() + 1},
                    .at = april - milliseconds(1),
                    .kind = "refund",
                    .id = "r",
                    .debit = "zone_loss",
                    .credit = grant_account(id),
                    .amount = amount.value};
        take({entry});
    };
    refund(gpu_hours(100));

    EXPECT_EQ(statement().grants.front().used_permille, 96);
}

TEST_F(MarchTest, TheWalletMovesByWhatWasPaid) {
    run_march();

    const StatementMoney money = statement().money;

    EXPECT_EQ(money.wallet_paid_in_mvnd, Mvnd{5'000'000'000});
    EXPECT_EQ(money.wallet_spent_mvnd, money.paid_enterprise_mvnd);
    EXPECT_EQ(money.wallet_credit_limit_mvnd, Mvnd{500'000'000});
    EXPECT_EQ(money.wallet_closing_mvnd,
              money.wallet_opening_mvnd + money.wallet_paid_in_mvnd - money.wallet_spent_mvnd);
}

TEST_F(MarchTest, NothingAfterTheMonthChangesIt_I27) {
    run_march();
    StatementMaker maker({.zone = zone,
                          .enterprise = enterprise,
                          .period = "2026-03",
                          .last = entries.back().seq,
                          .grants = frames()});
    StatementMaker later = maker;
    take(ledger.extend({.id = GrantId{"DN-2026-0007"}, .add = gpu_hours(1)}, april, policy));
    const std::uint64_t last = entries.size() - 1;
    for (const UsageRow& row : rows) {
        maker.add(row);
        later.add(row);
    }
    for (const Entry& entry : entries) {
        later.add(entry, "h");
        if (entry.seq.value <= last) {
            maker.add(entry, "h");
        }
    }

    EXPECT_EQ(maker.finish(), later.finish());
}

TEST(StatementRounding, IsHalfToEvenAndItsOwnLine_I29) {
    const auto payable = [](std::int64_t mvnd) {
        StatementMaker maker({.enterprise = enterprise, .period = "2026-03"});
        UsageRow row;
        row.paid_enterprise_mvnd = Mvnd{mvnd};
        maker.add(row);
        const StatementMoney money = maker.finish().money;
        EXPECT_EQ(money.rounding_mvnd, Mvnd{money.payable_vnd * 1000 - mvnd});
        EXPECT_LT(std::abs(money.rounding_mvnd.value), 1000);
        return money.payable_vnd;
    };

    EXPECT_EQ(payable(1500), 2);
    EXPECT_EQ(payable(2500), 2);
    EXPECT_EQ(payable(2501), 3);
    EXPECT_EQ(payable(-1500), -2);
}

}  // namespace
}  // namespace khu
