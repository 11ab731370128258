/// khu-agent: one on each node. Wiring only.

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "agent/enrol.h"
#include "agent/network.h"
#include "agent/probe/hwloc_probe.h"
#include "agent/renewal.h"
#include "agent/supervisor.h"
#include "wire/json.h"
#include "wire/net/channel.h"

namespace khu::agent {
namespace {

struct Options {
    std::string controller, name, state_dir{"/var/lib/khu-agent"};
    std::string join_token_file, authority_file, address, network, topology, checkpoint_root;
    bool no_groups{false};
    std::string format{"table"};
    std::string nvidia_smi{"nvidia-smi"};
};

void log_line(const std::string& line) {
    timespec at{};
    ::clock_gettime(CLOCK_REALTIME, &at);
    fmt::print(stderr, "{} khu-agent: {}\n", format_utc(Moment{at.tv_sec * 1000}), line);
}

[[nodiscard]] int say_refused(const Refusal& why) {
    fmt::print(stderr, "khu-agent: {}\n", text(why, Language::English));
    if (const std::string help = remedy(why, Language::English); !help.empty()) {
        fmt::print(stderr, "           {}\n", help);
    }
    fmt::print(stderr, "           {} {}\n", info(why.code).id, info(why.code).name);
    return 1;
}

Expected<Inventory, Refusal> inventory_of(const Options& options) {
    if (!options.topology.empty()) {
        return probe_file(options.topology);
    }
    Expected<Probed, Refusal> probed = probe_machine({.program = options.nvidia_smi});
    if (!probed) {
        return Unexpected{probed.error()};
    }
    for (const std::string& note : probed->notes) {
        log_line(note);
    }
    return std::move(probed->inventory);
}

int probe(const Options& options) {
    const auto inventory = inventory_of(options);
    if (!inventory) {
        return say_refused(inventory.error());
    }
    if (options.format == "json") {
        fmt::print("{}\n", wire::to_json_text(*inventory));
        return 0;
    }
    fmt::print("{} packages, {} NUMA nodes, {} cores, {} of memory\n", inventory->packages,
               inventory->numa_nodes.size(), inventory->cores.size(),
               format_bytes(inventory->memory));
    for (const Gpu& gpu : inventory->gpus) {
        const auto numa = static_cast<std::size_t>(gpu.numa);
        fmt::print("gpu {} {} NUMA {}\n", gpu.model.value, gpu.pci,
                   gpu.numa < 0 ? -1 : inventory->numa_nodes[numa].os_index);
    }
    for (const Nic& nic : inventory->nics) {
        fmt::print("nic {} {}\n", nic.name, nic.kind);
    }
    return 0;
}

std::string directory_of_this_program() {
    std::error_code none;
    return std::filesystem::read_symlink("/proc/self/exe", none).parent_path().string();
}

std::string own_name() {
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    return host;
}

/// What serve() has made and run() drives.
struct Running {
    const Options& options;
    const NodeIdentity& identity;
    Supervisor& supervisor;
    std::unique_ptr<wire::net::Channel>& channel;
    RshServer& door;
};

/// What new connections to khud, and those of other nodes, are to see.
void use_certificate(const Running& parts, const wire::net::Identity& certificate) {
    const auto to_khud = parts.channel->renew(certificate);
    const auto at_the_door = parts.door.renew(certificate.certificate, certificate.key);
    for (const auto* used : {&to_khud, &at_the_door}) {
        if (!*used) {
            log_line("the new certificate is not used: " + text(used->error(), Language::English));
        }
    }
}

/// Connects to khud and works until SIGTERM or SIGINT.
Expected<Done, Refusal> run(const Running& parts, const wire::net::Endpoint& endpoint) {
    Supervisor& supervisor = parts.supervisor;
    wire::net::ChannelOptions link;
    link.endpoint = endpoint;
    link.path = "/v1/agent";
    link.lines = true;
    link.authority = parts.identity.authority;
    link.identity = parts.identity.certificate;
    link.on_open = [&] {
        log_line("connected to khud");
        supervisor.connected();
    };
    link.on_message = [&](std::string&& message) { supervisor.received(std::move(message)); };
    link.on_close = [&](const std::string& why) {
        log_line("connection to khud lost: " + why);
        supervisor.disconnected();
    };
    auto started = wire::net::Channel::start(std::move(link));
    if (!started) {
        return Unexpected{std::move(started).error()};
    }
    parts.channel = std::move(*started);
    std::thread waiter([&supervisor] {
        sigset_t signals;
        sigemptyset(&signals);
        sigaddset(&signals, SIGTERM);
        sigaddset(&signals, SIGINT);
        int got = 0;
        sigwait(&signals, &got);
        log_line("stopping on signal " + std::to_string(got) + "; attempts go on");
        supervisor.stop();
    });
    {
        const Renewal renewal(
            {.state_dir = parts.options.state_dir,
             .node = parts.options.name,
             .controller = endpoint,
             .identity = parts.identity,
             .use = [&](const wire::net::Identity& made) { use_certificate(parts, made); },
             .log = log_line});
        supervisor.run();
    }
    parts.channel->stop();
    waiter.join();
    return Done{};
}

NodeFacts facts_of(const Options& options, const NodeIdentity& identity) {
    return {.name = options.name,
            .zone = identity.zone,
            .network_cidr = options.network.empty() ? network_of(options.address) : options.network,
            .rsh_helper = directory_of_this_program() + "/khu-rsh",
            .authority_pem = identity.authority,
            .checkpoint_root = options.checkpoint_root,
            .presented = !options.topology.empty(),
            .real_cores = static_cast<int>(std::thread::hardware_concurrency())};
}

Hello hello_of(const Options& options, const NodeIdentity& identity, Inventory inventory,
               int step_port) {
    Hello hello;
    hello.run = static_cast<std::uint64_t>(boot_now().value);
    hello.node = options.name;
    hello.version = KHU_VERSION;
    hello.address = options.address + ":" + std::to_string(step_port);
    hello.instance = identity.instance;
    hello.inventory = std::move(inventory);
    return hello;
}

/// Makes everything that lives as long as the agent, in its order, and runs it.
Expected<Done, Refusal> serve_node(const Options& options, const wire::net::Endpoint& endpoint,
                                   const NodeIdentity& identity, Inventory inventory) {
    auto spool = Spool::open(options.state_dir + "/spool", {});
    auto outputs = OutputBook::open(options.state_dir);
    if (!spool || !outputs) {
        return Unexpected{spool ? outputs.error() : spool.error()};
    }
    Shepherds shepherds(*spool, directory_of_this_program() + "/khu-shepherd");
    RshTokens tokens;
    auto door = RshServer::start({.node = options.name,
                                  .address = options.address,
                                  .port = 0,
                                  .certificate = identity.certificate.certificate,
                                  .key = identity.certificate.key},
                                 tokens, shepherds);
    if (!door) {
        return Unexpected{std::move(door).error()};
    }
    ControlGroups groups = options.no_groups ? ControlGroups::none()
                                             : ControlGroups::detect("khu-" + options.name, {});
    log_line("control groups: " + groups.describe());
    shepherds.stand_by(groups.standby_parent());
    std::unique_ptr<wire::net::Channel> channel;
    Supervisor supervisor(
        {.hello = hello_of(options, identity, std::move(inventory), (*door)->port()),
         .facts = facts_of(options, identity),
         .spool = *spool,
         .shepherds = shepherds,
         .groups = groups,
         .tokens = tokens,
         .outputs = *outputs,
         .send = [&channel](
                     std::string message) { return channel && channel->send(std::move(message)); },
         .log = log_line});
    supervisor.adopt_what_lives();
    return run({options, identity, supervisor, channel, **door}, endpoint);
}

Expected<Done, Refusal> serve(Options options) {
    if (options.name.empty()) {
        options.name = own_name();
    }
    // Shepherds and jobs are told paths in it, and work elsewhere.
    options.state_dir = std::filesystem::absolute(options.state_dir).lexically_normal().string();
    auto controller = wire::net::parse_host_port(options.controller);
    auto inventory = inventory_of(options);
    if (!controller || !inventory) {
        return Unexpected{controller ? inventory.error() : controller.error()};
    }
    if (options.address.empty()) {
        options.address = address_towards(controller->host, controller->port);
    }
    wire::net::Endpoint endpoint;
    endpoint.tcp = *controller;
    auto identity = enrol({.state_dir = options.state_dir,
                           .node = options.name,
                           .controller = endpoint,
                           .authority_file = options.authority_file,
                           .join_token_file = options.join_token_file});
    if (!identity) {
        return Unexpected{std::move(identity).error()};
    }
    return serve_node(options, endpoint, *identity, std::move(*inventory));
}

void block_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
}

}  // namespace
}  // namespace khu::agent

