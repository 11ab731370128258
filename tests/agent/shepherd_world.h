#pragma once

/// \file
/// A spool in a directory of its own and real shepherds in it: what the tests of the agent's
/// processes stand on. Everything is waited for by descriptors, nothing by sleeping.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "agent/process.h"
#include "agent/shepherd_client.h"
#include "agent/spool.h"

namespace khu::agent {

inline constexpr int patience_ms = 20'000;  // Until a test gives up; no test waits for it to pass.
inline constexpr std::int64_t nobody = 65'534;

/// A new directory that every user may pass; gone at the end.
class TemporaryDirectory {
public:
    TemporaryDirectory() : path_("/tmp/khutest-XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) {
            std::abort();
        }
        ::chmod(path_.c_str(), 0711);
    }
    ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string operator/(const std::string& name) const {
        return path_ + "/" + name;
    }

private:
    std::string path_;
};

inline std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// True as soon as `condition` holds; for what no descriptor tells (a file that a job writes).
template <class Condition>
bool eventually(Condition condition) {
    for (int waited = 0; waited < patience_ms; waited += 5) {
        if (condition()) {
            return true;
        }
        ::poll(nullptr, 0, 5);
    }
    return condition();
}

inline bool is_alive(pid_t pid) {
    const std::optional<ProcessStat> stat = read_stat(pid);
    return stat && stat->state != 'Z';
}

class ShepherdWorld : public ::testing::Test {
protected:
    ShepherdWorld()
        : spool_(std::make_unique<Spool>(Spool::open(directory_ / "spool", {}).value())),
          shepherds_(std::make_unique<Shepherds>(*spool_, program())) {}

    static std::string program() { return std::string(KHU_BIN_DIR) + "/khu-shepherd"; }

    /// Job 7, attempt 1, one task; output in the test's directory.
    ShepherdOrder order_of(std::vector<std::string> argv) const {
        ShepherdOrder order;
        order.job = 7;
        order.attempt = 1;
        order.node = "gn01";
        order.chdir = directory_.path();
        order.argv = std::move(argv);
        order.env = {"PATH=/usr/bin:/bin",
                     "KHU_STOP_FILE=" + spool_->job_dir(key_of(order)) + "/stop"};
        order.output = "out";
        order.tasks = {{.rank = 0, .env = {}, .cores = {}}};
        return order;
    }
    ShepherdOrder shell(const std::string& script) const {
        return order_of({"/bin/sh", "-c", script});
    }

    static AttemptKey key_of(const ShepherdOrder& order) {
        return {JobId{static_cast<std::uint64_t>(order.job)},
                AttemptNumber{static_cast<std::uint64_t>(order.attempt)}};
    }

    Attempt start(const ShepherdOrder& order, std::int64_t lease_ms = 60'000) {
        Expected<Attempt, Refusal> attempt = shepherds_->start(order, boot_ms() + lease_ms);
        EXPECT_TRUE(attempt) << (attempt ? "" : text(attempt.error(), Language::English));
        return std::move(attempt).value();
    }

    /// Waits until `attempt` says `kind`; false if it ends before or nothing comes.
    static bool wait_for(Attempt& attempt, AttemptEventKind kind, AttemptEvent* event = nullptr) {
        for (;;) {
            while (const std::optional<AttemptEvent> next = attempt.next()) {
                if (next->kind == kind) {
                    if (event != nullptr) {
                        *event = *next;
                    }
                    return true;
                }
                if (next->kind == AttemptEventKind::Ended) {
                    return false;
                }
            }
            pollfd polled{.fd = attempt.fd(), .events = POLLIN, .revents = 0};
            if (::poll(&polled, 1, patience_ms) <= 0) {
                return false;
            }
        }
    }

    /// By its pidfd: a process number that is not known yet would be -1, which is everybody.
    static void kill_shepherd(Attempt& attempt) {
        ASSERT_TRUE(attempt.pidfd() >= 0 || wait_for(attempt, AttemptEventKind::Hello));
        ASSERT_TRUE(signal_pidfd(attempt.pidfd(), SIGKILL));
    }

    ShepherdResult result_of(Attempt& attempt) {
        EXPECT_TRUE(wait_for(attempt, AttemptEventKind::Ended)) << "the attempt does not end";
        return shepherds_->take_result(attempt.key());
    }

    ShepherdResult run(const ShepherdOrder& order) {
        Attempt attempt = start(order);
        return result_of(attempt);
    }

    [[nodiscard]] std::string output() const { return text_of(directory_ / "out"); }

    /// The process numbers that a job wrote into the file `name`, once `count` are there.
    [[nodiscard]] std::vector<pid_t> pids_in(const std::string& name, std::size_t count) const {
        std::vector<pid_t> pids;
        eventually([&] {
            std::ifstream file(directory_ / name);
            pids.clear();
            for (pid_t pid{}; file >> pid;) {
                pids.push_back(pid);
            }
            return pids.size() >= count;
        });
        return pids;
    }

    TemporaryDirectory directory_;
    std::unique_ptr<Spool> spool_;
    std::unique_ptr<Shepherds> shepherds_;
};

#define KHU_NEEDS_ROOT()                                                        \
    if (::geteuid() != 0) {                                                     \
        GTEST_SKIP() << "needs root: only root can start jobs of another user"; \
    }

}  // namespace khu::agent
