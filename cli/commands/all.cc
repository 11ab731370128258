#include "cli/commands/all.h"

namespace khu::cli {
namespace {

// clang-format off: one a line, so that two new ones do not meet.
constexpr auto kCommands = std::to_array<const Command*>({
    &kSubmit,
    &kRun,
    &kQueue,
    &kShow,
    &kWhy,
    &kLogs,
    &kWait,
    &kCancel,
    &kHold,
    &kRelease,
    &kRequeue,
    &kUpdate,
    &kCheckpoint,
    &kQuote,
    &kBalance,
    &kNodes,
    &kTop,
    &kStats,
    &kDrain,
    &kResume,
    &kGrantList,
    &kGrantApprove,
    &kGrantExtend,
    &kGrantAdvance,
    &kGrantTransfer,
    &kGrantSuspend,
    &kGrantResume,
    &kGrantClose,
    &kGrantRequest,
    &kGrantRefuse,
    &kGrantImport,
    &kGrantExport,
    &kGrantReport,
    &kGrantReturn,
    &kPolicyCheck,
    &kPolicyDiff,
    &kPolicyPlan,
    &kPolicyApply,
    &kPolicyShow,
    &kPolicyHistory,
    &kPolicyRollback,
    &kPlan,
    &kProjectCap,
    &kProjectList,
    &kMeterImport,
    &kMoney,
    &kWalletPayIn,
    &kRefundList,
    &kRefundAsk,
    &kRefundApprove,
    &kRefundRefuse,
    &kResources,
    &kReservationList,
    &kReservationBook,
    &kReservationCancel,
    &kReportJobs,
    &kReportStatement,
    &kReportZone,
    &kReportFocus,
    &kReportServices,
    &kReportLedger,
    &kReportVerify,
    &kLedgerVerify,
    &kTokenCreate,
    &kTokenList,
    &kTokenRevoke,
    &kWhoami,
    &kLogin,
    &kWatch,
    &kCompletion,
    &kVersion,
});
// clang-format on

constexpr auto kLater = std::to_array<std::string_view>({"shell"});

}  // namespace

std::span<const Command* const> all_commands() {
    return kCommands;
}

std::span<const std::string_view> later_commands() {
    return kLater;
}

}  // namespace khu::cli
