// Whoever is slow, silent, too large, untrusted or broken is cut, and the others are served on.
#include <openssl/ssl.h>

#include <atomic>
#include <thread>

#include "tests/wire/net_world.h"
#include "wire/net/line.h"

namespace khu::wire::net::test {
namespace {

void expect_served(Served& zone) {
    EXPECT_EQ(must(zone.tls_client().send({.target = "/ok"})).body, "GET /ok ");
    EXPECT_EQ(must(zone.unix_client().send({.target = "/ok"})).body, "GET /ok ");
}

/// The text of the fault that a client meets.
Refusal fault_of(Client client) {
    Expected<Response, Fault> response = client.send({});
    return response ? Refusal{} : response.error();
}

TEST(Hostile, IsToldThatABodyIsTooLarge) {
    Served zone({}, {.body_bytes = 1000});
    for (const bool tls : {false, true}) {
        Client client = zone.client(tls);

        const Response at_bound =
            must(client.send({.method = "POST", .body = std::string(1000, 'x')}));
        const Response above =
            must(client.send({.method = "POST", .body = std::string(5 << 20, 'x')}));

        EXPECT_EQ(at_bound.status, 200);
        EXPECT_EQ(above.status, 413);
        EXPECT_EQ(above.body, "body_too_large");
        EXPECT_EQ(above.content_type, "application/problem+json");
    }
    expect_served(zone);
}

TEST(Hostile, IsToldThatAChunkedBodyIsTooLarge) {
    Served zone({}, {.body_bytes = 1000});
    Raw raw(zone.unix_endpoint());

    raw.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 3; ++i) {
        raw.write("1f4\r\n" + std::string(500, 'x') + "\r\n");
    }

