#pragma once

/// \file
/// One attempt on one node, from its first process to its result. The shepherd is the ancestor of
/// every process of the attempt (a subreaper), so none can escape it; it outlives its agent, and it
/// ends the attempt by itself when nobody renews the lease, so that a dead agent cannot leave a job
/// running.
///
///     Waiting --run--> Running      (a gang: every node prepares, then all run; else Running at
///     once) Running --stop, all tasks ended, a task failed--> Stopping --grace over--> Killing
///        |                                                  |                       |
///        +------------------ no process left: result ------+-----------------------+
///
/// One thread, one loop; standard library only, because one runs beside every job.

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "agent/fd.h"
#include "agent/shepherd_channel.h"
#include "agent/shepherd_order.h"
#include "agent/shepherd_prepare.h"
#include "agent/shepherd_result.h"

namespace khu::agent {

class Shepherd {
public:
    /// `spool_dir`: SPOOL/new/NAME, open; `spool`: SPOOL, open; `control`: the agent's connection.
    Shepherd(Fd spool, Fd spool_dir, Fd control, ShepherdOrder order);

    /// Returns when every process of the attempt is gone and the result is stored.
    /// False if it could not be stored.
    bool run();

private:
    enum class Stage { Waiting, Running, Stopping, Killing };

    struct Task {
        std::int64_t rank{0};
        pid_t pid{-1};
        bool ended{false};
    };
    struct Connection {
        Fd fd;
        bool agents{false};   ///< may do everything; else only exec and status
        bool watches{false};  ///< gets events
        pid_t step{-1};       ///< the remote step it waits for
    };

    // The life.
    bool publish();
    /// On the control socket; a file that lasts costs too much to make for each attempt, so it is
    /// made when somebody may need it.
    bool listen();
    void start_tasks();
    void start_task(std::size_t index);
    void wait();
    void reap();
    void on_exit(pid_t pid, int status);
    void on_task_exit(Task& task, int status);
    void on_report();
    void on_started();
    void on_time();
    void on_output();
    [[nodiscard]] bool ended() const;
    void note_checkpoint();
    bool store_result();

    // Ending.
    void remember_stop(const std::string& reason);
    void begin_stop(std::int64_t grace_ms, const std::string& reason, int signal);
    void begin_kill(const std::string& reason);
    void kill_all();
    void tell_all(int signal);
    void notice(int signal);
    [[nodiscard]] bool lease_is_over();

    // Talking.
    void accept_on(int listener, bool agents);
    void serve(Connection& connection);
    std::string answer(Connection& connection, Packet& packet);
    std::string answer_agent(Connection& connection, const std::string& text,
                             const std::string& verb);
    std::string do_exec(Connection& connection, Packet& packet);
    std::string do_signal(const std::string& text);
    std::string do_stop(const std::string& text);
    std::string do_run();
    void hello(Connection& connection);
    [[nodiscard]] std::string state_event() const;
    void tell_watchers(const std::string& event);
    [[nodiscard]] std::string status_text() const;

    Fd spool_, dir_, lease_, signals_, timer_, listener_, exec_listener_;
    Fd report_read_, report_write_, capture_read_, capture_write_, capture_file_, null_;
    ShepherdOrder order_;
    Prepared prepared_;
    std::vector<Task> tasks_;
    std::vector<Connection> connections_;
    std::vector<pollfd> polled_;
    Stage stage_{Stage::Waiting};
    ShepherdResult result_;
    bool children_left_{false};
    bool begun_{false};            ///< every task runs its command
    std::int64_t act_at_{0};       ///< boot ms: of the next kill; 0: none
    std::int64_t lease_until_{0};  ///< as last read
    std::int64_t armed_at_{0};     ///< what the timer stands at
    std::int64_t captured_{0};
    int kills_{0};
};

}  // namespace khu::agent
