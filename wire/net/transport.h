#pragma once

/// \file
/// A Line that Asio waits for: the stream under Beast's WebSocket, and under our own HTTP
/// connection. Only for the .cc files that use Asio.

#include <array>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/beast/core/role.hpp>
#include <string_view>
#include <utility>

#include "wire/net/line.h"

namespace khu::wire::net {

namespace asio = boost::asio;
using boost::system::error_code;

using Strand = asio::strand<asio::io_context::executor_type>;
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Strand>;

class Transport {
public:
    using executor_type = Strand;

    Transport(Socket socket, Line line) : socket_(std::move(socket)), line_(std::move(line)) {}
    Transport(Transport&&) = default;

    executor_type get_executor() { return socket_.get_executor(); }
    Socket& socket() { return socket_; }
    Line& line() { return line_; }
    void close() {
        error_code ignored;
        socket_.close(ignored);
    }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return asio::async_compose<Token, void(error_code, std::size_t)>(
            Operation<Buffers, false>{*this, buffers}, token, socket_);
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return asio::async_compose<Token, void(error_code, std::size_t)>(
            Operation<Buffers, true>{*this, buffers}, token, socket_);
    }

private:
    template <class Buffers, bool writes>
    struct Operation;

    IoResult read_into(asio::mutable_buffer buffer) {
        return line_.read(static_cast<char*>(buffer.data()), buffer.size());
    }
    template <class Buffers>
    IoResult try_read(const Buffers& buffers) {
        for (auto at = asio::buffer_sequence_begin(buffers);
             at != asio::buffer_sequence_end(buffers); ++at) {
            const asio::mutable_buffer buffer(*at);
            if (buffer.size() > 0) {
                return read_into(buffer);
            }
        }
        return {Io::Done, 0};
    }
    /// A small message and its frame's header leave as one packet and one TLS record.
    template <class Buffers>
    IoResult try_write(const Buffers& buffers) {
        std::array<char, 16384> whole;
        const std::size_t size = asio::buffer_copy(asio::buffer(whole), buffers);
        return size == 0 ? IoResult{Io::Done, 0} : line_.write(whole.data(), size);
    }

    Socket socket_;
    Line line_;
};

/// Tries, waits until the socket is ready, tries again. Never completes within its start.
template <class Buffers, bool writes>
struct Transport::Operation {
    Transport& transport;
    Buffers buffers;
    bool waited{false};
    bool tried{false};
    IoResult result{Io::WantRead};

    template <class Self>
    void operator()(Self& self, error_code error = {}) {
        if (error) {
            return self.complete(error, 0);
        }
        if (!tried) {
            attempt();
        }
        if (result.state == Io::WantRead || result.state == Io::WantWrite) {
            const auto kind = result.state == Io::WantRead ? Socket::wait_read : Socket::wait_write;
            waited = true;
            return transport.socket_.async_wait(kind, std::move(self));
        }
        tried = true;
        if (!waited) {
            waited = true;
            return asio::post(transport.get_executor(), std::move(self));
        }
        self.complete(outcome(), result.bytes);
    }

private:
    void attempt() {
        if constexpr (writes) {
            result = transport.try_write(buffers);
        } else {
            result = transport.try_read(buffers);
        }
    }
    [[nodiscard]] error_code outcome() const {
        switch (result.state) {
            case Io::Closed:
                return asio::error::eof;
            case Io::Failed:
                return asio::error::connection_aborted;
            case Io::Done:
            case Io::WantRead:
            case Io::WantWrite:
                return {};
        }
        return {};
    }
};

// What Beast asks of a stream that is not one of Asio's.

inline void beast_close_socket(Transport& transport) {
    transport.close();
}
inline void teardown(boost::beast::role_type, Transport& transport, error_code& error) {
    transport.line().finish();
    transport.close();
    error = {};
}
template <class Handler>
void async_teardown(boost::beast::role_type, Transport& transport, Handler&& handler) {
    transport.line().finish();
    transport.close();
    asio::post(transport.get_executor(),
               [handler = std::forward<Handler>(handler)]() mutable { handler(error_code{}); });
}

}  // namespace khu::wire::net
