/// Agents: registration, heartbeats, reports; and what admins do to nodes.

#include <algorithm>
#include <optional>
#include <string>

#include "core/base/limits.h"
#include "core/machine/decide.h"

namespace khu::decide_detail {
namespace {

std::int64_t signed_number(std::uint64_t n) {
    return static_cast<std::int64_t>(n);
}

Refusal unknown_node(const std::string& name) {
    return Refusal(Code::UnknownNode).with("node", name);
}

Expected<const NodeRecord*, Refusal> speaker(const State& state, NodeId id, Epoch epoch) {
    const NodeRecord* node = state.find_node(id);
    if (node == nullptr) {
        return Unexpected{unknown_node(std::to_string(id.value))};
    }
    if (!node->up || node->epoch != epoch) {
        return Unexpected{Refusal(Code::StaleEpoch)
                              .with("node", node->name.value)
                              .with("epoch", signed_number(epoch.value))
                              .with("current", signed_number(node->epoch.value))};
    }
    return node;
}

struct Verdict {
    EndCause cause{};
    std::string detail;
    bool blames_node{false};
};

/// What a result means for the job. A missing command or directory is the user's to mend; a launch
/// that failed for any other reason is the zone's.
Verdict verdict_of(const AttemptResult& result) {
    if (result.end == NodeEnd::LeaseOver) {
        return {EndCause::AgentLost, "the node's lease was over before khud heard it again", true};
    }
    if (result.end == NodeEnd::Lost) {
        return {EndCause::AgentLost, "the attempt's shepherd died on the node", true};
    }
    if (!result.fault_code.empty() && result.fault_code != "T703") {
        return {EndCause::UserError, result.fault_code + " " + result.fault_text, false};
    }
    if (!result.fault_code.empty()) {
        return {EndCause::LaunchFail, result.fault_code + " " + result.fault_text, true};
    }
    if (!result.rank_ran) {
        return {EndCause::AgentLost, "the node lost the attempt before it ran", true};
    }
    if (result.oom) {
        return {EndCause::Oom, "out of memory", false};
    }
    if (result.signal != 0) {
        return {EndCause::UserError, "ended by signal " + std::to_string(result.signal), false};
    }
    if (result.exit_code != 0) {
        return {EndCause::UserError, "", false};
    }
    return {EndCause::Completed, "", false};
}

AttemptEnding ending_of(const Job& job, const Verdict& verdict, int exit_code, NodeId node) {
    return {.job = job.id,
            .attempt = live_attempt(job)->number,
            .cause = verdict.cause,
            .exit_code = exit_code,
            .detail = verdict.detail,
            .suspect = verdict.blames_node ? node : NodeId{},
            .requeue = is_infrastructure(verdict.cause) && job.spec.requeue};
}

/// mpirun reaches the other nodes through their agents.
bool has_launch_sessions(const Job& job) {
    return job.spec.launcher == Launcher::Mpi || job.spec.launcher == Launcher::Script;
}

std::string restarted_text(const NodeRecord& node) {
    return "the agent of node " + node.name.value + " was restarted under the job";
}

/// With one process group on each node the attempt goes on until the last of them is done.
bool others_go_on(const Job& job, const Attempt& attempt, std::size_t rank) {
    if (job.spec.launcher != Launcher::Fork && job.spec.launcher != Launcher::Torch) {
        return false;
    }
    for (std::size_t other = 0; other < attempt.stages.size(); ++other) {
        if (other != rank && attempt.stages[other] != NodeStage::Released) {
            return true;
        }
    }
    return false;
}

/// A node of the gang whose agent was restarted just now: the launch sessions through it broke.
const NodeRecord* restarted_peer(const State& state, const Job& job, Moment now) {
    const Attempt& attempt = *live_attempt(job);
    if (!has_launch_sessions(job)) {
        return nullptr;
    }
    for (std::size_t rank = 1; rank < attempt.stages.size(); ++rank) {
        const NodeRecord& node = state.truth.nodes.at(attempt.placement.nodes[rank].node);
        if (node.restarted_at > attempt.taken_at &&
            now - node.restarted_at <= limits::session_echo) {
            return &node;
        }
    }
    return nullptr;
}

Verdict verdict_in_gang(const State& state, const Job& job, const AttemptResult& result,
                        Moment now) {
    Verdict verdict = verdict_of(result);
    const NodeRecord* peer = restarted_peer(state, job, now);
    if (verdict.cause == EndCause::UserError && result.fault_code.empty() && peer != nullptr) {
        verdict = {EndCause::AgentLost, restarted_text(*peer), false};
    }
    return verdict;
}

/// Everything was over on the head node before it heard that the attempt was to give way. A rank of
/// a gang that failed may have failed because another node of it heard first.
bool over_before_told(const Job& job, const AttemptResult& result, const Verdict& verdict,
                      std::size_t rank) {
    const Ending& ending = std::get<Ending>(job.phase);
    const bool alone = ending.attempt->stages.size() == 1;
    const bool well = verdict.cause == EndCause::Completed && has_launch_sessions(job);
    return ending.cause == EndCause::Preempted && result.end == NodeEnd::Itself &&
           result.rank_ran && rank == 0 && (alone || well);
}

/// What a node says after the end was decided, if that explains the end better.
std::optional<Fact> second_thought(const Job& job, const AttemptResult& result, NodeId node) {
    const bool explains =
        result.end == NodeEnd::LeaseOver || result.end == NodeEnd::Lost || result.oom;
    if (!may_be_revised(job) || !explains) {
        return std::nullopt;
    }
    const Verdict verdict = verdict_of(result);
    return revised(job, verdict.cause, verdict.detail, verdict.blames_node ? node : NodeId{});
}

void on_ended(const Job& job, std::size_t rank, const AttemptResult& result, const Verdict& verdict,
              Decision& decision) {
    const Attempt& attempt = *live_attempt(job);
    const NodeId node = attempt.placement.nodes[rank].node;
    const bool over = std::holds_alternative<Ending>(job.phase);
    const bool quiet = verdict.cause == EndCause::Completed && others_go_on(job, attempt, rank);
    if (!over && !quiet) {
        const int exit_code = result.signal != 0 ? 128 + result.signal : result.exit_code;
        decision.facts.push_back(ending_of(job, verdict, exit_code, node));
    } else if (over && over_before_told(job, result, verdict, rank)) {
        EndingRevised own = revised(job, verdict.cause, verdict.detail, NodeId{});
        own.exit_code = result.signal != 0 ? 128 + result.signal : result.exit_code;
        decision.facts.push_back(std::move(own));
    } else if (std::optional<Fact> other = second_thought(job, result, node)) {
        decision.facts.push_back(std::move(*other));
    }
    decision.facts.push_back(NodeReleased{
        .job = job.id, .attempt = attempt.number, .node = node, .rank_ran = result.rank_ran});
}

void on_prepared(const State& state, const Job& job, std::size_t rank, Decision& decision) {
    const Attempt& attempt = *live_attempt(job);
    const NodeId node = attempt.placement.nodes[rank].node;
    if (attempt.stages[rank] == NodeStage::Ordered) {
        decision.facts.push_back(
            NodePrepared{.job = job.id, .attempt = attempt.number, .node = node});
    } else if (gang_ready(attempt)) {
        decision.replies.push_back(
            to_node(state, node, RunAttempt{.job = job.id, .attempt = attempt.number}));
    }
}

struct Scene {
    const State& state;
    const Job& job;
    Moment now;
};

/// The job's word that it can go on from there, unless it is known or makes no sense.
void on_checkpoint(const Scene& scene, const CheckpointReport& said, Decision& decision) {
    const Attempt& attempt = *live_attempt(scene.job);
    const Checkpoint& known = *scene.job.checkpoint;
    const bool repeated = known.attempt == attempt.number && said.stamp <= known.stamp;
    if (repeated || said.path.empty() || said.path.size() > limits::path_bytes_max) {
        return;
    }
    const Moment at = std::max(scene.now - said.age, attempt.taken_at);
    decision.facts.push_back(CheckpointDeclared{.job = scene.job.id,
                                                .attempt = attempt.number,
                                                .stamp = said.stamp,
                                                .at = std::min(at, scene.now),
                                                .path = said.path});
}

/// One report about an attempt that is ours and alive.
void on_report(const Scene& scene, std::size_t rank, const AttemptReport& report,
               Decision& decision) {
    const auto& [state, job, now] = scene;
    const Attempt& attempt = *live_attempt(job);
    const NodeId node = attempt.placement.nodes[rank].node;
    const bool released = attempt.stages[rank] == NodeStage::Released;
    if (report.checkpoint && rank == 0 && !released) {
        on_checkpoint(scene, *report.checkpoint, decision);
    }
    if (report.stage == AgentStage::Ended) {
        if (!released) {
            const AttemptResult result = report.result.value_or(AttemptResult{});
            on_ended(job, rank, result, verdict_in_gang(state, job, result, now), decision);
        }
        return;
    }
    if (released || std::holds_alternative<Ending>(job.phase)) {
        decision.replies.push_back(
            to_node(state, node, stop_message(job, "the attempt is over", now)));
        return;
    }
    if (report.stage == AgentStage::Prepared) {
        on_prepared(state, job, rank, decision);
    } else if (attempt.stages[rank] != NodeStage::Running) {
        decision.facts.push_back(
            AttemptStarted{.job = job.id, .attempt = attempt.number, .node = node});
    }
}

/// Who reports, and when that is.
struct Speaker {
    NodeId node;
    Moment now;
};

/// Whether the report speaks of what the node is to do now, and as which rank.
std::optional<std::size_t> rank_in(const Job* job, const AttemptReport& report, NodeId node) {
    const Attempt* attempt = job == nullptr ? nullptr : live_attempt(*job);
    if (attempt == nullptr || attempt->number != report.attempt) {
        return std::nullopt;
    }
    return rank_of(*attempt, node);
}

void take_report(const State& state, const Speaker& speaker, const AttemptReport& report,
                 Decision& decision) {
    const NodeId node = speaker.node;
    const Job* job = state.find_job(report.job);
    const std::optional<std::size_t> rank = rank_in(job, report, node);
    if (rank) {
        on_report({state, *job, speaker.now}, *rank, report, decision);
    } else if (report.stage != AgentStage::Ended) {
        decision.replies.push_back(to_node(state, node,
                                           StopAttempt{.job = report.job,
                                                       .attempt = report.attempt,
                                                       .reason = kUnknownAttempt,
                                                       .signal = 9,
                                                       .grace = Span{0}}));
    }
    if (report.stage != AgentStage::Prepared) {
        decision.replies.push_back(to_node(
            state, node,
            ReportAck{.job = report.job, .attempt = report.attempt, .stage = report.stage}));
    }
}

/// What the state believes to be on the node and the node does not have is gone.
void miss_reports(const State& state, const NodeRecord& known, const Hello& hello,
                  Decision& decision) {
    const NodeId node = known.id;
    const auto jobs = state.jobs_on.find(node);
    if (jobs == state.jobs_on.end()) {
        return;
    }
    for (const JobId id : jobs->second) {
        const Job& job = state.truth.jobs.at(id);
        const Attempt& attempt = *live_attempt(job);
        const std::size_t rank = *rank_of(attempt, node);
        const auto report = std::ranges::find_if(hello.attempts, [&](const AttemptReport& r) {
            return r.job == id && r.attempt == attempt.number;
        });
        const bool reported = report != hello.attempts.end();
        const bool goes_on = reported && report->stage != AgentStage::Ended;
        if (goes_on && hello.run != known.run && has_launch_sessions(job) && may_be_revised(job)) {
            decision.facts.push_back(
                revised(job, EndCause::AgentLost, restarted_text(known), NodeId{}));
        }
        const bool ending = std::holds_alternative<Ending>(job.phase);
        if (reported || (attempt.stages[rank] == NodeStage::Ordered && !ending)) {
            continue;  // an order that never arrived is said again
        }
        const Verdict lost{EndCause::AgentLost, "the node restarted and lost the attempt", true};
        if (!ending) {
            decision.facts.push_back(ending_of(job, lost, 0, node));
        } else if (may_be_revised(job)) {
            decision.facts.push_back(revised(job, lost.cause, lost.detail, node));
        }
        decision.facts.push_back(NodeReleased{.job = id, .attempt = attempt.number, .node = node});
    }
}

bool name_is_sane(const std::string& name) {
    const auto ok = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '.' || c == '_';
    };
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, ok);
}

