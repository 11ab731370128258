#include "wire/net/websocket_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/websocket/rfc6455.hpp>

namespace khu::wire::net {

namespace websocket = beast::websocket;

namespace {

constexpr std::int64_t kJoinedMax = 16'000;  // one TLS record

}  // namespace

WebSocketSession::WebSocketSession(Strand strand, WebSocketLimits limits, WebSocketEvents events,
                                   std::shared_ptr<Core> owner)
    : owner_(std::move(owner)),
      strand_(std::move(strand)),
      limits_(limits),
      events_(std::move(events)) {}

WebSocketSession::~WebSocketSession() {
    if (owner_) {
        owner_->leave(this);
    }
}

void WebSocketSession::attach(Transport transport, beast::role_type role) {
    transport_.emplace(std::move(transport));
    stream_.emplace(*transport_);
    websocket::stream_base::timeout times = websocket::stream_base::timeout::suggested(role);
    times.handshake_timeout = std::chrono::milliseconds(limits_.handshake.value);
    times.idle_timeout = std::chrono::milliseconds(limits_.idle.value);
    times.keep_alive_pings = true;
    stream_->set_option(times);
    stream_->read_message_max(static_cast<std::size_t>(limits_.frame_bytes));
    stream_->auto_fragment(false);
    stream_->text(true);
}

void WebSocketSession::accept(Transport transport, std::unique_ptr<Place> place,
                              HttpRequest request) {
    place_ = std::move(place);
    attach(std::move(transport), beast::role_type::server);
    owner_->join(shared_from_this());
    request_ = std::move(request);
    stream_->async_accept(request_, [self = shared_from_this()](error_code error) {
        if (error) {
            self->fail(self->reason_of(error));
        } else {
            self->opened();
        }
    });
}

void WebSocketSession::connect(Transport transport, const Request& request, const std::string& host,
                               std::function<void()> on_open) {
    attach(std::move(transport), beast::role_type::client);
    on_open_ = std::move(on_open);
    stream_->set_option(websocket::stream_base::decorator(
        [headers = request.headers](websocket::request_type& asked) {
            for (const auto& [name, value] : headers) {
                asked.set(name, value);
            }
        }));
    stream_->async_handshake(
        response_, host, request.target, [self = shared_from_this()](error_code error) {
            if (error == websocket::error::upgrade_declined) {
                self->fail(fmt::format("refused with status {}", self->response_.result_int()));
            } else if (error) {
                self->fail(self->reason_of(error));
            } else {
                self->opened();
            }
        });
}

void WebSocketSession::opened() {
    open_ = true;
    if (on_open_) {
        std::exchange(on_open_, nullptr)();
    }
    read_next();
    write_next();
}

void WebSocketSession::read_next() {
    stream_->async_read(buffer_, [self = shared_from_this()](error_code error, std::size_t size) {
        if (error) {
            self->fail(self->reason_of(error));
            return;
        }
        self->hear({static_cast<const char*>(self->buffer_.cdata().data()), size});
        self->buffer_.consume(self->buffer_.size());
        constexpr std::size_t usual = 16384;
        if (self->buffer_.capacity() > usual) {
            self->buffer_.shrink_to_fit();
        }
        self->read_next();
    });
}

/// A callback may close: the messages behind it are dropped.
void WebSocketSession::hear(std::string_view frame) {
    for (bool more = true; more && events_.on_message;) {
        const std::size_t end = events_.lines ? frame.find('\n') : std::string_view::npos;
        more = end != std::string_view::npos;
        const auto on_message = events_.on_message;
        on_message(std::string(frame.substr(0, end)));
        frame.remove_prefix(more ? end + 1 : 0);
    }
}

bool WebSocketSession::send(std::string message) {
    {
        const std::lock_guard lock(mutex_);
        const bool room =
            queued_bytes_ + message.size() <= static_cast<std::size_t>(limits_.queue_bytes);
        if (closed_ || !room) {
            return false;
        }
        queued_bytes_ += message.size();
        queue_.push_back(std::move(message));
        if (queue_.size() > 1) {
            return true;  // whoever queued the first has asked for the writing
        }
    }
    post(&WebSocketSession::write_next);
    return true;
}

void WebSocketSession::write_next() {
    if (!open_ || writing_ || leaving_) {
        return;
    }
    {
        const std::lock_guard lock(mutex_);
        if (queue_.empty()) {
            leaving_ = goodbye_.has_value();
        } else {
            take_waiting();
            writing_ = true;
        }
    }
    if (leaving_) {
        say_goodbye();
    }
    if (!writing_) {
        return;
    }
    stream_->async_write(
        asio::buffer(current_), [self = shared_from_this()](error_code error, std::size_t) {
            self->writing_ = false;
            {
                const std::lock_guard lock(self->mutex_);
                self->queued_bytes_ -= self->current_counts_;
            }
            if (error) {
                self->transport_->close();  // the read under way ends too, and tells
                return;
            }
            self->write_next();
        });
}

/// Moves the first waiting message, or as many lines as a frame may hold, into current_.
void WebSocketSession::take_waiting() {
    const auto most = static_cast<std::size_t>(std::min(kJoinedMax, limits_.frame_bytes));
    current_ = std::move(queue_.front());
    queue_.pop_front();
    current_counts_ = current_.size();
    while (events_.lines && !queue_.empty() &&
           current_.size() + 1 + queue_.front().size() <= most) {
        current_counts_ += queue_.front().size();
        current_.append(1, '\n').append(queue_.front());
        queue_.pop_front();
    }
}

void WebSocketSession::close(std::string why) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) {
            return;
        }
        closed_ = true;
        goodbye_ = std::move(why);
    }
    post(&WebSocketSession::write_next);
}

