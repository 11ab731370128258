#pragma once

/// \file
/// What other meters of the shared infrastructure count (cloud, data centre, chip lab): so many
/// units of something for one enterprise, at the policy's price, paid by the policy's split. It is
/// in the same ledger as GPU time, in money alone: entries of kind "meter" from each payer to the
/// zone's revenue.
///
/// A meter names each of its readings of a month, so that one that is sent again is taken once
/// (I-08).
/// Quantities are in millionths of the unit; the list price is rounded once, half to even.
///
/// A reading that was wrong is corrected by another row that refers to it and says by how much, why
/// and by which act. It is priced and split as the first was, cumulatively: whatever the
/// corrections were, each payer has paid in the end what it would have paid for the right quantity.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/ledger/charge.h"
#include "core/ledger/entry.h"
#include "core/ledger/purse.h"

namespace khu {

/// What a meter says. [from, to) lies within one local month.
struct MeterReading {
    MeterId meter;
    std::string row;  ///< its own name of this reading, once a month
    EnterpriseId enterprise;
    std::int64_t quantity_micro{0};  ///< of a correction: more than there was, or less
    Moment from, to;
    std::string corrects{};  ///< the name of the reading that was wrong (reading_name()), or empty
    std::string reason{};    ///< of a correction
    std::string decision_ref{};
    bool operator==(const MeterReading&) const = default;
};
KHU_DESCRIBE(MeterReading, meter, row, enterprise, quantity_micro, from, to, corrects, reason,
             decision_ref)

/// A reading with all that was decided of it.
struct MeterCharge {
    MeterReading reading;
    std::string period;
    std::string service, unit;
    std::string enterprise_class;
    Mvnd price;  ///< of one unit
    Mvnd list;
    std::vector<PayerKind> kinds;
    std::vector<MoneyPart> parts;  ///< as `kinds`; they sum to `list`; of a correction also < 0
    std::vector<Payer> payers{};   ///< as `kinds`; none: taken by a release without corrections
    bool operator==(const MeterCharge&) const = default;
};
KHU_DESCRIBE(MeterCharge, reading, period, service, unit, enterprise_class, price, list, kinds,
             parts, payers)

/// A row of the report. Columns and their order: docs/guides/accounting.md.
struct MeterRow {
    int schema_version{1};
    ZoneId zone_id;
    std::string province_code;
    std::string period;
    EnterpriseId enterprise_id;
    std::string enterprise_class;
    std::string service;
    MeterId meter;
    std::string row_id;
    Moment slice_start;
    Moment slice_end;
    std::string unit;
    std::string quantity;  ///< six decimals, display only
    std::int64_t quantity_micro{0};
    Mvnd price_mvnd_per_unit;
    Mvnd list_mvnd;
    Mvnd paid_national_mvnd;
    Mvnd paid_provincial_mvnd;
    Mvnd paid_zone_mvnd;
    Mvnd paid_donor_mvnd;
    Mvnd paid_enterprise_mvnd;
    bool is_final{false};
    PolicyId policy_id;
    LedgerSeq ledger_seq_first;
    LedgerSeq ledger_seq_last;
    std::string row_kind{"usage"};          ///< "usage" or "correction"
    std::optional<std::string> corrects{};  ///< name of the corrected row
    std::optional<std::string> reason{};    ///< of a correction
    std::optional<std::string> decision_ref{};
    bool operator==(const MeterRow&) const = default;
};
KHU_DESCRIBE(MeterRow, schema_version, zone_id, province_code, period, enterprise_id,
             enterprise_class, service, meter, row_id, slice_start, slice_end, unit, quantity,
             quantity_micro, price_mvnd_per_unit, list_mvnd, paid_national_mvnd,
             paid_provincial_mvnd, paid_zone_mvnd, paid_donor_mvnd, paid_enterprise_mvnd, is_final,
             policy_id, ledger_seq_first, ledger_seq_last, row_kind, corrects, reason, decision_ref)

/// `quantity_micro` units at `price`, rounded half to even. Claims: both are >= 0.
Mvnd meter_price(std::int64_t quantity_micro, Mvnd price);
/// "12.500000", "-0.500000"
std::string quantity_text(std::int64_t quantity_micro);
/// With what its entries say of their place in the books; zone and province are the caller's.
MeterRow meter_row(const MeterCharge& charge, const PolicyId& policy,
                   const std::vector<Entry>& entries);
/// The name of a reading in the zone: "2026-03/vcpu/07.17"; of a correction that of the corrected
/// one with its own row behind it, whichever month it is booked in.
std::string reading_name(const std::string& period, const MeterReading& reading);
/// What is charged for the correction `reading` of `first`, of which corrections have changed the
/// quantity by `before` so far; its period is the caller's. Claims: the quantity stays >= 0.
MeterCharge correction_of(const MeterCharge& first, const MeterReading& reading,
                          std::int64_t before);
/// To tell a reading that is sent again from another one of the same name.
std::uint64_t digest_of(const MeterReading& reading);

}  // namespace khu
