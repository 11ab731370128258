/// khud: the controller of a zone. Wiring only.

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "config/default_policy.h"
#include "config/policy_reader.h"
#include "daemon/http/routes.h"
#include "daemon/log.h"
#include "daemon/retention.h"
#include "daemon/zone_files.h"
#include "wire/net/files.h"

namespace khu::daemon {
namespace {

struct Options {
    std::string directory;
    std::string listen{"0.0.0.0:7443"};
    std::string socket;
    std::string zone_id;
    std::vector<std::string> names;
    int threads{1};
    std::int64_t certificate_life_s{wire::net::kLeafLife.value / 1000};
    bool verbose{false};
};

[[nodiscard]] int say_refused(const Refusal& why) {
    fmt::print(stderr, "khud: {}\n", text(why, Language::English));
    if (const std::string help = remedy(why, Language::English); !help.empty()) {
        fmt::print(stderr, "      {}\n", help);
    }
    fmt::print(stderr, "      {} {}\n", info(why.code).id, info(why.code).name);
    return 1;
}

/// Which zone the directory is of: what it says, else what the admin says, else its own name.
Expected<ZoneId, Refusal> zone_of(const Options& options) {
    const std::string path = options.directory + "/zone";
    std::error_code none;
    if (std::filesystem::exists(path, none)) {
        auto known = wire::net::read_file(path);
        if (!known) {
            return Unexpected{std::move(known).error()};
        }
        known->erase(std::remove(known->begin(), known->end(), '\n'), known->end());
        if (!options.zone_id.empty() && options.zone_id != *known) {
            return Unexpected{Refusal(Code::OtherZone)
                                  .with("path", options.directory)
                                  .with("found", *known)
                                  .with("zone", options.zone_id)};
        }
        return ZoneId{std::move(known).value()};
    }
    std::string name = options.zone_id;
    if (name.empty()) {
        name = std::filesystem::absolute(options.directory).lexically_normal().filename().string();
        std::ranges::transform(name, name.begin(), [](char c) {
            const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
            return plain ? c : '-';
        });
        name = name.empty() ? "zone" : name.substr(0, 40);
    }
    if (auto written = wire::net::write_file(path, name + "\n", 0644); !written) {
        return Unexpected{std::move(written).error()};
    }
    return ZoneId{name};
}

/// Waits for the answer of one command; only before the zone is served.
std::optional<Refusal> tell_and_wait(Engine& engine, Command command) {
    std::promise<std::optional<Refusal>> answered;
    engine.tell(std::move(command), [&](const Answer& told) { answered.set_value(told.refusal); });
    return answered.get_future().get();
}

Expected<Done, Refusal> write_token(Engine& engine, IdentityBook& identities,
                                    const wire::TokenRequest& request, const std::string& path) {
    IdentityBook::Made made = IdentityBook::make(request, engine.now());
    std::promise<std::optional<Refusal>> stored;
    engine.store_values({made.row}, [&](const Answer& told) { stored.set_value(told.refusal); });
    if (const std::optional<Refusal> why = stored.get_future().get()) {
        return Unexpected{*why};
    }
    identities.put(made.record);
    return wire::net::write_private(path, made.secret + "\n");
}

/// Every node keeps a connection open, and what a shell or systemd gives at first is often room
/// for 1,024 files; as much as may be had is taken, and said where it is too little.
void raise_file_limit() {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < static_cast<rlim_t>(limits::connections_max)) {
        log_info("room for {} open files: raise LimitNOFILE for more nodes and clients than that",
                 files.rlim_cur);
    }
}

/// The default policy, an admin's token and a join token for agents.
Expected<Done, Refusal> first_start(Engine& engine, IdentityBook& identities,
                                    const std::string& directory, const ZoneId& zone) {
    const std::string policy_text = config::default_policy_text(zone);
    auto policy = config::read_policy(policy_text, "default");
    KHU_CHECK(policy.has_value(), "the default policy does not read");
    const Identity khud{.user = UserId{"khud"}, .enterprise = {}, .roles = {Role::ZoneAdmin}};
    ApplyPolicy apply{.who = khud,
                      .policy = std::move(*policy),
                      .text = policy_text,
                      .lines = config::key_lines(policy_text)};
    if (auto why = tell_and_wait(engine, std::move(apply))) {
        return Unexpected{*why};
    }
    wire::TokenRequest admin;
    admin.user = "admin";
    admin.roles = {Role::ZoneAdmin};
    admin.valid_s = 365LL * 86'400;
    if (auto made = write_token(engine, identities, admin, directory + "/admin.token"); !made) {
        return made;
    }
    wire::TokenRequest joining;
    joining.join = true;
    joining.valid_s = 365LL * 86'400;
    return write_token(engine, identities, joining, directory + "/join.token");
}

void say_what_next(const Options& options, std::uint16_t port) {
    fmt::print(
        "khud: a new zone is up in {}. Two commands to type next:\n"
        "  khu --endpoint unix:{} policy apply POLICY.yaml\n"
        "  khu-agent --controller HOST:{} --join-token {}/join.token --ca {}/ca.pem\n",
        options.directory, options.socket, port, options.directory, options.directory);
    std::fflush(stdout);
}

std::vector<std::string> server_names(const Options& options) {
    std::vector<std::string> names = options.names;
    char host[256] = {};
    if (::gethostname(host, sizeof host - 1) == 0) {
        names.emplace_back(host);
    }
    names.emplace_back("localhost");
    names.emplace_back("127.0.0.1");
    const std::string address = options.listen.substr(0, options.listen.rfind(':'));
    if (address != "0.0.0.0" && address != "127.0.0.1" && address.find('[') == address.npos) {
        names.push_back(address);
    }
    return names;
}

ServerWish server_wish(const Options& options) {
    return {.names = server_names(options), .life = seconds(options.certificate_life_s)};
}

Moment renewal_of(const wire::net::Identity& certificate) {
    const auto facts = wire::net::inspect(certificate.certificate);
    return facts ? wire::net::renew_at(*facts) : Moment{0};
}

/// When the certificate was renewed, or was to be and could not: when to try again.
Moment renew_certificate(const Options& options, Services& services, wire::net::Server& server) {
    constexpr Span retry = minutes(1);
    const Moment now = services.engine.now();
    const auto made =
        renew_server(options.directory, services.authority, server_wish(options), now);
    const Expected<Done, Refusal> used =
        made ? server.renew(*made) : Expected<Done, Refusal>(Unexpected{made.error()});
    if (!used) {
        log_info("the certificate could not be renewed: {}", text(used.error(), Language::English));
        return now + retry;
    }
    const Moment next = renewal_of(*made);
    log_info("renewed the certificate; the next one comes at {}", format_utc(next));
    return next;
}

/// What is over by the policy's retention is forgotten.
void forget(Services& services) {
    RetentionTerms terms;
    bool any = true;
    while (any) {
        bool known = false;
        services.engine.ask_and_wait([&](State& state, Moment now) {
            known = state.truth.policy.has_value();
            terms.now = now;
            if (known) {
                terms.keep = state.truth.policy->reports.retention;
                terms.utc_offset_minutes = state.truth.policy->utc_offset_minutes;
            }
        });
        auto over = known ? to_forget(services.store, terms, services.pseudonyms)
                          : Expected<Batch, Refusal>(Batch{});
        if (!over) {
            log_info("nothing is forgotten: {}", text(over.error(), Language::English));
            return;
        }
        any = !is_nothing(*over);
        if (any) {
            std::promise<std::optional<Refusal>> stored;
            services.engine.store_rows(*std::move(over),
                                       [&](const Answer& told) { stored.set_value(told.refusal); });
            any = !stored.get_future().get();
        }
    }
}

/// L208: what the wall clock did does not change what anybody is charged, but somebody should know.
void say_step(WallWatch& watch, const Services& services) {
    const Moment zone = services.engine.now();
    if (const std::optional<Span> step = watch.look(wall_clock(), zone)) {
        log_info(
            "L208 the wall clock has stepped {} by {} s; the zone's time goes on by the monotonic "
            "clock, and jobs are charged by that",
            *step < Span{0} ? "back" : "forward", std::abs(step->value) / 1000);
    }
}

/// Until SIGTERM or SIGINT comes; its number. The clocks are looked at often, for they may jump.
int wait_and_renew(const Options& options, Services& services, wire::net::Server& server,
                   Moment renewal) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    WallWatch watch;
    Moment forgotten = services.engine.now();
    for (;;) {
        say_step(watch, services);
        const Span left =
            std::clamp(renewal - services.engine.now(), milliseconds(100), seconds(5));
        const timespec wait{.tv_sec = left.value / 1000, .tv_nsec = left.value % 1000 * 1'000'000};
        const int got = ::sigtimedwait(&signals, nullptr, &wait);
        if (got > 0) {
            return got;
        }
        if (services.engine.now() >= renewal) {
            renewal = renew_certificate(options, services, server);
        }
        if (services.engine.now() >= forgotten + hours(1)) {
            forget(services);
            forgotten = services.engine.now();
        }
    }
}