void WebSocketSession::say_goodbye() {
    constexpr std::size_t most = 120;  // a close frame holds 123 bytes
    const websocket::close_reason reason(websocket::close_code::going_away,
                                         goodbye_->substr(0, most));
    stream_->async_close(reason, [self = shared_from_this()](error_code) {
        self->fail("closed here: " + self->goodbye_.value());
    });
}

void WebSocketSession::close_now() {
    asio::post(strand_, [self = shared_from_this()] { self->fail("closed here"); });
}

void WebSocketSession::fail(const std::string& why) {
    open_ = false;
    if (transport_) {
        transport_->close();
        // Beast's timers would keep the server busy until they end; its operations may outlive it.
        asio::post(strand_, [self = shared_from_this()] { self->stream_.reset(); });
    }
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
        if (std::exchange(gone_, true)) {
            return;
        }
    }
    const WebSocketEvents events = std::exchange(events_, {});
    on_open_ = nullptr;
    place_.reset();
    if (owner_) {
        owner_->leave(this);
    }
    if (events.on_close) {
        events.on_close(why);
    }
}

bool WebSocketSession::alive() const {
    const std::lock_guard lock(mutex_);
    return !closed_;
}

std::size_t WebSocketSession::queued() const {
    const std::lock_guard lock(mutex_);
    return queued_bytes_;
}

void WebSocketSession::post(void (WebSocketSession::*what)()) {
    asio::post(strand_, [self = shared_from_this(), what] { (self.get()->*what)(); });
}

std::string WebSocketSession::reason_of(error_code error) {
    if (!stream_) {
        return error.message();
    }
    if (error == websocket::error::closed) {
        const websocket::close_reason& reason = stream_->reason();
        return reason.reason.empty()
                   ? fmt::format("closed by the peer with code {}", reason.code)
                   : fmt::format("closed by the peer: {}",
                                 std::string_view(reason.reason.data(), reason.reason.size()));
    }
    if (error == asio::error::connection_aborted && !transport_->line().why().empty()) {
        return transport_->line().why();
    }
    if (error == beast::error::timeout) {
        return "silent for too long";
    }
    return error == asio::error::eof ? std::string("the peer hung up") : error.message();
}

}  // namespace khu::wire::net
