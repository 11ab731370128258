#include "agent/shepherd_client.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>

#include "agent/process.h"
#include "agent/shepherd_channel.h"
#include "agent/shepherd_records.h"
#include "agent/strays.h"

namespace khu::agent {
namespace {

constexpr int zygote_fd = 3;

Unexpected<Refusal> launch_failed(const std::string& node, std::string why) {
    return Unexpected{Refusal(Code::LaunchFailed).with("node", node).with("why", std::move(why))};
}

bool socket_pair(Fd& ours, Fd& theirs) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return false;
    }
    ours.reset(ends[0]);
    theirs.reset(ends[1]);
    return true;
}

std::string request(std::string_view verb) {
    std::string text;
    add_record(text, "do", verb);
    return text;
}

pid_t spawn_zygote(const std::string& program, const std::string& spool, const std::string& groups,
                   int socket) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, socket, zygote_fd);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    const char* argv[] = {"khu-shepherd", "--zygote", spool.c_str(),
                          groups.empty() ? nullptr : groups.c_str(), nullptr};
    char* environment[] = {nullptr};
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, program.c_str(), &actions, &attributes,
                                    const_cast<char* const*>(argv), environment);
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
    return error == 0 ? pid : -1;
}

}  // namespace

std::optional<AttemptEvent> Attempt::next() {
    Packet packet;
    const Received received =
        ended_ ? Received::Nothing : receive_packet(control_.get(), packet, MSG_DONTWAIT);
    if (received == Received::Nothing) {
        return std::nullopt;
    }
    if (received != Received::Packet) {
        ended_ = true;
        return AttemptEvent{.kind = AttemptEventKind::Ended, .started_ms = 0, .refused = {}};
    }
    const std::string event = find_value(packet.text, "event").value_or("");
    if (event == "hello") {
        pid_ = static_cast<pid_t>(find_number(packet.text, "pid").value_or(-1));
        if (!packet.fds.empty()) {
            pidfd_ = std::move(packet.fds[0]);
        }
        return AttemptEvent{.kind = AttemptEventKind::Hello, .started_ms = 0, .refused = {}};
    }
    if (event == "prepared" || event == "started") {
        return AttemptEvent{
            .kind = event == "started" ? AttemptEventKind::Started : AttemptEventKind::Prepared,
            .started_ms = find_number(packet.text, "started_ms").value_or(0),
            .refused = {}};
    }
    return AttemptEvent{.kind = AttemptEventKind::Answer,
                        .started_ms = 0,
                        .refused = find_value(packet.text, "refused").value_or("")};
}

bool Attempt::run() {
    return send_packet(control_.get(), request("run"));
}

bool Attempt::stop(Span grace, const std::string& reason, int signal) {
    std::string text = request("stop");
    add_record(text, "grace_ms", grace.value);
    add_record(text, "reason", reason);
    add_record(text, "signal", std::int64_t{signal});
    return send_packet(control_.get(), text);
}

bool Attempt::signal(int signal) {
    std::string text = request("signal");
    add_record(text, "signal", std::int64_t{signal});
    return send_packet(control_.get(), text);
}

bool Attempt::notice(int signal, const std::string& reason, Span in) {
    std::string text = request("signal");
    add_record(text, "signal", std::int64_t{signal});
    add_record(text, "reason", reason);
    add_record(text, "in_ms", in.value);
    return send_packet(control_.get(), text);
}

Shepherds::Shepherds(Spool& spool, std::string program)
    : spool_(spool), program_(std::move(program)) {}

/// The zygote ends when its socket closes; its shepherds go on.
Shepherds::~Shepherds() {
    zygote_.reset();
    if (zygote_pid_ > 0) {
        ::waitpid(zygote_pid_, nullptr, 0);
    }
}

bool Shepherds::ensure_zygote() {
    if (zygote_) {
        return true;
    }
    if (zygote_pid_ > 0) {
        ::waitpid(zygote_pid_, nullptr, 0);
        zygote_pid_ = -1;
    }
    Fd theirs;
    if (!socket_pair(zygote_, theirs)) {
        return false;
    }
    // dup2 onto itself would leave close-on-exec set; so the two must differ.
    if (theirs.get() == zygote_fd) {
        theirs.reset(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, 10));
    }
    zygote_pid_ = spawn_zygote(program_, spool_.path(), groups_, theirs.get());
    if (zygote_pid_ < 0) {
        zygote_.reset();
    }
    return zygote_pid_ > 0;
}

/// A program that cannot be started is found out, and named, with the first attempt.
void Shepherds::stand_by(const std::string& groups) {
    groups_ = groups;
    ensure_zygote();
}

