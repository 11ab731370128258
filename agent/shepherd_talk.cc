// How a shepherd answers its agent, and the user's khu-rsh.

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "agent/process.h"
#include "agent/shepherd.h"
#include "agent/shepherd_child.h"
#include "agent/shepherd_records.h"

namespace khu::agent {
namespace {

constexpr std::size_t connections_max = 256;  // Remote steps of one attempt on one node, with room.

std::string ok() {
    std::string text;
    add_record(text, "ok", std::int64_t{1});
    return text;
}

std::string refused(std::string_view why) {
    std::string text;
    add_record(text, "refused", why);
    return text;
}

bool is_signal(std::optional<std::int64_t> number) {
    return number && *number > 0 && *number < NSIG;
}

}  // namespace

void Shepherd::accept_on(int listener, bool agents) {
    Fd fd{::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    ucred peer{};
    socklen_t size = sizeof peer;
    if (!fd || ::getsockopt(fd.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return;
    }
    const bool is_agent = peer.uid == ::getuid() || peer.uid == 0;
    const bool is_user = !agents && static_cast<std::int64_t>(peer.uid) == order_.uid;
    if ((!is_agent && !is_user) || connections_.size() >= connections_max) {
        return;  // Closes it.
    }
    connections_.push_back({.fd = std::move(fd), .agents = agents, .watches = false, .step = -1});
}

void Shepherd::serve(Connection& connection) {
    Packet packet;
    const Received received = receive_packet(connection.fd.get(), packet, MSG_DONTWAIT);
    if (received == Received::Nothing) {
        return;
    }
    if (received != Received::Packet) {
        signal_process(connection.step, SIGHUP);  // Like sshd: the step's other end has gone.
        connection.fd.reset();
        if (connection.watches) {
            listen();  // The agent has ended; the next one will ask for us.
        }
        return;
    }
    const std::string text = answer(connection, packet);
    if (!text.empty() && !send_packet(connection.fd.get(), text)) {
        connection.fd.reset();
    }
}

std::string Shepherd::answer(Connection& connection, Packet& packet) {
    const std::optional<std::string> verb = find_value(packet.text, "do");
    if (!verb) {
        return refused("not a request");
    }
    if (*verb == "status") {
        return status_text();
    }
    if (*verb == "exec") {
        return do_exec(connection, packet);
    }
    if (!connection.agents) {
        return refused("only the agent may do this");
    }
    return answer_agent(connection, packet.text, *verb);
}

std::string Shepherd::answer_agent(Connection& connection, const std::string& text,
                                   const std::string& verb) {
    if (verb == "signal") {
        return do_signal(text);
    }
    if (verb == "stop") {
        return do_stop(text);
    }
    if (verb == "run") {
        return do_run();
    }
    if (verb == "watch") {
        connection.watches = true;
        hello(connection);
        return {};
    }
    return refused("unknown request");
}

std::string Shepherd::do_signal(const std::string& text) {
    const std::optional<std::int64_t> signal = find_number(text, "signal");
    if (!is_signal(signal)) {
        return refused("no such signal");
    }
    const std::optional<std::string> reason = find_value(text, "reason");
    if (reason && prepared_.job_dir) {
        const std::int64_t in_ms = find_number(text, "in_ms").value_or(0);
        write_stop_file(order_, prepared_.job_dir.get(), *reason, unix_ms() + in_ms);
    }
    notice(static_cast<int>(*signal));
    return ok();
}

/// Said twice, it starts once.
std::string Shepherd::do_run() {
    if (stage_ == Stage::Waiting) {
        start_tasks();
    }
    return ok();
}

std::string Shepherd::do_stop(const std::string& text) {
    const std::optional<std::int64_t> grace_ms = find_number(text, "grace_ms");
    const std::optional<std::string> reason = find_value(text, "reason");
    if (!grace_ms || !reason || reason->empty() || reason->find('\n') != std::string::npos) {
        return refused("stop needs grace_ms and a reason of one line");
    }
    const std::optional<std::int64_t> signal = find_number(text, "signal");
    if (signal && !is_signal(signal)) {
        return refused("no such signal");
    }
    begin_stop(*grace_ms, *reason, static_cast<int>(signal.value_or(SIGTERM)));
    return ok();
}

/// Starts a remote step; the answer follows when it has ended (on_exit).
std::string Shepherd::do_exec(Connection& connection, Packet& packet) {
    std::vector<std::string> variables;
    std::string command;
    const auto records = parse_records(packet.text);
    for (const Record& record : records ? *records : std::vector<Record>{}) {
        if (record.key == "text") {
            command = record.value;
        } else if (record.key == "env") {
            variables.emplace_back(record.value);
        }
    }
    // A head node may ask before this node has heard `run`; it could not have started otherwise.
    const bool takes_steps = stage_ == Stage::Running || stage_ == Stage::Waiting;
    if (!takes_steps || !prepared_.work_dir || lease_is_over()) {
        return refused("the attempt is ending");
    }
    if (connection.step > 0 || command.empty() || packet.fds.size() != packet_fds_max) {
        return refused("exec needs a text and three descriptors, once a connection");
    }
    const std::vector<std::string> argv{"/bin/sh", "-c", command};
    const ChildSetup setup{.argv = &argv,
                           .extra_env = &variables,
                           .cores = &order_.cores,
                           .work_dir = prepared_.work_dir.get(),
                           .standard_in = packet.fds[0].get(),
                           .standard_out = packet.fds[1].get(),
                           .standard_error = packet.fds[2].get(),
                           .report = -1};
    connection.step = start_child(order_, setup);
    return connection.step > 0 ? std::string() : refused("cannot fork");
}

/// Tells a watcher who we are, and that the tasks run if they do.
void Shepherd::hello(Connection& connection) {
    std::string event;
    add_record(event, "event", std::string_view("hello"));
    add_record(event, "pid", std::int64_t{::getpid()});
    const Fd pidfd = open_pidfd(::getpid());
    send_packet(connection.fd.get(), event,
                pidfd ? std::vector<int>{pidfd.get()} : std::vector<int>{});
    if (!prepared_.fault.any()) {
        send_packet(connection.fd.get(), state_event());
    }
}

std::string Shepherd::state_event() const {
    std::string event;
    add_record(event, "event", std::string_view(begun_ ? "started" : "prepared"));
    add_record(event, "started_ms", result_.started_ms);
    return event;
}

void Shepherd::tell_watchers(const std::string& event) {
    for (const Connection& connection : connections_) {
        if (connection.watches) {
            send_packet(connection.fd.get(), event);
        }
    }
}

std::string Shepherd::status_text() const {
    const char* state = "waiting";
    switch (stage_) {
        case Stage::Waiting:
            break;
        case Stage::Running:
            state = begun_ ? "running" : "starting";
            break;
        case Stage::Stopping:
            state = "stopping";
            break;
        case Stage::Killing:
            state = "killing";
            break;
    }
    std::string text;
    add_record(text, "ok", std::int64_t{1});
    add_record(text, "state", std::string_view(state));
    add_record(text, "started_ms", result_.started_ms);
    add_record(text, "processes", static_cast<std::int64_t>(descendants_of(::getpid()).size()));
    return text;
}

}  // namespace khu::agent
