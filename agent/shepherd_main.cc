// khu-shepherd --zygote SPOOL: waits on descriptor 3 for names of attempts and becomes, by fork
// without exec, the shepherd of each. Being small and having touched little memory it forks in a
// fraction of the time that an exec costs. It ends when its agent does; the shepherds go on.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <optional>
#include <string>

#include "agent/cgroup_kill.h"
#include "agent/shepherd.h"
#include "agent/shepherd_channel.h"

namespace khu::agent {
namespace {

constexpr int agent_socket = 3;

/// The whole life of one shepherd. Exit code 1: it could not even begin, nothing ran.
int shepherd_main(Fd spool, Fd control, const std::string& name) {
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
    Shepherd shepherd(std::move(spool), std::move(dir), std::move(control), std::move(*order));
    return shepherd.run() ? 0 : 1;
}

int zygote_main(const char* spool_path) {
    Fd spool{::open(spool_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!spool || ::fchdir(spool.get()) != 0) {
        std::perror(spool_path);
        return 1;
    }
    ::fcntl(agent_socket, F_SETFD, FD_CLOEXEC);
    ::signal(SIGCHLD, SIG_IGN);  // The kernel reaps shepherds.
    ::umask(077);
    Packet packet;
    for (;;) {
        const Received received = receive_packet(agent_socket, packet, 0);
        if (received == Received::Ended) {
            return 0;
        }
        if (received != Received::Packet || packet.fds.size() != 1) {
            continue;
        }
        if (::fork() == 0) {
            ::close(agent_socket);
            ::signal(SIGCHLD, SIG_DFL);
            ::_exit(shepherd_main(std::move(spool), std::move(packet.fds[0]), packet.text));
        }
        packet.fds.clear();
    }
}

}  // namespace
}  // namespace khu::agent

int main(int argc, char** argv) {
    if (argc != 3 || std::strcmp(argv[1], "--zygote") != 0) {
        std::fputs("usage: khu-shepherd --zygote SPOOL (started by khu-agent)\n", stderr);
        return 2;
    }
    return khu::agent::zygote_main(argv[2]);
}
