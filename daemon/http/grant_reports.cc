/// Reports that are owed for grants, and hours that go from one grant to another.

#include "daemon/http/call.h"

namespace khu::daemon {

void deliver_report(const Call& call) {
    const auto request = body_of<wire::GrantReportRequest>(call);
    if (!request) {
        return;
    }
    const GrantId id{call->parts.at(0)};
    tell_and_show_grant(call,
                        DeliverReport{.who = call->caller.who,
                                      .grant = id,
                                      .report = request->report,
                                      .output = request->output},
                        id);
}

void return_report(const Call& call) {
    const auto request = body_of<wire::GrantChange>(call);
    if (!request) {
        return;
    }
    const GrantId id{call->parts.at(0)};
    tell_and_show_grant(
        call, ReturnReport{.who = call->caller.who, .grant = id, .reason = request->reason}, id);
}

void transfer_grant(const Call& call) {
    const auto request = body_of<wire::GrantTransferRequest>(call);
    if (!request) {
        return;
    }
    const GrantId id{call->parts.at(0)};
    tell_and_show_grant(call,
                        TransferGrant{.who = call->caller.who,
                                      .from = id,
                                      .to = GrantId{request->to_grant},
                                      .amount = request->amount_ugs,
                                      .decision_ref = request->decision_ref},
                        id);
}

}  // namespace khu::daemon
