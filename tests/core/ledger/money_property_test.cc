// Linked holds of hours and money against a model of accounts written here, which knows nothing of
// the ledger but the rules: a price is rounded once, its parts sum to it, nothing goes below zero.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <numeric>

#include "core/ledger/ledger.h"
#include "core/ledger/recount.h"
#include "core/ledger/usage.h"

namespace khu {
namespace {

__extension__ using Wide = __int128;

const PolicyId policy{"p"};
const EnterpriseId enterprise{"0401000001"};
const ProgrammeId programme{"kn"};
const ZoneId zone{"z"};
constexpr Moment start{1'772'413'200'000};

/// Half to even, over thousandths of a dong.
std::int64_t price_of(Wide ugs, std::int64_t rate) {
    const Wide wide = ugs * rate * 1000;
    const Wide unit = 3'600'000'000;
    const Wide twice = (wide % unit) * 2;
    Wide whole = wide / unit;
    whole += twice > unit || (twice == unit && whole % 2 == 1) ? 1 : 0;
    return static_cast<std::int64_t>(whole);
}

struct Purses {
    std::int64_t in{0};
    std::int64_t held{0};
    std::int64_t out{0};
};

/// 1 to 4 payers whose shares total 1000; the last may be the enterprise itself.
std::vector<Payer> any_payers() {
    const int count = *rc::gen::inRange(1, 5);
    std::vector<Payer> payers;
    int left = 1000;
    for (int i = 0; i < count; ++i) {
        const int share = i + 1 == count ? left : *rc::gen::inRange(0, left + 1);
        left -= share;
        payers.push_back({PayerKind::Zone, FunderId{fmt::format("f{}", i)}, share});
    }
    return payers;
}

class Model {
public:
    explicit Model(std::vector<Payer> payers) : payers_(std::move(payers)) {
        take(ledger_.open({.id = GrantId{"g"},
                           .enterprise = enterprise,
                           .programme = programme,
                           .amount = gpu_hours(1'000'000),
                           .from = start,
                           .to = start + days(4000)},
                          start, policy));
    }

    void step() {
        switch (*rc::gen::inRange(0, 6)) {
            case 0:
                fund();
                break;
            case 1:
            case 2:
            case 3:
                begin();
                break;
            default:
                end();
        }
        check();
    }

    void finish() {
        while (!running_.empty()) {
            end();
        }
        check();
        for (const auto& [account, purse] : purses_) {
            RC_ASSERT(purse.held == 0);
        }
        RC_ASSERT(!books_.finish().has_value());
        RC_ASSERT(Ledger{ledger_.state()}.state() == ledger_.state());
    }

private:
    struct Run {
        AttemptKey key;
        PriceTerms terms;
        Moment taken;
        std::vector<std::int64_t> held;
        Atoms hours;
    };

    static std::string account(const Payer& payer) { return "funder:" + payer.id.value.str(); }

