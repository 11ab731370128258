// What other meters count: their service, their split (P030, P041, P042).
#include <algorithm>

#include "core/policy/findings.h"
#include "core/policy/schema.h"

namespace khu::reviewing {
namespace {

std::string percent(int permille) {
    return schema::write(schema::Percent{}, permille, {});
}

void review_payer(const Policy& policy, const SplitShare& share, const std::string& path,
                  Findings& out) {
    const Funder* funder = find_funder(policy, share.payer);
    if (funder == nullptr) {
        std::vector<std::string_view> known = ids_of(policy.funders);
        known.push_back(kEnterprisePayer);
        out.unknown(path, share.payer.value, kAFunder, known);
    } else {
        review_share(*funder, share.permille, path, out);
    }
}

}  // namespace

void review_meters(const Policy& policy, Findings& out) {
    for (const Meter& meter : policy.meters) {
        const std::string at = "meters." + meter.id.value;
        const std::vector<std::string>& services = policy.zone.services;
        if (std::ranges::find(services, meter.service) == services.end()) {
            const Kind a_service{"zone", "a service of the zone", "dịch vụ của khu"};
            const std::vector<std::string_view> known(services.begin(), services.end());
            Finding& finding = out.unknown(at + ".service", meter.service, a_service, known);
            finding.looks_at = {at + ".service", "zone.services"};
            finding.names_from.clear();
        }
        int total = 0;
        for (const SplitShare& share : meter.split) {
            total += share.permille;
            if (share.payer.value != kEnterprisePayer) {
                review_payer(policy, share, at + ".split." + share.payer.value.str(), out);
            }
        }
        if (total != 1000) {
            out.error("P041", at + ".split",
                      fmt::format("shares total {}, 100% needed", percent(total)),
                      fmt::format("tổng tỷ lệ là {}, cần 100%", percent(total)));
        }
    }
}

}  // namespace khu::reviewing
