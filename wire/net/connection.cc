#include "wire/net/connection.h"

#include <boost/asio/dispatch.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

namespace khu::wire::net {

namespace http = beast::http;

namespace {

constexpr std::size_t kHeaderPart = 4096;
constexpr std::size_t kBodyPart = 65536;
constexpr std::size_t kSourcePart = 262144;
constexpr std::size_t kKeptBytes = 16384;  ///< of buffers, between requests
constexpr std::int64_t kDrainMs = 2'000;
constexpr std::int64_t kDrainBytes = 64LL << 20;

void shrink(std::string& text) {
    text.clear();
    if (text.capacity() > kKeptBytes) {
        text.shrink_to_fit();
    }
}

Request make_request(http::request<http::string_body>& message, const Peer& peer) {
    Request request{.method = std::string(message.method_string()),
                    .target = std::string(message.target())};
    for (const auto& field : message) {
        request.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    request.body = std::move(message.body());
    request.peer = peer;
    return request;
}

}  // namespace

Connection::Connection(Core& core, Transport transport, Peer peer, std::unique_ptr<Place> place)
    : core_(core),
      strand_(transport.get_executor()),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      place_(std::move(place)) {}

Connection::~Connection() {
    core_.leave(this);
}

void Connection::start() {
    set_deadline(steady_ms() + core_.options.limits.handshake.value);
    core_.join(shared_from_this());
    post(&Connection::advance);
}

void Connection::post(void (Connection::*what)()) {
    asio::post(strand_, [self = shared_from_this(), what] { (self.get()->*what)(); });
}

void Connection::advance() {
    if (advancing_) {
        return;  // an answer given within the handler: the loop above goes on with it
    }
    constexpr int fair = 32;  // then other connections have their turn
    advancing_ = true;
    int steps = 0;
    while (step()) {
        if (++steps == fair) {
            post(&Connection::advance);
            break;
        }
    }
    advancing_ = false;
}

bool Connection::step() {
    switch (phase_) {
        case Phase::Handshake:
            return shake_hands();
        case Phase::Reading:
            return read_request();
        case Phase::Writing:
            return write_answer();
        case Phase::Streaming:
            return write_stream();
        case Phase::Draining:
            return drain();
        case Phase::Answering:
        case Phase::Closed:
            return false;
    }
    return false;
}

bool Connection::wait_for(Io state) {
    switch (state) {
        case Io::Done:
            return true;
        case Io::WantRead:
            await_readable();
            return false;
        case Io::WantWrite:
            await_writable();
            return false;
        case Io::Closed:
        case Io::Failed:
            close();
            return false;
    }
    return false;
}

void Connection::await_readable() {
    if (std::exchange(awaiting_read_, true)) {
        return;
    }
    transport_->socket().async_wait(Socket::wait_read,
                                    [self = shared_from_this()](error_code error) {
                                        self->awaiting_read_ = false;
                                        if (!error) {
                                            self->advance();
                                        }
                                    });
}

void Connection::await_writable() {
    if (std::exchange(awaiting_write_, true)) {
        return;
    }
    transport_->socket().async_wait(Socket::wait_write,
                                    [self = shared_from_this()](error_code error) {
                                        self->awaiting_write_ = false;
                                        if (!error) {
                                            self->advance();
                                        }
                                    });
}

void Connection::allow_time_for(std::size_t bytes) {
    const ServerLimits& limits = core_.options.limits;
    const auto size = static_cast<std::int64_t>(bytes);
    set_deadline(steady_ms() + limits.idle.value + size * 1000 / limits.slowest_bytes_per_second);
}

bool Connection::shake_hands() {
    const Io state = transport_->line().handshake();
    if (state != Io::Done) {
        return wait_for(state);
    }
    peer_.certificate_subject = transport_->line().peer_subject();
    place_->settle();
    expect_request();
    return true;
}

// Reading.

void Connection::expect_request() {
    phase_ = Phase::Reading;
    header_seen_ = false;
    parser_.emplace();
    parser_->eager(true);
    parser_->header_limit(static_cast<std::uint32_t>(core_.options.limits.header_bytes));
    parser_->body_limit(static_cast<std::uint64_t>(core_.options.limits.body_bytes));
    allow_time_for(0);
}

bool Connection::read_request() {
    if (buffer_.size() > 0 && !parse()) {
        return phase_ != Phase::Closed;
    }
    if (phase_ != Phase::Reading) {
        return true;
    }
    return fill();
}

/// False: the request is complete or refused, and the phase has changed.
bool Connection::parse() {
    error_code error;
    const std::size_t used = parser_->put(buffer_.data(), error);
    buffer_.consume(used);
    if (error && error != http::error::need_more) {
        refuse(refusal_of(error));
        return false;
    }
    if (parser_->is_done()) {
        dispatch();
        return false;
    }
    return header_seen_ || !parser_->is_header_done() || after_header();
}

/// The body is still to come: says so to those who wait for it, and how long it may take.
bool Connection::after_header() {
    header_seen_ = true;
    allow_time_for(static_cast<std::size_t>(parser_->content_length().value_or(0)));
    if (same_without_case(parser_->get()[http::field::expect], "100-continue")) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        (void)transport_->line().write(go_on.data(), go_on.size());  // they go on without it too
    }
    return true;
}

/// Reads what is there into the buffer; false when it must wait.
bool Connection::fill() {
    const asio::mutable_buffer space = buffer_.prepare(header_seen_ ? kBodyPart : kHeaderPart);
    const IoResult result = transport_->line().read(static_cast<char*>(space.data()), space.size());
    buffer_.commit(result.bytes);
    return wait_for(result.state);
}

Refusal Connection::refusal_of(error_code error) const {
    if (error == http::error::body_limit) {
        return Refusal(Code::BodyTooLarge).with("limit_bytes", core_.options.limits.body_bytes);
    }
    if (error == http::error::header_limit) {
        return Refusal(Code::HeaderTooLarge).with("limit_bytes", core_.options.limits.header_bytes);
    }
    return Refusal(Code::BadHttp).with("why", error.message());
}

/// Answers without the handler and hangs up: after a broken request none can be found.
bool Connection::refuse(Refusal refusal) {
    keep_alive_ = false;
    head_only_ = false;
    phase_ = Phase::Answering;
    answer(core_.options.problem(refusal));
    return true;
}

void Connection::dispatch() {
    http::request<http::string_body> message = parser_->release();
    keep_alive_ = message.keep_alive() && !core_.stopping;
    head_only_ = message.method() == http::verb::head;
    old_version_ = message.version() < 11;
    if (buffer_.size() == 0 && buffer_.capacity() > kKeptBytes) {
        buffer_.shrink_to_fit();
    }
    Request request = make_request(message, peer_);
    if (!split_target(request)) {
        refuse(Refusal(Code::BadHttp).with("why", "the target is malformed"));
        return;
    }
    const bool upgrade = beast::websocket::is_upgrade(message);
    if (upgrade) {
        upgrade_ = std::move(message);
    }
    phase_ = Phase::Answering;
    set_deadline(kNoDeadline);
    hand_over(std::move(request), upgrade);
}

void Connection::hand_over(Request request, bool upgrade) {
    const std::string method = request.method;
    const std::string path = request.path;
    auto answer = std::make_shared<Responder::Answer>(shared_from_this(), method, path);
    try {
        if (!upgrade) {
            core_.options.handler(std::move(request), Responder(std::move(answer)));
            return;
        }
        const UpgradeHandler handler = core_.route(path);
        if (handler && buffer_.size() == 0) {
            handler(std::move(request), Upgrade(std::move(answer)));
        } else {
            answer->send(core_.options.problem(
                Refusal(Code::NoRoute).with("method", method).with("path", path)));
        }
    } catch (...) {
        // The answer, dropped unused, has told the client.
    }
}

// Writing.

void Connection::send(Response response) {
    asio::dispatch(strand_, [self = shared_from_this(), response = std::move(response)] {
        if (self->phase_ == Phase::Answering) {
            self->answer(response);
            self->advance();
        }
    });
}

void Connection::make(std::function<Response()> make) {
    asio::post(strand_, [self = shared_from_this(), make = std::move(make)] {
        if (self->phase_ == Phase::Answering) {
            self->answer(make());
            self->advance();
        }
    });
}

void Connection::answer(const Response& response) {
    append_head(out_, response, BodyFraming::Length, keep_alive_);
    if (!head_only_) {
        out_ += response.body;
        source_ = response.source;
        source_sent_ = 0;
    }
    allow_time_for(out_.size());
    phase_ = Phase::Writing;
}

/// True when all of `out_` is sent.
bool Connection::flush() {
    while (sent_ < out_.size()) {
        const IoResult result = transport_->line().write(out_.data() + sent_, out_.size() - sent_);
        sent_ += result.bytes;
        if (!wait_for(result.state)) {
            return false;
        }
    }
    shrink(out_);
    sent_ = 0;
    return true;
}

bool Connection::write_answer() {
    if (!flush()) {
        return false;
    }
    if (source_ != nullptr && source_sent_ < source_->bytes()) {
        return take_from_source();
    }
    source_.reset();
    end_answer();
    return true;
}

/// The next piece of the body. Its length was promised: if it cannot be read the peer must see that
/// there is less, so the connection ends.
bool Connection::take_from_source() {
    out_ = source_->read(source_sent_, kSourcePart);
    source_sent_ += static_cast<std::int64_t>(out_.size());
    if (out_.empty() || source_sent_ > source_->bytes()) {
        close();
        return false;
    }
    allow_time_for(out_.size());
    return true;
}

void Connection::end_answer() {
    stream_.reset();
    if (keep_alive_ && core_.stopping) {
        close();
        return;
    }
    if (keep_alive_) {
        expect_request();
        return;
    }
    // Closing at once would reset the connection if the peer is still sending, and it could then
    // lose the answer: say goodbye and read on for a while.
    transport_->line().finish();
    set_deadline(steady_ms() + kDrainMs);
    drained_ = 0;
    phase_ = Phase::Draining;
}

// Streaming.

void Connection::send_stream(Response head, std::shared_ptr<StreamState> stream) {
    asio::dispatch(strand_,
                   [self = shared_from_this(), head = std::move(head), stream = std::move(stream)] {
                       self->stream_ = stream;
                       if (self->phase_ == Phase::Answering) {
                           self->answer_stream(head);
                           self->advance();
                       } else {
                           self->close();
                       }
                   });
}

void Connection::answer_stream(const Response& head) {
    keep_alive_ = keep_alive_ && !old_version_;
    append_head(out_, head, old_version_ ? BodyFraming::UntilClose : BodyFraming::Chunked,
                keep_alive_);
    stream_ended_ = head_only_;
    phase_ = Phase::Streaming;
    allow_time_for(0);
}

bool Connection::write_stream() {
    if (!flush()) {
        if (phase_ == Phase::Streaming) {
            watch_peer();
        }
        return false;
    }
    if (stream_ended_) {
        end_answer();
        return true;
    }
    take_from_stream();
    if (!out_.empty() || stream_ended_) {
        allow_time_for(0);
        return true;
    }
    set_deadline(kNoDeadline);
    watch_peer();
    return false;
}

void Connection::take_from_stream() {
    const std::lock_guard lock(stream_->mutex);
    stream_->poked = false;
    stream_->under_way = stream_->waiting.size();
    if (old_version_) {
        out_ += stream_->waiting;
    } else {
        append_chunk(out_, stream_->waiting);
    }
    shrink(stream_->waiting);
    stream_ended_ = stream_->closed;
    if (stream_ended_ && !old_version_) {
        out_ += "0\r\n\r\n";
    }
}

/// While a stream is written nothing need come from the peer; reading shows that it has gone. What
/// comes all the same is kept for the next request, up to a bound.
void Connection::watch_peer() {
    while (!awaiting_read_ && buffer_.size() < kBodyPart && fill()) {
    }
}

void Connection::poke() {
    post(&Connection::advance);
}

// WebSockets.

void Connection::send_upgrade(std::shared_ptr<WebSocketSession> session) {
    asio::dispatch(strand_, [self = shared_from_this(), session = std::move(session)] {
        if (self->phase_ != Phase::Answering) {
            session->fail("the peer hung up");
            return;
        }
        self->phase_ = Phase::Closed;
        self->core_.leave(self.get());
        session->accept(*std::move(self->transport_), std::move(self->place_),
                        std::move(self->upgrade_));
        self->transport_.reset();
    });
}

// Ending.

bool Connection::drain() {
    const asio::mutable_buffer space = buffer_.prepare(kHeaderPart);
    const IoResult result = transport_->line().read(static_cast<char*>(space.data()), space.size());
    drained_ += static_cast<std::int64_t>(result.bytes);
    return wait_for(drained_ > kDrainBytes ? Io::Closed : result.state);
}

void Connection::close() {
    if (phase_ == Phase::Closed) {
        return;
    }
    phase_ = Phase::Closed;
    transport_->close();
    if (stream_ != nullptr) {
        const std::lock_guard lock(stream_->mutex);
        stream_->dead = true;
    }
    stream_.reset();
    source_.reset();
    place_.reset();
    core_.leave(this);
}

void Connection::cut() {
    asio::post(strand_, [self = shared_from_this()] {
        if (self->late(steady_ms())) {
            self->close();
        }
    });
}

void Connection::stop() {
    post(&Connection::stop_softly);
}

void Connection::close_now() {
    post(&Connection::close);
}

/// Idle ones end at once, answers under way are finished, streams end where they are.
void Connection::stop_softly() {
    keep_alive_ = false;
    switch (phase_) {
        case Phase::Handshake:
        case Phase::Reading:
            close();
            return;
        case Phase::Streaming: {
            const std::lock_guard lock(stream_->mutex);
            stream_->closed = true;
            break;
        }
        case Phase::Answering:
        case Phase::Writing:
        case Phase::Draining:
        case Phase::Closed:
            break;
    }
    advance();
}

}  // namespace khu::wire::net
