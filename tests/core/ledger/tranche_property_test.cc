// Tranches, carry, advance, pullback and overrun against a model that counts hours in purses by
// where they came from: nothing goes below zero, held hours are never touched (I-23), and what the
// entries say is what the ledger says (I-05).

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>
#include <map>

#include "core/ledger/ledger.h"
#include "core/ledger/recount.h"
#include "core/ledger/usage.h"

namespace khu {
namespace {

const PolicyId policy{"p"};
const EnterpriseId enterprise{"0401000001"};
const ProgrammeId programme{"kn"};
const GrantId grant{"g"};
constexpr Moment start{1'772'413'200'000};

/// What one running attempt took, from which tranche.
struct Taken {
    std::int64_t plain{0};
    std::int64_t carried{0};
    std::int64_t overrun{0};
    std::size_t tranche{0};
};

class Model {
public:
    explicit Model(std::int64_t amount) : amount_(amount) {
        take(ledger_.open({.id = grant,
                           .enterprise = enterprise,
                           .programme = programme,
                           .amount = Atoms{amount},
                           .from = start,
                           .to = start + days(400),
                           .decision_ref = "",
                           .tranches = 4},
                          start, policy));
        for (std::size_t i = 0; i < 4; ++i) {
            tranche_[i] = i < 3 ? amount / 4 : amount - 3 * (amount / 4);
        }
        plain_ = tranche_[0];
        check();
    }

    void step() {
        switch (*rc::gen::inRange(0, 9)) {
            case 0:
                turn();
                break;
            case 1:
                advance();
                break;
            case 2:
                pull_back();
                break;
            case 3:
            case 4:
            case 5:
                begin();
                break;
            default:
                end();
        }
        check();
    }

private:
    void turn() {
        if (now_tranche_ == 3) {
            return;
        }
        const int permille = *rc::gen::inRange(0, 1001);
        const std::int64_t kept = std::min(plain_, tranche_[now_tranche_] * permille / 1000);
        expired_ += plain_ - kept + carried_;
        carried_ = kept;
        ++now_tranche_;
        plain_ = tranche_[now_tranche_] - advanced_;
        advanced_ = 0;
        const std::int64_t repaid = std::min(plain_, overrun_spent_);
        plain_ -= repaid;
        spent_ += repaid;
        overrun_spent_ -= repaid;
        overrun_free_ += repaid;
        take(ledger_.turn_tranche(grant, permille, now_, policy));
    }

    void advance() {
        const int most = *rc::gen::inRange(0, 1001);
        const Atoms amount{*rc::gen::inRange<std::int64_t>(0, amount_)};
        const bool may = now_tranche_ < 3 && amount.value > 0 &&
                         amount.value <= tranche_[now_tranche_ + 1] * most / 1000 - advanced_;
        RC_ASSERT(ledger_.can_advance(grant, amount, most, now_).has_value() == may);
        if (may) {
            plain_ += amount.value;
            advanced_ += amount.value;
            take(ledger_.advance(grant, amount, now_, policy));
        }
    }

    void pull_back() {
        const int permille = *rc::gen::inRange(0, 1001);
        const std::int64_t free = plain_ + carried_;
        const std::int64_t back = free * permille / 1000;
        clawback_ += back;
        carried_ = std::min(carried_, free - back);
        plain_ = free - back - carried_;
        for (std::size_t i = now_tranche_ + 1; i < 4; ++i) {
            const std::int64_t drawn = i == now_tranche_ + 1 ? advanced_ : 0;
            tranche_[i] -= (tranche_[i] - drawn) * permille / 1000;
        }
        now_ = now_ + seconds(1);
        take(ledger_.pull_back(grant, permille, now_, policy));
    }

    void begin() {
        const Atoms need{*rc::gen::inRange<std::int64_t>(1, amount_ / 2 + 2)};
        const int permille = *rc::gen::inRange(0, 301);
        auto plan = ledger_.can_hold(enterprise, programme, need, now_);
        const std::int64_t free = plain_ + carried_;
        RC_ASSERT(plan.has_value() == (need.value <= free));
        if (!plan) {
            RC_ASSERT(plan.error().code == Code::HoldDoesNotFit);
            const HoldPlan asked{
                .enterprise = enterprise, .programme = programme, .total = need, .parts = {}};
            plan = ledger_.can_overrun(asked, permille, now_);
            const std::int64_t most = whole() * permille / 1000;
            RC_ASSERT(plan.has_value() ==
                      (need.value - free <= most - overrun_held_ - overrun_spent_));
        }
        if (!plan) {
            return;
        }
        Taken taken{.tranche = now_tranche_};
        taken.carried = std::min(carried_, need.value);
        taken.plain = std::min(plain_, need.value - taken.carried);
        taken.overrun = need.value - taken.carried - taken.plain;
        carried_ -= taken.carried;
        plain_ -= taken.plain;
        overrun_free_ = std::max<std::int64_t>(0, overrun_free_ - taken.overrun);
        overrun_held_ += taken.overrun;
        const AttemptKey key{JobId{++jobs_}, AttemptNumber{1}};
        take(ledger_.hold(key, *plan, now_, policy));
        running_[key] = taken;
    }