/// Serves until SIGTERM or SIGINT.
Expected<Done, Refusal> serve_zone(const Options& options, Services& services,
                                   const wire::net::Identity& certificate, bool fresh) {
    wire::net::ServerOptions server_options;
    server_options.tcp = options.listen;
    server_options.identity = certificate;
    server_options.authority = services.authority.certificate;
    server_options.unix_path = options.socket;
    server_options.threads = options.threads;
    server_options.handler = [&services](wire::net::Request&& request,
                                         wire::net::Responder responder) {
        serve(services, std::move(request), std::move(responder));
    };
    server_options.problem = [](const Refusal& why) { return problem(why, Language::English); };
    auto server = wire::net::Server::start(std::move(server_options));
    if (!server) {
        return Unexpected{std::move(server).error()};
    }
    (*server)->on_websocket("/v1/agent",
                            [&services](wire::net::Request&& request, wire::net::Upgrade upgrade) {
                                services.agents.accept(std::move(request), std::move(upgrade));
                            });
    (*server)->on_websocket("/v1/events",
                            [&services](wire::net::Request&& request, wire::net::Upgrade upgrade) {
                                watch_events_by_socket(services, std::move(request), upgrade);
                            });
    log_info("zone {} serves on {} (port {}) and {}", services.zone.value, options.listen,
             (*server)->port(), options.socket);
    if (fresh) {
        say_what_next(options, (*server)->port());
    }
    const int got = wait_and_renew(options, services, **server, renewal_of(certificate));
    log_info("stopping on signal {}", got);
    services.events.stop();
    services.engine.stop();
    (*server)->stop();
    return Done{};
}

