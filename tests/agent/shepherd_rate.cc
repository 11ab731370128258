// shepherd_rate [ATTEMPTS] [AT_ONCE] [groups]: how many attempts per second a node starts and ends,
// from the order to the result read and the spool cleared, as a share of bare posix_spawn and wait.

#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "agent/cgroup.h"
#include "agent/process.h"
#include "agent/shepherd_client.h"
#include "agent/shepherd_plan.h"
#include "agent/spool.h"

namespace khu::agent {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double bare_rate(int count) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) {
        const char* argv[] = {"/bin/true", nullptr};
        char* environment[] = {nullptr};
        pid_t pid{};
        ::posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char* const*>(argv), environment);
        ::waitpid(pid, nullptr, 0);
    }
    return count / seconds_since(begin);
}

ShepherdOrder order_of(int job) {
    ShepherdOrder order;
    order.job = job;
    order.attempt = 1;
    order.node = "gn01";
    order.chdir = "/";
    order.argv = {"/bin/true"};
    order.output = "/dev/null";
    for (int i = 0; i < 50; ++i) {
        order.env.push_back("KHU_VARIABLE_" + std::to_string(i) + "=some ordinary value");
    }
    order.tasks = {{.rank = 0, .env = {"RANK=0"}, .cores = {}}};
    return order;
}

struct Driver {
    Spool& spool;
    Shepherds& shepherds;
    const ControlGroups& groups;
    std::vector<Attempt> running;
    int failed{0};

    void start(int job) {
        ShepherdOrder order = order_of(job);
        const AttemptKey key{JobId{static_cast<std::uint64_t>(job)}, AttemptNumber{1}};
        const auto paths =
            groups.make(key, {.cores = {}, .memory = gibibytes(1), .processes_max = 1000});
        put_in_groups(order, *paths);
        Expected<Attempt, Refusal> attempt = shepherds.start(order, boot_ms() + 60'000);
        if (!attempt) {
            std::fprintf(stderr, "%s\n", text(attempt.error(), Language::English).c_str());
            std::exit(1);
        }
        running.push_back(std::move(*attempt));
    }

    bool ended(Attempt& attempt) {
        while (const auto event = attempt.next()) {
            if (event->kind == AttemptEventKind::Ended) {
                failed += shepherds.take_result(attempt.key()).exit_code != 0 ? 1 : 0;
                spool.forget(attempt.key());
                groups.remove(attempt.key());
                return true;
            }
        }
        return false;
    }

    void wait() {
        std::vector<pollfd> polled;
        for (const Attempt& attempt : running) {
            polled.push_back({.fd = attempt.fd(), .events = POLLIN, .revents = 0});
        }
        ::poll(polled.data(), polled.size(), 10'000);
        std::erase_if(running, [&](Attempt& attempt) { return ended(attempt); });
    }
};

int run(int count, std::size_t at_once, bool with_groups) {
    std::string path = "/tmp/khu-rate-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
        return 1;
    }
    std::filesystem::permissions(path, std::filesystem::perms(0711));
    const double bare = bare_rate(count);
    double rate = 0;
    int failed = 0;
    {
        Spool spool = Spool::open(path + "/spool", {}).value();
        Shepherds shepherds(spool, std::string(KHU_BIN_DIR) + "/khu-shepherd");
        const ControlGroups groups =
            with_groups ? ControlGroups::detect("khu-rate", {}) : ControlGroups::none();
        shepherds.stand_by(groups.standby_parent());
        Driver driver{.spool = spool, .shepherds = shepherds, .groups = groups, .running = {}};
        const auto begin = std::chrono::steady_clock::now();
        for (int job = 1; job <= count || !driver.running.empty();) {
            while (job <= count && driver.running.size() < at_once) {
                driver.start(job++);
            }
            driver.wait();
        }
        rate = count / seconds_since(begin);
        failed = driver.failed;
        std::printf("groups: %s\n", groups.describe().c_str());
        groups.leave();
    }
    std::filesystem::remove_all(path);
    std::printf("bare spawn+wait %.0f/s, attempts %.0f/s (%zu at once), ratio %.2f, failed %d\n",
                bare, rate, at_once, rate / bare, failed);
    return failed == 0 ? 0 : 1;
}

}  // namespace
}  // namespace khu::agent

int main(int argc, char** argv) {
    const int count = argc > 1 ? std::atoi(argv[1]) : 2000;
    const int at_once = argc > 2 ? std::atoi(argv[2]) : 4;
    return khu::agent::run(count, static_cast<std::size_t>(at_once), argc > 3);
}