/// A zygote that somebody killed is replaced, once for each attempt.
bool Shepherds::hand_over(const std::string& name, int control) {
    for (int tries = 0; tries < 2; ++tries) {
        if (!ensure_zygote()) {
            return false;
        }
        if (send_packet(zygote_.get(), name, {control})) {
            return true;
        }
        zygote_.reset();
    }
    return false;
}

Expected<Attempt, Refusal> Shepherds::start(const ShepherdOrder& order,
                                            std::int64_t lease_until_boot_ms) {
    const AttemptKey key{.job = JobId{static_cast<std::uint64_t>(order.job)},
                         .attempt = AttemptNumber{static_cast<std::uint64_t>(order.attempt)}};
    const Expected<Done, Refusal> added = spool_.add(order, lease_until_boot_ms);
    if (!added) {
        return Unexpected{added.error()};
    }
    Fd ours, theirs;
    if (!socket_pair(ours, theirs) || !hand_over(name_of(key), theirs.get())) {
        const std::string why = std::strerror(errno);
        spool_.forget(key);
        return launch_failed(order.node, program_ + " cannot be started: " + why);
    }
    return Attempt(key, std::move(ours));
}

/// A shepherd listens from when it sees that its agent has ended. On a machine that has no time for
/// it, that may take a while.
Fd Shepherds::connect(AttemptKey key) const {
    constexpr int tries_max = 500, pause_ms = 10;
    const Fd dir = spool_.open_attempt(key);
    Fd control;
    for (int tries = 0; dir && !control && tries < tries_max; ++tries) {
        const bool lives = spool_.is_tended(key);
        control = connect_in(dir.get(), spool_names::socket);
        if (!control && !lives) {
            break;
        }
        if (!control) {
            ::poll(nullptr, 0, pause_ms);
        }
    }
    return control;
}

std::optional<Attempt> Shepherds::adopt(AttemptKey key) const {
    Fd control = connect(key);
    if (!control || !send_packet(control.get(), request("watch"))) {
        return std::nullopt;
    }
    return Attempt(key, std::move(control));
}

ShepherdResult Shepherds::take_result(AttemptKey key) const {
    std::optional<ShepherdResult> result = spool_.read_result(key);
    if (result) {
        return *result;
    }
    const std::optional<ShepherdOrder> order = spool_.read_order(key);
    end_strays("KHU_STOP_FILE=" + spool_.job_dir(key) + "/" + spool_names::stop_file,
               order ? order->group_kill : std::string());
    ShepherdResult lost;
    lost.job = static_cast<std::int64_t>(key.job.value);
    lost.attempt = static_cast<std::int64_t>(key.attempt.value);
    lost.exit_code = -1;
    lost.ended_ms = boot_ms();
    lost.ended_unix_ms = unix_ms();
    lost.fault = "launch_failed";
    lost.fault_why = no_result;
    return lost;
}

Expected<Fd, Refusal> Shepherds::exec(AttemptKey key, const std::string& command,
                                      const std::vector<std::string>& env,
                                      const std::array<int, 3>& streams) const {
    const Fd dir = spool_.open_attempt(key);
    Fd step = dir ? connect_in(dir.get(), spool_names::socket) : Fd{};
    if (!step) {
        return launch_failed("", "attempt " + name_of(key) + " does not run here");
    }
    std::string text = request("exec");
    add_record(text, "text", command);
    for (const std::string& variable : env) {
        add_record(text, "env", variable);
    }
    if (!send_packet(step.get(), text, {streams.begin(), streams.end()})) {
        return launch_failed("", "the command is too long or the attempt has just ended");
    }
    return step;
}

std::optional<StepExit> Shepherds::read_step_exit(int fd) {
    Packet packet;
    Received received = Received::Nothing;
    while (received == Received::Nothing) {
        received = receive_packet(fd, packet, 0);
    }
    if (received != Received::Packet) {
        return std::nullopt;
    }
    StepExit exit;
    exit.exit_code = static_cast<int>(find_number(packet.text, "exit_code").value_or(0));
    exit.signal = static_cast<int>(find_number(packet.text, "signal").value_or(0));
    exit.refused = find_value(packet.text, "refused").value_or("");
    return exit;
}

std::optional<Refusal> launch_fault(const ShepherdResult& result, const std::string& node) {
    if (result.fault.empty()) {
        return std::nullopt;
    }
    for (const CodeInfo& code : all_codes()) {
        if (code.name == result.fault) {
            const bool about_command =
                code.code == Code::CommandNotFound || code.code == Code::CommandNotRunnable;
            return Refusal(code.code)
                .with("node", node)
                .with(about_command ? "command" : "path", result.fault_path)
                .with("why", result.fault_why);
        }
    }
    return Refusal(Code::LaunchFailed).with("node", node).with("why", result.fault_why);
}

}  // namespace khu::agent
