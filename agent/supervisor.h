#pragma once

/// \file
/// Drives the node's mind (core/node) with the world: messages of khud come in through an inbox,
/// its effects become shepherds, signals and messages. One thread, one poll loop; nothing in it
/// waits for anything but the poll. The clock is CLOCK_BOOTTIME, which also counts while the
/// machine sleeps, as leases must.

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <variant>
#include <vector>

#include "agent/cgroup.h"
#include "agent/launch.h"
#include "agent/log_reader.h"
#include "agent/output_book.h"
#include "agent/rsh_server.h"
#include "agent/shepherd_client.h"
#include "agent/spool.h"
#include "core/node/node_machine.h"

namespace khu::agent {

struct SupervisorParts {
    Hello hello;
    NodeFacts facts;
    Spool& spool;
    Shepherds& shepherds;
    ControlGroups groups;
    RshTokens& tokens;
    OutputBook& outputs;
    /// To khud; false if not connected.
    std::function<bool(std::string)> send;
    std::function<void(const std::string&)> log;
};

class Supervisor {
public:
    explicit Supervisor(SupervisorParts parts);

    // Thread-safe: what the channel to khud says.
    void connected();
    void disconnected();
    void received(std::string message);
    void stop();

    /// Finds what an earlier agent of this node left running or ended. Before run().
    void adopt_what_lives();
    /// Until stop(). Attempts go on without the agent until their lease ends.
    void run();

private:
    struct Connected {};
    struct Disconnected {};
    using Incoming = std::variant<Connected, Disconnected, std::string>;

    void post(Incoming incoming);
    void wait(Moment until);
    void take_inbox();
    void take_events();
    void take_event(AttemptKey key, const AttemptEvent& event);
    void finish(AttemptKey key);
    void look_for_checkpoints();
    void perform(NodeEffects effects);

    void on(const FromAgent& effect);
    void on(const PrepareAttempt& effect);
    void on(const LaunchAttempt& effect);
    void on(const EndAttempt& effect);
    void on(const ForgetAttempt& effect);
    void on(const LeaseUntil& effect);
    void on(const ReadOutput& effect);
    void on(const StopReading& effect);

    void fail(AttemptKey key, const Refusal& why);
    void remove_groups();

    SupervisorParts parts_;
    NodeMachine node_;
    LogReader logs_;
    std::map<AttemptKey, Attempt> live_;
    std::vector<AttemptKey> groups_to_remove_;
    Moment lease_until_;
    Moment next_look_;  ///< for declared checkpoints

    std::mutex mutex_;
    std::vector<Incoming> inbox_;
    bool stopping_{false};
    Fd wake_;
};

/// CLOCK_BOOTTIME in milliseconds.
Moment boot_now();
/// A shepherd's result as khud wants it.
AttemptResult result_of(const ShepherdResult& result, const std::string& node);
/// The last checkpoint that the attempt declared; stamp 0: none.
DeclaredCheckpoint checkpoint_of(const ShepherdResult& result);

}  // namespace khu::agent
