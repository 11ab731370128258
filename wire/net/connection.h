#pragma once

/// \file
/// One HTTP connection of the server: reads a request, hands it to the handler, writes the answer,
/// reads the next. A state machine on a strand: advance() takes steps until one must wait. Only
/// for the .cc files that use Asio.

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "wire/net/server_core.h"
#include "wire/net/transport.h"
#include "wire/net/websocket_session.h"

namespace khu::wire::net {

/// The state of a Stream, shared by its writer and the connection.
struct StreamState {
    std::mutex mutex;
    std::string waiting;       ///< not yet taken by the connection
    std::size_t under_way{0};  ///< taken, not yet sent
    bool closed{false};        ///< by the writer
    bool dead{false};          ///< by the peer or the server
    bool poked{false};         ///< the connection knows that something waits
};

class Connection final : public Member, public std::enable_shared_from_this<Connection> {
public:
    Connection(Core& core, Transport transport, Peer peer, std::unique_ptr<Place> place);
    ~Connection() override;
    void start();

    // On any thread; each at most once for a request.
    void send(Response response);
    void make(std::function<Response()> make);
    void send_stream(Response head, std::shared_ptr<StreamState> stream);
    void send_upgrade(std::shared_ptr<WebSocketSession> session);
    /// The stream has more to write.
    void poke();

    void cut() override;
    void stop() override;
    void close_now() override;

    Strand strand() { return strand_; }
    Core& core() { return core_; }

private:
    enum class Phase { Handshake, Reading, Answering, Writing, Streaming, Draining, Closed };
    using Parser = beast::http::request_parser<beast::http::string_body>;

    void post(void (Connection::*what)());
    void advance();
    bool step();
    bool wait_for(Io state);
    void await_readable();
    void await_writable();
    void allow_time_for(std::size_t bytes);
    bool shake_hands();
    void expect_request();
    bool read_request();
    bool parse();
    bool after_header();
    bool fill();
    void dispatch();
    void hand_over(Request request, bool upgrade);
    bool refuse(Refusal refusal);
    Refusal refusal_of(error_code error) const;
    void answer(const Response& response);
    void answer_stream(const Response& head);
    bool flush();
    bool write_answer();
    bool take_from_source();
    bool write_stream();
    void take_from_stream();
    void watch_peer();
    void end_answer();
    bool drain();
    void close();
    void stop_softly();

    Core& core_;
    Strand strand_;
    std::optional<Transport> transport_;  ///< none once a WebSocket has taken it
    Peer peer_;
    std::unique_ptr<Place> place_;
    Phase phase_{Phase::Handshake};
    bool advancing_{false};
    bool awaiting_read_{false};
    bool awaiting_write_{false};
    beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    bool header_seen_{false};
    bool keep_alive_{false};
    bool head_only_{false};    ///< HEAD: the body is not sent
    bool old_version_{false};  ///< HTTP/1.0 knows no chunks
    HttpRequest upgrade_;
    std::string out_;
    std::size_t sent_{0};
    std::shared_ptr<const BodySource> source_;  ///< of the answer that is written
    std::int64_t source_sent_{0};
    std::shared_ptr<StreamState> stream_;
    bool stream_ended_{false};
    std::int64_t drained_{0};
};

/// One request's right to an answer; see Responder.
class Responder::Answer {
public:
    explicit Answer(std::shared_ptr<Connection> connection, std::string method, std::string path);
    ~Answer();
    void send(Response response);
    void make(std::function<Response()> make);
    Stream stream(Response head);
    std::shared_ptr<WebSocket> accept(WebSocketEvents events);

private:
    void use();

    std::shared_ptr<Core> core_;  // outlives the connection
    std::shared_ptr<Connection> connection_;
    std::string method_, path_;
    std::atomic<bool> used_{false};
};

/// What the copies of a Stream share; the last one closes it.
class Stream::Body {
public:
    Body(std::shared_ptr<Core> core, std::shared_ptr<Connection> connection,
         std::shared_ptr<StreamState> state)
        : core_(std::move(core)), connection_(std::move(connection)), state_(std::move(state)) {}
    ~Body() { close(); }
    bool write(std::string data);
    void close();
    [[nodiscard]] bool alive() const;
    [[nodiscard]] std::size_t queued() const;

private:
    std::shared_ptr<Core> core_;
    std::shared_ptr<Connection> connection_;
    std::shared_ptr<StreamState> state_;
};

}  // namespace khu::wire::net
