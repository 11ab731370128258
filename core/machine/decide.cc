#include "core/machine/decide.h"

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/machine/citing.h"

namespace khu {

Decided decide(State& state, const Command& command, Moment now) {
    Decided decided =
        std::visit([&](const auto& c) { return decide_detail::on(state, c, now); }, command);
    if (!decided) {
        return Unexpected{cited(state, std::move(decided).error())};
    }
    return decided;
}

namespace decide_detail {

Expected<Done, Refusal> need_role(const Identity& who, Role role, const std::string& verb) {
    if (who.has(role)) {
        return Done{};
    }
    std::string roles;
    for (const Role each : who.roles) {
        roles += (roles.empty() ? "" : ", ") + enum_name(each);
    }
    return Unexpected{Refusal(Code::Forbidden)
                          .with("verb", verb)
                          .with("role", enum_name(role))
                          .with("user", who.user.value)
                          .with("roles", roles.empty() ? "none" : roles)};
}

namespace {

PeerNode peer_of(const NodeRecord& node, const NodeAllocation& allocation) {
    PeerNode peer{.name = node.name.value, .address = node.address, .allocation = allocation};
    for (const int core : allocation.cores) {
        const Core& of = node.inventory.cores.at(static_cast<std::size_t>(core));
        peer.pus.insert(peer.pus.end(), of.pus.begin(), of.pus.end());
    }
    for (const int gpu : allocation.gpus) {
        peer.gpu_uuids.push_back(node.inventory.gpus.at(static_cast<std::size_t>(gpu)).uuid);
    }
    return peer;
}

}  // namespace

StartAttempt start_message(const State& state, const Job& job, std::size_t rank, Moment now) {
    const Attempt& attempt = *live_attempt(job);
    StartAttempt message{.job = job.id, .attempt = attempt.number, .spec = job.spec};
    for (const NodeAllocation& allocation : attempt.placement.nodes) {
        const NodeRecord& node = state.truth.nodes.at(allocation.node);
        message.nodes.push_back(peer_of(node, allocation));
    }
    message.epoch = state.truth.nodes.at(attempt.placement.nodes.at(rank).node).epoch;
    message.node_rank = static_cast<int>(rank);
    message.deadline = attempt.deadline;
    message.time_left = std::max(attempt.deadline - now, Span{0});
    message.restart_count = static_cast<int>(attempt.number.value) - 1;
    message.checkpoint = job.checkpoint->path;
    message.run_at_once = attempt.placement.nodes.size() == 1;
    return message;
}

SendToAgent to_node(const State& state, NodeId node, ToAgent message) {
    return {.node = node, .epoch = state.truth.nodes.at(node).epoch, .message = std::move(message)};
}

StopAttempt stop_message(const Job& job, const std::string& reason, Moment now) {
    // A gang that never ran whole has nothing to save: it is undone quickly.
    const Attempt& attempt = *live_attempt(job);
    const bool whole = attempt.ran_whole || std::ranges::all_of(attempt.stages, [](NodeStage s) {
                           return s == NodeStage::Running;
                       });
    const bool partial = !whole && attempt.stages.size() > 1;
    const auto* ending = std::get_if<Ending>(&job.phase);
    if (ending != nullptr && ending->stop_by > Moment{0} && !partial) {
        return {.job = job.id,
                .attempt = attempt.number,
                .reason = *ending->detail,
                .signal = 15,
                .grace = std::max(ending->stop_by - now, Span{0})};
    }
    return {.job = job.id,
            .attempt = attempt.number,
            .reason = reason,
            .signal = 15,
            .grace = partial ? limits::undo_grace : limits::kill_grace};
}

bool may_be_revised(const Job& job) {
    const auto* ending = std::get_if<Ending>(&job.phase);
    return ending != nullptr && ending->cause == EndCause::UserError &&
           ending->attempt->stages.size() > 1;
}

EndingRevised revised(const Job& job, EndCause cause, std::string detail, NodeId suspect) {
    return {.job = job.id,
            .attempt = live_attempt(job)->number,
            .cause = cause,
            .detail = std::move(detail),
            .suspect = suspect,
            .requeue = is_infrastructure(cause) && job.spec.requeue};
}

bool gang_ready(const Attempt& attempt) {
    return std::ranges::none_of(attempt.stages,
                                [](NodeStage stage) { return stage == NodeStage::Ordered; });
}

std::optional<std::size_t> rank_of(const Attempt& attempt, NodeId node) {
    for (std::size_t rank = 0; rank < attempt.placement.nodes.size(); ++rank) {
        if (attempt.placement.nodes[rank].node == node) {
            return rank;
        }
    }
    return std::nullopt;
}

}  // namespace decide_detail
}  // namespace khu