Expected<Done, Refusal> run(const Options& options) {
    auto zone = zone_of(options);
    if (!zone) {
        return Unexpected{std::move(zone).error()};
    }
    auto store = open_store({.directory = options.directory, .zone = *zone});
    if (!store) {
        return Unexpected{std::move(store).error()};
    }
    auto engine = Engine::open(*zone, **store);
    if (!engine) {
        return Unexpected{std::move(engine).error()};
    }
    for (const std::string& remark : (*engine)->remarks()) {
        log_info("{}", remark);
    }
    auto files = open_zone_files(options.directory, *zone, server_wish(options), (*engine)->now());
    if (!files) {
        return Unexpected{std::move(files).error()};
    }
    IdentityBook identities;
    if (auto loaded = IdentityBook::load(**store, identities); !loaded) {
        return loaded;
    }
    const Pseudonyms pseudonyms(files->pseudonym_key);
    (*engine)->hide_names(pseudonyms);
    Agents agents(**engine);
    Events events(**engine, **store);
    ZonePerformer performer(**store, agents, events, files->secret);
    events.start((*engine)->last());
    (*engine)->start(performer);
    const bool fresh = identities.empty();
    if (fresh) {
        if (auto made = first_start(**engine, identities, options.directory, *zone); !made) {
            return made;
        }
    }
    Services services{.engine = **engine,
                      .store = **store,
                      .agents = agents,
                      .performer = performer,
                      .events = events,
                      .identities = identities,
                      .pseudonyms = pseudonyms,
                      .zone = *zone,
                      .authority = files->authority,
                      .certificate_life = seconds(options.certificate_life_s)};
    auto served = serve_zone(options, services, files->server, fresh);
    events.stop();
    (*engine)->stop();
    return served;
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
}  // namespace khu::daemon

int main(int argc, char** argv) {
    khu::daemon::Options options;
    CLI::App app{"khud: the controller of a zone"};
    app.add_option("--zone", options.directory, "directory of the zone's state; made if missing")
        ->required();
    app.add_option("--listen", options.listen, "address and port of the API (TLS)")
        ->capture_default_str();
    app.add_option("--socket", options.socket, "Unix socket of the API; default DIR/khud.sock");
    app.add_option("--zone-id", options.zone_id, "name of a new zone; default: the directory's");
    app.add_option("--server-name", options.names, "another host name or address of this khud");
    app.add_option("--threads", options.threads, "threads that parse and encrypt")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    app.add_option("--certificate-life", options.certificate_life_s,
                   "seconds that certificates of khud and of nodes are valid; they are renewed "
                   "when two thirds are over")
        ->capture_default_str()
        ->check(CLI::Range(3, 3650 * 86'400));
    app.add_flag("--verbose", options.verbose, "log more");
    app.set_version_flag("--version", "khud " KHU_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    std::error_code failed;
    std::filesystem::create_directories(options.directory, failed);
    if (options.socket.empty()) {
        options.socket = options.directory + "/khud.sock";
    }
    khu::daemon::start_log(options.verbose);
    khu::daemon::block_signals();
    khu::daemon::raise_file_limit();
    const auto served = khu::daemon::run(options);
    return served ? 0 : khu::daemon::say_refused(served.error());
}
