#include "wire/net/channel.h"

#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <thread>

#include "wire/net/backoff.h"
#include "wire/net/dial.h"
#include "wire/net/websocket_session.h"

namespace khu::wire::net {
namespace {

class RunningChannel final : public Channel {
public:
    RunningChannel(ChannelOptions options, std::shared_ptr<TlsContext> tls)
        : options_(std::move(options)),
          backoff_(options_.retry_first, options_.retry_most, random_seed()),
          strand_(asio::make_strand(io_)),
          retry_(strand_),
          deadline_(strand_),
          tls_(std::move(tls)) {}
    ~RunningChannel() override { stop(); }

    void run() {
        asio::post(strand_, [this] { begin(); });
        thread_ = std::thread([this] { io_.run(); });
    }

    bool send(std::string message) override {
        const std::shared_ptr<WebSocketSession> session = current();
        return session != nullptr && session->send(std::move(message));
    }
    [[nodiscard]] bool is_open() const override { return current() != nullptr; }
    [[nodiscard]] Expected<Done, Refusal> renew(const Identity& identity) override;
    void reconnect() override;
    void stop() override;

private:
    [[nodiscard]] std::shared_ptr<WebSocketSession> current() const {
        const std::lock_guard lock(mutex_);
        return open_;
    }

    void begin();
    void attempt(std::size_t index);
    void await_connect(std::size_t index);
    void greet();
    void shake_hands();
    void upgrade();
    void opened();
    void received(std::string&& message);
    void closed(const std::string& why);
    void try_later(const std::string& why);

    const ChannelOptions options_;
    BackOff backoff_;
    asio::io_context io_{1};
    Strand strand_;
    asio::steady_timer retry_;
    asio::steady_timer deadline_;  ///< of connecting and greeting
    std::vector<SocketAddress> addresses_;
    std::optional<Socket> socket_;        ///< while connecting
    std::optional<Transport> transport_;  ///< while greeting
    std::shared_ptr<WebSocketSession> session_;
    std::thread thread_;
    std::atomic<bool> stopping_{false};

