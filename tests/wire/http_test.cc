// The server and the client, over TLS and the Unix socket, as they are meant to be used.
#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "tests/wire/net_world.h"

namespace khu::wire::net::test {
namespace {

class Http : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(OverBoth, Http, testing::Bool(), [](const auto& over) {
    return over.param ? std::string("Tls") : std::string("Unix");
});

TEST_P(Http, CarriesMethodPathQueryAndBodyThereAndBack) {
    Served zone;
    Client client = zone.client(GetParam());
    const std::string body(100'000, 'x');

    const Response response = must(client.send(
        {.method = "POST", .target = "/v1/jobs/a%20b?limit=10&name=x%3dy+z", .body = body}));

    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.content_type, "text/plain");
    EXPECT_EQ(response.body, "POST /v1/jobs/a b limit=10 name=x=y z " + body);
}

TEST_P(Http, CarriesHeadersWithoutRegardToCase) {
    Served zone([](Request&& request, const Responder& responder) {
        responder.send({.status = 201,
                        .body = std::string(request.header("AUTHORIZATION")),
                        .headers = {{"X-Next", "7\r\nX-Evil: 1"}}});
    });
    Client client = zone.client(GetParam());

    const Response response = must(client.send({.headers = {{"Authorization", "Bearer abc"}}}));

    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.body, "Bearer abc");
    EXPECT_EQ(response.header("x-next"), "7  X-Evil: 1");
    EXPECT_EQ(response.header("x-evil"), "");
}

TEST_P(Http, KeepsOneConnectionForManyRequests) {
    std::mutex mutex;
    std::set<std::string> addresses;
    Served zone([&](Request&& request, const Responder& responder) {
        const std::lock_guard lock(mutex);
        addresses.insert(request.peer.address);
        responder.send(echo(request));
    });
    Client client = zone.client(GetParam());

    for (int i = 0; i < 200; ++i) {
        ASSERT_EQ(must(client.send({.target = "/" + std::to_string(i)})).status, 200);
    }

    EXPECT_EQ(addresses.size(), 1U);
    EXPECT_EQ(zone.server().connections(), 1);
}

TEST_P(Http, IsAnsweredFromAnotherThread) {
    Mailbox<std::pair<Request, Responder>> waiting;
    Served zone([&](Request&& request, Responder responder) {
        waiting.put({std::move(request), std::move(responder)});
    });
    std::thread engine([&] {
        for (int i = 0; i < 100; ++i) {
            const auto [request, responder] = waiting.take();
            responder.send(echo(request));
        }
    });
    Client client = zone.client(GetParam());

    for (int i = 0; i < 100; ++i) {
        const std::string path = "/" + std::to_string(i);
        EXPECT_EQ(must(client.send({.target = path})).body, "GET " + path + " ");
    }

    engine.join();
}

TEST_P(Http, SendsNoBodyToHead) {
    Served zone;
    Client client = zone.client(GetParam());

    const Response response = must(client.send({.method = "HEAD", .target = "/x"}));

    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.header("content-length"), "8");
    EXPECT_EQ(response.body, "");
    EXPECT_EQ(must(client.send({.target = "/y"})).body, "GET /y ");
}

TEST_P(Http, CarriesLargeAnswers) {
    const std::string large(6 << 20, 'y');
    Served zone([&](Request&&, const Responder& responder) { responder.send({.body = large}); });
    Client client = zone.client(GetParam());

    EXPECT_EQ(must(client.send({})).body, large);
    EXPECT_EQ(must(client.send({})).body, large);
}

/// `size` bytes, of which only `there` can be read.
class Pieces final : public BodySource {
public:
    Pieces(std::int64_t size, std::int64_t there) : size_(size), there_(there) {}
    [[nodiscard]] std::int64_t bytes() const override { return size_; }
    [[nodiscard]] std::string read(std::int64_t from, std::size_t most) const override {
        const auto left = static_cast<std::size_t>(std::max<std::int64_t>(0, there_ - from));
        std::string piece;
        for (std::size_t i = 0; i < std::min(most, left); ++i) {
            piece += static_cast<char>('a' + (from + static_cast<std::int64_t>(i)) % 26);
        }
        return piece;
    }

private:
    std::int64_t size_, there_;
};

TEST_P(Http, ReadsABodyPieceByPieceWhileItIsSent) {
    constexpr std::int64_t size = (3 << 20) + 7;
    const auto source = std::make_shared<const Pieces>(size, size);
    Served zone([&](Request&&, const Responder& responder) {
        responder.send({.body = "head ", .source = source});
    });
    Client client = zone.client(GetParam());

    for (int round = 0; round < 2; ++round) {  // The connection goes on after it.
        const Response answer = must(client.send({}));
        EXPECT_EQ(answer.header("content-length"), std::to_string(size + 5));
        EXPECT_EQ(answer.body, "head " + source->read(0, size));
    }
    EXPECT_EQ(must(client.send({.method = "HEAD"})).body, "");
    EXPECT_EQ(zone.server().connections(), 1);
}

