#pragma once

/// \file
/// Reads an HTTP/1.1 response as it arrives (RFC 9112), for the blocking client. Strict: what khud
/// would not send is refused. No Beast, so that the command line starts fast.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "wire/net/http.h"

namespace khu::wire::net {

class ResponseParser {
public:
    /// Gets each piece of the body; false: no more is wanted.
    using OnBody = std::function<bool(const Response& head, std::string_view)>;

    /// `to_head`: the request was HEAD, so no body follows.
    ResponseParser(bool to_head, OnBody on_body)
        : on_body_(std::move(on_body)), to_head_(to_head) {}

    /// Takes what has arrived. False: it is no response, and why() tells.
    bool feed(std::string_view data);
    /// The peer has closed. False: the response was not complete.
    bool end_of_stream();

    [[nodiscard]] bool head_done() const { return step_ != Step::Head; }
    [[nodiscard]] bool done() const { return step_ == Step::Done; }
    [[nodiscard]] bool stopped() const { return stopped_; }  ///< by on_body
    /// Status and headers; the body went to on_body. Valid once head_done().
    [[nodiscard]] Response& head() { return head_; }
    /// Whether another request may be sent on the connection after done().
    [[nodiscard]] bool keep_alive() const { return keep_alive_; }
    [[nodiscard]] const std::string& why() const { return why_; }

private:
    enum class Step { Head, Length, ChunkSize, ChunkData, ChunkEnd, Trailer, UntilClose, Done };

    bool fail(std::string why);
    bool take_head(std::string_view& data);
    bool parse_head(std::string_view head);
    bool parse_status(std::string_view line);
    bool choose_body();
    bool read_chunk_size(std::string_view line);
    void deliver(std::string_view& data);
    bool read_line(std::string_view& data, std::string& line);

    OnBody on_body_;
    bool to_head_;
    Step step_{Step::Head};
    std::string line_;  ///< the part of the head, or of a line, that has arrived
    Response head_;
    std::uint64_t left_{0};  ///< bytes of the body or chunk still to come
    bool keep_alive_{true};
    bool stopped_{false};
    std::string why_;
};

}  // namespace khu::wire::net
