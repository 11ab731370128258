// Hours that go to and fro between grants, against a model of plain numbers: nothing is made, lost,
// or taken from what is held.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <array>

#include "core/ledger/ledger.h"
#include "core/ledger/recount.h"

namespace khu {
namespace {

const PolicyId policy{"p"};
const EnterpriseId enterprise{"0401000001"};
const ProgrammeId programme{"kn-80"};
constexpr std::size_t kGrants = 3;

class Model {
public:
    Model() {
        for (std::size_t i = 0; i < kGrants; ++i) {
            free_[i] = *rc::gen::inRange<std::int64_t>(1, 1000);
            given_[i] = free_[i];
            take(ledger_.open({.id = id(i),
                               .enterprise = enterprise,
                               .programme = programme,
                               .amount = Atoms{free_[i]},
                               .from = Moment{0},
                               .to = Moment{1'000'000 + static_cast<std::int64_t>(i)},
                               .decision_ref = "1/QD"},
                              now_, policy));
        }
    }

    void step() {
        const std::size_t from = *rc::gen::inRange<std::size_t>(0, kGrants);
        if (*rc::gen::inRange(0, 3) == 0) {
            hold(from);
            return;
        }
        const std::size_t to = *rc::gen::inRange<std::size_t>(0, kGrants);
        const Atoms amount{*rc::gen::inRange<std::int64_t>(0, 800)};
        const bool may = from != to && amount.value > 0 && amount.value <= free_[from];
        RC_ASSERT(ledger_.can_transfer(id(from), id(to), amount, now_).has_value() == may);
        if (may) {
            free_[from] -= amount.value;
            free_[to] += amount.value;
            take(ledger_.transfer(id(from), id(to), amount, "2/QD", now_, policy));
        }
    }

    void check() const {
        std::int64_t all = 0;
        std::int64_t given = 0;
        for (std::size_t i = 0; i < kGrants; ++i) {
            const Grant& grant = *ledger_.find(id(i));
            RC_ASSERT(grant.free.value == free_[i]);
            RC_ASSERT(grant.held.value == held_[i]);
            RC_ASSERT(offered(grant).value == given_[i]);
            RC_ASSERT(books_.posted("grant:" + id(i).value.str()) == free_[i] + held_[i]);
            all += free_[i] + held_[i];
            given += given_[i];
        }
        RC_ASSERT(all == given);
        RC_ASSERT(ledger_.totals().minted.value == given);
        RC_ASSERT(ledger_.audit().empty());
    }

private:
    static GrantId id(std::size_t i) { return GrantId{"G" + std::to_string(i)}; }

    void hold(std::size_t from) {
        const std::int64_t amount = std::min<std::int64_t>(free_[from], 7);
        if (amount == 0) {
            return;
        }
        const HoldPlan plan{
            .enterprise = enterprise,
            .programme = programme,
            .total = Atoms{amount},
            .parts = {{.grant = id(from), .amount = Atoms{amount}, .tranche = 0, .carried = {}}}};
        take(ledger_.hold({JobId{++jobs_}, AttemptNumber{1}}, plan, now_, policy));
        free_[from] -= amount;
        held_[from] += amount;
    }
    void take(const Ledger::Entries& entries) {
        for (const Entry& entry : entries) {
            RC_ASSERT(books_.add(entry) == std::nullopt);
        }
    }

    Ledger ledger_;
    Recount books_;
    Moment now_{10};
    std::uint64_t jobs_{0};
    std::array<std::int64_t, kGrants> free_{}, held_{}, given_{};
};

RC_GTEST_PROP(Transfers, MakeNothingAndLoseNothing, ()) {
    Model model;
    const int steps = *rc::gen::inRange(0, 60);
    for (int i = 0; i < steps; ++i) {
        model.step();
        model.check();
    }
}

}  // namespace
}  // namespace khu
