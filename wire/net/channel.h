#pragma once

/// \file
/// An agent's WebSocket to khud: one background thread, which connects with the node's certificate,
/// answers pings and, whenever the connection is lost, makes a new one after a jittered, doubling
/// wait. Messages are not kept across connections: what must not be lost is the agent's to repeat
/// after on_open.

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/expected.h"
#include "core/base/limits.h"
#include "core/base/refusal.h"
#include "wire/net/certificates.h"
#include "wire/net/endpoint.h"
#include "wire/net/http.h"

namespace khu::wire::net {

struct ChannelOptions {
    Endpoint endpoint{};
    std::string path{"/"};
    std::string authority{};             ///< PEM: who may sign khud's certificate
    std::optional<Identity> identity{};  ///< the node's certificate
    Headers headers{};
    bool lines{false};  ///< as in WebSocketEvents
    std::int64_t frame_bytes{limits::frame_bytes_max};
    std::int64_t queue_bytes{16LL << 20};
    Span connect_max{seconds(5)};
    Span idle{seconds(20)};  ///< without even an answer to a ping: the connection is lost
    Span retry_first{milliseconds(200)};
    Span retry_most{seconds(5)};

    // Called on the channel's thread, one at a time.
    std::function<void()> on_open{};
    std::function<void(std::string&& message)> on_message{};
    /// An open connection was lost.
    std::function<void(const std::string& why)> on_close{};
    /// An attempt to connect failed; another follows.
    std::function<void(const std::string& why)> on_trouble{};
};

class Channel {
public:
    /// Begins to connect. Errors: CertificateFailed.
    static Expected<std::unique_ptr<Channel>, Refusal> start(ChannelOptions options);

    virtual ~Channel() = default;  ///< stops
    /// Thread-safe. False, and nothing is taken: not connected, or too much waits.
    virtual bool send(std::string message) = 0;
    [[nodiscard]] virtual bool is_open() const = 0;
    /// Connections made from now on present this certificate. Thread-safe. Errors:
    /// CertificateFailed, and then the old one stays.
    [[nodiscard]] virtual Expected<Done, Refusal> renew(const Identity& identity) = 0;
    /// Gives the connection up, as if it were lost, and makes a new one. Thread-safe.
    virtual void reconnect() = 0;
    /// Says goodbye and joins the thread; no function is called afterwards. Not from a callback.
    virtual void stop() = 0;
};

}  // namespace khu::wire::net
