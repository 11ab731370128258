#pragma once

/// \file
/// The column of a report's row that one kind of payer pays into.

#include "core/base/check.h"
#include "core/base/units.h"
#include "core/ledger/charge.h"

namespace khu {

/// `Row`: UsageRow or MeterRow.
template <class Row>
Mvnd& paid_by(Row& row, PayerKind kind) {
    switch (kind) {
        case PayerKind::National:
            return row.paid_national_mvnd;
        case PayerKind::Provincial:
            return row.paid_provincial_mvnd;
        case PayerKind::Zone:
            return row.paid_zone_mvnd;
        case PayerKind::Donor:
            return row.paid_donor_mvnd;
        case PayerKind::Enterprise:
            return row.paid_enterprise_mvnd;
    }
    KHU_CHECK(false, "kind {}", static_cast<int>(kind));
    return row.paid_zone_mvnd;
}

}  // namespace khu