TEST_P(Http, ABodyThatCannotBeReadToItsEndIsNoWholeAnswer) {
    const auto source = std::make_shared<const Pieces>(1 << 20, 1 << 19);
    Served zone([&](Request&&, const Responder& responder) { responder.send({.source = source}); });
    Client client = zone.client(GetParam());

    EXPECT_FALSE(client.send({}).has_value());
}

TEST_P(Http, ServesTwoHundredConnectionsAtOnce) {
    constexpr int count = 200;
    Mailbox<std::pair<Request, Responder>> waiting;
    Served zone([&](Request&& request, Responder responder) {
        waiting.put({std::move(request), std::move(responder)});
    });
    std::atomic<int> good{0};
    std::vector<std::thread> people;
    for (int i = 0; i < count; ++i) {
        people.emplace_back([&, i] {
            Client client = zone.client(GetParam());
            const std::string path = "/" + std::to_string(i);
            for (int round = 0; round < 3; ++round) {
                good += must(client.send({.target = path})).body == "GET " + path + " " ? 1 : 0;
            }
        });
    }

    // The first round is answered when all are connected, so they are at once.
    std::vector<std::pair<Request, Responder>> first;
    for (int i = 0; i < count; ++i) {
        first.push_back(waiting.take());
    }
    EXPECT_EQ(zone.server().connections(), count);
    for (const auto& [request, responder] : first) {
        responder.send(echo(request));
    }
    for (int i = 0; i < 2 * count; ++i) {
        const auto [request, responder] = waiting.take();
        responder.send(echo(request));
    }

    for (std::thread& person : people) {
        person.join();
    }
    EXPECT_EQ(good, 3 * count);
}

TEST_P(Http, StreamsPieceByPiece) {
    Mailbox<Stream> streams;
    Served zone([&](Request&&, const Responder& responder) {
        streams.put(responder.stream({.content_type = "text/event-stream", .body = "hello "}));
    });
    Client client = zone.client(GetParam());
    Mailbox<std::string> pieces;
    auto followed = std::async(std::launch::async, [&] {
        return must(client.follow({}, [&](std::string_view piece) {
            pieces.put(std::string(piece));
            return true;
        }));
    });

    Stream stream = streams.take();
    EXPECT_EQ(pieces.take(), "hello ");
    EXPECT_TRUE(stream.write("one"));
    EXPECT_EQ(pieces.take(), "one");
    EXPECT_TRUE(stream.write("two"));
    EXPECT_EQ(pieces.take(), "two");
    EXPECT_TRUE(stream.alive());
    stream.close();

    EXPECT_EQ(followed.get().content_type, "text/event-stream");
    EXPECT_FALSE(stream.write("late"));
}

TEST_P(Http, GoesOnAfterAStream) {
    Served zone([](Request&& request, const Responder& responder) {
        if (request.path == "/log") {
            Stream stream = responder.stream({});
            stream.write("line\n");
        } else {
            responder.send(echo(request));
        }
    });
    Client client = zone.client(GetParam());

    EXPECT_EQ(must(client.send({.target = "/log"})).body, "line\n");
    EXPECT_EQ(must(client.send({.target = "/next"})).body, "GET /next ");
    EXPECT_EQ(zone.server().connections(), 1);
}

TEST_P(Http, EndsAStreamWhoseReaderHasGone) {
    Mailbox<Stream> streams;
    Served zone([&](Request&&, const Responder& responder) {
        streams.put(responder.stream({.body = "x"}));
    });
    Client client = zone.client(GetParam());

    must(client.follow({}, [](std::string_view) { return false; }));
    Stream stream = streams.take();

    const auto end = std::chrono::steady_clock::now() + kLong;
    while (stream.alive() && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
    }
    EXPECT_FALSE(stream.alive());
    EXPECT_FALSE(stream.write("y"));
}

