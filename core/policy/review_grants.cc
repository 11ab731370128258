// Grants against their programme, their funders, the ledger and what is installed: P030, P043,
// P050, P060 to P064.
#include <algorithm>
#include <map>

#include "core/policy/findings.h"
#include "core/policy/schema.h"

namespace khu::reviewing {
namespace {

/// One grant and where it stands.
struct At {
    const Policy& policy;
    const Enterprise& enterprise;
    const PolicyGrant& grant;
    std::string path;
};

std::string hours(Atoms amount) {
    return schema::write(schema::GpuHours{.zero_too = true}, amount, {});
}

const PolicyGrant* find_grant(const Enterprise& enterprise, const GrantId& id) {
    for (const PolicyGrant& grant : enterprise.grants) {
        if (grant.id == id) {
            return &grant;
        }
    }
    return nullptr;
}

bool has_class(const Programme& programme, EnterpriseClass kind) {
    const auto& classes = programme.eligible.classes;
    return std::find(classes.begin(), classes.end(), kind) != classes.end();
}

bool in_eligible_zone(const Programme& programme, const Enterprise& enterprise, Moment at) {
    const auto& zones = programme.eligible.zones;
    if (std::find(zones.begin(), zones.end(), ZoneId(kAnyZone)) != zones.end()) {
        return true;
    }
    return std::any_of(enterprise.zones.begin(), enterprise.zones.end(), [&](const auto& member) {
        return member.window.contains(at) &&
               std::find(zones.begin(), zones.end(), member.zone) != zones.end();
    });
}

/// The moment `years` after a local midnight, as a day of the calendar: 29 February becomes 1
/// March.
bool older_than(Moment founded, Moment at, int years, int offset) {
    const schema::Writing how{offset};
    const std::string birth = schema::write(schema::Day{}, founded, how);
    const std::string day = schema::write(schema::Day{}, at, how);
    const int age = std::stoi(day.substr(0, 4)) - std::stoi(birth.substr(0, 4)) -
                    (day.substr(5) < birth.substr(5) ? 1 : 0);
    return age >= years;
}

/// P061 at the grant's `key`.
Finding& refuse(const At& at, std::string key, std::string en, std::string vi, Findings& out) {
    Finding& finding = out.error("P061", at.path + key, std::move(en), std::move(vi));
    finding.looks_at = {at.path + ".programme"};
    return finding;
}

std::string of_enterprise(const At& at, std::string_view key) {
    return fmt::format("enterprises.{}{}", at.enterprise.id.value, key);
}

std::string of_programme(const At& at, std::string_view key) {
    return fmt::format("programmes.{}{}", at.grant.programme.value, key);
}

/// Made from these key paths too, and from the programme's `limit`.
void also(Finding& finding, const std::vector<std::string>& paths, std::string limit) {
    finding.looks_at.insert(finding.looks_at.end(), paths.begin(), paths.end());
    limited_by(finding, std::move(limit));
}

void review_eligible(const At& at, const Programme& programme, Findings& out) {
    const Enterprise& enterprise = at.enterprise;
    const std::string& name = programme.id.value;
    if (!has_class(programme, enterprise.kind)) {
        const std::string word =
            schema::write(schema::Word<EnterpriseClass>{}, enterprise.kind, {});
        also(refuse(at, ".programme", fmt::format("{} is not open to class {}", name, word),
                    fmt::format("{} không mở cho loại {}", name, word), out),
             {of_enterprise(at, ".class")}, of_programme(at, ".eligible.classes"));
    }
    if (!in_eligible_zone(programme, enterprise, at.grant.window.from)) {
        also(refuse(
                 at, ".programme",
                 fmt::format("{} is not open to the zones of this enterprise when the grant begins",
                             name),
                 fmt::format("{} không mở cho khu của doanh nghiệp này khi hạn mức bắt đầu", name),
                 out),
             {at.path + ".from", of_enterprise(at, ".zones")}, of_programme(at, ".eligible.zones"));
    }
    const int years = programme.eligible.max_age_years;
    if (years > 0 &&
        (enterprise.founded == kNever || older_than(enterprise.founded, at.grant.window.from, years,
                                                    at.policy.utc_offset_minutes))) {
        also(refuse(at, ".programme",
                    fmt::format("{} is for enterprises under {} years; `founded` says otherwise or "
                                "is missing",
                                name, years),
                    fmt::format("{} dành cho doanh nghiệp dưới {} năm; `founded` không phù hợp "
                                "hoặc còn thiếu",
                                name, years),
                    out),
             {at.path + ".from", of_enterprise(at, ".founded"), "policy.utc_offset"},
             of_programme(at, ".eligible.max_age_years"));
    }
    if (programme.eligible.needs_permit && at.grant.permit.empty()) {
        also(refuse(at, "", fmt::format("{} needs a permit: give its number as permit", name),
                    fmt::format("{} cần giấy phép: ghi số vào permit", name), out),
             {at.path + ".permit"}, of_programme(at, ".eligible.needs_permit"));
    }
}

/// The other grants count by their programme and window, not by their amount.
std::vector<std::string> sources_of_together(const At& at) {
    std::vector<std::string> paths;
    for (const PolicyGrant& other : at.enterprise.grants) {
        if (other.programme == at.grant.programme) {
            for (const char* key : {"programme", "from", "to"}) {
                paths.push_back(
                    of_enterprise(at, fmt::format(".grants.{}.{}", other.id.value, key)));
            }
        }
    }
    return paths;
}

void review_together(const At& at, const Programme& programme, Findings& out) {
    const int most = programme.eligible.max_per_enterprise;
    const auto together = std::count_if(
        at.enterprise.grants.begin(), at.enterprise.grants.end(), [&](const PolicyGrant& other) {
            return other.programme == programme.id && other.window.contains(at.grant.window.from);
        });
    if (most > 0 && together > most) {
        also(refuse(at, "",
                    fmt::format("{} allows {} grant(s) at one time", programme.id.value, most),
                    fmt::format("{} chỉ cho {} hạn mức cùng lúc", programme.id.value, most), out),
             sources_of_together(at), of_programme(at, ".eligible.max_per_enterprise"));
    }
}

void review_bounds(const At& at, const Programme& programme, Findings& out) {
    if (at.grant.amount > programme.grant.max) {
        also(refuse(at, ".amount",
                    fmt::format("{} is over the maximum of {}, {}", hours(at.grant.amount),
                                programme.id.value, hours(programme.grant.max)),
                    fmt::format("{} vượt mức tối đa của {}, {}", hours(at.grant.amount),
                                programme.id.value, hours(programme.grant.max)),
                    out),
             {at.path + ".amount"}, of_programme(at, ".grant.max"));
    }
    if (at.grant.window.to - at.grant.window.from > programme.grant.window) {
        const std::string most = schema::write(schema::Duration{}, programme.grant.window, {});
        also(
            refuse(at, ".to",
                   fmt::format("the window is longer than {} allows, {}", programme.id.value, most),
                   fmt::format("thời hạn dài hơn mức {} cho phép, {}", programme.id.value, most),
                   out),
            {at.path + ".from", at.path + ".to"}, of_programme(at, ".grant.window"));
    }
    review_together(at, programme, out);
}

/// P043: warned, because money of the next year is decided in the next year.
void review_funding_window(const At& at, const Programme& programme, Findings& out) {
    for (const SplitShare& share : programme.split) {
        const Funder* funder = find_funder(at.policy, share.payer);
        if (funder == nullptr || (funder->window.from <= at.grant.window.from &&
                                  at.grant.window.to <= funder->window.to)) {
            continue;
        }
        const std::string to =
            schema::write(schema::Day{}, funder->window.to, {at.policy.utc_offset_minutes});
        also(out.warning("P043", at.path + ".to",
                         fmt::format("{} pays a part and its window ends {}", funder->id.value, to),
                         fmt::format("{} góp một phần và hết hạn ngày {}", funder->id.value, to)),
             {at.path + ".from", at.path + ".programme", of_programme(at, ".split")},
             fmt::format("funders.{}.window", funder->id.value));
    }
}

bool unchanged(const At& at, const ReviewContext& context) {
    const Enterprise* before =
        context.running == nullptr ? nullptr : find_enterprise(*context.running, at.enterprise.id);
    const PolicyGrant* grant = before == nullptr ? nullptr : find_grant(*before, at.grant.id);
    return grant != nullptr && *grant == at.grant;
}

/// P060: what is used or held stays granted, and a window does not end before now afterwards.
void review_use(const At& at, const ReviewContext& context, Findings& out) {
    const auto use = context.grants.find(at.grant.id);
    if (use == context.grants.end() || use->second.enterprise != at.enterprise.id) {
        return;
    }
    if (at.grant.amount < use->second.used_and_held) {
        const std::string busy = format_gpu_hours_short(use->second.used_and_held);
        out.error("P060", at.path + ".amount", fmt::format("{} are used or held", busy),
                  fmt::format("{} đã dùng hoặc đang giữ", busy));
    }
    if (context.now != Moment{} && use->second.live && at.grant.window.to <= context.now) {
        out.error("P060", at.path + ".to", "the grant is live, so it cannot end in the past",
                  "hạn mức đang hoạt động nên không thể kết thúc trong quá khứ");
    }
}

void review_grant(const At& at, const ReviewContext& context, Findings& out) {
    const Programme* programme = find_programme(at.policy, at.grant.programme);
    if (programme == nullptr) {
        out.unknown(at.path + ".programme", at.grant.programme.value, kAProgramme,
                    ids_of(at.policy.programmes));
        return;
    }
    if (!unchanged(at, context)) {  // What was granted is not judged again by newer rules.
        review_eligible(at, *programme, out);
        review_bounds(at, *programme, out);
        review_use(at, context, out);
    }
    review_funding_window(at, *programme, out);
}

using Owners = std::map<GrantId, EnterpriseId>;

void review_owner(const At& at, const ReviewContext& context, Owners& owners, Findings& out) {
    if (at.grant.id.empty()) {
        return;  // It is missing, and the reader has said so.
    }
    const auto [owner, fresh] = owners.emplace(at.grant.id, at.enterprise.id);
    const auto use = context.grants.find(at.grant.id);
    const bool in_ledger =
        use != context.grants.end() && use->second.enterprise != at.enterprise.id;
    if (!fresh || in_ledger) {
        const EnterpriseId& other = fresh ? use->second.enterprise : owner->second;
        out.error("P062", at.path + ".id",
                  fmt::format("grant {} belongs to enterprise {} already; grant ids are unique",
                              at.grant.id.value, other.value),
                  fmt::format("hạn mức {} đã thuộc doanh nghiệp {}; mã hạn mức là duy nhất",
                              at.grant.id.value, other.value));
    }
}

void review_members(const Enterprise& enterprise, std::map<UserId, EnterpriseId>& seen,
                    Findings& out) {
    for (const auto* list : {&enterprise.holders, &enterprise.members}) {
        for (const UserId& user : *list) {
            const auto [first, fresh] = seen.emplace(user, enterprise.id);
            if (!fresh && first->second != enterprise.id) {
                out.warning("P064", fmt::format("enterprises.{}", enterprise.id.value),
                            fmt::format("user {} is in {} too, and submits for that one",
                                        user.value, first->second.value),
                            fmt::format("người dùng {} cũng thuộc {}, và gửi tác vụ cho nơi đó",
                                        user.value, first->second.value))
                    .looks_at = {fmt::format("enterprises.{}.holders", enterprise.id.value),
                                 fmt::format("enterprises.{}.members", enterprise.id.value)};
            }
        }
    }
}

}  // namespace

void review_grants(const Policy& policy, const ReviewContext& context, Findings& out) {
    Owners owners;
    std::map<UserId, EnterpriseId> users;
    for (const Enterprise& enterprise : policy.enterprises) {
        review_members(enterprise, users, out);
        for (const PolicyGrant& grant : enterprise.grants) {
            const At at{
                policy, enterprise, grant,
                fmt::format("enterprises.{}.grants.{}", enterprise.id.value, grant.id.value)};
            review_owner(at, context, owners, out);
            review_grant(at, context, out);
        }
    }
}

namespace {

std::vector<std::string> sources_of_promises(const Policy& policy) {
    std::vector<std::string> paths{"units.weights_milli"};
    for (const Partition& partition : policy.partitions) {
        const std::vector<std::string> more = sources_of_gpus(partition.id);
        paths.insert(paths.end(), more.begin(), more.end());
    }
    for (const Enterprise& enterprise : policy.enterprises) {
        paths.push_back(fmt::format("enterprises.{}.grants", enterprise.id.value));
    }
    return paths;
}

}  // namespace

/// P050: all that is promised from now on, against 80 % of what the GPUs can give in that time.
void review_promises(const Policy& policy, const ReviewContext& context, Findings& out) {
    Wide milli = 0;
    for (const Partition& partition : policy.partitions) {
        milli +=
            Wide{gpus_of(partition, context)} * weight_milli(policy, partition.gpu).value_or(0);
        for (const SliceRule& rule : partition.slices) {
            milli += static_cast<Wide>(partition.nodes.size()) * rule.per_node *
                     weight_milli(policy, rule.id).value_or(0);
        }
    }
    Wide promised = 0;
    Window span{kNever, Moment{}};
    for (const Enterprise& enterprise : policy.enterprises) {
        for (const PolicyGrant& grant : enterprise.grants) {
            if (grant.window.to > context.now) {
                promised += grant.amount.value;
                span.from = std::min(span.from, grant.window.from);
                span.to = std::max(span.to, grant.window.to);
            }
        }
    }
    if (promised == 0) {
        return;
    }
    // Atoms that the installed GPUs give: milli x seconds x 1000.
    const Wide deliverable = milli * (span.to - span.from).value * 8 / 10;
    if (promised > deliverable) {
        const auto percent = static_cast<std::int64_t>(
            deliverable == 0 ? 0 : std::min<Wide>(promised * 100 / deliverable, 1'000'000));
        out.warning("P050", "enterprises",
                    deliverable == 0
                        ? "hours are granted and no GPU is installed"
                        : fmt::format("promised {}% of the deliverable hours", percent),
                    deliverable == 0 ? "đã cấp giờ nhưng chưa có GPU nào"
                                     : fmt::format("đã hứa {}% số giờ có thể cung cấp", percent))
            .looks_at = sources_of_promises(policy);
    }
}

/// P060 and P063: what the ledger still has open must still be in the policy.
void review_gone(const Policy& policy, const ReviewContext& context, Findings& out) {
    std::map<EnterpriseId, int> live_grants_gone;
    for (const auto& [id, use] : context.grants) {
        const Enterprise* enterprise = find_enterprise(policy, use.enterprise);
        if (enterprise == nullptr) {
            live_grants_gone[use.enterprise] += use.live ? 1 : 0;
        } else if (find_grant(*enterprise, id) == nullptr && use.live && use.from_policy) {
            out.error(
                "P060", fmt::format("enterprises.{}.grants", use.enterprise.value),
                fmt::format("grant {} is live and missing here; close it first: khu grant "
                            "close {}",
                            id.value, id.value),
                fmt::format("hạn mức {} đang hoạt động mà không có ở đây; hãy đóng trước: khu "
                            "grant close {}",
                            id.value, id.value));
        }
    }
    for (const auto& [id, count] : live_grants_gone) {
        if (count > 0) {
            Finding& finding = out.error(
                "P063", "enterprises",
                fmt::format("enterprise {} is gone and has {} live grant(s); close them first",
                            id.value, count),
                fmt::format("doanh nghiệp {} bị bỏ mà còn {} hạn mức; hãy đóng trước", id.value,
                            count));
            finding.looks_at.clear();
            finding.names_from = {"enterprises"};
        }
    }
}

}  // namespace khu::reviewing

namespace khu {

std::vector<Complaint> review_grant(const Policy& policy, const Enterprise& enterprise,
                                    const PolicyGrant& grant) {
    const reviewing::At at{policy, enterprise, grant, "grants." + grant.id.value.str()};
    const Programme& programme = *find_programme(policy, grant.programme);
    reviewing::Findings out;
    reviewing::review_eligible(at, programme, out);
    reviewing::review_bounds(at, programme, out);
    return reviewing::complaints_of(out.take());
}

}  // namespace khu
