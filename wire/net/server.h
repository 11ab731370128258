#pragma once

/// \file
/// One HTTP/1.1 and WebSocket server over a TLS port and a Unix socket. It knows no routes but
/// those of WebSockets: every request goes to one handler, on an I/O thread, and is answered from
/// any thread through its Responder. Requests of one connection are answered in their order, one at
/// a time. Whoever is slow, silent, too large or too many is cut (ServerLimits).

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/expected.h"
#include "core/base/limits.h"
#include "core/base/refusal.h"
#include "wire/net/certificates.h"
#include "wire/net/http.h"

namespace khu::wire::net {

/// A body written piece by piece: a log that is followed, server-sent events. Copies are the same
/// stream; it ends with close() or with the last copy. Every function may be called on any thread.
class Stream {
public:
    class Body;
    Stream() = default;
    explicit Stream(std::shared_ptr<Body> body) : body_(std::move(body)) {}

    /// False, and nothing is taken: the peer is gone (see alive()) or too much waits already; then
    /// try again after queued() has fallen, or close().
    bool write(std::string data);
    void close();
    [[nodiscard]] bool alive() const;
    /// Bytes written and not yet sent.
    [[nodiscard]] std::size_t queued() const;

private:
    std::shared_ptr<Body> body_;
};

/// The way to answer one request: exactly once, on any thread. Copies are the same; when the last
/// is gone without an answer, the server answers NoAnswer.
class Responder {
public:
    class Answer;
    explicit Responder(std::shared_ptr<Answer> answer) : answer_(std::move(answer)) {}

    /// Claims: not answered yet.
    void send(Response response) const;
    /// The same, with what `make` gives: it is called on an I/O thread, if the peer still waits.
    void make(std::function<Response()> make) const;
    /// Starts a response whose body is written through the Stream; `head.body` is its first piece.
    /// Claims: not answered yet.
    [[nodiscard]] Stream stream(Response head) const;

private:
    std::shared_ptr<Answer> answer_;
};

using Handler = std::function<void(Request&&, Responder)>;

/// One WebSocket. Thread-safe; alive until on_close has been called.
class WebSocket {
public:
    virtual ~WebSocket() = default;
    /// Queues one text message (UTF-8). False, and nothing is taken: closed, or too much waits.
    virtual bool send(std::string message) = 0;
    /// Sends what waits, then says goodbye with `why` (at most 120 bytes).
    virtual void close(std::string why) = 0;
    [[nodiscard]] virtual bool alive() const = 0;
    [[nodiscard]] virtual std::size_t queued() const = 0;
};

/// Called on an I/O thread, one at a time for each WebSocket. on_close is the last call, exactly
/// one for each WebSocket; both functions are dropped after it.
struct WebSocketEvents {
    std::function<void(std::string&& message)> on_message;
    std::function<void(const std::string& why)> on_close;
    /// Both sides must say so. Messages are lines, without a line break in them: those that wait
    /// for each other leave in one frame, and each arrives alone.
    bool lines{false};
};

/// A client asks for a WebSocket: accept or refuse, once, on any thread; refused with NoAnswer when
/// neither was called.
class Upgrade {
public:
    explicit Upgrade(std::shared_ptr<Responder::Answer> answer) : answer_(std::move(answer)) {}
    /// Messages may be sent at once; they go out after the greeting.
    [[nodiscard]] std::shared_ptr<WebSocket> accept(WebSocketEvents events) const;
    void refuse(Response response) const;

private:
    std::shared_ptr<Responder::Answer> answer_;
};

using UpgradeHandler = std::function<void(Request&&, Upgrade)>;

struct ServerLimits {
    std::int64_t body_bytes{limits::body_bytes_max};
    std::int64_t header_bytes{limits::header_bytes_max};
    std::int64_t frame_bytes{limits::frame_bytes_max};
    std::int64_t queue_bytes{16LL << 20};  ///< waiting to be sent, per stream or WebSocket
    std::int64_t connections{limits::connections_max};  ///< over TCP; local ones have as many again
    std::int64_t handshakes_per_address{1024};  ///< unfinished at once; a rack behind one address
    Span handshake{seconds(5)};
    Span idle{limits::request_idle_max};  ///< between requests; for a header; for a body or an
                                          ///< answer, and more for a large one:
    std::int64_t slowest_bytes_per_second{64LL << 10};
    Span websocket_idle{seconds(20)};  ///< without even an answer to a ping
    Span stop_grace{seconds(5)};       ///< for answers under way when the server stops
};

struct ServerOptions {
    std::optional<std::string> tcp;  ///< "0.0.0.0:7443", "[::]:0"; port 0: any free one
    Identity identity{};             ///< of the TLS port
    std::string authority{};         ///< PEM: whose client certificates count
    std::optional<std::string> unix_path{};
    unsigned unix_mode{0666};  ///< who may connect is told by SO_PEERCRED
    int threads{1};
    ServerLimits limits{};
    Handler handler{};
    /// The body of the server's own refusals (BodyTooLarge, BadHttp, ...), as the API writes them.
    std::function<Response(const Refusal&)> problem{};
};

class Server {
public:
    /// Listens and serves on its own threads. Errors: PortInUse, CertificateFailed, BadEndpoint.
    static Expected<std::unique_ptr<Server>, Refusal> start(ServerOptions options);

    virtual ~Server() = default;  ///< stops
    /// Requests to upgrade on `path` go to `handler`; other paths are refused with NoRoute. Call it
    /// before clients can know the path, or right after start.
    virtual void on_websocket(std::string path, UpgradeHandler handler) = 0;
    /// New connections get this certificate; those that are open stay as they are. Errors:
    /// CertificateFailed, and then the old one stays.
    [[nodiscard]] virtual Expected<Done, Refusal> renew(const Identity& identity) = 0;
    /// The TCP port in use; 0 if it has none.
    [[nodiscard]] virtual std::uint16_t port() const = 0;
    [[nodiscard]] virtual std::int64_t connections() const = 0;
    /// Stops listening, lets answers under way finish within the grace, closes everything, joins
    /// the threads. Responders and WebSockets may outlive it and then do nothing. Idempotent.
    virtual void stop() = 0;
};

}  // namespace khu::wire::net
