// What other meters count is paid at once: there was no hold, since it has been used already. What
// a correction takes back goes to where it came from.

#include <utility>

#include "core/ledger/ledger.h"
#include "core/ledger/meter.h"

namespace khu {

Ledger::Entries Ledger::charge_meter(const MeterCharge& charge, const ZoneId& zone, Moment now,
                                     const PolicyId& policy) {
    const std::string name = reading_name(charge.period, charge.reading);
    KHU_CHECK(money_short(charge.parts, {}) == nullptr, "{}", name);
    Entries out;
    for (std::size_t i = 0; i < charge.parts.size(); ++i) {
        const MoneyPart& part = charge.parts[i];
        if (part.amount == Mvnd{0}) {
            continue;
        }
        Purse& purse = purse_at(part.account);
        Entry& entry = write(out, now, policy);
        entry.id = fmt::format("meter:{}.{}", name, i + 1);
        entry.kind = "meter";
        entry.debit = part.account;
        entry.credit = revenue_account(zone);
        entry.amount = part.amount.value;
        entry.ref = charge.service;
        if (part.amount < Mvnd{0}) {
            entry.kind = "refund";
            std::swap(entry.debit, entry.credit);
            entry.amount = -part.amount.value;
        }
        if (!charge.reading.decision_ref.empty()) {
            entry.ref = clean_ref(charge.reading.decision_ref);
        }
        purse.spent += part.amount;
        KHU_CHECK(purse.spent >= Mvnd{0}, "{}: {}", part.account, purse.spent.value);
    }
    return out;
}

}  // namespace khu
