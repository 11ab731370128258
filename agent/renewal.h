#pragma once

/// \file
/// Renews the node's certificate while the agent runs, when two thirds of its life are over: khud
/// knows the node by the certificate that it still has. Only the certificate changes, never the
/// key, so that one file is replaced and no crash can leave two that do not fit. Connections that
/// are open stay open.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "agent/enrol.h"

namespace khu::agent {

struct RenewalSettings {
    std::string state_dir;
    std::string node;
    wire::net::Endpoint controller;
    NodeIdentity identity;
    /// Called on the renewal's thread with what new connections are to present.
    std::function<void(const wire::net::Identity&)> use;
    std::function<void(const std::string& line)> log;
};

class Renewal {
public:
    explicit Renewal(RenewalSettings settings);
    ~Renewal();
    Renewal(const Renewal&) = delete;
    Renewal& operator=(const Renewal&) = delete;

private:
    void run();
    [[nodiscard]] Moment due() const;
    /// When to try next.
    Moment renew();
    Expected<std::string, Refusal> ask() const;

    RenewalSettings settings_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_{false};
    std::thread thread_;
};

}  // namespace khu::agent
