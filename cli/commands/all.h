#pragma once

/// \file
/// Every command, one description each; all.cc lists them in the order of the help.

#include <array>

#include "cli/option.h"
#include "cli/session.h"

namespace khu::cli {

extern const Command kSubmit, kRun, kQueue, kShow, kWhy, kLogs, kWait, kCancel, kHold, kRelease,
    kRequeue, kUpdate, kQuote, kBalance, kNodes, kDrain, kResume, kGrantList, kGrantApprove,
    kGrantExtend, kGrantSuspend, kGrantResume, kGrantClose, kGrantRequest, kGrantRefuse,
    kGrantImport, kPolicyCheck, kPolicyDiff, kPolicyApply, kPolicyShow, kPolicyHistory,
    kPolicyRollback, kPolicyPlan, kProjectCap, kProjectList, kMoney, kWalletPayIn, kReportJobs,
    kReportStatement, kReportServices, kMeterImport, kReportZone, kReportFocus, kReportLedger,
    kReportVerify, kLedgerVerify, kTokenCreate, kTokenList, kTokenRevoke, kCheckpoint, kWhoami,
    kLogin, kWatch, kStats, kTop, kGrantAdvance, kGrantExport, kGrantTransfer, kGrantReport,
    kGrantReturn, kRefundList, kRefundAsk, kRefundApprove, kRefundRefuse, kReservationList,
    kReservationBook, kReservationCancel, kResources, kPlan, kCompletion, kVersion;

}  // namespace khu::cli
