#pragma once

/// \file
/// decide(): what a command amounts to in this state, as facts or as a refusal. It changes nothing.
/// One small function per command, grouped by what they speak of: decide_job.cc, decide_grant.cc,
/// decide_money.cc, decide_refund.cc, decide_policy.cc, decide_request.cc, decide_reservation.cc,
/// decide_node.cc, decide_time.cc, decide_round.cc, decide_eta.cc.

#include <vector>

#include "core/base/expected.h"
#include "core/base/refusal.h"
#include "core/machine/commands.h"
#include "core/machine/effects.h"
#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

struct Decision {
    std::vector<Fact> facts;
    Effects replies;           ///< to the agent that spoke; performed after the facts are stored
    JobId job;                 ///< the job that was made or found
    bool existed{false};       ///< the idempotency key had made it before
    std::uint64_t request{0};  ///< number of the request that was made or decided
};
using Decided = Expected<Decision, Refusal>;

/// Errors: the codes named at each function in the .cc files.
/// `state` is not const only because a round borrows the free devices while it thinks.
Decided decide(State& state, const Command& command, Moment now);

/// A fact that follows from the state by itself, such as the closing of an attempt whose nodes have
/// all released it; none if there is no such fact. Asked again after each fact until there is none.
std::optional<Fact> consequence(const State& state, Moment now);

namespace decide_detail {

Decided on(State& state, const SubmitJob& command, Moment now);
Decided on(State& state, const CancelJob& command, Moment now);
Decided on(State& state, const HoldJob& command, Moment now);
Decided on(State& state, const ReleaseJob& command, Moment now);
Decided on(State& state, const UpdateJob& command, Moment now);
Decided on(State& state, const RequeueJob& command, Moment now);
Decided on(State& state, const ApplyPolicy& command, Moment now);
Decided on(State& state, const ApplyLayer& command, Moment now);
Decided on(State& state, const ApproveGrants& command, Moment now);
Decided on(State& state, const RequestGrant& command, Moment now);
Decided on(State& state, const DecideGrantRequest& command, Moment now);
Decided on(State& state, const ExtendGrant& command, Moment now);
Decided on(State& state, const ChangeGrant& command, Moment now);
Decided on(State& state, const AdvanceGrant& command, Moment now);
Decided on(State& state, const TransferGrant& command, Moment now);
Decided on(State& state, const DeliverReport& command, Moment now);
Decided on(State& state, const ReturnReport& command, Moment now);
Decided on(State& state, const TakeReadings& command, Moment now);
Decided on(State& state, const CapProject& command, Moment now);
Decided on(State& state, const PayIn& command, Moment now);
Decided on(State& state, const AskRefund& command, Moment now);
Decided on(State& state, const DecideRefund& command, Moment now);
Decided on(State& state, const BookCounted& command, Moment now);
/// The same command for a booking of counted resources. Claims: it is one. Errors: N403.
Decided free_counted(const State& state, const CancelReservation& command);
Decided on(State& state, const BookReservation& command, Moment now);
Decided on(State& state, const CancelReservation& command, Moment now);
Decided on(State& state, const DrainNode& command, Moment now);
Decided on(State& state, const ResumeNode& command, Moment now);
Decided on(State& state, const RegisterNode& command, Moment now);
Decided on(State& state, const HearNode& command, Moment now);
Decided on(State& state, const ReportFromNode& command, Moment now);
Decided on(State& state, const Tick& command, Moment now);
Decided on(State& state, const RunRound& command, Moment now);
Decided on(State& state, const GiveEtas& command, Moment now);

/// What an agent is told of an attempt that khud does not know; such a report is logged (L206).
inline constexpr const char* kUnknownAttempt = "this attempt is not known";

/// Errors: J300. Somebody else's job is as unknown as one that never was.
Expected<const Job*, Refusal> own_job(const State& state, const Identity& who, JobId id);
/// The job that is spoken of. An element of an array that is no job of its own yet becomes one by
/// the facts in `first`.
struct Target {
    std::vector<Fact> first;
    Job job;
};
/// Errors: J300.
Expected<Target, Refusal> target_of(const State& state, const Identity& who, JobId id, Moment now);
/// The job, and of an array the elements that wait for resources too.
std::vector<const Job*> waiting_of(const State& state, const Job& job);
Unexpected<Refusal> wrong_phase(const Job& job, const std::string& verb);
/// The policy names the holders of an enterprise, or the token does.
bool is_holder_of(const State& state, const Identity& who, const EnterpriseId& owner);
/// An admin may act for any enterprise. Errors: N403.
Expected<Done, Refusal> need_holder(const State& state, const Identity& who,
                                    const EnterpriseId& owner, const std::string& verb);
/// Errors: N403.
Expected<Done, Refusal> need_role(const Identity& who, Role role, const std::string& verb);

/// R304: the row of the file in which it stands, and what is wrong with it.
Refusal in_row(const Refusal& why, std::int64_t line);

/// The scheduled policy takes effect, or is dropped; none if its moment has not come.
std::optional<Fact> scheduled_policy_due(const State& state, Moment now);

/// The message that starts `job` on the node of rank `rank`; payload and token are left out.
StartAttempt start_message(const State& state, const Job& job, std::size_t rank, Moment now);
/// To the agent that serves the node now.
SendToAgent to_node(const State& state, NodeId node, ToAgent message);
/// What gives way has what is left of its grace, however often it is told.
StopAttempt stop_message(const Job& job, const std::string& reason, Moment now);
/// A rank of a gang failed, and not every node has said yet what became of its part. The rank may
/// have failed because a node died under the others: mpirun and torch both end with an error of
/// their own within a second of it, long before the node's silence tells khud.
bool may_be_revised(const Job& job);
/// The revision of such an end.
EndingRevised revised(const Job& job, EndCause cause, std::string detail, NodeId suspect);
/// Every node of the gang is prepared or further.
bool gang_ready(const Attempt& attempt);
/// Position of the node in the attempt; none if it is not part of it.
std::optional<std::size_t> rank_of(const Attempt& attempt, NodeId node);

}  // namespace decide_detail
}  // namespace khu
