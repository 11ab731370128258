// What other meters count is paid at once: there was no hold, since it has been used already.

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
        entry.kind = "meter";
        entry.id = fmt::format("meter:{}.{}", name, i + 1);
        entry.debit = part.account;
        entry.credit = revenue_account(zone);
        entry.amount = part.amount.value;
        entry.ref = charge.service;
        purse.spent += part.amount;
    }
    return out;
}

}  // namespace khu