    void fund() {
        const Payer& payer = *rc::gen::elementOf(payers_);
        Purses& purse = purses_[account(payer)];
        const std::int64_t wanted = *rc::gen::inRange<std::int64_t>(0, 40'000'000'000);
        take(ledger_.set_budget({account(payer), Mvnd{wanted}}, now_, policy));
        purse.in = std::max(wanted, purse.held + purse.out);
    }

    void begin() {
        const PriceTerms terms{.billable_milli = *rc::gen::inRange<std::int64_t>(1, 80'000),
                               .factor_permille = *rc::gen::element(0, 500, 1000, 1500),
                               .rate_vnd_per_gpuh = *rc::gen::inRange<std::int64_t>(0, 60'000),
                               .payers = payers_};
        const Span limit = seconds(*rc::gen::inRange<std::int64_t>(1, 90LL * 86'400));
        const Atoms need = hold_for(terms, limit);
        auto plan = ledger_.can_hold(enterprise, programme, need, now_);
        if (!plan) {
            return;
        }
        plan->zone = zone;
        for (const Mvnd part : money_holds(terms, need, limit)) {
            plan->money.push_back({account(payers_[plan->money.size()]), part});
        }
        bool fits = true;
        for (const MoneyPart& part : plan->money) {
            const Purses& purse = purses_[part.account];
            fits = fits && part.amount.value <= purse.in - purse.held - purse.out;
        }
        RC_ASSERT((ledger_.money_short(plan->money, {}) == nullptr) == fits);
        if (!fits) {
            return;
        }
        Run run{.key = {JobId{++jobs_}, AttemptNumber{1}},
                .terms = terms,
                .taken = now_,
                .held = {},
                .hours = need};
        std::int64_t sum = 0;
        for (const MoneyPart& part : plan->money) {
            purses_[part.account].held += part.amount.value;
            run.held.push_back(part.amount.value);
            sum += part.amount.value;
        }
        RC_ASSERT(sum >= price_of(need.value, terms.rate_vnd_per_gpuh));
        take(ledger_.hold(run.key, *plan, now_, policy));
        running_.push_back(run);
    }

    void end() {
        if (running_.empty()) {
            return;
        }
        const std::size_t which = *rc::gen::inRange<std::size_t>(0, running_.size());
        const Run run = running_[which];
        running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(which));
        for (std::size_t i = 0; i < payers_.size(); ++i) {
            purses_[account(payers_[i])].held -= run.held[i];
        }
        now_ = now_ + seconds(*rc::gen::inRange<std::int64_t>(0, 100LL * 86'400));
        if (*rc::gen::inRange(0, 8) == 0) {
            take(ledger_.void_hold(run.key, now_, policy));
            return;
        }
        const AttemptEnd ended{.taken_at = run.taken,
                               .released_at = now_,
                               .cause = *rc::gen::element(EndCause::Completed, EndCause::NodeFail),
                               .held = run.hours};
        Wide charged = 0;
        std::int64_t paid = 0;
        std::int64_t slices = 0;
        std::vector<std::int64_t> by_payer(payers_.size(), 0);
        for (const SliceBill& slice : bill(run.terms, ended, 420)) {
            charged += slice.charge.charged.value;
            ++slices;
            for (std::size_t i = 0; i < payers_.size(); ++i) {
                by_payer[i] += slice.paid[i].value;
                paid += slice.paid[i].value;
            }
            take(ledger_.settle(run.key, settle_input(slice, PartitionId{"gpu"}, QosId{"q"}), now_,
                                policy));
        }
        // I-11: over all slices and payers it is the rounding of the whole, however it was cut.
        RC_ASSERT(paid == price_of(charged, run.terms.rate_vnd_per_gpuh));
        for (std::size_t i = 0; i < payers_.size(); ++i) {
            const Wide exact = Wide{paid} * payers_[i].permille;
            RC_ASSERT(Wide{by_payer[i]} * 1000 > exact - 1000 * slices);  // I-12
            RC_ASSERT(Wide{by_payer[i]} * 1000 < exact + 1000 * slices);
            purses_[account(payers_[i])].out += by_payer[i];
        }
        revenue_ += paid;
    }

    void take(const std::vector<Entry>& entries) {
        for (const Entry& entry : entries) {
            RC_ASSERT(books_.add(entry) == std::nullopt);
        }
    }

    void check() {
        for (const auto& [account, purse] : purses_) {
            const Purse* kept = ledger_.find_purse(account);
            const std::int64_t left = purse.in - purse.held - purse.out;
            RC_ASSERT(left >= 0);  // I-02
            RC_ASSERT(books_.available(account) == left);
            RC_ASSERT(books_.pending(account) == purse.held);
            const std::int64_t kept_left = kept == nullptr ? 0 : available(*kept).value;
            RC_ASSERT(kept_left == left);
        }
        RC_ASSERT(books_.posted("revenue:z") == revenue_);
        RC_ASSERT(ledger_.audit().empty());
    }

    std::vector<Payer> payers_;
    Ledger ledger_;
    Recount books_;
    Moment now_{start};
    std::map<std::string, Purses> purses_;
    std::vector<Run> running_;
    std::uint64_t jobs_{0};
    std::int64_t revenue_{0};
};

RC_GTEST_PROP(MoneyProperty, LinkedHoldsKeepEveryPurse, ()) {
    Model model{any_payers()};
    const int steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) {
        model.step();
    }
    model.finish();
}

}  // namespace
}  // namespace khu
