// WebSockets between the agents' channel and the server.
#include <atomic>
#include <future>
#include <thread>

#include "tests/wire/net_world.h"
#include "wire/net/channel.h"

namespace khu::wire::net::test {
namespace {

/// A server that keeps what its WebSockets say.
struct Hub {
    Served served;
    Mailbox<std::shared_ptr<WebSocket>> sockets;
    Mailbox<std::string> messages;
    Mailbox<std::string> closings;
    std::atomic<bool> echoes{false};
    bool lines{false};

    explicit Hub(ServerLimits limits = {}, bool with_lines = false)
        : served({}, limits), lines(with_lines) {
        listen();
    }
    ~Hub() { served.destroy(); }  // before the mailboxes

    void listen() {
        served.server().on_websocket("/agent", [this](Request&& request, const Upgrade& upgrade) {
            if (request.header("X-Refuse") == "yes") {
                upgrade.refuse({.status = 403});
                return;
            }
            auto self = std::make_shared<std::promise<std::shared_ptr<WebSocket>>>();
            std::shared_future<std::shared_ptr<WebSocket>> future = self->get_future();
            auto socket =
                upgrade.accept({.on_message =
                                    [this, future](std::string&& message) {
                                        if (echoes) {
                                            (void)future.get()->send(message);
                                        } else {
                                            messages.put(std::move(message));
                                        }
                                    },
                                .on_close = [this](const std::string& why) { closings.put(why); },
                                .lines = lines});
            self->set_value(socket);
            sockets.put(socket);
        });
    }
    void restart() {
        served.restart();
        listen();
    }
};

/// A channel that keeps what it hears.
struct Agent {
    Mailbox<int> openings;
    Mailbox<std::string> messages;
    Mailbox<std::string> closings;
    Mailbox<std::string> troubles;
    std::unique_ptr<Channel> channel;

