#pragma once

/// \file
/// apply(): the only thing that changes the state. One small function per fact; each claims what
/// decide() has made sure of, so that a wrong fact stops khud instead of spoiling the books, and
/// returns what must now be done. Replay at a restart is the same function, its effects thrown
/// away.

#include "core/machine/effects.h"
#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// A fact with its place in the zone's history.
struct Stamped {
    EventSeq seq;
    Moment at;
    Fact fact;
};
KHU_DESCRIBE(Stamped, seq, at, fact)

/// Claims: `stamped.seq` is the next one. A volatile fact carries the seq of the last durable one.
Effects apply(State& state, const Stamped& stamped);

namespace apply_detail {

Effects on(State& state, const JobQueued& fact, Moment at);
Effects on(State& state, const DependenciesMet& fact, Moment at);
Effects on(State& state, const ElementQueued& fact, Moment at);
Effects on(State& state, const ArrayTrimmed& fact, Moment at);
Effects on(State& state, const ArrayEnded& fact, Moment at);
Effects on(State& state, const JobChanged& fact, Moment at);
Effects on(State& state, const JobHeld& fact, Moment at);
Effects on(State& state, const JobReleased& fact, Moment at);
Effects on(State& state, const EtasGiven& fact, Moment at);
Effects on(State& state, const JobPlaced& fact, Moment at);
Effects on(State& state, const PlacePromised& fact, Moment at);
Effects on(State& state, const PromiseLapsed& fact, Moment at);
Effects on(State& state, const QosOffered& fact, Moment at);
Effects on(State& state, const FloorApplied& fact, Moment at);
Effects on(State& state, const NodePrepared& fact, Moment at);
Effects on(State& state, const AttemptStarted& fact, Moment at);
Effects on(State& state, const CheckpointDeclared& fact, Moment at);
Effects on(State& state, const AttemptEnding& fact, Moment at);
Effects on(State& state, const EndingRevised& fact, Moment at);
Effects on(State& state, const NodeReleased& fact, Moment at);
Effects on(State& state, const JobCancelled& fact, Moment at);
Effects on(State& state, const AttemptClosed& fact, Moment at);
Effects on(State& state, const JobDropped& fact, Moment at);
Effects on(State& state, const PolicyApplied& fact, Moment at);
Effects on(State& state, const PolicyScheduled& fact, Moment at);
Effects on(State& state, const PolicyTookEffect& fact, Moment at);
Effects on(State& state, const PolicyDropped& fact, Moment at);
Effects on(State& state, const LayerBrought& fact, Moment at);
Effects on(State& state, const LayerBinds& fact, Moment at);
Effects on(State& state, const GrantRequested& fact, Moment at);
Effects on(State& state, const GrantRequestDecided& fact, Moment at);
Effects on(State& state, const GrantOpened& fact, Moment at);
Effects on(State& state, const GrantExtended& fact, Moment at);
Effects on(State& state, const GrantSuspended& fact, Moment at);
Effects on(State& state, const GrantResumed& fact, Moment at);
Effects on(State& state, const GrantClosed& fact, Moment at);
Effects on(State& state, const GrantsExpired& fact, Moment at);
Effects on(State& state, const GrantAdvanced& fact, Moment at);
Effects on(State& state, const TrancheTurned& fact, Moment at);
Effects on(State& state, const PullbackReached& fact, Moment at);
Effects on(State& state, const PullbackWarned& fact, Moment at);
Effects on(State& state, const ReportOwed& fact, Moment at);
Effects on(State& state, const ReportWarned& fact, Moment at);
Effects on(State& state, const ReportLate& fact, Moment at);
Effects on(State& state, const ReportDelivered& fact, Moment at);
Effects on(State& state, const ReportReturned& fact, Moment at);
Effects on(State& state, const GrantTransferred& fact, Moment at);
Effects on(State& state, const MeterRead& fact, Moment at);
Effects on(State& state, const ProjectCapSet& fact, Moment at);
Effects on(State& state, const MonthCut& fact, Moment at);
Effects on(State& state, const MonthClosed& fact, Moment at);
Effects on(State& state, const BudgetsSet& fact, Moment at);
Effects on(State& state, const WalletPaidIn& fact, Moment at);
Effects on(State& state, const RefundAsked& fact, Moment at);
Effects on(State& state, const RefundDecided& fact, Moment at);
Effects on(State& state, const ReservationPlaced& fact, Moment at);
Effects on(State& state, const ReservationEnded& fact, Moment at);
Effects on(State& state, const CountedBooked& fact, Moment at);
Effects on(State& state, const CountedFreed& fact, Moment at);
Effects on(State& state, const ReservationBooked& fact, Moment at);
Effects on(State& state, const ReservationCancelled& fact, Moment at);
Effects on(State& state, const ReservationSettled& fact, Moment at);
Effects on(State& state, const NodeJoined& fact, Moment at);
Effects on(State& state, const NodeLost& fact, Moment at);
Effects on(State& state, const NodeDrained& fact, Moment at);
Effects on(State& state, const NodeResumed& fact, Moment at);
Effects on(State& state, const NodeHeard& fact, Moment at);

/// Names of readings of closed months.
void forget_readings(State& state);

// Shared with restore().
/// Lets the job's names share the zone's memory for them.
void share_names(State& state, JobSpec& spec);
void enter_queue(State& state, const Job& job, Moment at);
/// The queued job leaves the queue and enters it again, where it now belongs.
void stand_anew(State& state, const Job& job, Moment at);
/// Every waiting job gets its place by the policy now in force.
void queue_anew(State& state, Moment at);
void leave_queue(State& state, const Job& job);
/// The job's promised place is given up, if it has one.
void end_promise(State& state, JobId job);
/// The timer was `before`; it may have moved.
void set_timer(State& state, const Job& job, const std::optional<Moment>& before);
void forget_timer(State& state, const Job& job);
void take_resources(State& state, const Job& job);
void add_node(State& state, const NodeRecord& node);
void set_health(State& state, const NodeRecord& node);
void use_partitions(State& state);
/// What the node adds to the zone's capacity from now on; it is counted up to now.
void rate_node(State& state, const NodeRecord& node);
/// The same where a job came or went on a node that is set aside.
void rate_set_aside(State& state, NodeId node, Moment at);
/// When the clock must look at the job: its launch timeout, its deadline, or while it is queued the
/// last moment at which it could start and end in time; none if there is no such moment.
std::optional<Moment> timer_of(const Job& job);

}  // namespace apply_detail
}  // namespace khu