/// Errors: H422, D501, D502.
Expected<Done, Refusal> may_register(const State& state, const Hello& hello, Moment now) {
    if (!name_is_sane(hello.node)) {
        return Unexpected{
            Refusal(Code::BadField)
                .with("field", "node")
                .with("why", "a node's name is 1 to 64 letters, digits, '-', '.', '_'")};
    }
    const NodeRecord* known = state.find_node(NodeName{hello.node});
    if (known != nullptr && known->up && known->instance != hello.instance) {
        const Span ago = now - state.heard_at.at(known->id);
        if (ago < limits::lease + limits::lease_skew) {
            return Unexpected{
                Refusal(Code::NodeTaken).with("node", hello.node).with("ago_ms", ago.value)};
        }
    }
    if (auto sane = check_inventory(NodeName{hello.node}, hello.inventory); !sane) {
        return Unexpected{std::move(sane).error()};
    }
    return Done{};
}

/// New hardware under a name may only come while nothing of ours runs there.
bool changes_hardware(const State& state, const Hello& hello) {
    const NodeRecord* known = state.find_node(NodeName{hello.node});
    return known != nullptr && !(known->inventory == hello.inventory) &&
           state.jobs_on.contains(known->id) && !state.jobs_on.at(known->id).empty();
}

}  // namespace

