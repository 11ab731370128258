#include "core/node/node_machine.h"

#include <algorithm>

#include "core/base/limits.h"

namespace khu {
namespace {

AttemptKey key_of(const auto& message) {
    return {message.job, message.attempt};
}

bool shares(const std::vector<int>& a, const std::vector<int>& b) {
    return std::ranges::any_of(a, [&](int x) { return std::ranges::find(b, x) != b.end(); });
}

const NodeAllocation& own_allocation(const StartAttempt& order) {
    return order.nodes.at(static_cast<std::size_t>(order.node_rank)).allocation;
}

void append(NodeEffects& into, NodeEffects more) {
    for (NodeEffect& effect : more) {
        into.push_back(std::move(effect));
    }
}

}  // namespace

NodeMachine::NodeMachine(Hello hello) : hello_(std::move(hello)) {}

void NodeMachine::adopt(const StartAttempt& order, AgentStage stage,
                        std::optional<AttemptResult> result, Moment lease_until) {
    KHU_CHECK(!connected_);
    Local local{.order = order, .stage = stage};
    local.ready = true;
    local.result = std::move(result);
    local.unanswered = stage;
    attempts_.insert_or_assign(key_of(order), std::move(local));
    lease_until_ = std::max(lease_until_, lease_until);
}

NodeEffects NodeMachine::connected(Moment now) {
    connected_ = true;
    welcomed_ = false;
    unacknowledged_.clear();
    ++hello_.number;
    hello_sent_at_ = now;
    Hello hello = hello_;
    for (auto& [key, local] : attempts_) {
        if (local.ready || local.result) {
            hello.attempts.push_back(report_of(local, now));
        }
        local.said_at = now;
    }
    return {FromAgent{std::move(hello)}};
}

void NodeMachine::disconnected() {
    connected_ = false;
    welcomed_ = false;
    next_heartbeat_ = kNever;
}

NodeEffects NodeMachine::receive(const ToAgent& message, Moment now) {
    return std::visit([&](const auto& m) { return on(m, now); }, message);
}

NodeEffects NodeMachine::on(const Welcome& message, Moment now) {
    if (message.hello != hello_.number || !connected_) {
        return {};  // answers an older connection
    }
    if (!welcomed_ || message.epoch != welcome_.epoch) {
        tombstones_.clear();  // orders of an older epoch are refused by their epoch
    }
    welcomed_ = true;
    welcome_ = message;
    NodeEffects effects = grant_lease(hello_sent_at_ + welcome_.lease, now);
    append(effects, heartbeat(now));
    return effects;
}

/// Says nothing more on this connection; the next one begins with a Hello.
NodeEffects NodeMachine::on(const Refused&, Moment) {
    disconnected();
    return {};
}

NodeEffects NodeMachine::on(const HeartbeatAck& message, Moment now) {
    const auto sent = unacknowledged_.find(message.number);
    if (sent == unacknowledged_.end() || !welcomed_) {
        return {};
    }
    const Moment until = sent->second + welcome_.lease;
    unacknowledged_.erase(unacknowledged_.begin(), std::next(sent));
    return grant_lease(until, now);
}

NodeEffects NodeMachine::grant_lease(Moment until, Moment now) {
    if (until <= lease_until_ || until <= now) {
        return {};
    }
    lease_until_ = until;
    return {LeaseUntil{until}};
}

NodeEffects NodeMachine::on(const StartAttempt& message, Moment now) {
    if (!welcomed_ || message.epoch != welcome_.epoch) {
        return {};  // said to an older agent of this node
    }
    const AttemptKey key = key_of(message);
    if (const auto found = attempts_.find(key); found != attempts_.end()) {
        Local& known = found->second;
        return known.ready || known.result ? say(known, known.stage, now) : NodeEffects{};
    }
    if (tombstones_.contains(key)) {
        return nothing_here(key, now);
    }
    if (lease_until_ <= now) {
        return {};  // no lease yet; khud says it again
    }
    if (overlaps(message)) {
        return refuse(message, "its cores or GPUs are in use on this node", now);
    }
    attempts_.emplace(key, Local{.order = message});
    return {PrepareAttempt{message}};
}

NodeEffects NodeMachine::on(const RunAttempt& message, Moment) {
    const auto found = attempts_.find(key_of(message));
    if (found == attempts_.end()) {
        return {};
    }
    Local& local = found->second;
    const bool waits = local.ready && local.stage == AgentStage::Prepared && !local.ending;
    if (!waits || !local.unanswered) {
        return {};
    }
    local.unanswered.reset();
    return {LaunchAttempt{found->first}};
}

NodeEffects NodeMachine::on(const StopAttempt& message, Moment now) {
    const AttemptKey key = key_of(message);
    const auto found = attempts_.find(key);
    if (found == attempts_.end()) {
        bury(key);
        return nothing_here(key, now);
    }
    Local& local = found->second;
    if (local.result) {
        return say(local, AgentStage::Ended, now);
    }
    if (local.ending) {
        return {};
    }
    local.ending = true;
    local.unanswered.reset();
    return {EndAttempt{
        .key = key, .signal = message.signal, .grace = message.grace, .reason = message.reason}};
}

NodeEffects NodeMachine::on(const ReportAck& message, Moment) {
    const AttemptKey key = key_of(message);
    const auto found = attempts_.find(key);
    if (found == attempts_.end() || found->second.unanswered != message.stage) {
        return {};
    }
    if (message.stage == AgentStage::Prepared) {
        return {};  // goes on being said until RunAttempt or StopAttempt
    }
    found->second.unanswered.reset();
    if (message.stage != AgentStage::Ended) {
        return {};
    }
    attempts_.erase(found);
    bury(key);
    return {ForgetAttempt{key}};
}

NodeEffects NodeMachine::on(const ReadOutput& message, Moment) {
    return {message};
}

NodeEffects NodeMachine::on(const StopReading& message, Moment) {
    return {message};
}

NodeEffects NodeMachine::prepared(AttemptKey key, Moment now) {
    const auto found = attempts_.find(key);
    if (found == attempts_.end()) {
        return {};
    }
    Local& local = found->second;
    local.ready = true;
    if (local.order.run_at_once || local.ending || local.result) {
        return {};  // running or ended follows
    }
    return say(local, AgentStage::Prepared, now);
}

NodeEffects NodeMachine::running(AttemptKey key, Moment now) {
    const auto found = attempts_.find(key);
    if (found == attempts_.end() || found->second.result) {
        return {};
    }
    found->second.ready = true;
    return say(found->second, AgentStage::Running, now);
}

NodeEffects NodeMachine::ended(AttemptKey key, const AttemptResult& result, Moment now) {
    const auto found = attempts_.find(key);
    if (found == attempts_.end() || found->second.result) {
        return {};
    }
    found->second.result = result;
    return say(found->second, AgentStage::Ended, now);
}

NodeEffects NodeMachine::checkpointed(AttemptKey key, const DeclaredCheckpoint& checkpoint,
                                      Moment now) {
    const auto found = attempts_.find(key);
    if (found == attempts_.end() || found->second.order.node_rank != 0 ||
        checkpoint.stamp <= found->second.checkpoint.stamp) {
        return {};  // the first node speaks for the gang
    }
    Local& local = found->second;
    local.checkpoint = checkpoint;
    return local.stage == AgentStage::Running ? say(local, local.stage, now) : NodeEffects{};
}

NodeEffects NodeMachine::tick(Moment now) {
    NodeEffects effects;
    if (lease_until_ <= now) {
        end_lease(effects);
    }
    if (!connected_) {
        return effects;
    }
    if (!welcomed_ && hello_sent_at_ + limits::repeat_after <= now) {
        append(effects, connected(now));  // the Hello or its Welcome was lost
        return effects;
    }
    for (auto& [key, local] : attempts_) {
        if (local.unanswered && local.said_at + limits::repeat_after <= now) {
            append(effects, say(local, *local.unanswered, now));
        }
    }
    if (welcomed_ && next_heartbeat_ <= now) {
        append(effects, heartbeat(now));
    }
    return effects;
}

Moment NodeMachine::next_wake() const {
    Moment next = connected_ ? next_heartbeat_ : kNever;
    if (connected_ && !welcomed_) {
        next = hello_sent_at_ + limits::repeat_after;
    }
    for (const auto& [key, local] : attempts_) {
        if (!local.result && !local.ending) {
            next = std::min(next, lease_until_);
        }
        if (connected_ && local.unanswered) {
            next = std::min(next, local.said_at + limits::repeat_after);
        }
    }
    return next;
}

std::size_t NodeMachine::live_attempts() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(attempts_, [](const auto& entry) { return !entry.second.result; }));
}