int main(int argc, char** argv) {
    khu::agent::Options options;
    CLI::App app{"khu-agent: runs jobs on one node of a zone"};
    app.set_version_flag("--version", "khu-agent " KHU_VERSION);
    app.add_option("--controller", options.controller, "HOST:PORT of khud");
    app.add_option("--name", options.name, "name of this node; default: the host's");
    app.add_option("--state", options.state_dir, "directory of this agent")->capture_default_str();
    app.add_option("--join-token", options.join_token_file, "file with a join token (first start)");
    app.add_option("--ca", options.authority_file, "the zone's ca.pem (first start)");
    app.add_option("--address", options.address, "address where other nodes reach this one");
    app.add_option("--network", options.network, "CIDR of the network that ranks talk over");
    app.add_option("--topology", options.topology, "present this hwloc XML instead of the machine");
    app.add_option("--nvidia-smi", options.nvidia_smi, "asked which GPUs are cut into MIG slices")
        ->capture_default_str();
    app.add_option("--checkpoints", options.checkpoint_root, "directory of jobs' checkpoints");
    app.add_flag("--no-cgroups", options.no_groups, "do not use control groups");
    CLI::App* probe = app.add_subcommand("probe", "print what this agent would report");
    probe->add_option("--topology", options.topology, "hwloc XML of another machine");
    probe->add_option("--nvidia-smi", options.nvidia_smi, "asked for MIG slices of this machine");
    probe->add_option("--format", options.format, "table or json")
        ->check(CLI::IsMember({"table", "json"}));
    try {
        app.parse(argc, argv);
        if (!probe->parsed() && options.controller.empty()) {
            throw CLI::RequiredError("--controller");
        }
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (probe->parsed()) {
        return khu::agent::probe(options);
    }
    khu::agent::block_signals();
    const auto served = khu::agent::serve(std::move(options));
    return served ? 0 : khu::agent::say_refused(served.error());
}
