#pragma once

/// \file
/// Effects become messages to agents, answers to those who wait for a job, and lines for those who
/// watch. Runs on the engine's storing thread, after the commit, in order.

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>

#include "daemon/agents.h"
#include "daemon/engine.h"
#include "daemon/events.h"

namespace khu::daemon {

/// Those who wait for a job's end.
class Waiters {
public:
    using Waiter = std::function<void()>;
    std::uint64_t wait(JobId job, Waiter waiter);
    void leave(JobId job, std::uint64_t number);
    void ended(JobId job);

private:
    std::mutex mutex_;
    std::map<std::pair<JobId, std::uint64_t>, Waiter> waiters_;
    std::uint64_t next_{1};
};

class ZonePerformer final : public Performer {
public:
    /// `secret`: of the zone; tokens of attempts are made from it.
    ZonePerformer(Store& store, Agents& agents, Events& events, std::string secret)
        : store_(store), agents_(agents), events_(events), secret_(std::move(secret)) {}

    void perform(const Effect& effect) override;
    void tell(const wire::Event& event) override { events_.tell(event); }
    void payload_stored(JobId job, const std::string& json) override;

    [[nodiscard]] Waiters& waiters() { return waiters_; }
    /// Lets khu-rsh of that attempt start steps on its nodes; the same on every node and after a
    /// restart.
    [[nodiscard]] std::string attempt_token(AttemptKey key) const;

private:
    void send(const SendToAgent& effect);
    std::optional<std::string> payload_of(JobId job);
    void forget_payload(JobId job);

    Store& store_;
    Agents& agents_;
    Events& events_;
    std::string secret_;
    Waiters waiters_;
    // Payloads of jobs submitted lately, so that a job which starts at once is not read back.
    std::unordered_map<JobId, std::string> payloads_;
    std::deque<JobId> payload_order_;
    std::size_t payload_bytes_{0};
};

}  // namespace khu::daemon