    void end() {
        if (running_.empty()) {
            return;
        }
        const auto run = std::next(running_.begin(),
                                   *rc::gen::inRange<int>(0, static_cast<int>(running_.size())));
        Taken left = run->second;
        const std::int64_t all = left.plain + left.carried + left.overrun;
        const std::int64_t charged = *rc::gen::inRange<std::int64_t>(0, all + 1);
        SettleInput input{
            .slice = 1, .charge = {}, .cause = "completed", .partition = {}, .qos = {}};
        input.charge.metered = input.charge.charged = Atoms{charged};
        take(ledger_.settle(run->first, input, now_, policy));
        std::int64_t rest = charged;
        for (std::int64_t* part : {&left.carried, &left.plain}) {
            const std::int64_t used = std::min(rest, *part);
            *part -= used;
            rest -= used;
            spent_ += used;
        }
        overrun_spent_ += rest;
        overrun_free_ += left.overrun - rest;
        overrun_held_ -= run->second.overrun;
        if (left.tranche == now_tranche_) {
            plain_ += left.plain;
            carried_ += left.carried;
        } else {
            expired_ += left.plain + left.carried;
        }
        running_.erase(run);
    }

    std::int64_t held() const {
        std::int64_t sum = 0;
        for (const auto& [key, taken] : running_) {
            sum += taken.plain + taken.carried;
        }
        return sum;
    }
    std::int64_t granted() const {
        return plain_ + carried_ + held() + spent_ + expired_ + clawback_;
    }
    std::int64_t whole() const {
        std::int64_t sum = granted() - advanced_;
        for (std::size_t i = now_tranche_ + 1; i < 4; ++i) {
            sum += tranche_[i];
        }
        return sum;
    }

    void check() const {
        const Grant& now = *ledger_.find(grant);
        RC_ASSERT(now.free.value == plain_ + carried_);
        RC_ASSERT(now.carried.value == carried_);
        RC_ASSERT(now.held.value == held());
        RC_ASSERT(now.spent.value == spent_);
        RC_ASSERT(now.expired.value == expired_);
        RC_ASSERT(now.clawback.value == clawback_);
        RC_ASSERT(now.granted.value == granted());
        RC_ASSERT(khu::whole(now).value == whole());
        if (const Grant* line = ledger_.find(overrun_line(grant))) {
            RC_ASSERT(line->held.value == overrun_held_);
            RC_ASSERT(line->spent.value == overrun_spent_);
            RC_ASSERT(line->free.value == overrun_free_);
        }
        RC_ASSERT(ledger_.audit().empty());
        RC_ASSERT(Ledger{ledger_.state()}.state() == ledger_.state());
        RC_ASSERT(books_.available("grant:g") == now.free.value);
        RC_ASSERT(books_.posted(std::string(kClawback)) == clawback_);
        RC_ASSERT(books_.posted(std::string(kCarried)) == 0);
        RC_ASSERT(!books_.finish().has_value());
    }

    void take(const Ledger::Entries& entries) {
        for (const Entry& entry : entries) {
            RC_ASSERT(books_.add(entry) == std::nullopt);
        }
    }

    std::int64_t amount_;
    Moment now_{start};
    Ledger ledger_;
    Recount books_;
    std::array<std::int64_t, 4> tranche_{};
    std::size_t now_tranche_{0};
    std::uint64_t jobs_{0};
    std::map<AttemptKey, Taken> running_;
    std::int64_t plain_{0}, carried_{0}, spent_{0}, expired_{0}, clawback_{0}, advanced_{0};
    std::int64_t overrun_free_{0}, overrun_held_{0}, overrun_spent_{0};
};

RC_GTEST_PROP(TrancheProperty, EveryHourIsWhereTheRulesPutIt, ()) {
    Model model(*rc::gen::inRange<std::int64_t>(4, 4'000'000'000));
    const int steps = *rc::gen::inRange(1, 60);
    for (int i = 0; i < steps; ++i) {
        model.step();
    }
}

}  // namespace
}  // namespace khu
