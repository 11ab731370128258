// The money's side of the ledger: budgets, wallets, and what holds of hours take along of them.

#include <algorithm>

#include "core/ledger/ledger.h"

namespace khu {
namespace {

void check_purse(const Purse& purse) {
    KHU_CHECK(purse.budget >= Mvnd{0} && purse.paid_in >= Mvnd{0} && purse.held >= Mvnd{0} &&
                  purse.spent >= Mvnd{0},
              "{}: budget {} paid in {} held {} spent {}", purse.account, purse.budget.value,
              purse.paid_in.value, purse.held.value, purse.spent.value);
    KHU_CHECK(!purse.limited || available(purse) >= Mvnd{0}, "{} has {}", purse.account,
              available(purse).value);
}

}  // namespace

const Purse* Ledger::find_purse(const std::string& account) const {
    const auto found = purses_.find(account);
    return found == purses_.end() ? nullptr : &found->second;
}

Purse& Ledger::purse_at(const std::string& account) {
    const auto [entry, fresh] = purses_.try_emplace(account);
    if (fresh) {
        entry->second.account = account;
        entry->second.limited = !account.starts_with("owed:");
    }
    return entry->second;
}

Mvnd Ledger::budget_after(const Budget& wanted) const {
    const Purse* purse = find_purse(wanted.account);
    return purse == nullptr ? wanted.budget
                            : std::max(wanted.budget, purse->spent + purse->held - purse->paid_in);
}

Entry& Ledger::write_change(Entries& out, Purse& purse, Mvnd amount, Moment now,
                            const PolicyId& policy) {
    ++purse.changes;
    Entry& entry = write(out, now, policy);
    entry.id = fmt::format("{}.m{}", purse.account, purse.changes);
    entry.debit = kTreasury;
    entry.credit = purse.account;
    entry.amount = amount.value;
    return entry;
}

Ledger::Entries Ledger::set_budget(const Budget& wanted, Moment now, const PolicyId& policy) {
    Entries out;
    const Mvnd after = budget_after(wanted);
    Purse& purse = purse_at(wanted.account);
    if (after > purse.budget) {
        write_change(out, purse, after - purse.budget, now, policy).kind = "fund";
    } else if (after < purse.budget) {
        Entry& entry = write_change(out, purse, purse.budget - after, now, policy);
        entry.kind = "unfund";
        std::swap(entry.debit, entry.credit);
    }
    purse.budget = after;
    check_purse(purse);
    return out;
}

Ledger::Entries Ledger::pay_in(const MoneyPart& payment, const std::string& ref, Moment now,
                               const PolicyId& policy) {
    KHU_CHECK(payment.amount > Mvnd{0}, "{}", payment.amount.value);

    Entries out;
    Purse& purse = purse_at(payment.account);
    Entry& entry = write_change(out, purse, payment.amount, now, policy);
    entry.kind = "pay-in";
    entry.ref = clean_ref(ref);
    purse.paid_in += payment.amount;
    purse.payments.push_back({.ref = ref, .amount = payment.amount});
    check_purse(purse);
    return out;
}

const MoneyPart* Ledger::money_short(const std::vector<MoneyPart>& parts,
                                     const std::map<std::string, Mvnd>& promised) const {
    std::map<std::string, Mvnd> asked = promised;
    for (const MoneyPart& part : parts) {
        const Purse* purse = find_purse(part.account);
        const bool limited = purse == nullptr ? !part.account.starts_with("owed:") : purse->limited;
        const Mvnd have = purse == nullptr ? Mvnd{0} : available(*purse);
        asked[part.account] += part.amount;
        if (limited && part.amount > Mvnd{0} && asked[part.account] > have) {
            return &part;
        }
    }
    return nullptr;
}

void Ledger::hold_money(Entries& out, const OpenHold& hold, Moment now, const PolicyId& policy) {
    for (const MoneyPart& part : hold.money) {
        KHU_CHECK(
            !part.account.starts_with("wallet:") || part.account == wallet_account(hold.enterprise),
            "I-06: job {} of {}", hold.key.job.value, part.account);
        if (part.amount > Mvnd{0}) {
            Purse& purse = purse_at(part.account);
            purse.held += part.amount;
            check_purse(purse);
        }
    }
    write_money_holds(out, hold, now, policy);
}

void Ledger::write_money_holds(Entries& out, const OpenHold& hold, Moment now,
                               const PolicyId& policy) {
    for (std::size_t i = 0; i < hold.money.size(); ++i) {
        if (hold.money[i].amount == Mvnd{0}) {
            continue;
        }
        Entry& entry = write(out, now, policy);
        entry.kind = "hold";
        entry.id = attempt_id(hold.key, hold.slice, "mh", i);
        entry.debit = hold.money[i].account;
        entry.credit = revenue_account(hold.zone);
        entry.amount = hold.money[i].amount.value;
    }
}

/// finish_slice() has moved `hold.slice` on where this slice is not the last.
void Ledger::settle_money(Entries& out, OpenHold& hold, const SettleInput& input, Moment now,
                          const PolicyId& policy) {
    KHU_CHECK(hold.money.empty() || hold.money.size() == input.paid.size(), "{} payers, {} parts",
              hold.money.size(), input.paid.size());
    for (std::size_t i = 0; i < hold.money.size(); ++i) {
        MoneyPart& part = hold.money[i];
        const Mvnd paid = input.paid[i];
        KHU_CHECK(paid >= Mvnd{0} && paid <= part.amount, "L204: {} pays {} of held {}",
                  part.account, paid.value, part.amount.value);
        if (part.amount == Mvnd{0}) {
            continue;
        }
        Entry& entry = write(out, now, policy);
        entry.kind = "settle";
        entry.id = attempt_id(hold.key, input.slice, "ms", i);
        entry.debit = part.account;
        entry.credit = revenue_account(hold.zone);
        entry.amount = paid.value;
        entry.ref = attempt_id(hold.key, input.slice, "mh", i);
        Purse& purse = purse_at(part.account);
        purse.spent += paid;
        purse.held -= input.last ? part.amount : paid;
        part.amount -= paid;
        check_purse(purse);
    }
    if (!input.last) {
        write_money_holds(out, hold, now, policy);
    }
}

/// Nothing is refused for want of it: what the account does not have nobody bears.
void Ledger::bear_loss(Entries& out, const Loss& loss, const Bearing& as) {
    const Purse* known = find_purse(loss.of.account);
    const Mvnd amount = known == nullptr ? Mvnd{0} : std::min(loss.of.amount, available(*known));
    if (amount <= Mvnd{0}) {
        return;
    }
    Entry& entry = write(out, as.now, as.policy);
    entry.kind = "waive";
    entry.id = as.id;
    entry.debit = loss.of.account;
    entry.credit = revenue_account(loss.zone);
    entry.amount = amount.value;
    entry.ref = as.ref;
    Purse& purse = purse_at(loss.of.account);
    purse.spent += amount;
    check_purse(purse);
}

void Ledger::void_money(Entries& out, const OpenHold& hold, Moment now, const PolicyId& policy) {
    for (std::size_t i = 0; i < hold.money.size(); ++i) {
        const MoneyPart& part = hold.money[i];
        if (part.amount == Mvnd{0}) {
            continue;
        }
        Entry& entry = write(out, now, policy);
        entry.kind = "void";
        entry.id = attempt_id(hold.key, hold.slice, "mv", i);
        entry.debit = part.account;
        entry.credit = revenue_account(hold.zone);
        entry.amount = part.amount.value;
        entry.ref = attempt_id(hold.key, hold.slice, "mh", i);
        Purse& purse = purse_at(part.account);
        purse.held -= part.amount;
        check_purse(purse);
    }
}

void Ledger::audit_money(std::vector<std::string>& broken) const {
    std::map<std::string, Mvnd> held;
    for (const auto& [key, hold] : holds_) {
        for (const MoneyPart& part : hold.money) {
            held[part.account] += part.amount;
        }
    }
    for (const auto& [account, purse] : purses_) {
        check_purse(purse);
        if (purse.held != held[account]) {
            broken.push_back(fmt::format("{}: held {} but its holds sum to {}", account,
                                         purse.held.value, held[account].value));
        }
    }
}

}  // namespace khu
