#pragma once

/// \file
/// The agents that are connected now: which WebSocket serves which node at which epoch. Messages of
/// agents become commands; effects for a node go to the connection that registered with that epoch,
/// and to no other. A node's name is that of its certificate, whatever its Hello says.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "core/base/ids.h"
#include "core/protocol/messages.h"
#include "daemon/engine.h"
#include "wire/net/server.h"

namespace khu::daemon {

class Agents {
public:
    explicit Agents(Engine& engine) : engine_(engine) {}

    /// Takes a WebSocket of the agents' path.
    void accept(wire::net::Request&& request, wire::net::Upgrade upgrade);

    /// To the agent that registered `node` with `epoch`; nothing if it is gone. A Welcome makes the
    /// connection that said Hello the one of its node.
    void send(NodeId node, Epoch epoch, const ToAgent& message);

    /// Reads an output file of an attempt; `sink` gets each piece on an I/O thread and says false
    /// to stop. Gives a number for stop_reading(); 0 if no agent serves the node.
    using Sink = std::function<bool(const OutputChunk&)>;
    std::uint64_t read_output(NodeId node, ReadOutput order, Sink sink);
    void stop_reading(std::uint64_t request);

    [[nodiscard]] std::size_t connected() const;
    void close_all();

private:
    struct Registration {
        bool registered{false};
        NodeId node;
        Epoch epoch;
    };
    struct Connection {
        std::shared_ptr<wire::net::WebSocket> socket;
        std::string name;  ///< of the certificate
        Registration who;  ///< guarded by mutex_
    };
    using Shared = std::shared_ptr<Connection>;
    struct Reader {
        NodeId node;
        Sink sink;
    };

    void on_message(const Shared& connection, const std::string& text);
    void on(const Shared& connection, Hello&& message);
    void on(const Shared& connection, const Heartbeat& message);
    void on(const Shared& connection, AttemptReport&& message);
    void on(const Shared& connection, OutputChunk&& message);
    void on_close(const Shared& connection);
    [[nodiscard]] Registration registration_of(const Shared& connection) const;
    void refuse(const Shared& connection, const Refusal& why);
    void drop_readers(NodeId node);

    Engine& engine_;
    mutable std::mutex mutex_;
    std::map<std::string, Shared> greeting_;  ///< said Hello, not welcomed yet
    std::map<NodeId, Shared> serving_;
    std::map<std::uint64_t, Reader> readers_;
    std::uint64_t next_request_{1};
};

}  // namespace khu::daemon
