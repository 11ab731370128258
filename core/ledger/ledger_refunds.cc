// What a later finding gives back of slices that were settled already: a failure of the
// infrastructure waives time before the month's cut too.

#include <algorithm>

#include "core/ledger/ledger.h"

namespace khu {

/// Where the entries of one correction go.
struct Ledger::Correcting {
    Entries& out;
    const OpenHold& hold;
    const CorrectionInput& input;
    Moment now;
    const PolicyId& policy;
};

Ledger::Entries Ledger::correct(AttemptKey key, const CorrectionInput& input, Moment now,
                                const PolicyId& policy) {
    const OpenHold* hold = find_hold(key);
    KHU_CHECK(hold != nullptr && hold->slice > 1, "job {} attempt {} has no settled slice",
              key.job.value, key.attempt.value);
    const Charge& less = input.less;
    KHU_CHECK(less.charged == less.waived + less.surcharge - less.discount,
              "charged {} waived {} surcharge {} discount {}", less.charged.value,
              less.waived.value, less.surcharge.value, less.discount.value);

    Entries out;
    const Correcting to{out, *hold, input, now, policy};
    totals_.spent -= less.charged;
    totals_.losses += less.waived;
    totals_.discounts -= less.discount;
    totals_.premium -= less.surcharge;
    if (less.discount > Atoms{0}) {
        refund(to, "rd", {std::string(kZoneLoss), std::string(kZoneDiscount)}, less.discount.value);
    }
    refund_hours(to);
    refund_money(to);
    check_zone();
    return out;
}

void Ledger::refund(const Correcting& to, const std::string& letters,
                    std::pair<std::string, std::string> from_and_to, std::int64_t amount) {
    Entry& entry = write(to.out, to.now, to.policy);
    entry.kind = "refund";
    entry.id = attempt_id(to.hold.key, to.hold.slice, letters);
    entry.debit = std::move(from_and_to.first);
    entry.credit = std::move(from_and_to.second);
    entry.amount = amount;
    entry.ref = to.input.cause;
}

/// What was charged goes back to the grants that paid, the last of them first: the waived time as a
/// loss of the zone, the premium from where it went.
void Ledger::refund_hours(const Correcting& to) {
    Atoms premium = to.input.less.surcharge;
    Atoms left = to.input.less.charged;
    for (std::size_t i = to.input.held.size(); i-- > 0 && left > Atoms{0};) {
        const HoldPart& held = to.input.held[i];
        const auto still = std::ranges::find(to.hold.parts, held.grant, &HoldPart::grant);
        const Atoms paid = held.amount - (still == to.hold.parts.end() ? Atoms{0} : still->amount);
        const Atoms back = std::min(left, paid);
        const Atoms of_premium = std::min(back, premium);
        left -= back;
        premium -= of_premium;
        const std::string part = i == 0 ? "" : std::to_string(i + 1);
        const std::string account = grant_account(held.grant);
        if (back > of_premium) {
            refund(to, "r" + part, {std::string(kZoneLoss), account}, (back - of_premium).value);
        }
        if (of_premium > Atoms{0}) {
            refund(to, "rp" + part, {std::string(kPremium), account}, of_premium.value);
        }
        Grant& grant = grant_at(held.grant);
        grant.spent -= back;
        count(grant, to.hold.project, Atoms{0}, -back);
        grant.held += back;
        totals_.held += back;
        give_back(to.out, {held.grant, back}, attempt_id(to.hold.key, to.hold.slice, "rx" + part),
                  to.now, to.policy);
    }
    KHU_CHECK(left == Atoms{0} && premium == Atoms{0}, "{} of {} paid by nobody", left.value,
              to.input.less.charged.value);
}

void Ledger::refund_money(const Correcting& to) {
    if (to.hold.money.empty()) {
        return;
    }
    KHU_CHECK(to.hold.money.size() == to.input.paid.size());
    for (std::size_t i = 0; i < to.hold.money.size(); ++i) {
        const Mvnd back = to.input.paid[i];
        if (back == Mvnd{0}) {
            continue;
        }
        const std::string& account = to.hold.money[i].account;
        Purse& purse = purse_at(account);
        KHU_CHECK(back > Mvnd{0} && back <= purse.spent, "{}: {} of {}", account, back.value,
                  purse.spent.value);
        purse.spent -= back;
        refund(to, i == 0 ? "mr" : "mr" + std::to_string(i + 1),
               {revenue_account(to.hold.zone), account}, back.value);
    }
}

}  // namespace khu
