#pragma once

/// \file
/// The zone's transparency report of a month as a file, CSV or JSON; in public with small cells
/// merged (core/ledger/zone_report.h). Of a closed month always the same bytes.

#include "core/ledger/zone_report.h"
#include "daemon/reports.h"

namespace khu::daemon {

struct ZoneReportRequest {
    ZoneId zone;
    std::string province_code;
    std::string period;
    ReportFormat format{ReportFormat::Csv};
    bool is_public{false};
    int enterprises_min{0};  ///< of a public cell
    std::vector<CapacityTotal> capacity{};
    bool counted{true};  ///< what happened to grants in the month was counted
    std::vector<GrantCount> grants{};
    std::int64_t floor_lifts{0};
};

/// Errors: R300; those of the store.
Expected<Report, Refusal> make_zone_report(Store& store, const ZoneReportRequest& request,
                                           const ReportZone& zone);

}  // namespace khu::daemon
