// Splits, funders and what a programme opens: P030, P040 to P044, P055.
#include <algorithm>
#include <map>

#include "core/policy/findings.h"
#include "core/policy/schema.h"

namespace khu::reviewing {
namespace {

std::string percent(int permille) {
    return schema::write(schema::Percent{}, permille, {});
}

void review_tier(const Programme& programme, int enterprise_permille, Findings& out) {
    const std::string path = fmt::format("programmes.{}.split", programme.id.value);
    const int funders_permille = 1000 - enterprise_permille;
    const auto contradict = [&](std::string_view tier, std::string_view en, std::string_view vi) {
        out.error("P040", path, fmt::format("tier {} and split contradict: {}", tier, en),
                  fmt::format("tier {} và split mâu thuẫn: {}", tier, vi))
            .looks_at = {path, fmt::format("programmes.{}.tier", programme.id.value)};
    };
    switch (programme.tier) {
        case Tier::Free:
            if (enterprise_permille > 0) {
                contradict("free", "the enterprise pays " + percent(enterprise_permille),
                           "doanh nghiệp trả " + percent(enterprise_permille));
            }
            return;
        case Tier::Paid:
            if (funders_permille > 0) {
                contradict("paid", "funders pay " + percent(funders_permille),
                           "bên tài trợ trả " + percent(funders_permille));
            }
            return;
        case Tier::Subsidised:
            if (enterprise_permille == 0 || funders_permille == 0) {
                contradict("subsidised", "both funders and the enterprise must pay a part",
                           "cả bên tài trợ và doanh nghiệp phải cùng trả");
            }
            return;
    }
}

void review_split(const Policy& policy, const Programme& programme, Findings& out) {
    const std::string path = fmt::format("programmes.{}.split", programme.id.value);
    int total = 0;
    int enterprise = 0;
    std::map<FunderKind, FunderId> kinds;
    for (const SplitShare& share : programme.split) {
        total += share.permille;
        if (share.payer.value == kEnterprisePayer) {
            enterprise += share.permille;
            continue;
        }
        const Funder* funder = find_funder(policy, share.payer);
        if (funder == nullptr) {
            std::vector<std::string_view> known = ids_of(policy.funders);
            known.push_back(kEnterprisePayer);
            out.unknown(path + "." + share.payer.value, share.payer.value, kAFunder, known);
            continue;
        }
        review_share(*funder, share.permille, path + "." + funder->id.value, out);
        const auto [same, fresh] = kinds.emplace(funder->kind, funder->id);
        if (!fresh) {
            out.warning("P044", path + "." + funder->id.value,
                        fmt::format("{} and {} are of the same kind: double funding",
                                    same->second.value, funder->id.value),
                        fmt::format("{} và {} cùng loại: tài trợ trùng", same->second.value,
                                    funder->id.value))
                .looks_at = {fmt::format("funders.{}.kind", same->second.value),
                             fmt::format("funders.{}.kind", funder->id.value)};
        }
    }
    if (total != 1000) {
        out.error("P041", path, fmt::format("shares total {}, 100% needed", percent(total)),
                  fmt::format("tổng tỷ lệ là {}, cần 100%", percent(total)));
    } else {
        review_tier(programme, enterprise, out);
    }
}

void review_references(const Policy& policy, const Programme& programme, Findings& out) {
    const std::string at = "programmes." + programme.id.value;
    for (std::size_t i = 0; i < programme.qos.size(); ++i) {
        if (find_qos(policy, programme.qos[i]) == nullptr) {
            out.unknown(fmt::format("{}.qos[{}]", at, i), programme.qos[i].value, kAQos,
                        ids_of(policy.qos));
        }
    }
    for (std::size_t i = 0; i < programme.partitions.size(); ++i) {
        if (find_partition(policy, programme.partitions[i]) == nullptr) {
            out.unknown(fmt::format("{}.partitions[{}]", at, i), programme.partitions[i].value,
                        kAPartition, ids_of(policy.partitions));
        }
    }
    std::vector<std::string_view> zones{policy.zone.id.value};
    for (const Enterprise& enterprise : policy.enterprises) {
        for (const ZoneMembership& member : enterprise.zones) {
            zones.push_back(member.zone.value);
        }
    }
    for (std::size_t i = 0; i < programme.eligible.zones.size(); ++i) {
        const std::string& zone = programme.eligible.zones[i].value;
        if (zone != kAnyZone && std::find(zones.begin(), zones.end(), zone) == zones.end()) {
            const Kind a_zone{"enterprises", "a zone", "khu"};
            const std::string path = fmt::format("{}.eligible.zones[{}]", at, i);
            Finding& finding = out.unknown(path, zone, a_zone, zones);
            finding.looks_at = {path, "zone.id"};
            finding.names_from.clear();
        }
    }
}

/// Points must follow one another in time, inside the window, with thresholds that do not fall: a
/// lower threshold later could never bite.
void review_pullbacks(const Programme& programme, Findings& out) {
    Span last_after;
    int last_threshold = 0;
    const std::string window = fmt::format("programmes.{}.grant.window", programme.id.value);
    for (const Pullback& point : programme.pullback) {
        const std::string path = fmt::format("programmes.{}.pullback.{}", programme.id.value,
                                             schema::write(schema::Duration{}, point.after, {}));
        if (point.after >= programme.grant.window) {
            out.error("P055", path + ".after", "lies outside the grant window",
                      "nằm ngoài thời hạn của hạn mức")
                .looks_at = {path, window};
        }
        if (point.after <= last_after || point.if_used_below_permille < last_threshold) {
            out.error("P055", path, "points must come in order of time, thresholds must not fall",
                      "các mốc phải theo thứ tự thời gian, ngưỡng không được giảm")
                .looks_at = {fmt::format("programmes.{}.pullback", programme.id.value)};
        }
        if (point.if_used_below_permille > 1000 || point.forfeit_of_remaining_permille > 1000) {
            out.error("P055", path, "a part above 100%", "tỷ lệ vượt 100%");
        }
        last_after = point.after;
        last_threshold = point.if_used_below_permille;
    }
}

}  // namespace

void review_share(const Funder& funder, int permille, const std::string& path, Findings& out) {
    if (permille > funder.max_share_permille) {
        limited_by(out.error("P042", path,
                             fmt::format("{} is capped at {} of a split, {} asked", funder.id.value,
                                         percent(funder.max_share_permille), percent(permille)),
                             fmt::format("{} chỉ được góp tối đa {}, yêu cầu {}", funder.id.value,
                                         percent(funder.max_share_permille), percent(permille))),
                   fmt::format("funders.{}.max_share", funder.id.value));
    }
}

void review_programmes(const Policy& policy, Findings& out) {
    for (const Programme& programme : policy.programmes) {
        review_split(policy, programme, out);
        review_references(policy, programme, out);
        review_pullbacks(programme, out);
    }
}

}  // namespace khu::reviewing
