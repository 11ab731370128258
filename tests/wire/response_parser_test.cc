#include "wire/net/response_parser.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace khu::wire::net {
namespace {

struct Parsed {
    bool good{true};
    bool done{false};
    int status{0};
    std::string body;
    std::string why;
};

/// Feeds `text` in pieces of `size` bytes, then the end.
Parsed parse(std::string_view text, std::size_t size, bool to_head = false) {
    Parsed result;
    ResponseParser parser(to_head, [&](const Response&, std::string_view part) {
        result.body += part;
        return true;
    });
    while (!text.empty() && result.good) {
        result.good = parser.feed(text.substr(0, size));
        text.remove_prefix(std::min(size, text.size()));
    }
    result.good = result.good && parser.end_of_stream();
    result.done = parser.done();
    result.status = parser.head().status;
    result.why = parser.why();
    return result;
}

TEST(ResponseParser, ReadsEveryFramingInPiecesOfAnySize) {
    const std::string_view length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    const std::string_view chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";
    const std::string_view until_close = "HTTP/1.1 200 OK\r\n\r\nhello";
    const std::string_view after_continue =
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (const std::string_view text : {length, chunked, until_close, after_continue}) {
        for (std::size_t size = 1; size <= text.size(); ++size) {
            const Parsed parsed = parse(text, size);
            ASSERT_TRUE(parsed.good) << parsed.why << " in pieces of " << size << ": " << text;
            ASSERT_EQ(parsed.body, "hello");
            ASSERT_EQ(parsed.status, 200);
        }
    }
}

TEST(ResponseParser, ExpectsNoBodyWhereThereIsNone) {
    EXPECT_TRUE(parse("HTTP/1.1 204 No Content\r\n\r\n", 7).done);
    EXPECT_TRUE(parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 7, true).done);
}

TEST(ResponseParser, RefusesWhatKhudWouldNotSend) {
    for (const std::string_view bad :
         {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n", "HTTP/1.1",
          ""}) {
        EXPECT_FALSE(parse(bad, 1).good) << bad;
        EXPECT_FALSE(parse(bad, bad.size() + 1).good) << bad;
    }
    EXPECT_EQ(parse("HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'), 4096).why,
              "the header is too long");
}

TEST(ResponseParser, NeverFailsBadlyOnAnyBytes) {
    EXPECT_TRUE(rc::check("any bytes are read or refused", [] {
        const std::string base =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        std::string text = base;
        const int edits = *rc::gen::inRange(0, 6);
        for (int i = 0; i < edits; ++i) {
            text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
        }

        const Parsed parsed = parse(text, *rc::gen::inRange<std::size_t>(1, 20));

        RC_ASSERT(parsed.good != !parsed.why.empty());
    }));
}

}  // namespace
}  // namespace khu::wire::net
