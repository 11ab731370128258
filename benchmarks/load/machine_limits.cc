/// \file
/// What the bare machine can do, so that a scheduler's rates can be read as a share of it:
/// posix_spawn + wait of /bin/true, fdatasync of 4 KiB, and a 64-byte round trip over loopback.
///
///     machine_limits [SECONDS [DIRECTORY]]    one JSON object a line; the directory is for the
///     files
///
/// Each probe runs SECONDS (default 2). Rates are per second, latencies in microseconds.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

/// Latencies of one thread's repetitions, in seconds.
using Latencies = std::vector<double>;

double seconds_between(Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

/// Repeats `act` for `seconds` and times each repetition.
Latencies repeat(double seconds, const std::function<void()>& act) {
    Latencies latencies;
    const auto began = Clock::now();
    for (auto last = began; seconds_between(began, last) < seconds;) {
        act();
        const auto now = Clock::now();
        latencies.push_back(seconds_between(last, now));
        last = now;
    }
    return latencies;
}

void report(const std::string& probe, int threads, double units_each, double seconds,
            Latencies latencies) {
    std::sort(latencies.begin(), latencies.end());
    const auto at = [&](double share) {
        const auto index = static_cast<std::size_t>(share * static_cast<double>(latencies.size()));
        return latencies[std::min(index, latencies.size() - 1)] * 1e6;
    };
    std::printf(
        "{\"limit\":\"%s\",\"threads\":%d,\"per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
        probe.c_str(), threads, static_cast<double>(latencies.size()) * units_each / seconds,
        at(0.5), at(0.99));
    std::fflush(stdout);
}

/// Runs `work` on so many threads and reports them together.
void measure(const std::string& probe, int threads, double units_each,
             const std::function<Latencies()>& work) {
    std::vector<Latencies> parts(static_cast<std::size_t>(threads));
    std::vector<std::thread> pool;
    const auto began = Clock::now();
    for (Latencies& part : parts) {
        pool.emplace_back([&part, &work] { part = work(); });
    }
    for (std::thread& thread : pool) {
        thread.join();
    }
    const double seconds = seconds_between(began, Clock::now());
    Latencies all;
    for (const Latencies& part : parts) {
        all.insert(all.end(), part.begin(), part.end());
    }
    report(probe, threads, units_each, seconds, std::move(all));
}

void spawn_and_wait() {
    std::array<char*, 2> argv{const_cast<char*>("/bin/true"), nullptr};
    pid_t child = 0;
    int status = 0;
    if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0 ||
        ::waitpid(child, &status, 0) != child) {
        give_up("posix_spawn");
    }
}

/// Appends 4 KiB `writes` times and makes them durable once, again and again.
Latencies sync_file(double seconds, const std::string& directory, int writes) {
    std::string path = directory + "/machine_limits.XXXXXX";
    const int file = ::mkstemp(path.data());
    if (file < 0) {
        give_up(path.c_str());
    }
    const std::vector<char> block(4096, 'x');
    Latencies latencies = repeat(seconds, [&] {
        for (int i = 0; i < writes; ++i) {
            if (::write(file, block.data(), block.size()) < 0) {
                give_up("write");
            }
        }
        if (::fdatasync(file) != 0) {
            give_up("fdatasync");
        }
    });
    ::close(file);
    ::unlink(path.c_str());
    return latencies;
}

void set_no_delay(int socket) {
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// A connected pair of TCP sockets over 127.0.0.1.
std::array<int, 2> loopback_pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener, generic, size) != 0 || ::listen(listener, 1) != 0 ||
        ::getsockname(listener, generic, &size) != 0) {
        give_up("listen");
    }
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(client, generic, size) != 0) {
        give_up("connect");
    }
    const int server = ::accept(listener, nullptr, nullptr);
    ::close(listener);
    set_no_delay(client);
    set_no_delay(server);
    return {client, server};
}

Latencies round_trips(double seconds) {
    const auto [client, server] = loopback_pair();
    std::thread echo([server = server] {
        std::array<char, 64> bytes{};
        for (ssize_t got = 0; (got = ::read(server, bytes.data(), bytes.size())) > 0;) {
            if (::write(server, bytes.data(), static_cast<std::size_t>(got)) != got) {
                break;
            }
        }
    });
    std::array<char, 64> bytes{};
    Latencies latencies = repeat(seconds, [&, client = client] {
        if (::write(client, bytes.data(), bytes.size()) < 0 ||
            ::read(client, bytes.data(), bytes.size()) <= 0) {
            give_up("round trip");
        }
    });
    ::shutdown(client, SHUT_RDWR);
    echo.join();
    ::close(client);
    ::close(server);
    return latencies;
}

}  // namespace

int main(int argc, char** argv) {
    const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
    const std::string directory = argc > 2 ? argv[2] : "/tmp";
    for (const int threads : {1, 2}) {
        measure("spawn", threads, 1, [&] { return repeat(seconds, spawn_and_wait); });
    }
    measure("fdatasync_4k", 1, 1, [&] { return sync_file(seconds, directory, 1); });
    measure("fdatasync_4k_by_32", 1, 32, [&] { return sync_file(seconds, directory, 32); });
    measure("loopback_round_trip", 1, 1, [&] { return round_trips(seconds); });
    return 0;
}
