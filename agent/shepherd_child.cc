#include "agent/shepherd_child.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "agent/fd.h"
#include "agent/shepherd_identity.h"

namespace khu::agent {
namespace {

constexpr int exit_not_started = 127;

[[noreturn]] void give_up(int report, ChildStep step) {
    const ChildReport message{.step = step, .error = errno};
    if (report >= 0 && ::write(report, &message, sizeof message) < 0) {
        ::_exit(exit_not_started);  // Nobody listens; the exit code says it too.
    }
    ::_exit(exit_not_started);
}

/// `born_in`: one of them that it is in already.
bool join_groups(const ShepherdOrder& order, const std::string& born_in) {
    for (const std::string& path : order.group_join) {
        if (path == born_in) {
            continue;
        }
        const Fd file{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
        if (!file || ::write(file.get(), "0", 1) != 1) {
            return false;
        }
    }
    return true;
}

/// Cores that this machine does not have are left out; with none left the process stays unbound.
void bind_to(const std::vector<int>& cores) {
    cpu_set_t set;
    CPU_ZERO(&set);
    for (const int core : cores) {
        if (core < CPU_SETSIZE) {
            CPU_SET(static_cast<std::size_t>(core), &set);
        }
    }
    if (CPU_COUNT(&set) > 0) {
        ::sched_setaffinity(0, sizeof set, &set);
    }
}

void set_limit(__rlimit_resource which, rlim_t soft) {
    rlimit limit{};
    if (::getrlimit(which, &limit) == 0) {
        limit.rlim_cur = std::min(soft, limit.rlim_max);
        ::setrlimit(which, &limit);
    }
}

void set_limits(const ShepherdOrder& order) {
    // InfiniBand pins its buffers; a soft limit of 8 MiB would stop it. Only root may lift the
    // wall.
    rlimit pinned{RLIM_INFINITY, RLIM_INFINITY};
    if (::setrlimit(RLIMIT_MEMLOCK, &pinned) != 0) {
        set_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
    }
    set_limit(RLIMIT_CORE,
              0);  // Not by default: a crash of 8 ranks would write 8 memories to disk.
    set_limit(RLIMIT_NOFILE, RLIM_INFINITY);
    set_limit(RLIMIT_STACK, 8 << 20);
    if (order.processes_max > 0) {
        const auto processes = static_cast<rlim_t>(order.processes_max);
        rlimit limit{processes, processes};
        ::setrlimit(RLIMIT_NPROC, &limit);
    }
}

void reset_signals() {
    struct sigaction fresh{};
    fresh.sa_handler = SIG_DFL;
    for (int signal = 1; signal < NSIG; ++signal) {
        ::sigaction(signal, &fresh, nullptr);  // Fails for KILL and STOP, which cannot be changed.
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Standard streams become 0, 1 and 2; the report pipe, close-on-exec, moves out of their way.
bool place_descriptors(const ChildSetup& setup, int& report) {
    report = report >= 0 ? ::fcntl(report, F_DUPFD_CLOEXEC, 10) : report;
    const int in = ::fcntl(setup.standard_in, F_DUPFD_CLOEXEC, 10);
    const int out = ::fcntl(setup.standard_out, F_DUPFD_CLOEXEC, 10);
    const int error = ::fcntl(setup.standard_error, F_DUPFD_CLOEXEC, 10);
    return in >= 0 && out >= 0 && error >= 0 && ::dup2(in, 0) == 0 && ::dup2(out, 1) == 1 &&
           ::dup2(error, 2) == 2;
}

void split(const std::string& variable, std::map<std::string, std::string>& into) {
    into[variable.substr(0, variable.find('='))] = variable;
}

/// The order's variables and the extra ones, each name once, as execve wants them.
std::vector<char*> environment_of(const ShepherdOrder& order, const ChildSetup& setup,
                                  std::map<std::string, std::string>& storage) {
    for (const std::string& variable : order.env) {
        split(variable, storage);
    }
    if (setup.extra_env != nullptr) {
        for (const std::string& variable : *setup.extra_env) {
            split(variable, storage);
        }
    }
    std::vector<char*> pointers;
    for (auto& [name, variable] : storage) {
        pointers.push_back(variable.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

std::vector<char*> arguments_of(const ChildSetup& setup) {
    std::vector<char*> pointers;
    for (const std::string& argument : *setup.argv) {
        pointers.push_back(const_cast<char*>(argument.c_str()));
    }
    pointers.push_back(nullptr);
    return pointers;
}

[[noreturn]] void become_the_job(const ShepherdOrder& order, const ChildSetup& setup,
                                 const std::string& born_in) {
    int report = setup.report;
    if (!join_groups(order, born_in)) {
        give_up(report, ChildStep::Group);
    }
    if (setup.cores != nullptr) {
        bind_to(*setup.cores);
    }
    set_limits(order);
    ::setsid();
    if (!become_user(order)) {
        give_up(report, ChildStep::Identity);
    }
    // If the shepherd is killed, what it started directly goes with it. After the change of
    // identity, which clears this.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::umask(static_cast<mode_t>(order.umask));
    if (::fchdir(setup.work_dir) != 0) {
        give_up(report, ChildStep::Directory);
    }
    if (!place_descriptors(setup, report)) {
        give_up(report, ChildStep::Descriptors);
    }
    reset_signals();
    std::map<std::string, std::string> storage;
    std::vector<char*> environment = environment_of(order, setup, storage);
    std::vector<char*> arguments = arguments_of(setup);
    environ = environment.data();  // execvp searches the job's PATH, not the agent's.
    ::execvp(arguments[0], arguments.data());
    give_up(report, ChildStep::Command);
}

}  // namespace

namespace {

/// The v2 group of the order; empty: none.
std::string unified_group(const ShepherdOrder& order) {
    for (const std::string& path : order.group_join) {
        if (path.ends_with("/cgroup.procs")) {
            return path;
        }
    }
    return {};
}

/// As fork(), with the child born in the group: to enter it afterwards takes the kernel a grace
/// period, 8 to 20 ms on an idle machine. -1 where that cannot be.
pid_t fork_into(const std::string& procs_file) {
    const std::string dir = procs_file.substr(0, procs_file.rfind('/'));
    const Fd group{::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    if (procs_file.empty() || !group) {
        return -1;
    }
    clone_args how{};
    how.flags = CLONE_INTO_CGROUP;
    how.exit_signal = SIGCHLD;
    how.cgroup = static_cast<std::uint64_t>(group.get());
    return static_cast<pid_t>(::syscall(SYS_clone3, &how, sizeof how));
}

}  // namespace

pid_t start_child(const ShepherdOrder& order, const ChildSetup& setup) {
    std::string born_in = unified_group(order);
    pid_t pid = fork_into(born_in);
    if (pid < 0) {
        born_in.clear();
        pid = ::fork();
    }
    if (pid == 0) {
        become_the_job(order, setup, born_in);
    }
    return pid;
}

}  // namespace khu::agent
