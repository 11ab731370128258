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
template <class Row>
std::vector<Part> parts_of(const Row& row) {
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
std::vector<std::int64_t> shared(std::int64_t total, const std::vector<Part>& parts) {
    Wide all = 0;
    for (const Part& part : parts) {
        all += part.paid.value;
    }
    std::vector<std::int64_t> shares(parts.size());
    std::int64_t rest = total;
    for (std::size_t i = 1; i < parts.size() && all != 0; ++i) {
        shares[i] = static_cast<std::int64_t>(Wide{total} * parts[i].paid.value / all);
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

template <class Row>
std::string account_of(const Row& row, PayerKind kind) {
    return kind == PayerKind::Enterprise ? row.enterprise_id.value
                                         : row.zone_id.value + ":" + enum_name(kind);
}

template <class Row>
void say_payer(FocusRow& out, const Row& row, PayerKind kind) {
    out.BillingAccountId = out.BillingAccountName = account_of(row, kind);
    out.BillingAccountType = enum_name(kind);
    out.BillingAccountType.front() += 'A' - 'a';
}

/// What rows of jobs and of other meters say alike.
template <class Row>
FocusRow common_of(const Row& row, int utc_offset_minutes) {
    FocusRow out;
    out.BillingPeriodStart = start_of(row.period, utc_offset_minutes);
    out.BillingPeriodEnd = month_end(out.BillingPeriodStart, utc_offset_minutes);
    out.ChargePeriodStart = row.slice_start;
    out.ChargePeriodEnd = row.slice_end;
    out.InvoiceIssuerName = out.ProviderName = out.PublisherName = row.zone_id.value;
    out.RegionId = out.RegionName = row.province_code;
    out.ServiceName = row.service;
    out.SubAccountId = out.SubAccountName = row.enterprise_id.value;
    out.x_IsFinal = row.is_final;
    return out;
}

/// Everything that does not depend on the payer.
FocusRow frame_of(const UsageRow& row, int utc_offset_minutes) {
    const bool correction = row.row_kind == "correction";
    FocusRow out = common_of(row, utc_offset_minutes);
    out.ChargeCategory = "Usage";
    out.ChargeClass = correction ? std::optional<std::string>("Correction") : std::nullopt;
    out.ChargeDescription =
        row.programme.value + " on " + row.partition.value + ", ended by " + row.end_cause;
    out.ContractedUnitPrice = out.ListUnitPrice = {std::to_string(row.rate_vnd_per_gpuh) + ".000"};
    out.ResourceId = row.zone_id.value + ":" + std::to_string(row.job_id.value);
    out.ResourceName = row.job_name;
    out.SkuId = row.partition.value;
    out.SkuPriceId = row.partition.value + ":" + row.qos.value;
    if (row.end_cause == kReservedUnused) {
        out.CapacityReservationId = out.ResourceId;
        out.CapacityReservationStatus = "Unused";
        out.ResourceType = "Reservation";
    }
    out.x_JobId = row.job_id;
    out.x_Attempt = row.attempt;
    out.x_Slice = row.slice;
    out.x_EndCause = row.end_cause;
    return out;
}

FocusRow frame_of(const MeterRow& row, int utc_offset_minutes) {
    const std::string of = row.corrects.value_or("");
    const std::string what = row.meter.value.str() + ", row " + row.row_id;
    FocusRow out = common_of(row, utc_offset_minutes);
    if (!of.empty()) {
        const bool other_month = !of.starts_with(row.period + "/");
        out.ChargeClass = other_month ? std::optional<std::string>("Correction") : std::nullopt;
    }
    out.ChargeDescription =
        of.empty() ? what : what + ", corrects " + of + ": " + row.reason.value_or("");
    out.ConsumedUnit = out.PricingUnit = row.unit;
    out.ContractedUnitPrice = out.ListUnitPrice = dong(row.price_mvnd_per_unit);
    out.ResourceId = row.zone_id.value + ":" + row.meter.value.str();
    out.ResourceType = "Meter";
    out.ServiceCategory = "Other";
    out.ServiceSubcategory = "Other (Other)";
    out.SkuId = out.SkuPriceId = row.meter.value;
    out.x_Reading = (of.empty() ? row.period + "/" + row.meter.value.str() : of) + "/" + row.row_id;
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
    const std::vector<std::int64_t> metered = shared(row.metered_ugs.value, parts);
    const std::vector<std::int64_t> charged = shared(row.charged_ugs.value, parts);
    std::vector<FocusRow> out;
    Mvnd sum;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        out.push_back(frame);
        say_payer(out.back(), row, parts[i].kind);
        say_amounts(out.back(), parts[i].paid, Atoms{metered[i]}, Atoms{charged[i]});
        sum += parts[i].paid;
    }
    KHU_CHECK(sum == row.list_mvnd, "job {}", row.job_id.value);
    if (row.waived_list_mvnd != Mvnd{0}) {
        out.push_back(credit_of(row, frame));
    }
    return out;
}

std::vector<FocusRow> focus_rows(const MeterRow& row, int utc_offset_minutes) {
    const FocusRow frame = frame_of(row, utc_offset_minutes);
    const std::vector<Part> parts = parts_of(row);
    const std::vector<std::int64_t> quantity = shared(row.quantity_micro, parts);
    std::vector<FocusRow> out;
    Mvnd sum;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        FocusRow& each = out.emplace_back(frame);
        const Mvnd paid = parts[i].paid;
        each.ChargeCategory = paid < Mvnd{0} ? "Credit" : "Usage";
        say_payer(each, row, parts[i].kind);
        say_amounts(each, paid, Atoms{0}, Atoms{0});
        each.ConsumedQuantity = each.PricingQuantity = {quantity_text(quantity[i])};
        each.x_QuantityMicro = quantity[i];
        sum += paid;
    }
    KHU_CHECK(sum == row.list_mvnd, "{}", row.row_id);
    return out;
}

}  // namespace khu
