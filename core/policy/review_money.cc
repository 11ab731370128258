// Budgets and credit limits against what is spent and held of them: P060.

#include "core/policy/findings.h"

namespace khu::reviewing {
namespace {

void below_use(const std::string& path, Mvnd used, Findings& out) {
    const std::string amount = format_dong(used);
    out.error("P060", path, amount + " are spent or held",
              fmt::format("{} đã chi hoặc đang giữ", amount));
}

}  // namespace

void review_money(const Policy& policy, const ReviewContext& context, Findings& out) {
    for (const Funder& funder : policy.funders) {
        const auto used = context.funders_used.find(funder.id);
        if (used != context.funders_used.end() && funder.budget < used->second) {
            below_use(fmt::format("funders.{}.budget", funder.id.value), used->second, out);
        }
    }
    for (const Enterprise& enterprise : policy.enterprises) {
        const auto used = context.credit_used.find(enterprise.id);
        const Mvnd limit = enterprise.wallet.mode == WalletMode::Postpaid
                               ? enterprise.wallet.credit_limit
                               : Mvnd{0};
        if (used != context.credit_used.end() && limit < used->second) {
            below_use(fmt::format("enterprises.{}.wallet", enterprise.id.value), used->second, out);
        }
    }
}

}  // namespace khu::reviewing