    mutable std::mutex mutex_;
    std::shared_ptr<WebSocketSession> open_;  ///< `session_` once it is open
    std::shared_ptr<TlsContext> tls_;         ///< of the next connection
};

void RunningChannel::begin() {
    if (stopping_) {
        return;
    }
    Expected<std::vector<SocketAddress>, Refusal> addresses = resolve(options_.endpoint);
    if (!addresses) {
        try_later(text(addresses.error(), Language::English));
        return;
    }
    addresses_ = *std::move(addresses);
    deadline_.expires_after(std::chrono::milliseconds(options_.connect_max.value));
    deadline_.async_wait([this](error_code error) {
        if (error) {
            return;
        }
        if (socket_) {
            socket_->close();
        }
        if (transport_) {
            transport_->close();
        }
    });
    attempt(0);
}

void RunningChannel::attempt(std::size_t index) {
    const int fd = start_connect(addresses_[index]);
    if (fd < 0) {
        try_later(std::strerror(errno));
        return;
    }
    const int family = addresses_[index].get()->sa_family;
    socket_.emplace(strand_, asio::generic::stream_protocol(family, 0), fd);
    await_connect(index);
}

void RunningChannel::await_connect(std::size_t index) {
    socket_->async_wait(Socket::wait_write, [this, index](error_code error) {
        if (error || stopping_) {
            socket_.reset();
            try_later("no connection in time");
            return;
        }
        const int failed = connect_error(socket_->native_handle());
        if (failed == 0) {
            greet();
            return;
        }
        socket_.reset();
        if (index + 1 < addresses_.size()) {
            attempt(index + 1);
        } else {
            try_later(std::strerror(failed));
        }
    });
}

void RunningChannel::greet() {
    const int fd = socket_->native_handle();
    std::shared_ptr<TlsContext> tls;
    {
        const std::lock_guard lock(mutex_);
        tls = tls_;
    }
    Line line = tls == nullptr ? Line::plain(fd)
                               : Line::tls_client(fd, std::move(tls), options_.endpoint.tcp.host);
    transport_.emplace(*std::move(socket_), std::move(line));
    socket_.reset();
    shake_hands();
}

void RunningChannel::shake_hands() {
    const Io state = transport_->line().handshake();
    if (state == Io::Done) {
        upgrade();
        return;
    }
    if (state == Io::Closed || state == Io::Failed) {
        const std::string why = transport_->line().why();
        transport_.reset();
        try_later(why.empty() ? "it hung up during the handshake" : why);
        return;
    }
    const auto kind = state == Io::WantRead ? Socket::wait_read : Socket::wait_write;
    transport_->socket().async_wait(kind, [this](error_code error) {
        if (error || stopping_) {
            transport_.reset();
            try_later("no handshake in time");
            return;
        }
        shake_hands();
    });
}

void RunningChannel::upgrade() {
    deadline_.cancel();
    WebSocketEvents events;
    events.on_message = [this](std::string&& message) { received(std::move(message)); };
    events.on_close = [this](const std::string& why) { closed(why); };
    events.lines = options_.lines;
    session_ =
        std::make_shared<WebSocketSession>(strand_,
                                           WebSocketLimits{.frame_bytes = options_.frame_bytes,
                                                           .queue_bytes = options_.queue_bytes,
                                                           .handshake = options_.connect_max,
                                                           .idle = options_.idle},
                                           std::move(events), nullptr);
    const std::string url = text(options_.endpoint);
    const std::string host = options_.endpoint.is_unix() ? "localhost" : url.substr(8);
    session_->connect(*std::move(transport_),
                      Request{.target = options_.path, .headers = options_.headers}, host,
                      [this] { opened(); });
    transport_.reset();
}

void RunningChannel::opened() {
    {
        const std::lock_guard lock(mutex_);
        open_ = session_;
    }
    if (options_.on_open && !stopping_) {
        options_.on_open();
    }
}

void RunningChannel::received(std::string&& message) {
    backoff_.reset();  // khud talks to us: not only did it accept the connection
    if (options_.on_message && !stopping_) {
        options_.on_message(std::move(message));
    }
}

void RunningChannel::closed(const std::string& why) {
    session_.reset();
    bool was_open = false;
    {
        const std::lock_guard lock(mutex_);
        was_open = std::exchange(open_, nullptr) != nullptr;
    }
    if (!was_open) {
        try_later(why);
        return;
    }
    if (options_.on_close && !stopping_) {
        options_.on_close(why);
    }
    try_later({});
}

void RunningChannel::try_later(const std::string& why) {
    deadline_.cancel();
    if (stopping_) {
        return;
    }
    if (!why.empty() && options_.on_trouble) {
        options_.on_trouble(why);
    }
    retry_.expires_after(std::chrono::milliseconds(backoff_.next().value));
    retry_.async_wait([this](error_code error) {
        if (!error) {
            begin();
        }
    });
}

Expected<Done, Refusal> RunningChannel::renew(const Identity& identity) {
    Expected<std::shared_ptr<TlsContext>, Refusal> made =
        TlsContext::client(options_.authority, identity);
    if (!made) {
        return Unexpected{std::move(made).error()};
    }
    const std::lock_guard lock(mutex_);
    tls_ = *std::move(made);
    return Done{};
}

void RunningChannel::reconnect() {
    if (const std::shared_ptr<WebSocketSession> session = current()) {
        session->close_now();
    }
}

void RunningChannel::stop() {
    if (stopping_.exchange(true) || !thread_.joinable()) {
        return;
    }
    asio::post(strand_, [this] {
        const std::shared_ptr<WebSocketSession> session = current();
        if (session == nullptr) {
            io_.stop();
            return;
        }
        session->close("the agent stops");
        // A peer that does not answer the goodbye is not waited for.
        deadline_.expires_after(std::chrono::seconds(1));
        deadline_.async_wait([this](error_code) { io_.stop(); });
    });
    thread_.join();
}

}  // namespace

Expected<std::unique_ptr<Channel>, Refusal> Channel::start(ChannelOptions options) {
    std::shared_ptr<TlsContext> tls;
    if (!options.endpoint.is_unix()) {
        Expected<std::shared_ptr<TlsContext>, Refusal> made =
            TlsContext::client(options.authority, options.identity);
        if (!made) {
            return Unexpected{std::move(made).error()};
        }
        tls = *std::move(made);
    }
    auto channel = std::make_unique<RunningChannel>(std::move(options), std::move(tls));
    channel->run();
    return std::unique_ptr<Channel>(std::move(channel));
}

}  // namespace khu::wire::net
