#pragma once

/// \file
/// Usage rows as FinOps people read bills: the columns of FOCUS 1.2 (FinOps Open Cost and Usage
/// Specification), one row for each slice and payer. The amounts of a slice's rows add up to the
/// slice's own, in integers (the columns x_...); decimals are for display. What the zone bore of a
/// failure is a row of category Credit that costs nothing and says what it was worth.
///
/// What other meters counted is in the same view, one row for each reading and payer; what a
/// correction takes back is a Credit, and a Correction if the month that it corrects is another
/// one.

#include <optional>
#include <string>
#include <vector>

#include "core/ledger/meter.h"
#include "core/ledger/usage.h"

namespace khu {

/// A number with a fixed count of decimals: "27000.000".
struct Decimal {
    std::string text;
    bool operator==(const Decimal&) const = default;
};

/// Names and order of the columns are the specification's; those of our own begin with x_.
struct FocusRow {
    Decimal BilledCost;
    std::string BillingAccountId;    ///< "ZONE:PAYER", or the tax code of the enterprise that pays
    std::string BillingAccountName;  ///< the same
    std::string BillingAccountType;  ///< "National", "Provincial", "Zone", "Donor", "Enterprise"
    std::string BillingCurrency{"VND"};
    Moment BillingPeriodEnd, BillingPeriodStart;
    /// Of a booked reservation that jobs did not use: "ZONE:NUMBER" and "Unused"; else null.
    std::optional<std::string> CapacityReservationId, CapacityReservationStatus;
    std::string ChargeCategory;              ///< "Usage", "Credit"
    std::optional<std::string> ChargeClass;  ///< "Correction" or null
    std::string ChargeDescription;
    std::string ChargeFrequency{"Usage-Based"};
    Moment ChargePeriodEnd, ChargePeriodStart;
    Decimal ConsumedQuantity;
    std::string ConsumedUnit{"GPU-Hours"};
    Decimal ContractedCost, ContractedUnitPrice, EffectiveCost;
    std::string InvoiceIssuerName;
    Decimal ListCost, ListUnitPrice;
    std::string PricingCategory{"Standard"};
    std::string PricingCurrency{"VND"};
    Decimal PricingQuantity;
    std::string PricingUnit{"GPU-Hours"};
    std::string ProviderName, PublisherName;
    std::string RegionId, RegionName;
    std::string ResourceId;
    std::optional<std::string> ResourceName;
    std::string ResourceType{"Job"};
    std::string ServiceCategory{"AI and Machine Learning"};
    std::string ServiceName;
    std::string ServiceSubcategory{"Machine Learning"};
    std::string SkuId, SkuPriceId;
    std::string SubAccountId, SubAccountName;
    std::string SubAccountType{"Enterprise"};
    // Of our own: the key in the books, and the integers.
    std::optional<JobId> x_JobId;  ///< with the next two: of a job's slice
    std::optional<AttemptNumber> x_Attempt;
    std::optional<int> x_Slice;
    std::optional<std::string> x_Reading;         ///< of another meter's row: its name
    std::optional<std::int64_t> x_QuantityMicro;  ///< this payer's part, millionths of the unit
    std::string x_EndCause;
    Atoms x_MeteredUgs;  ///< this payer's part
    Atoms x_ChargedUgs;  ///< the same
    Mvnd x_PaidMvnd;     ///< BilledCost
    Mvnd x_WaivedMvnd;   ///< of a Credit: what the zone bore, at list price
    bool x_IsFinal{false};
    bool operator==(const FocusRow&) const = default;
};
KHU_DESCRIBE_LONG(FocusRow,
                  (BilledCost, BillingAccountId, BillingAccountName, BillingAccountType,
                   BillingCurrency, BillingPeriodEnd, BillingPeriodStart, CapacityReservationId,
                   CapacityReservationStatus, ChargeCategory, ChargeClass, ChargeDescription,
                   ChargeFrequency, ChargePeriodEnd, ChargePeriodStart, ConsumedQuantity,
                   ConsumedUnit, ContractedCost, ContractedUnitPrice, EffectiveCost,
                   InvoiceIssuerName, ListCost, ListUnitPrice, PricingCategory, PricingCurrency,
                   PricingQuantity, PricingUnit),
                  (ProviderName, PublisherName, RegionId, RegionName, ResourceId, ResourceName,
                   ResourceType, ServiceCategory, ServiceName, ServiceSubcategory, SkuId,
                   SkuPriceId, SubAccountId, SubAccountName, SubAccountType, x_JobId, x_Attempt,
                   x_Slice, x_Reading, x_QuantityMicro, x_EndCause, x_MeteredUgs, x_ChargedUgs,
                   x_PaidMvnd, x_WaivedMvnd, x_IsFinal))

/// At least one row of Usage; for a slice that nobody pays, one of the zone's that costs nothing.
/// Claims: what was paid adds up to the list price, and x_MeteredUgs, x_ChargedUgs, x_PaidMvnd of
/// the rows to the slice's.
std::vector<FocusRow> focus_rows(const UsageRow& row, int utc_offset_minutes);
/// The same for a reading; x_PaidMvnd and x_QuantityMicro of the rows add up to the reading's.
std::vector<FocusRow> focus_rows(const MeterRow& row, int utc_offset_minutes);

}  // namespace khu
