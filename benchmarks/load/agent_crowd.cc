/// \file
/// Many nodes in one process, for a scheduler's benchmark: each joins the zone, keeps a connection
/// of its own with its own certificate and holds its lease by heartbeats, as khu-agent does, with
/// the same mind (core/node). What it is told to run it says runs; no process is started.
///
///     agent_crowd --controller 127.0.0.1:7443 --join-at unix:khud.sock --join-token join.token
///     --ca ca.pem --state DIR
///                 --nodes 'gn[0001-0800]' --topology dgx-h100.xml --nodes 'cn[001-200]' ...
///
/// Prints "connected N" once every node is welcomed, then serves until SIGTERM.

#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/enrol.h"
#include "agent/probe/hwloc_probe.h"
#include "core/node/node_machine.h"
#include "core/policy/hostlist.h"
#include "wire/json.h"
#include "wire/net/channel.h"

namespace khu::bench {
namespace {

struct Options {
    std::string controller, join_at, join_token_file, authority_file, state_dir;
    std::vector<std::string> nodes, topologies;
};

std::atomic<int> welcomed{0};

Moment boot_now() {
    timespec at{};
    ::clock_gettime(CLOCK_BOOTTIME, &at);
    return Moment{at.tv_sec * 1000 + at.tv_nsec / 1'000'000};
}

[[noreturn]] void give_up(const Refusal& why) {
    fmt::print(stderr, "agent_crowd: {}\n", text(why, Language::English));
    std::exit(1);
}

Hello hello_of(const std::string& name, Inventory inventory) {
    Hello hello;
    hello.run = static_cast<std::uint64_t>(boot_now().value);
    hello.node = name;
    hello.version = KHU_VERSION;
    hello.address = "127.0.0.1:1";  // Remote steps are never asked of it.
    hello.inventory = std::move(inventory);
    return hello;
}

/// One node: its mind, its connection, and processes that are only said to be.
class Node {
public:
    Node(agent::NodeIdentity identity, Hello hello, wire::net::Endpoint endpoint)
        : mind_(std::move(hello)) {
        wire::net::ChannelOptions link;
        link.endpoint = std::move(endpoint);
        link.path = "/v1/agent";
        link.lines = true;
        link.authority = identity.authority;
        link.identity = identity.certificate;
        link.connect_max = seconds(60);  // Thousands shake hands with one khud at the same time.
        link.on_open = [this] { locked([this](Moment now) { return mind_.connected(now); }); };
        link.on_message = [this](std::string&& message) { received(message); };
        link.on_close = [this](const std::string&) {
            const std::lock_guard lock(mutex_);
            mind_.disconnected();
        };
        const std::lock_guard lock(mutex_);  // on_open waits until the channel is here.
        auto channel = wire::net::Channel::start(std::move(link));
        if (!channel) {
            give_up(channel.error());
        }
        channel_ = std::move(*channel);
    }

    void tick() {
        locked([this](Moment now) { return mind_.tick(now); });
    }

private:
    template <typename Ask>
    void locked(Ask ask) {
        const std::lock_guard lock(mutex_);
        perform(ask(boot_now()));
    }

    void received(const std::string& line) {
        const auto message = wire::from_json_text<ToAgent>(line, wire::Unknown::Ignore);
        if (!message) {
            fmt::print(stderr, "agent_crowd: unreadable: {}\n", message.error().why);
            return;
        }
        if (const auto* refused = std::get_if<Refused>(&*message)) {
            fmt::print(stderr, "agent_crowd: refused: {} {}\n", refused->code, refused->text);
        }
        if (std::holds_alternative<Welcome>(*message) && !std::exchange(welcomed_, true)) {
            ++welcomed;
        }
        locked([&](Moment now) { return mind_.receive(*message, now); });
    }

    void perform(const NodeEffects& effects) {
        for (const NodeEffect& effect : effects) {
            std::visit([this](const auto& each) { on(each); }, effect);
        }
    }
    void on(const FromAgent& said) {
        if (channel_) {
            channel_->send(wire::to_json_text(said));
        }
    }
    void on(const PrepareAttempt& effect) {
        const AttemptKey key{effect.order.job, effect.order.attempt};
        perform(mind_.prepared(key, boot_now()));
        if (effect.order.run_at_once) {
            perform(mind_.running(key, boot_now()));
        }
    }
    void on(const LaunchAttempt& effect) { perform(mind_.running(effect.key, boot_now())); }
    void on(const EndAttempt& effect) {
        AttemptResult result;
        result.signal = effect.signal;
        result.end = effect.lease_over ? NodeEnd::LeaseOver : NodeEnd::Asked;
        perform(mind_.ended(effect.key, result, boot_now()));
    }
    template <typename Nothing>
    void on(const Nothing&) {}

