// khu-shepherd --zygote SPOOL [GROUPS]: waits on descriptor 3 for names of attempts and becomes, by
// fork without exec, the shepherd of each. Being small and having touched little memory it forks in
// a fraction of the time that an exec costs. One shepherd is always forked ahead, and sits in a
// group of its own below GROUPS (standby_group.h), so that an attempt waits for neither. The zygote
// ends when its agent does; the shepherds go on.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "agent/cgroup_kill.h"
#include "agent/shepherd.h"
#include "agent/shepherd_channel.h"
#include "agent/standby_group.h"

namespace khu::agent {
namespace {

constexpr int agent_socket = 3;

/// The whole life of one shepherd. Exit code 1: it could not even begin, nothing ran.
int shepherd_main(Fd spool, Fd control, const std::string& name, StandbyGroup group) {
    ::setsid();
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_NAME, ("khu-sh " + name).c_str());
    const std::string path = std::string(spool_names::incoming) + "/" + name;
    Fd dir{::openat(spool.get(), path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!dir) {
        return 1;
    }
    const std::string order_path =
        "/proc/self/fd/" + std::to_string(dir.get()) + "/" + spool_names::order;
    std::optional<ShepherdOrder> order = decode_order(read_small_file(order_path));
    if (!order || attempt_name(order->job, order->attempt) != name) {
        return 1;
    }
    if (!group.become(*order)) {
        return 1;
    }
    Shepherd shepherd(std::move(spool), std::move(dir), std::move(control), std::move(*order));
    return shepherd.run() ? 0 : 1;
}

/// Waits on `orders` for its attempt; without one it leaves no trace.
[[noreturn]] void stand_by(Fd spool, Fd orders, const std::string& groups) {
    ::close(agent_socket);
    ::signal(SIGCHLD, SIG_DFL);
    StandbyGroup group(groups);
    Packet packet;
    Received received = Received::Nothing;
    while (received == Received::Nothing) {
        received = receive_packet(orders.get(), packet, 0);
    }
    if (received != Received::Packet || packet.fds.size() != 1) {
        group.leave();
        ::_exit(0);
    }
    orders.reset();
    ::_exit(shepherd_main(std::move(spool), std::move(packet.fds[0]), packet.text, group));
}

/// Forks the next shepherd; our end of its socket, or none.
Fd fork_ahead(Fd& spool, const std::string& groups) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return {};
    }
    Fd ours{ends[0]}, its{ends[1]};
    const pid_t pid = ::fork();
    if (pid == 0) {
        ours.reset();
        stand_by(std::move(spool), std::move(its), groups);
    }
    return pid > 0 ? std::move(ours) : Fd{};
}

int zygote_main(const char* spool_path, const std::string& groups) {
    Fd spool{::open(spool_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!spool || ::fchdir(spool.get()) != 0) {
        std::perror(spool_path);
        return 1;
    }
    ::fcntl(agent_socket, F_SETFD, FD_CLOEXEC);
    ::signal(SIGCHLD, SIG_IGN);  // The kernel reaps shepherds.
    ::umask(077);
    Packet packet;
    Fd next = fork_ahead(spool, groups);
    for (;;) {
        const Received received = receive_packet(agent_socket, packet, 0);
        if (received == Received::Ended) {
            return 0;
        }
        if (received != Received::Packet || packet.fds.size() != 1) {
            continue;
        }
        // One that somebody killed while it waited is replaced.
        for (int tries = 0; tries < 2; ++tries) {
            if (next && send_packet(next.get(), packet.text, {packet.fds[0].get()})) {
                break;
            }
            next = fork_ahead(spool, groups);
        }
        packet.fds.clear();
        next = fork_ahead(spool, groups);
    }
}

}  // namespace
}  // namespace khu::agent

int main(int argc, char** argv) {
    if (argc < 3 || argc > 4 || std::strcmp(argv[1], "--zygote") != 0) {
        std::fputs("usage: khu-shepherd --zygote SPOOL [GROUPS] (started by khu-agent)\n", stderr);
        return 2;
    }
    return khu::agent::zygote_main(argv[2], argc == 4 ? argv[3] : "");
}
