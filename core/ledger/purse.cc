#include "core/ledger/purse.h"

namespace khu {
namespace {

/// Local months that an attempt of this length can touch.
std::int64_t slices_max(Span time_limit) {
    return time_limit.value / days(28).value + 2;
}

}  // namespace

std::string funder_account(const FunderId& funder) {
    return "funder:" + funder.value;
}

std::string wallet_account(const EnterpriseId& enterprise) {
    return "wallet:" + enterprise.value;
}

std::string owed_account(const EnterpriseId& enterprise) {
    return "owed:" + enterprise.value;
}

std::string revenue_account(const ZoneId& zone) {
    return "revenue:" + zone.value;
}

bool is_money(const std::string& account) {
    return account == kTreasury || account.starts_with("funder:") ||
           account.starts_with("wallet:") || account.starts_with("owed:") ||
           account.starts_with("revenue:");
}

std::vector<Mvnd> money_holds(const PriceTerms& terms, Atoms hold, Span time_limit) {
    const Mvnd list = money_of(hold, terms.rate_vnd_per_gpuh);
    std::vector<Mvnd> parts = split(list, terms.payers);
    if (list == Mvnd{0}) {
        return parts;
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (terms.payers[i].permille > 0) {
            parts[i] += Mvnd{slices_max(time_limit)};
        }
    }
    return parts;
}

}  // namespace khu
