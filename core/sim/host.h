#pragma once

/// \file
/// One simulated host: its agent (the real NodeMachine, when it is up) and its processes, which
/// outlive the agent under their shepherds and die at the end of the lease that the agent last
/// wrote down. Its clock drifts from the zone's.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/base/random.h"
#include "core/node/node_machine.h"
#include "core/sim/clockwork.h"

namespace khu::sim {

struct Process {
    StartAttempt order;
    bool prepared{false};
    bool running{false};
    bool stopping{false};
    Moment began_at;                      ///< zone's time; 0: nothing of it ever ran
    std::optional<AttemptResult> result;  ///< ended; kept until khud has stored it
};

class Host {
public:
    using Send = std::function<void(const FromAgent&)>;
    /// What happens to a process of a gang, for the hosts of its other parts.
    struct Events {
        Send send;
        std::function<void(AttemptKey)> rank_failed;          ///< by itself
        std::function<void(const StartAttempt&)> part_ended;  ///< killed by something else
    };
    Host(Clockwork& time, Random& random, Hello hello, int drift_ppm, Events events);

    [[nodiscard]] const std::string& name() const { return hello_.node; }
    [[nodiscard]] const Inventory& inventory() const { return hello_.inventory; }
    [[nodiscard]] const NodeMachine* agent() const { return node_.get(); }
    [[nodiscard]] bool agent_up() const { return node_ != nullptr; }
    [[nodiscard]] const std::map<AttemptKey, Process>& processes() const { return processes_; }

    void start_agent();
    /// The agent's program dies; its processes go on.
    void crash_agent();
    /// Everything on the host dies; the disk remains.
    void crash_host();
    void connected();
    void disconnected();
    void receive(const ToAgent& message);
    /// Another part of the gang is gone: mpirun, or a collective of the ranks here, fails of it.
    void part_is_gone(AttemptKey key);
    /// What is due on this host: heartbeats, repetitions, the ends of leases.
    void tick();

private:
    [[nodiscard]] Moment local() const;
    void perform(NodeEffects effects);
    void on(const FromAgent& effect);
    void on(const PrepareAttempt& effect);
    void on(const LaunchAttempt& effect);
    void on(const EndAttempt& effect);
    void on(const ForgetAttempt& effect);
    void on(const LeaseUntil& effect);
    void on(const ReadOutput&) {}
    void on(const StopReading&) {}
    void launch(AttemptKey key);
    void end(AttemptKey key, AttemptResult result);
    void end_later(AttemptKey key, Span after, AttemptResult result);
    void end_by_itself(AttemptKey key);
    void declare_checkpoint(AttemptKey key, Span after);

    Clockwork& time_;
    Random& random_;
    Hello hello_;
    int drift_ppm_;
    Moment born_;
    Events events_;
    std::unique_ptr<NodeMachine> node_;
    std::map<AttemptKey, Process> processes_;
    Moment lease_until_;     ///< on this host's clock, as the shepherds see it
    std::uint64_t life_{0};  ///< rises with each crash of the host: what was planned before is void
};

}  // namespace khu::sim
