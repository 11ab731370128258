#pragma once

/// \file
/// One WebSocket over a Transport, as server or client: messages in order, a bounded queue, pings,
/// a goodbye. Everything but the thread-safe functions of WebSocket runs on its strand. Only for
/// the .cc files that use Asio.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <mutex>
#include <optional>

#include "wire/net/server_core.h"
#include "wire/net/transport.h"

namespace khu::wire::net {

namespace beast = boost::beast;
using HttpRequest = beast::http::request<beast::http::string_body>;

struct WebSocketLimits {
    std::int64_t frame_bytes;
    std::int64_t queue_bytes;
    Span handshake;
    Span idle;
};

class WebSocketSession final : public WebSocket,
                               public Member,
                               public std::enable_shared_from_this<WebSocketSession> {
public:
    /// `owner`: the server's core, kept alive; null in a client.
    WebSocketSession(Strand strand, WebSocketLimits limits, WebSocketEvents events,
                     std::shared_ptr<Core> owner);
    ~WebSocketSession() override;

    // On the strand, once:
    void accept(Transport transport, std::unique_ptr<Place> place, HttpRequest request);
    /// `on_open` is called when the server has greeted; on_close otherwise.
    void connect(Transport transport, const Request& request, const std::string& host,
                 std::function<void()> on_open);
    /// There is no connection any more.
    void fail(const std::string& why);

    bool send(std::string message) override;
    void close(std::string why) override;
    [[nodiscard]] bool alive() const override;
    [[nodiscard]] std::size_t queued() const override;

    void cut() override {}  // Beast keeps its own times.
    void stop() override { close("the server stops"); }
    void close_now() override;

private:
    using Stream = beast::websocket::stream<Transport&>;

    void attach(Transport transport, beast::role_type role);
    void opened();
    void read_next();
    void hear(std::string_view frame);
    void write_next();
    void take_waiting();
    void say_goodbye();
    void post(void (WebSocketSession::*what)());
    std::string reason_of(error_code error);

    std::shared_ptr<Core> owner_;
    Strand strand_;
    WebSocketLimits limits_;
    WebSocketEvents events_;
    std::function<void()> on_open_;
    std::unique_ptr<Place> place_;
    std::optional<Transport> transport_;
    std::optional<Stream> stream_;
    HttpRequest request_;
    beast::websocket::response_type response_;
    beast::flat_buffer buffer_;
    std::string current_;            ///< the frame being written
    std::size_t current_counts_{0};  ///< what its messages are in queued_bytes_
    bool open_{false};
    bool writing_{false};
    bool leaving_{false};  ///< the goodbye is under way

    mutable std::mutex mutex_;
    std::deque<std::string> queue_;
    std::size_t queued_bytes_{0};
    bool closed_{false};  ///< takes no more messages
    bool gone_{false};    ///< on_close has been called
    std::optional<std::string> goodbye_;
};

}  // namespace khu::wire::net
