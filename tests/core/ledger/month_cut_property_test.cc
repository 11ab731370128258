// However often a running attempt is cut, and whatever ends it, it costs what an attempt costs that
// was never cut, and nobody gets back more than it paid.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "core/ledger/recount.h"
#include "core/ledger/usage.h"

namespace khu {
namespace {

__extension__ using Wide = __int128;

const PolicyId policy{"p"};
const EnterpriseId enterprise{"0401000001"};
constexpr Moment start{1'772'413'200'000};
constexpr int vietnam = 420;

std::int64_t price_of(Wide ugs, std::int64_t rate) {
    const Wide unit = 3'600'000;
    const Wide wide = ugs * rate;
    const Wide twice = (wide % unit) * 2;
    const Wide whole = wide / unit;
    return static_cast<std::int64_t>(twice > unit || (twice == unit && whole % 2 == 1) ? whole + 1
                                                                                       : whole);
}

/// What was charged and paid so far, over all slices and corrections.
struct Sums {
    Wide charged{0};
    Wide waived{0};
    Wide metered{0};
    std::int64_t paid{0};
};

PriceTerms any_terms() {
    const int first = *rc::gen::inRange(0, 1001);
    return {.billable_milli = *rc::gen::inRange<std::int64_t>(1, 80'000),
            .factor_permille = *rc::gen::element(0, 500, 1000, 1500),
            .rate_vnd_per_gpuh = *rc::gen::inRange<std::int64_t>(0, 60'000),
            .payers = {{PayerKind::National, FunderId{"a"}, first},
                       {PayerKind::Zone, FunderId{"b"}, 1000 - first}},
            .checkpoint_assumed = seconds(*rc::gen::inRange<std::int64_t>(0, 80LL * 86'400))};
}

AttemptEnd any_end(Atoms held) {
    const Moment taken =
        start + milliseconds(*rc::gen::inRange<std::int64_t>(0, 40LL * 86'400'000));
    const Span ran = milliseconds(*rc::gen::inRange<std::int64_t>(0, 100LL * 86'400'000));
    return {.taken_at = taken,
            .released_at = taken + ran,
            .cause = *rc::gen::element(EndCause::Completed, EndCause::NodeFail, EndCause::Preempted,
                                       EndCause::TimeLimit),
            .never_ran = *rc::gen::inRange(0, 10) == 0,
            .held = held};
}

/// One attempt on two grants, the first of which ends early, and two funders.
class Trial {
public:
    Trial(PriceTerms terms, Span limit)
        : terms_(std::move(terms)), limit_(limit), end_(any_end(hold_for(terms_, limit))) {
        for (const char* grant : {"g1", "g2"}) {
            take(ledger_.open({.id = GrantId{grant},
                               .enterprise = enterprise,
                               .programme = ProgrammeId{"kn"},
                               .amount = Atoms{end_.held.value / 2 + 1},
                               .from = start,
                               .to = start + days(grant[1] == '1' ? 60 : 900)},
                              start, policy));
        }
        for (const char* account : {"funder:a", "funder:b"}) {
            take(ledger_.set_budget({account, Mvnd{1'000'000'000'000'000}}, start, policy));
        }
        auto plan = ledger_.can_hold(enterprise, ProgrammeId{"kn"}, end_.held, end_.taken_at);
        RC_PRE(plan.has_value());
        plan_ = *plan;
        plan_.zone = ZoneId{"z"};
        for (const Mvnd part : money_holds(terms_, end_.held, limit_)) {
            plan_.money.push_back({plan_.money.empty() ? "funder:a" : "funder:b", part});
        }
        take(ledger_.hold(key_, plan_, end_.taken_at, policy));
    }

    /// Cut at every month's end, or only at some, as by a khud that was down.
    void run() {
        for (Moment cut = month_end(end_.taken_at, vietnam); cut < end_.released_at;
             cut = month_end(cut, vietnam)) {
            take(ledger_.expire(cut, policy));
            if (*rc::gen::inRange(0, 3) > 0) {
                AttemptEnd so_far = end_;
                so_far.released_at = cut;
                const auto slices = bill_to_cut(terms_, so_far, settled_, vietnam);
                settle(slices, cut);
                settled_ = settled_with(settled_, slices);
            }
        }
        take(ledger_.expire(end_.released_at, policy));
        const EndBill bill = bill_end(terms_, end_, settled_, vietnam);
        if (bill.correction) {
            correct(*bill.correction);
        }
        settle(bill.slices, end_.released_at);
    }

    /// The rule, written down again: whole seconds, the last ones free of charge, nothing above the
    /// hold.
    void check() const {
        const std::int64_t elapsed = ((end_.released_at - end_.taken_at).value + 999) / 1000;
        std::int64_t free_s = end_.never_ran ? elapsed : 0;
        if (end_.cause == EndCause::NodeFail) {
            free_s = std::max(free_s, std::min(elapsed, terms_.checkpoint_assumed.value / 1000));
        } else if (end_.cause == EndCause::Preempted && terms_.factor_permille > 0) {
            free_s = std::max(free_s, std::min<std::int64_t>(elapsed, 3600));
        }
        const Wide per_second = Wide{terms_.billable_milli} * terms_.factor_permille;
        Wide due_s = elapsed - free_s;
        if (per_second > 0) {
            due_s = std::min<Wide>(due_s, limit_.value / 1000);
        }
        const Wide metered = Wide{elapsed} * terms_.billable_milli * 1000;
        RC_ASSERT(sums_.charged == due_s * per_second);
        RC_ASSERT(sums_.waived == (elapsed - due_s) * terms_.billable_milli * 1000);
        RC_ASSERT(sums_.metered == metered);
        RC_ASSERT(sums_.paid == price_of(sums_.charged, terms_.rate_vnd_per_gpuh));
        RC_ASSERT(recount_.posted("revenue:z") == sums_.paid);
        RC_ASSERT(recount_.posted("used:gpu") == static_cast<std::int64_t>(metered));
        RC_ASSERT(!recount_.finish().has_value());
        RC_ASSERT(ledger_.totals().held == Atoms{0});
        for (const auto& [account, purse] : ledger_.purses()) {
            RC_ASSERT(recount_.available(account) == available(purse).value);
            RC_ASSERT(purse.held == Mvnd{0});
        }
    }

private:
    void take(const std::vector<Entry>& entries) {
        for (const Entry& entry : entries) {
            RC_ASSERT(recount_.add(entry) == std::nullopt);
        }
    }

    void settle(const std::vector<SliceBill>& slices, Moment at) {
        for (const SliceBill& slice : slices) {
            sums_.charged += slice.charge.charged.value;
            sums_.waived += slice.charge.waived.value;
            sums_.metered += slice.charge.metered.value;
            for (const Mvnd part : slice.paid) {
                sums_.paid += part.value;
            }
            take(ledger_.settle(key_, settle_input(slice, PartitionId{"gpu"}, QosId{"q"}), at,
                                policy));
            RC_ASSERT(ledger_.audit().empty());
        }
    }

    void correct(const Correction& back) {
        sums_.charged -= back.less.charged.value;
        sums_.waived += back.less.waived.value;
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < back.paid.size(); ++i) {
            RC_ASSERT(back.paid[i].value >= 0);
            RC_ASSERT(back.paid[i] <= settled_.paid[i]);
            sum += back.paid[i].value;
        }
        RC_ASSERT(sum == back.list.value);
        sums_.paid -= sum;
        take(ledger_.correct(
            key_, {.less = back.less, .cause = "node_fail", .held = plan_.parts, .paid = back.paid},
            end_.released_at, policy));
        RC_ASSERT(ledger_.audit().empty());
    }

    const AttemptKey key_{JobId{1}, AttemptNumber{1}};
    PriceTerms terms_;
    Span limit_;
    AttemptEnd end_;
    HoldPlan plan_;
    Ledger ledger_;
    Recount recount_;
    Settled settled_;
    Sums sums_;
};

RC_GTEST_PROP(MonthCutProperty, CutsNeverChangeWhatAnAttemptCosts, ()) {
    Trial trial(any_terms(), seconds(*rc::gen::inRange<std::int64_t>(1, 80LL * 86'400)));
    trial.run();
    trial.check();
}

}  // namespace
}  // namespace khu