NodeMemory NodeMachine::memory() const {
    const std::size_t living = live_attempts();
    return {.living = living,
            .ended = attempts_.size() - living,
            .heartbeats = unacknowledged_.size(),
            .tombstones = tombstones_.size()};
}

AttemptReport NodeMachine::report_of(const Local& local, Moment now) {
    AttemptReport report{.job = local.order.job,
                         .attempt = local.order.attempt,
                         .stage = local.stage,
                         .result = local.result,
                         .checkpoint = std::nullopt};
    if (local.checkpoint.stamp != 0) {
        report.checkpoint = CheckpointReport{.stamp = local.checkpoint.stamp,
                                             .age = std::max(now - local.checkpoint.at, Span{0}),
                                             .path = local.checkpoint.path};
    }
    return report;
}

bool NodeMachine::overlaps(const StartAttempt& order) const {
    const NodeAllocation& wanted = own_allocation(order);
    return std::ranges::any_of(attempts_, [&](const auto& entry) {
        const Local& local = entry.second;
        const NodeAllocation& taken = own_allocation(local.order);
        return !local.result &&
               (shares(wanted.gpus, taken.gpus) || shares(wanted.cores, taken.cores));
    });
}

NodeEffects NodeMachine::say(Local& local, AgentStage stage, Moment now) {
    local.stage = stage;
    local.unanswered = stage;
    local.said_at = now;
    if (!connected_) {
        return {};
    }
    return {FromAgent{report_of(local, now)}};
}