    explicit Agent(ChannelOptions options) {
        options.on_open = [this] { openings.put(1); };
        options.on_message = [this](std::string&& message) { messages.put(std::move(message)); };
        options.on_close = [this](const std::string& why) { closings.put(why); };
        options.on_trouble = [this](const std::string& why) { troubles.put(why); };
        channel = must(Channel::start(std::move(options)));
    }
    ~Agent() { channel->stop(); }
};

ChannelOptions options_for(Hub& hub, bool tls = true) {
    return {.endpoint = tls ? hub.served.tls_endpoint() : hub.served.unix_endpoint(),
            .path = "/agent",
            .authority = zone().authority.certificate,
            .identity = zone().node("gn01"),
            .retry_first = milliseconds(1),
            .retry_most = milliseconds(50)};
}

TEST(WebSockets, CarryMessagesBothWaysInOrder) {
    for (const bool tls : {true, false}) {
        Hub hub;
        Agent agent(options_for(hub, tls));
        agent.openings.take();
        const std::shared_ptr<WebSocket> socket = hub.sockets.take();

        for (int i = 0; i < 1000; ++i) {
            ASSERT_TRUE(agent.channel->send("up " + std::to_string(i)));
            ASSERT_TRUE(socket->send("down " + std::to_string(i)));
        }

        for (int i = 0; i < 1000; ++i) {
            ASSERT_EQ(hub.messages.take(), "up " + std::to_string(i));
            ASSERT_EQ(agent.messages.take(), "down " + std::to_string(i));
        }
    }
}

TEST(WebSockets, CarryLinesThatShareFramesEachAlone) {
    for (const bool tls : {true, false}) {
        Hub hub({}, true);
        ChannelOptions options = options_for(hub, tls);
        options.lines = true;
        Agent agent(std::move(options));
        agent.openings.take();
        std::vector<std::string> said;
        for (std::size_t i = 0; i < 5'000; ++i) {
            said.push_back(std::to_string(i) + std::string(i % 97 == 0 ? 20'000 : i % 300, 'x'));
        }
        said.insert(said.begin() + 100, std::string());
        for (const std::string& line : said) {
            ASSERT_TRUE(agent.channel->send(line));
        }
        const std::shared_ptr<WebSocket> socket = hub.sockets.take();
        for (const std::string& line : said) {
            ASSERT_TRUE(socket->send(line));
        }
        for (const std::string& line : said) {
            ASSERT_EQ(hub.messages.take(), line);
            ASSERT_EQ(agent.messages.take(), line);
        }
        while (socket->queued() != 0) {
            std::this_thread::yield();  // nothing stays on its account
        }
    }
}

TEST(WebSockets, EchoFromTheirOwnCallbacks) {
    Hub hub;
    hub.echoes = true;
    Agent agent(options_for(hub));
    agent.openings.take();

    for (const std::string& message :
         {std::string("hello"), std::string(), std::string("é"), std::string(3 << 20, 'x')}) {
        ASSERT_TRUE(agent.channel->send(message));
        EXPECT_EQ(agent.messages.take(), message);
    }
}

TEST(WebSockets, MaySpeakBeforeTheyAreOpen) {
    Hub hub;
    Agent agent(options_for(hub));
    const std::shared_ptr<WebSocket> socket = hub.sockets.take();

    EXPECT_TRUE(socket->send("at once"));

    EXPECT_EQ(agent.messages.take(), "at once");
}

TEST(WebSockets, AreMadeAgainWhenTheServerIsRestarted) {
    Hub hub;
    Agent agent(options_for(hub));
    for (int round = 0; round < 3; ++round) {
        agent.openings.take();
        const std::shared_ptr<WebSocket> socket = hub.sockets.take();
        ASSERT_TRUE(agent.channel->send("round " + std::to_string(round)));
        EXPECT_EQ(hub.messages.take(), "round " + std::to_string(round));

        hub.restart();

        EXPECT_EQ(agent.closings.take(), "closed by the peer: the server stops");
        EXPECT_EQ(hub.closings.take(), "closed here: the server stops");
        EXPECT_FALSE(socket->send("gone"));
        EXPECT_FALSE(socket->alive());
    }
    agent.openings.take();
}

TEST(WebSockets, AreMadeAgainWhenAskedTo) {
    Hub hub;
    Agent agent(options_for(hub));
    agent.openings.take();

    agent.channel->reconnect();

    agent.closings.take();
    agent.openings.take();
    hub.closings.take();
}

TEST(WebSockets, TellTheServerThatTheAgentStops) {
    Hub hub;
    {
        Agent agent(options_for(hub));
        agent.openings.take();
    }
    EXPECT_EQ(hub.closings.take(), "closed by the peer: the agent stops");
}

TEST(WebSockets, AreClosedFromEitherSideAfterWhatWaits) {
    Hub hub;
    Agent agent(options_for(hub));
    agent.openings.take();
    const std::shared_ptr<WebSocket> socket = hub.sockets.take();

    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(socket->send(std::to_string(i)));
    }
    socket->close("a newer agent of this node is here");

    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(agent.messages.take(), std::to_string(i));
    }
    EXPECT_EQ(agent.closings.take(), "closed by the peer: a newer agent of this node is here");
}

TEST(WebSockets, AreRefusedWithAStatus) {
    Hub hub;
    ChannelOptions options = options_for(hub);
    options.headers = {{"X-Refuse", "yes"}};
    Agent agent(std::move(options));

    EXPECT_EQ(agent.troubles.take(), "refused with status 403");
    EXPECT_EQ(agent.troubles.take(), "refused with status 403");  // and tried again
    EXPECT_FALSE(agent.channel->is_open());
    EXPECT_FALSE(agent.channel->send("x"));
}

TEST(WebSockets, AreRefusedWhereThereAreNone) {
    Hub hub;
    ChannelOptions options = options_for(hub);
    options.path = "/nowhere";
    Agent agent(std::move(options));

    EXPECT_EQ(agent.troubles.take(), "refused with status 404");
}

TEST(WebSockets, AreTriedAgainWhileNobodyListens) {
    Hub hub;
    const ChannelOptions options = options_for(hub);
    hub.served.options().tcp = "127.0.0.1:" + std::to_string(hub.served.server().port());
    hub.served.destroy();
    Agent agent(options);
    EXPECT_EQ(agent.troubles.take(), "Connection refused");

    hub.served.start();
    hub.listen();

    agent.openings.take();
}

TEST(WebSockets, RefuseAMessageAboveTheBound) {
    Hub hub({.frame_bytes = 1000});
    Agent agent(options_for(hub));
    agent.openings.take();

    ASSERT_TRUE(agent.channel->send(std::string(1000, 'x')));
    EXPECT_EQ(hub.messages.take().size(), 1000U);
    ASSERT_TRUE(agent.channel->send(std::string(1001, 'x')));

    hub.closings.take();
    agent.closings.take();
    agent.openings.take();  // and comes again
}

TEST(WebSockets, BoundWhatWaits) {
    Hub hub({.queue_bytes = 1000});
    Agent agent(options_for(hub));
    agent.openings.take();
    const std::shared_ptr<WebSocket> socket = hub.sockets.take();

    EXPECT_FALSE(socket->send(std::string(1001, 'x')));
    EXPECT_TRUE(socket->send(std::string(1000, 'x')));

    EXPECT_EQ(agent.messages.take().size(), 1000U);
}

TEST(WebSockets, LeaveTheHandlesHarmlessWhenTheServerIsGone) {
    Hub hub;
    Agent agent(options_for(hub));
    agent.openings.take();
    const std::shared_ptr<WebSocket> socket = hub.sockets.take();

    hub.served.destroy();

    EXPECT_FALSE(socket->alive());
    EXPECT_FALSE(socket->send("x"));
    socket->close("x");
}

constexpr std::string_view kUpgrade =
    "GET /agent HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

TEST(WebSockets, ClosePeersWhoseFramesAreBroken) {
    Hub hub;
    const std::string masked_text("\x81\x82\x00\x00\x00\x00\xff\xfe", 8);  // not UTF-8
    const std::string unmasked("\x81\x02hi", 4);
    const std::string reserved("\xf1\x80\x00\x00\x00\x00", 6);
    const std::string unknown("\x87\x80\x00\x00\x00\x00", 6);
    const std::string endless("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 14);
    for (const std::string& frame : {masked_text, unmasked, reserved, unknown, endless}) {
        Raw raw(hub.served.unix_endpoint());
        raw.write(kUpgrade);
        EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));

        raw.write(frame);

        hub.closings.take();
        raw.read_until();
    }
    Agent agent(options_for(hub));
    agent.openings.take();
}

TEST(WebSockets, AreCutWhenThePeerIsSilent) {
    Hub hub({.websocket_idle = milliseconds(200)});
    Raw raw(hub.served.unix_endpoint());
    raw.write(kUpgrade);
    EXPECT_TRUE(raw.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));

