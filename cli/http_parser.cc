#include "cli/http_parser.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>
#include <cstring>
#include <limits>

#include "core/base/limits.h"

namespace khu::cli {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using Error = beast::error_code;

class AnswerParser final : public http::basic_parser<false> {
public:
    explicit AnswerParser(const OnBody& on_body) : on_body_(on_body) {
        header_limit(static_cast<std::uint32_t>(limits::header_bytes_max));
        body_limit(boost::none);
        eager(true);
    }

    [[nodiscard]] const HttpHead& head() const { return head_; }
    [[nodiscard]] bool stopped() const { return stopped_; }

private:
    std::size_t give(beast::string_view body, Error& error) {
        if (!on_body_(head_, {body.data(), body.size()})) {
            stopped_ = true;
            error = http::make_error_code(http::error::end_of_stream);
        }
        return body.size();
    }

    void on_request_impl(http::verb, beast::string_view, beast::string_view, int, Error&) override {
    }
    void on_response_impl(int code, beast::string_view, int, Error&) override {
        head_.status = code;
    }
    void on_field_impl(http::field name, beast::string_view, beast::string_view value,
                       Error&) override {
        if (name == http::field::content_type) {
            head_.content_type = std::string(value);
        }
    }
    void on_header_impl(Error&) override {}
    void on_body_init_impl(const boost::optional<std::uint64_t>&, Error&) override {}
    std::size_t on_body_impl(beast::string_view body, Error& error) override {
        return give(body, error);
    }
    void on_chunk_header_impl(std::uint64_t, beast::string_view, Error&) override {}
    std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, Error& error) override {
        return give(body, error);
    }
    void on_finish_impl(Error&) override {}

    const OnBody& on_body_;
    HttpHead head_;
    bool stopped_{false};
};

/// The bytes received and not yet understood.
struct Pending {
    std::array<char, 65536> bytes;
    std::size_t size{0};
};

NetFault broken(std::string why) {
    return {.stage = NetFault::Stage::Exchange, .why = std::move(why)};
}

Expected<Done, NetFault> receive(ByteStream& stream, Span idle, AnswerParser& parser,
                                 Pending& pending) {
    const long got = stream.read_some(pending.bytes.data() + pending.size,
                                      pending.bytes.size() - pending.size, idle);
    if (got < 0 && errno == EINTR) {
        return interrupted() ? Expected<Done, NetFault>(Unexpected{NetFault{
                                   .stage = NetFault::Stage::Interrupted, .why = "interrupted"}})
                             : Expected<Done, NetFault>(Done{});
    }
    if (got < 0) {
        return Unexpected{broken(stream.last_error())};
    }
    if (got == 0) {
        Error error;
        if (parser.got_some()) {
            parser.put_eof(error);
        }
        if (error || !parser.is_done()) {
            return Unexpected{broken("the connection ended in the middle of the answer")};
        }
    }
    pending.size += static_cast<std::size_t>(got);
    return Done{};
}

/// Feeds the parser as far as it goes. False: it needs more bytes than there are.
Expected<Done, NetFault> digest(AnswerParser& parser, Pending& pending) {
    while (pending.size > 0 && !parser.is_done()) {
        Error error;
        const std::size_t used =
            parser.put(boost::asio::const_buffer(pending.bytes.data(), pending.size), error);
        std::memmove(pending.bytes.data(), pending.bytes.data() + used, pending.size - used);
        pending.size -= used;
        if (parser.stopped()) {
            return Done{};
        }
        if (error == http::error::need_more) {
            return Done{};
        }
        if (error) {
            return Unexpected{broken("the answer is not HTTP: " + error.message())};
        }
    }
    return Done{};
}

}  // namespace

Expected<HttpOutcome, NetFault> read_answer(ByteStream& stream, Span idle, const OnBody& on_body,
                                            bool& answered) {
    AnswerParser parser(on_body);
    Pending pending{};
    while (!parser.is_done() && !parser.stopped()) {
        const Expected<Done, NetFault> received = receive(stream, idle, parser, pending);
        if (!received) {
            return Unexpected{received.error()};
        }
        answered = answered || pending.size > 0;
        const Expected<Done, NetFault> understood = digest(parser, pending);
        if (!understood) {
            return Unexpected{understood.error()};
        }
    }
    return HttpOutcome{.head = parser.head(),
                       .keep_alive = !parser.stopped() && parser.keep_alive() && pending.size == 0,
                       .stopped = parser.stopped()};
}

}  // namespace khu::cli
