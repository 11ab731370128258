#pragma once

/// \file
/// The entries of the books as a file, of one month or from the first on: seq, time, kind, id,
/// ledger (COMPUTE in ugs, MONEY in mvnd), debit, credit, amount, ref, policy_id, hash.

#include "daemon/reports.h"

namespace khu::daemon {

struct LedgerRequest {
    std::string period;  ///< local month in which the entries were made; empty: all
    ReportFormat format{ReportFormat::Csv};
};

/// Errors: R300; those of the store.
Expected<Report, Refusal> make_ledger_report(Store& store, const LedgerRequest& request,
                                             const ReportZone& zone);

}  // namespace khu::daemon