    EXPECT_EQ(hub.closings.take(), "silent for too long");  // the ping was not answered
}

TEST(WebSockets, StayWhenThePeerAnswersPings) {
    Hub hub({.websocket_idle = milliseconds(100)});
    Agent agent(options_for(hub));
    agent.openings.take();
    Raw silent(hub.served.unix_endpoint());
    silent.write(kUpgrade);
    for (int i = 0; i < 3; ++i) {  // three silent peers later the agent is still there
        Raw raw(hub.served.unix_endpoint());
        raw.write(kUpgrade);
        hub.closings.take();
    }

    EXPECT_TRUE(agent.closings.empty());
    EXPECT_TRUE(agent.channel->send("still here"));
    EXPECT_EQ(hub.messages.take(), "still here");
}

TEST(WebSockets, DoNotWaitForAPeerThatNeverSaysGoodbye) {
    Hub hub({.stop_grace = milliseconds(20)});
    Raw raw(hub.served.unix_endpoint());
    raw.write(kUpgrade);
    const std::shared_ptr<WebSocket> socket = hub.sockets.take();

    hub.served.destroy();

    hub.closings.take();
    EXPECT_FALSE(socket->alive());
}

TEST(WebSockets, ServeManyAgents) {
    constexpr int count = 50;
    Hub hub;
    hub.echoes = true;
    std::vector<std::unique_ptr<Agent>> agents;
    for (int i = 0; i < count; ++i) {
        agents.push_back(std::make_unique<Agent>(options_for(hub)));
    }
    for (const auto& agent : agents) {
        agent->openings.take();
    }
    EXPECT_EQ(hub.served.server().connections(), count);

    for (int round = 0; round < 20; ++round) {
        for (const auto& agent : agents) {
            ASSERT_TRUE(agent->channel->send(std::to_string(round)));
        }
    }

    for (const auto& agent : agents) {
        for (int round = 0; round < 20; ++round) {
            EXPECT_EQ(agent->messages.take(), std::to_string(round));
        }
    }
}

}  // namespace
}  // namespace khu::wire::net::test
