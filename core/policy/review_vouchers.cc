// A voucher is redeemed once, for one grant: P008, P065.
#include <map>

#include "core/ledger/grant.h"
#include "core/policy/findings.h"

namespace khu::reviewing {
namespace {

struct Voucher {
    const Enterprise& enterprise;
    const PolicyGrant& grant;
    std::string path;
};

void taken(const Voucher& here, const GrantId& by, Findings& out) {
    out.error("P065", here.path,
              fmt::format("voucher {} is redeemed for grant {}; each opens one grant, once",
                          here.grant.voucher, by.value),
              fmt::format("phiếu {} đã đổi lấy hạn mức {}; mỗi phiếu chỉ mở một hạn mức, một lần",
                          here.grant.voucher, by.value));
}

void review_voucher(const Voucher& here, const ReviewContext& context, Findings& out) {
    const auto redeemed = context.vouchers.find(here.grant.voucher);
    if (redeemed != context.vouchers.end() && redeemed->second != here.grant.id) {
        taken(here, redeemed->second, out);
        return;
    }
    const auto known = context.grants.find(here.grant.id);
    if (known != context.grants.end() && known->second.enterprise == here.enterprise.id &&
        known->second.voucher != here.grant.voucher) {
        const std::string& before = known->second.voucher;
        out.error("P065", here.path,
                  fmt::format("grant {} was opened {}; that cannot change", here.grant.id.value,
                              before.empty() ? "without a voucher" : "with voucher " + before),
                  fmt::format("hạn mức {} đã mở {}; không thể đổi", here.grant.id.value,
                              before.empty() ? "không có phiếu" : "bằng phiếu " + before));
    }
}

}  // namespace

void review_vouchers(const Policy& policy, const ReviewContext& context, Findings& out) {
    std::map<std::string, GrantId> seen;
    for (const Enterprise& enterprise : policy.enterprises) {
        for (const PolicyGrant& grant : enterprise.grants) {
            if (grant.voucher.empty()) {
                continue;
            }
            const Voucher here{enterprise, grant,
                               fmt::format("enterprises.{}.grants.{}.voucher", enterprise.id.value,
                                           grant.id.value)};
            if (!is_voucher(grant.voucher)) {
                out.error("P008", here.path,
                          "a voucher has at most 64 ASCII characters, no space , | \"",
                          "số phiếu có tối đa 64 ký tự ASCII, không có dấu cách , | \"");
                continue;
            }
            const auto [first, fresh] = seen.emplace(grant.voucher, grant.id);
            if (!fresh && first->second != grant.id) {
                taken(here, first->second, out);
            } else {
                review_voucher(here, context, out);
            }
        }
    }
}

}  // namespace khu::reviewing