    std::mutex mutex_;
    NodeMachine mind_;
    bool welcomed_{false};
    std::unique_ptr<wire::net::Channel> channel_;
};

/// Four for each node: a socket, an epoll, a timer and an event.
void raise_file_limit() {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

/// What is to be made, and what has been: joining waits for khud's disk, so that several threads
/// join, while the leases of those that have joined are held.
struct Crowd {
    std::vector<Hello> hellos;
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    std::vector<std::unique_ptr<Node>> nodes;
};

constexpr int kJoiningThreads = 16;

struct Where {
    wire::net::Endpoint join, serve;
};

void join_some(const Options& options, const Where& where, Crowd& crowd) {
    for (std::size_t i = crowd.next++; i < crowd.hellos.size(); i = crowd.next++) {
        Hello& hello = crowd.hellos[i];
        auto identity = agent::enrol({.state_dir = options.state_dir + "/" + hello.node,
                                      .node = hello.node,
                                      .controller = where.join,
                                      .authority_file = options.authority_file,
                                      .join_token_file = options.join_token_file});
        if (!identity) {
            give_up(identity.error());
        }
        hello.instance = identity->instance;
        auto node = std::make_unique<Node>(std::move(*identity), std::move(hello), where.serve);
        const std::lock_guard lock(crowd.mutex);
        crowd.nodes.push_back(std::move(node));
    }
}

void tick_all(Crowd& crowd) {
    const std::lock_guard lock(crowd.mutex);
    for (const auto& node : crowd.nodes) {
        node->tick();
    }
}

std::vector<Hello> hellos_of(const Options& options) {
    std::vector<Hello> hellos;
    for (std::size_t i = 0; i < options.nodes.size(); ++i) {
        const auto names = expand_hostlist(options.nodes[i]);
        const auto inventory = agent::probe_file(options.topologies[i]);
        if (!names || !inventory) {
            fmt::print(stderr, "agent_crowd: {}: {}\n", options.nodes[i],
                       names ? text(inventory.error(), Language::English) : names.error().why_en);
            std::exit(1);
        }
        for (const NodeName& name : *names) {
            hellos.push_back(hello_of(name.value, *inventory));
        }
    }
    return hellos;
}

/// Signals are blocked before any thread is made, so that sigtimedwait gets them.
sigset_t block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    return signals;
}

Where where_of(const Options& options) {
    const auto controller = wire::net::parse_host_port(options.controller);
    const auto join = wire::net::parse_endpoint(options.join_at);
    if (!controller || !join) {
        give_up(controller ? join.error() : controller.error());
    }
    return {.join = *join, .serve = {.unix_path = {}, .tcp = *controller}};
}

int serve(const Options& options) {
    const sigset_t signals = block_signals();
    raise_file_limit();
    const Where where = where_of(options);
    Crowd crowd;
    crowd.hellos = hellos_of(options);
    const int wanted = static_cast<int>(crowd.hellos.size());
    std::vector<std::thread> joining;
    for (int i = 0; i < kJoiningThreads; ++i) {
        joining.emplace_back([&] { join_some(options, where, crowd); });
    }
    bool said = false;
    const timespec pause{.tv_sec = 0, .tv_nsec = 200'000'000};
    while (::sigtimedwait(&signals, nullptr, &pause) < 0) {
        tick_all(crowd);
        if (!said && welcomed == wanted) {
            fmt::print("connected {}\n", wanted);
            std::fflush(stdout);
            said = true;
        }
    }
    // Nothing here is worth a goodbye on each of thousands of connections.
    std::_Exit(0);
}

}  // namespace
}  // namespace khu::bench

int main(int argc, char** argv) {
    khu::bench::Options options;
    CLI::App app{"Many emulated nodes of a zone in one process"};
    app.add_option("--controller", options.controller, "HOST:PORT of khud")->required();
    app.add_option("--join-at", options.join_at, "unix:PATH of khud: of strangers it takes few")
        ->required();
    app.add_option("--join-token", options.join_token_file, "file with a join token")->required();
    app.add_option("--ca", options.authority_file, "the zone's ca.pem")->required();
    app.add_option("--state", options.state_dir, "directory of the nodes' certificates")
        ->required();
    app.add_option("--nodes", options.nodes, "host list; may be said again")->required();
    app.add_option("--topology", options.topologies, "hwloc XML of those nodes, one for each list")
        ->required();
    CLI11_PARSE(app, argc, argv);
    if (options.nodes.size() != options.topologies.size()) {
        std::fprintf(stderr, "agent_crowd: one --topology for each --nodes\n");
        return 2;
    }
    return khu::bench::serve(options);
}
