#include "core/ledger/focus.h"

#include <algorithm>

#include "core/base/enum_name.h"

namespace khu {
namespace {

__extension__ using Wide = __int128;

struct Part {
    PayerKind kind{};
    Mvnd paid;
};

/// Those that bear something of the slice, in the order of the report's columns.
std::vector<Part> parts_of(const UsageRow& row) {
    std::vector<Part> parts{{PayerKind::National, row.paid_national_mvnd},
                            {PayerKind::Provincial, row.paid_provincial_mvnd},
                            {PayerKind::Zone, row.paid_zone_mvnd},
                            {PayerKind::Donor, row.paid_donor_mvnd},
                            {PayerKind::Enterprise, row.paid_enterprise_mvnd}};
    std::erase_if(parts, [](const Part& part) { return part.paid == Mvnd{0}; });
    if (parts.empty()) {
        parts.push_back({PayerKind::Zone, Mvnd{0}});
    }
    return parts;
}

/// `total` in proportion to what each paid: rounded towards zero, and the rest to the first.
std::vector<Atoms> shared(Atoms total, const std::vector<Part>& parts) {
    Wide all = 0;
    for (const Part& part : parts) {
        all += part.paid.value;
    }
    std::vector<Atoms> shares(parts.size());
    Atoms rest = total;
    for (std::size_t i = 1; i < parts.size() && all != 0; ++i) {
        shares[i] = Atoms{static_cast<std::int64_t>(Wide{total.value} * parts[i].paid.value / all)};
        rest -= shares[i];
    }
    shares.front() = rest;
    return shares;
}

/// 1234567 mvnd: "1234.567".
Decimal dong(Mvnd amount) {
    const std::int64_t whole = amount.value / 1000;
    const std::int64_t rest = std::abs(amount.value % 1000);
    const std::string sign = amount.value < 0 && whole == 0 ? "-" : "";
    const std::string digits = std::to_string(1000 + rest).substr(1);
    return {sign + std::to_string(whole) + "." + digits};
}

Decimal hours_of(Atoms amount) {
    return {format_gpu_hours(amount)};
}

std::string account_of(const UsageRow& row, PayerKind kind) {
    return kind == PayerKind::Enterprise ? row.enterprise_id.value
                                         : row.zone_id.value + ":" + enum_name(kind);
}

void say_payer(FocusRow& out, const UsageRow& row, PayerKind kind) {
    out.BillingAccountId = out.BillingAccountName = account_of(row, kind);
    out.BillingAccountType = enum_name(kind);
    out.BillingAccountType.front() += 'A' - 'a';
}

/// Everything that does not depend on the payer.
FocusRow frame_of(const UsageRow& row, int utc_offset_minutes) {
    const bool correction = row.row_kind == "correction";
    FocusRow out;
    out.BillingPeriodStart = start_of(row.period, utc_offset_minutes);
    out.BillingPeriodEnd = month_end(out.BillingPeriodStart, utc_offset_minutes);
    out.ChargeCategory = "Usage";
    out.ChargeClass = correction ? std::optional<std::string>("Correction") : std::nullopt;
    out.ChargeDescription =
        row.programme.value + " on " + row.partition.value + ", ended by " + row.end_cause;
    out.ChargePeriodStart = row.slice_start;
    out.ChargePeriodEnd = row.slice_end;
    out.ContractedUnitPrice = out.ListUnitPrice = {std::to_string(row.rate_vnd_per_gpuh) + ".000"};
    out.InvoiceIssuerName = out.ProviderName = out.PublisherName = row.zone_id.value;
    out.RegionId = out.RegionName = row.province_code;
    out.ResourceId = row.zone_id.value + ":" + std::to_string(row.job_id.value);
    out.ResourceName = row.job_name;
    out.ServiceName = row.service;
    out.SkuId = row.partition.value;
    out.SkuPriceId = row.partition.value + ":" + row.qos.value;
    out.SubAccountId = out.SubAccountName = row.enterprise_id.value;
    if (row.end_cause == kReservedUnused) {
        out.CapacityReservationId = out.ResourceId;
        out.CapacityReservationStatus = "Unused";
        out.ResourceType = "Reservation";
    }
    out.x_JobId = row.job_id;
    out.x_Attempt = row.attempt;
    out.x_Slice = row.slice;
    out.x_EndCause = row.end_cause;
    out.x_IsFinal = row.is_final;
    return out;
}

void say_amounts(FocusRow& out, Mvnd paid, Atoms metered, Atoms charged) {
    out.BilledCost = out.EffectiveCost = out.ContractedCost = out.ListCost = dong(paid);
    out.ConsumedQuantity = hours_of(metered);
    out.PricingQuantity = hours_of(charged);
    out.x_PaidMvnd = paid;
    out.x_MeteredUgs = metered;
    out.x_ChargedUgs = charged;
}

FocusRow credit_of(const UsageRow& row, FocusRow out) {
    say_payer(out, row, PayerKind::Zone);
    say_amounts(out, Mvnd{0}, Atoms{0}, Atoms{0});
    out.ChargeCategory = "Credit";
    out.ChargeDescription = "borne by the zone, ended by " + row.end_cause;
    out.x_WaivedMvnd = row.waived_list_mvnd;
    return out;
}

}  // namespace

std::vector<FocusRow> focus_rows(const UsageRow& row, int utc_offset_minutes) {
    const FocusRow frame = frame_of(row, utc_offset_minutes);
    const std::vector<Part> parts = parts_of(row);
    const std::vector<Atoms> metered = shared(row.metered_ugs, parts);
    const std::vector<Atoms> charged = shared(row.charged_ugs, parts);
    std::vector<FocusRow> out;
    Mvnd sum;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        out.push_back(frame);
        say_payer(out.back(), row, parts[i].kind);
        say_amounts(out.back(), parts[i].paid, metered[i], charged[i]);
        sum += parts[i].paid;
    }
    KHU_CHECK(sum == row.list_mvnd, "job {}", row.job_id.value);
    if (row.waived_list_mvnd != Mvnd{0}) {
        out.push_back(credit_of(row, frame));
    }
    return out;
}

}  // namespace khu