/// Errors: H422, D501, D502.
Decided on(State& state, const RegisterNode& command, Moment now) {
    const Hello& hello = command.hello;
    if (auto allowed = may_register(state, hello, now); !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    const NodeRecord* known = state.find_node(NodeName{hello.node});
    if (known != nullptr && known->run == hello.run && hello.number <= known->hello) {
        return Decision{};  // a late copy: what it says of attempts is no longer so
    }
    const bool keep_old = changes_hardware(state, hello);
    NodeJoined joined{.node = known != nullptr ? known->id : state.truth.next_node,
                      .name = NodeName{hello.node},
                      .epoch = Epoch{known != nullptr ? known->epoch.value + 1 : 1},
                      .instance = hello.instance,
                      .run = hello.run,
                      .hello = hello.number,
                      .address = hello.address,
                      .version = hello.version,
                      .inventory = keep_old ? known->inventory : hello.inventory};
    Decision decision;
    const NodeId node = joined.node;
    const Epoch epoch = joined.epoch;
    decision.replies.push_back(
        SendToAgent{.node = node,
                    .epoch = epoch,
                    .message = Welcome{.hello = hello.number,
                                       .zone = zone_name(state).value,
                                       .name = hello.node,
                                       .node = node,
                                       .epoch = epoch,
                                       .lease = limits::lease,
                                       .heartbeat_every = limits::heartbeat_every}});
    decision.facts.push_back(std::move(joined));
    if (known != nullptr) {
        miss_reports(state, *known, hello, decision);
    }
    for (const AttemptReport& report : hello.attempts) {
        Decision part;
        if (known != nullptr) {
            take_report(state, {node, now}, report, part);
        }
        for (Fact& fact : part.facts) {
            decision.facts.push_back(std::move(fact));
        }
        for (Effect& reply : part.replies) {
            std::get<SendToAgent>(reply).epoch = epoch;
            decision.replies.push_back(std::move(reply));
        }
    }
    return decision;
}

/// Errors: D500, D503.
Decided on(State& state, const HearNode& command, Moment now) {
    const auto node = speaker(state, command.node, command.epoch);
    if (!node) {
        return Unexpected{node.error()};
    }
    Decision decision{.facts = {NodeHeard{command.node}}};
    decision.replies.push_back(to_node(state, command.node, HeartbeatAck{command.number}));
    const auto jobs = state.jobs_on.find(command.node);
    if (jobs == state.jobs_on.end()) {
        return decision;
    }
    for (const JobId id : jobs->second) {
        const Job& job = state.truth.jobs.at(id);
        const Attempt& attempt = *live_attempt(job);
        const std::size_t rank = *rank_of(attempt, command.node);
        if (const auto* ending = std::get_if<Ending>(&job.phase)) {
            if (ending->since + limits::repeat_after <= now) {
                decision.replies.push_back(
                    to_node(state, command.node, stop_message(job, "the attempt is over", now)));
            }
        } else if (attempt.stages[rank] == NodeStage::Ordered &&
                   attempt.taken_at + limits::repeat_after <= now) {
            decision.replies.push_back(
                to_node(state, command.node, start_message(state, job, rank, now)));
        }
    }
    return decision;
}

/// Errors: D500, D503.
Decided on(State& state, const ReportFromNode& command, Moment now) {
    const auto node = speaker(state, command.node, command.epoch);
    if (!node) {
        return Unexpected{node.error()};
    }
    Decision decision;
    take_report(state, {command.node, now}, command.report, decision);
    return decision;
}

/// Errors: N403, D500.
Decided on(State& state, const DrainNode& command, Moment) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "drain"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const NodeRecord* node = state.find_node(command.node);
    if (node == nullptr) {
        return Unexpected{unknown_node(command.node.value)};
    }
    return Decision{
        .facts = {NodeDrained{.node = node->id, .reason = command.reason, .by = command.who.user}}};
}

/// Errors: N403, D500.
Decided on(State& state, const ResumeNode& command, Moment) {
    if (auto role = need_role(command.who, Role::ZoneAdmin, "resume"); !role) {
        return Unexpected{std::move(role).error()};
    }
    const NodeRecord* node = state.find_node(command.node);
    if (node == nullptr) {
        return Unexpected{unknown_node(command.node.value)};
    }
    if (!node->drained) {
        return Decision{};
    }
    return Decision{.facts = {NodeResumed{.node = node->id, .by = command.who.user}}};
}

}  // namespace khu::decide_detail
