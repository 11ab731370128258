#pragma once

/// \file
/// The money side of the books: one account of each funder and of each enterprise that pays a part.
///
///     available == budget + paid_in - held - spent >= 0     where the account is limited
///
/// `budget` is what the policy put in: a funder's budget, a postpaid wallet's credit limit. An
/// enterprise without a wallet pays on its statement; its account is not limited and only counts.
///
/// Source: two-phase transfers as in TigerBeetle. Unit: mvnd.

#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/charge.h"

namespace khu {

/// A payment received; `ref` names it at the bank, so that it is taken once (I-08).
struct Payment {
    std::string ref;
    Mvnd amount;
    bool operator==(const Payment&) const = default;
};
KHU_DESCRIBE(Payment, ref, amount)

struct Purse {
    std::string account;
    bool limited{true};
    Mvnd budget;
    Mvnd paid_in;
    Mvnd held;
    Mvnd spent;
    int changes{0};                   ///< entries of `budget` and `paid_in` so far
    std::vector<Payment> payments{};  ///< their sum is `paid_in`
    bool operator==(const Purse&) const = default;
};
KHU_DESCRIBE(Purse, account, limited, budget, paid_in, held, spent, changes, payments)

constexpr Mvnd available(const Purse& purse) {
    return purse.budget + purse.paid_in - purse.held - purse.spent;
}

/// What the policy wants an account to have.
struct Budget {
    std::string account;
    Mvnd budget;
    bool operator==(const Budget&) const = default;
};
KHU_DESCRIBE(Budget, account, budget)

/// What one payer is held for, or pays.
struct MoneyPart {
    std::string account;
    Mvnd amount;
    bool operator==(const MoneyPart&) const = default;
};
KHU_DESCRIBE(MoneyPart, account, amount)

// Names of accounts.
inline constexpr const char* kTreasury = "treasury";
std::string funder_account(const FunderId& funder);
std::string wallet_account(const EnterpriseId& enterprise);
/// Of an enterprise without a wallet.
std::string owed_account(const EnterpriseId& enterprise);
std::string revenue_account(const ZoneId& zone);
/// Whether the account is one of the MONEY ledger; every other is one of COMPUTE.
bool is_money(const std::string& account);

/// What each payer of `terms` is held for at a start, as PriceTerms::payers: its part of the list
/// price of `hold`, and one mvnd for each slice that the attempt may have, since each slice is
/// split by itself. All 0 where nothing is charged.
std::vector<Mvnd> money_holds(const PriceTerms& terms, Atoms hold, Span time_limit);

}  // namespace khu