TEST_P(Http, BoundsWhatWaitsForASlowReader) {
    Mailbox<Stream> streams;
    Served zone([&](Request&&, const Responder& responder) { streams.put(responder.stream({})); },
                {.queue_bytes = 1 << 20});
    Client client = zone.client(GetParam());
    std::promise<void> go_on;
    std::size_t received = 0;
    auto followed = std::async(std::launch::async, [&] {
        bool waited = false;
        return must(client.follow({}, [&](std::string_view piece) {
            if (!std::exchange(waited, true)) {
                go_on.get_future().wait();
            }
            received += piece.size();
            return true;
        }));
    });
    Stream stream = streams.take();

    // Written without end, refused once the socket's buffers and the bound are full.
    const std::string piece(100'000, 'z');
    std::size_t taken = 0;
    while (stream.write(piece)) {
        taken += piece.size();
        ASSERT_LT(taken, 1U << 30);
    }
    EXPECT_TRUE(stream.alive());
    EXPECT_LE(stream.queued(), 1U << 20);
    go_on.set_value();
    stream.close();
    followed.get();

    EXPECT_EQ(received, taken);
}

TEST(HttpServer, TellsWhoIsAtTheUnixSocket) {
    Served zone([](Request&& request, const Responder& responder) {
        const UnixPeer peer = request.peer.local.value_or(UnixPeer{});
        responder.send({.body = std::to_string(peer.uid) + " " + std::to_string(peer.pid)});
    });
    Client client = zone.unix_client();

    EXPECT_EQ(must(client.send({})).body,
              std::to_string(::getuid()) + " " + std::to_string(::getpid()));
}

TEST(HttpServer, AnswersPipelinedRequestsInTheirOrder) {
    Mailbox<std::pair<Request, Responder>> waiting;
    Served zone([&](Request&& request, Responder responder) {
        waiting.put({std::move(request), std::move(responder)});
    });
    Raw raw(zone.unix_endpoint());
    std::string all;
    for (const std::string path : {"/1", "/2", "/3"}) {
        all += "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
    }

    raw.write(all + "GET /4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    for (int i = 0; i < 4; ++i) {
        const auto [request, responder] = waiting.take();
        EXPECT_TRUE(waiting.empty());  // the next is not begun before this is answered
        responder.send({.body = "<" + request.path + ">"});
    }

    const std::string answers = raw.read_until();
    EXPECT_LT(answers.find("</1>"), answers.find("</2>"));
    EXPECT_LT(answers.find("</2>"), answers.find("</3>"));
    EXPECT_LT(answers.find("</3>"), answers.find("</4>"));
    EXPECT_NE(answers.find("</4>"), std::string::npos);
}

TEST(HttpServer, AnswersForAHandlerThatDropsOrThrows) {
    Served zone([](Request&& request, Responder responder) {
        if (request.path == "/throw") {
            throw std::runtime_error("a defect");
        }
        const Responder dropped = std::move(responder);
    });
    Client client = zone.unix_client();

    for (const char* path : {"/drop", "/throw", "/drop"}) {
        const Response response = must(client.send({.target = path}));
        EXPECT_EQ(response.status, 500);
        EXPECT_EQ(response.body, "no_answer");
    }
}

TEST(HttpServer, SendsUnboundedBodiesToOldClientsUntilItCloses) {
    Served zone([](Request&&, const Responder& responder) {
        Stream stream = responder.stream({.body = "old"});
        stream.write(" words");
    });
    Raw raw(zone.unix_endpoint());

    raw.write("GET / HTTP/1.0\r\n\r\n");

    EXPECT_TRUE(raw.read_until().ends_with("\r\n\r\nold words"));
}

TEST(HttpServer, TellsClientsThatWaitForItToGoOn) {
    Served zone;
    Raw raw(zone.unix_endpoint());

    raw.write(
        "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
        "Connection: close\r\n\r\n");
    EXPECT_EQ(raw.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    raw.write("ab");

    EXPECT_TRUE(raw.read_until().ends_with("POST / ab"));
}

TEST(HttpServer, SaysWhoHoldsItsAddress) {
    Served zone;
    ServerOptions tcp = zone.options();
    tcp.tcp = "127.0.0.1:" + std::to_string(zone.server().port());
    tcp.unix_path.reset();
    ServerOptions local = zone.options();
    local.tcp.reset();

    for (const ServerOptions& options : {tcp, local}) {
        const auto second = Server::start(options);
        ASSERT_FALSE(second.has_value());
        EXPECT_EQ(second.error().code, Code::PortInUse);
        EXPECT_EQ(std::get<std::string>(second.error().data.at(0).value),
                  options.tcp.value_or(*zone.options().unix_path));
    }
    EXPECT_EQ(must(zone.unix_client().send({})).status, 200);
}

TEST(HttpServer, ReplacesASocketFileLeftFromACrash) {
    const Directory directory;
    const std::string path = directory / "khud.sock";
    SocketAddress address;
    ASSERT_TRUE(unix_address(path, address));
    const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
    ASSERT_EQ(::bind(left, address.get(), address.size), 0);
    ::close(left);

    ServerOptions options{.tcp = {}, .unix_path = path, .problem = problem};
    options.handler = [](Request&& request, const Responder& r) { r.send(echo(request)); };
    const std::unique_ptr<Server> server = must(Server::start(options));

    Client client(ClientOptions{.endpoint = {.unix_path = path, .tcp = {}}});
    EXPECT_EQ(must(client.send({})).status, 200);
}

TEST(HttpServer, FinishesAnswersUnderWayWhenItStops) {
    Mailbox<Responder> waiting;
    Served zone([&](Request&&, Responder responder) { waiting.put(std::move(responder)); });
    auto answer = std::async(std::launch::async, [&] { return must(zone.tls_client().send({})); });
    const Responder responder = waiting.take();

    auto stopped = std::async(std::launch::async, [&] { zone.server().stop(); });
    for (bool listens = true; listens;) {
        const Expected<int, Refusal> late = dial(zone.unix_endpoint(), seconds(1));
        listens = late.has_value();
        if (listens) {
            ::close(*late);
        }
    }
    responder.send({.body = "done"});

    EXPECT_EQ(answer.get().body, "done");
    stopped.get();
    EXPECT_EQ(zone.server().connections(), 0);
}

TEST(HttpServer, LeavesHandlesHarmlessWhenItIsGone) {
    Mailbox<Responder> waiting;
    Mailbox<Stream> streams;
    Served zone(
        [&](Request&& request, Responder responder) {
            if (request.path == "/stream") {
                streams.put(responder.stream({}));
            } else {
                waiting.put(std::move(responder));
            }
        },
        {.stop_grace = milliseconds(1)});
    auto one = std::async(std::launch::async, [&] { return zone.unix_client().send({}); });
    auto two = std::async(std::launch::async,
                          [&] { return zone.tls_client().send({.target = "/stream"}); });
    const Responder responder = waiting.take();
    Stream stream = streams.take();

    zone.destroy();

    EXPECT_FALSE(one.get().has_value());
    (void)two.get();
    responder.send({.body = "too late"});
    EXPECT_FALSE(stream.write("too late"));
}

TEST(HttpClient, ReplacesAConnectionThatTheServerHasClosed) {
    Served zone;
    Client client = zone.tls_client();
    must(client.send({}));

    zone.restart();

    EXPECT_EQ(must(client.send({.method = "POST", .target = "/again"})).body, "POST /again ");
}

TEST(HttpClient, SaysWhyItCannotReachTheServer) {
    Served zone;
    Client local = zone.unix_client();
    Client remote = zone.tls_client();
    zone.destroy();

    for (Client* client : {&local, &remote}) {
        const Expected<Response, Fault> response = client->send({});
        ASSERT_FALSE(response.has_value());
        EXPECT_EQ(response.error().code, Code::Unreachable);
    }
    EXPECT_NE(text(remote.send({}).error(), Language::English).find("Connection refused"),
              std::string::npos);
}

TEST(HttpClient, TriesAgainUntilTheServerIsThere) {
    std::atomic<int> asked{0};
    Served zone([&](Request&&, const Responder& responder) {
        responder.send({.status = ++asked < 3 ? 503 : 200});
    });
    Client client = zone.unix_client();

    const Response response =
        must(client.send_again({}, {.total = seconds(20), .first = milliseconds(1)}));

    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(asked, 3);
}

TEST(HttpClient, GivesUpOnAServerThatDoesNotAnswer) {
    Mailbox<Responder> kept;
    Served zone([&](Request&&, Responder responder) { kept.put(std::move(responder)); },
                {.stop_grace = milliseconds(1)});
    Client client(ClientOptions{.endpoint = zone.unix_endpoint(), .answer_max = milliseconds(50)});

    const Expected<Response, Fault> response = client.send({});

    ASSERT_FALSE(response.has_value());
    EXPECT_EQ(response.error().code, Code::Unreachable);
}

TEST(BackOff, DoublesToItsBoundWithAJitterOfHalf) {
    BackOff backoff(milliseconds(100), seconds(1), 7);

    for (const std::int64_t most : {100, 200, 400, 800, 1000, 1000}) {
        const std::int64_t wait = backoff.next().value;
        EXPECT_GE(wait, most / 2);
        EXPECT_LE(wait, most);
    }
    backoff.reset();
    EXPECT_LE(backoff.next(), milliseconds(100));
}

TEST(Endpoints, AreReadAndPrinted) {
    EXPECT_EQ(text(must(parse_endpoint("unix:/run/khu.sock"))), "unix:/run/khu.sock");
    EXPECT_EQ(text(must(parse_endpoint("https://khud.example:99/"))), "https://khud.example:99");
    EXPECT_EQ(text(must(parse_endpoint("khud"))), "https://khud:7443");
    EXPECT_EQ(text(must(parse_endpoint("[::1]:5"))), "https://[::1]:5");
    for (const char* bad :
         {"", "unix:", "http://khud", "khud:99999", "khud:x", "::1", "[::1", "https://khud/path"}) {
        EXPECT_FALSE(parse_endpoint(bad).has_value()) << bad;
    }
}

}  // namespace
}  // namespace khu::wire::net::test