    EXPECT_TRUE(raw.read_until().starts_with("HTTP/1.1 413 "));
}

TEST(Hostile, IsToldThatAHeaderIsTooLarge) {
    Served zone;
    Client client = zone.tls_client();

    const Response response = must(client.send({.headers = {{"X", std::string(20'000, 'x')}}}));

    EXPECT_EQ(response.status, 431);
    EXPECT_EQ(response.body, "header_too_large");
}

TEST(Hostile, IsToldThatItDoesNotSpeakHttp) {
    Served zone;
    const std::string nul("GET /\0 HTTP/1.1\r\n\r\n", 19);
    for (const std::string& nonsense :
         {std::string("\x16\x03\x01 hello\r\n\r\n"), std::string("GET\r\n\r\n"), nul,
          std::string("GET / HTTP/9.9\r\n\r\n"), std::string("GET /%zz HTTP/1.1\r\n\r\n"),
          std::string("GET x HTTP/1.1\r\n\r\n"),
          std::string("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
          std::string("POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"),
          std::string("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")}) {
        Raw raw(zone.unix_endpoint());
        raw.write(nonsense);
        EXPECT_TRUE(raw.read_until().starts_with("HTTP/1.1 400 ")) << nonsense;
    }
    expect_served(zone);
}

TEST(Hostile, IsCutWhenItsHeaderDoesNotEnd) {
    Served zone({}, {.idle = milliseconds(100)});
    Raw silent(zone.unix_endpoint());
    Raw slow(zone.unix_endpoint());

    slow.write("GET / HTTP/1.1\r\nHo");

    EXPECT_EQ(slow.read_until(), "");
    EXPECT_EQ(silent.read_until(), "");
    expect_served(zone);
}

TEST(Hostile, IsCutWhenItsHeaderComesByteByByte) {
    Served zone({}, {.idle = milliseconds(150)});
    Raw slow(zone.unix_endpoint());
    slow.write("GET / HTTP/1.1\r\nX: ");

    // Each byte comes soon, but the whole never does: the bound is on the whole.
    int sent = 0;
    while (!wait_ready(slow.fd(), true, 10)) {
        slow.write("x");
        ASSERT_LT(++sent, 2000);
    }

    EXPECT_EQ(slow.read_until(), "");
}

TEST(Hostile, IsCutWhenItsBodyDoesNotCome) {
    Served zone({}, {.idle = milliseconds(100)});
    Raw slow(zone.unix_endpoint());

    slow.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345");

    EXPECT_EQ(slow.read_until(), "");
}

TEST(Hostile, IsCutWhenItDoesNotReadItsAnswer) {
    std::atomic<int> answered{0};
    Served zone(
        [&](Request&&, const Responder& responder) {
            ++answered;
            responder.send({.body = std::string(4 << 20, 'x')});
        },
        {.idle = milliseconds(50), .slowest_bytes_per_second = 1LL << 30});
    Raw raw(zone.unix_endpoint());

    raw.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    while (zone.server().connections() > 0 || answered == 0) {
        std::this_thread::yield();
    }

    EXPECT_LT(raw.read_until().size(), 4U << 20);
}

TEST(Hostile, IsCutWhenItDoesNotGreet) {
    Served zone({}, {.handshake = milliseconds(100)});
    Raw silent(zone.tls_endpoint());
    Raw slow(zone.tls_endpoint());

    slow.write(std::string("\x16\x03\x01\x02", 4));

    EXPECT_EQ(silent.read_until(), "");
    EXPECT_EQ(slow.read_until(), "");
    expect_served(zone);
}

TEST(Hostile, IsRefusedWhenItSpeaksPlainTextToTheTlsPort) {
    Served zone;
    Raw raw(zone.tls_endpoint());

    raw.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");

    EXPECT_EQ(raw.read_until().find("HTTP"), std::string::npos);
    expect_served(zone);
}

TEST(Hostile, IsTurnedAwayWhenThereAreTooMany) {
    Served zone({}, {.connections = 2});
    Client one = zone.tls_client();
    Client two = zone.tls_client();
    must(one.send({}));
    must(two.send({}));

    EXPECT_EQ(fault_of(zone.tls_client()).code, Code::Unreachable);
    EXPECT_EQ(must(zone.unix_client().send({})).status, 200);  // the zone's own door stays open
    one.disconnect();
    EXPECT_TRUE(zone.tls_client()
                    .send_again({}, {.total = seconds(10), .first = milliseconds(1)})
                    .has_value());
}

TEST(Hostile, CannotHoldMoreThanItsShareOfHandshakes) {
    Served zone({}, {.handshakes_per_address = 2});
    Raw one(zone.tls_endpoint());
    Raw two(zone.tls_endpoint());
    while (zone.server().connections() < 2) {
        std::this_thread::yield();
    }

    EXPECT_EQ(fault_of(zone.tls_client()).code, Code::Unreachable);
    EXPECT_EQ(must(zone.unix_client().send({})).status, 200);
}

// --- Certificates
// ---------------------------------------------------------------------------------

TEST(Trust, KnowsANodeByItsCertificate) {
    Served served([](Request&& request, const Responder& responder) {
        responder.send({.body = request.peer.certificate_subject});
    });

    EXPECT_EQ(must(served.tls_client(zone().node("gn01")).send({})).body, "node:gn01");
    EXPECT_EQ(must(served.tls_client().send({})).body, "");
}

TEST(Trust, RefusesACertificateOfAnotherAuthority) {
    Served served;
    const Identity other = must(make_authority("other", now()));
    const Identity node = must(issue_node(other, NodeName{"gn01"}, now()));

    const Refusal fault = fault_of(served.tls_client(node));

    EXPECT_TRUE(fault.code == Code::Untrusted || fault.code == Code::Unreachable);
    expect_served(served);
}

TEST(Trust, RefusesAnExpiredCertificate) {
    Served served;
    const Identity old = must(issue_node(zone().authority, NodeName{"gn01"}, now() - days(400)));
    const Identity early = must(issue_node(zone().authority, NodeName{"gn01"}, now() + days(2)));

    EXPECT_NE(fault_of(served.tls_client(old)).code, Code{});
    EXPECT_NE(fault_of(served.tls_client(early)).code, Code{});
}

TEST(Trust, RefusesAServerOfAnotherAuthority) {
    Served served;
    const Identity other = must(make_authority("other", now()));

    const Refusal fault = fault_of(
        Client(ClientOptions{.endpoint = served.tls_endpoint(), .authority = other.certificate}));

    EXPECT_EQ(fault.code, Code::Untrusted);
}

TEST(Trust, RefusesANodeThatPosesAsTheServer) {
    ServerOptions options{.tcp = "127.0.0.1:0",
                          .identity = zone().node("gn01"),
                          .authority = zone().authority.certificate,
                          .problem = problem};
    options.handler = [](Request&&, const Responder& responder) { responder.send({}); };
    const std::unique_ptr<Server> impostor = must(Server::start(options));

    const Refusal fault = fault_of(Client(ClientOptions{
        .endpoint = {.unix_path = {}, .tcp = {.host = "127.0.0.1", .port = impostor->port()}},
        .authority = zone().authority.certificate}));

    EXPECT_EQ(fault.code, Code::Untrusted);
}

TEST(Trust, RefusesAnOlderTls) {
    Served served;
    Raw raw(served.tls_endpoint());
    ASSERT_EQ(::fcntl(raw.fd(), F_SETFL, 0), 0);
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
    SSL* ssl = SSL_new(context);
    SSL_set_fd(ssl, raw.fd());

    EXPECT_NE(SSL_connect(ssl), 1);

    SSL_free(ssl);
    SSL_CTX_free(context);
    expect_served(served);
}

TEST(Trust, SurvivesAPeerThatClosesWhileItIsGreeted) {
    Served served;
    for (int i = 0; i < 50; ++i) {
        Raw raw(served.tls_endpoint());
        raw.write(std::string("\x16\x03\x01\x02\x00\x01\x00", 7));
    }
    expect_served(served);
}

TEST(Trust, ResumesTheLastSessionAlsoAfterARestart) {
    Served served;
    const std::shared_ptr<TlsContext> context =
        must(TlsContext::client(zone().authority.certificate, {}));
    const auto visit = [&] {
        Raw raw(served.tls_endpoint());
        Line line = Line::tls_client(raw.fd(), context, "127.0.0.1");
        const auto until = [&](auto step) {
            Io state = step();
            while (state == Io::WantRead || state == Io::WantWrite) {
                wait_ready(raw.fd(), state == Io::WantRead, 5000);
                state = step();
            }
            return state;
        };
        EXPECT_EQ(until([&] { return line.handshake(); }), Io::Done);
        const std::string_view request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        EXPECT_EQ(line.write(request.data(), request.size()).state, Io::Done);
        char part[4096];
        EXPECT_EQ(until([&] { return line.read(part, sizeof part).state; }), Io::Done);
        return line.resumed();
    };

    EXPECT_FALSE(visit());
    EXPECT_TRUE(visit());
    served.restart();
    EXPECT_TRUE(visit());
}

TEST(Certificates, AreSignedForTheNameThatWeChose) {
    const Identity request = must(make_request(NodeName{"root-of-all"}));

    const std::string signed_pem =
        must(sign_request(zone().authority, request.certificate, NodeName{"gn07"}, now()));

    const CertificateFacts facts = must(inspect(signed_pem));
    EXPECT_EQ(facts.subject, "node:gn07");
    EXPECT_EQ(node_of_subject(facts.subject), "gn07");
    EXPECT_EQ(node_of_subject("user:gn07"), "");
    EXPECT_LE(facts.not_before, now() - hours(23));
    EXPECT_GT(facts.not_after, now() + days(364));
    Served served([](Request&& r, const Responder& responder) {
        responder.send({.body = r.peer.certificate_subject});
    });
    EXPECT_EQ(must(served.tls_client(Identity{signed_pem, request.key}).send({})).body,
              "node:gn07");
}

TEST(Certificates, AreNotMadeFromABrokenRequestOrName) {
    std::string request = must(make_request(NodeName{"gn01"})).certificate;
    request[request.size() / 2] ^= 1;

    EXPECT_FALSE(sign_request(zone().authority, request, NodeName{"gn01"}, now()).has_value());
    EXPECT_FALSE(sign_request(zone().authority, "", NodeName{"gn01"}, now()).has_value());
    EXPECT_FALSE(issue_server(zone().authority, {"a,DNS:evil"}, now()).has_value());
    EXPECT_FALSE(issue_server({}, {"a"}, now()).has_value());
    EXPECT_FALSE(inspect("nonsense").has_value());
}

TEST(Secrets, HashCompareAndDiffer) {
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(hmac_sha256("key", "The quick brown fox jumps over the lazy dog")),
              "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    EXPECT_EQ(random_token().size(), 64U);
    EXPECT_NE(random_token(), random_token());
    EXPECT_TRUE(same_secret("abc", "abc"));
    EXPECT_FALSE(same_secret("abc", "abd"));
    EXPECT_FALSE(same_secret("abc", "abcd"));
}

TEST(Files, AreWrittenWholeAndPrivate) {
    const Directory directory;
    const std::string path = directory / "key.pem";

    must(write_private(path, "one"));
    must(write_private(path, "two"));

    EXPECT_EQ(must(read_file(path)), "two");
    namespace fs = std::filesystem;
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    const auto entries = fs::directory_iterator(fs::path(path).parent_path());
    EXPECT_EQ(std::distance(begin(entries), end(entries)), 1);  // no temporary file is left
    EXPECT_FALSE(read_file(directory / "absent").has_value());
    EXPECT_EQ(write_private(directory / "no/such", "x").error().code, Code::FileFailed);
}

}  // namespace
}  // namespace khu::wire::net::test