NodeEffects NodeMachine::refuse(const StartAttempt& order, const std::string& why, Moment now) {
    AttemptResult result;
    result.rank_ran = false;
    result.fault_code = "T703";
    result.fault_text = why;
    Local local{.order = order};
    local.result = result;
    const auto [at, fresh] = attempts_.emplace(key_of(order), std::move(local));
    KHU_CHECK(fresh);
    return say(at->second, AgentStage::Ended, now);
}

NodeEffects NodeMachine::nothing_here(AttemptKey key, Moment) {
    AttemptResult result;
    result.rank_ran = false;
    return {FromAgent{AttemptReport{
        .job = key.job, .attempt = key.attempt, .stage = AgentStage::Ended, .result = result}}};
}

NodeEffects NodeMachine::heartbeat(Moment now) {
    ++heartbeats_;
    unacknowledged_.emplace(heartbeats_, now);
    // An answer to one that is older than the lease would grant nothing.
    std::erase_if(unacknowledged_,
                  [&](const auto& beat) { return beat.second + welcome_.lease <= now; });
    next_heartbeat_ = now + welcome_.heartbeat_every;
    return {FromAgent{Heartbeat{heartbeats_}}};
}

void NodeMachine::end_lease(NodeEffects& effects) {
    for (auto& [key, local] : attempts_) {
        if (local.result || local.ending) {
            continue;
        }
        local.ending = true;
        local.unanswered.reset();
        effects.push_back(EndAttempt{.key = key,
                                     .signal = 9,
                                     .grace = Span{0},
                                     .reason = "the lease of this node is over",
                                     .lease_over = true});
    }
}

void NodeMachine::bury(AttemptKey key) {
    tombstones_.insert(key);
    while (static_cast<std::int64_t>(tombstones_.size()) > limits::tombstones_max) {
        tombstones_.erase(tombstones_.begin());
    }
}

}  // namespace khu
