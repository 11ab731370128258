// What a later finding gives back of slices that were settled already: a failure of the
// infrastructure waives time before the month's cut too, and an admin may refund an attempt that
// has ended.

#include <algorithm>

#include "core/ledger/ledger.h"

namespace khu {

/// Where the entries go, and what goes back to whom.
struct Ledger::GivingBack {
    Entries& out;
    std::string id;  ///< the entries' ids are this, a dot and letters
    const std::string& project;
    ZoneId zone;
    const std::string& ref;
    const Charge& less;
    std::vector<HoldPart> hours;  ///< the last of them first
    std::vector<MoneyPart> money;
    Moment now;
    const PolicyId& policy;
};

namespace {

/// The last grant first, of what each has paid: what is no longer held of `input.held`.
std::vector<HoldPart> hours_back(const CorrectionInput& input, const OpenHold& hold) {
    std::vector<HoldPart> back = input.held;
    Atoms left = input.less.charged;
    for (std::size_t i = back.size(); i-- > 0;) {
        const auto still = std::ranges::find(hold.parts, back[i].grant, &HoldPart::grant);
        const Atoms paid = back[i].amount - (still == hold.parts.end() ? Atoms{0} : still->amount);
        back[i].amount = std::min(left, paid);
        left -= back[i].amount;
    }
    KHU_CHECK(left == Atoms{0}, "{} of {} paid by nobody", left.value, input.less.charged.value);
    return back;
}

std::vector<MoneyPart> money_back(const CorrectionInput& input, const OpenHold& hold) {
    KHU_CHECK(hold.money.empty() || hold.money.size() == input.paid.size());
    std::vector<MoneyPart> back = hold.money;
    for (std::size_t i = 0; i < back.size(); ++i) {
        back[i].amount = input.paid[i];
    }
    return back;
}

std::string numbered(std::string letters, std::size_t part) {
    return part == 0 ? letters : letters + std::to_string(part + 1);
}

}  // namespace

Ledger::Entries Ledger::correct(AttemptKey key, const CorrectionInput& input, Moment now,
                                const PolicyId& policy) {
    const OpenHold* hold = find_hold(key);
    KHU_CHECK(hold != nullptr && hold->slice > 1, "job {} attempt {} has no settled slice",
              key.job.value, key.attempt.value);

    Entries out;
    give_all_back({.out = out,
                   .id = fmt::format("{}.{}.{}", key.job.value, key.attempt.value, hold->slice),
                   .project = hold->project,
                   .zone = hold->zone,
                   .ref = input.cause,
                   .less = input.less,
                   .hours = past_repayments(hours_back(input, *hold)),
                   .money = money_back(input, *hold),
                   .now = now,
                   .policy = policy});
    bear_loss(out, input.loss,
              {.id = attempt_id(key, hold->slice, "mrw"),
               .ref = input.cause,
               .now = now,
               .policy = policy});
    return out;
}

Ledger::Entries Ledger::refund(const RefundInput& input, Moment now, const PolicyId& policy) {
    for (const HoldPart& part : input.hours) {
        KHU_CHECK(grant_at(part.grant).enterprise == input.enterprise, "I-22: {} for {}",
                  part.grant.value, input.enterprise.value);
    }
    Entries out;
    const std::string ref = clean_ref(input.ref);
    give_all_back({.out = out,
                   .id = input.id,
                   .project = input.project,
                   .zone = input.zone,
                   .ref = ref,
                   .less = input.less,
                   .hours = past_repayments(input.hours),
                   .money = input.money,
                   .now = now,
                   .policy = policy});
    bear_loss(out, input.loss, {.id = input.id + ".mrw", .ref = ref, .now = now, .policy = policy});
    return out;
}

/// What a line of overrun has been repaid went on to its grant, and goes back there.
std::vector<HoldPart> Ledger::past_repayments(std::vector<HoldPart> hours) const {
    for (std::size_t i = 0; i < hours.size(); ++i) {
        const Grant& line = grants_.at(hours[i].grant);
        const Atoms repaid = hours[i].amount - line.spent;
        if (!line.overrun_of.empty() && repaid > Atoms{0}) {
            hours[i].amount -= repaid;
            hours.push_back({.grant = line.overrun_of, .amount = repaid});
        }
    }
    return hours;
}

void Ledger::give_all_back(const GivingBack& to) {
    const Charge& less = to.less;
    KHU_CHECK(less.charged == less.waived + less.surcharge - less.discount,
              "charged {} waived {} surcharge {} discount {}", less.charged.value,
              less.waived.value, less.surcharge.value, less.discount.value);

    totals_.spent -= less.charged;
    totals_.losses += less.waived;
    totals_.discounts -= less.discount;
    totals_.premium -= less.surcharge;
    if (less.discount > Atoms{0}) {
        give_entry(to, "rd", {std::string(kZoneLoss), std::string(kZoneDiscount)},
                   less.discount.value);
    }
    give_hours_back(to);
    give_money_back(to);
    check_zone();
}

void Ledger::give_entry(const GivingBack& to, const std::string& letters,
                        std::pair<std::string, std::string> from_and_to, std::int64_t amount) {
    Entry& entry = write(to.out, to.now, to.policy);
    entry.kind = "refund";
    entry.id = to.id + "." + letters;
    entry.debit = std::move(from_and_to.first);
    entry.credit = std::move(from_and_to.second);
    entry.amount = amount;
    entry.ref = to.ref;
}

/// The waived time as a loss of the zone, the premium from where it went.
void Ledger::give_hours_back(const GivingBack& to) {
    Atoms premium = to.less.surcharge;
    for (std::size_t i = to.hours.size(); i-- > 0;) {
        const GrantId& id = to.hours[i].grant;
        const Atoms back = to.hours[i].amount;
        if (back == Atoms{0}) {
            continue;
        }
        const Atoms of_premium = std::min(back, premium);
        premium -= of_premium;
        const std::string account = grant_account(id);
        if (back > of_premium) {
            give_entry(to, numbered("r", i), {std::string(kZoneLoss), account},
                       (back - of_premium).value);
        }
        if (of_premium > Atoms{0}) {
            give_entry(to, numbered("rp", i), {std::string(kPremium), account}, of_premium.value);
        }
        Grant& grant = grant_at(id);
        KHU_CHECK(back <= grant.spent, "{}: {} of {}", id.value, back.value, grant.spent.value);
        grant.spent -= back;
        count(grant, to.project, Atoms{0}, -back);
        grant.held += back;
        totals_.held += back;
        give_back(to.out, {.grant = id, .amount = back, .tranche = grant.tranche},
                  to.id + "." + numbered("rx", i), to.now, to.policy);
    }
    KHU_CHECK(premium == Atoms{0}, "premium {}", premium.value);
}

void Ledger::give_money_back(const GivingBack& to) {
    for (std::size_t i = 0; i < to.money.size(); ++i) {
        const auto& [account, back] = to.money[i];
        if (back == Mvnd{0}) {
            continue;
        }
        Purse& purse = purse_at(account);
        KHU_CHECK(back > Mvnd{0} && back <= purse.spent, "{}: {} of {}", account, back.value,
                  purse.spent.value);
        purse.spent -= back;
        give_entry(to, numbered("mr", i), {revenue_account(to.zone), account}, back.value);
    }
}

}  // namespace khu
