#include "agent/shepherd.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "agent/cgroup_kill.h"
#include "agent/checkpoint_file.h"
#include "agent/process.h"
#include "agent/shepherd_child.h"
#include "agent/shepherd_identity.h"
#include "agent/shepherd_records.h"

namespace khu::agent {
namespace {

constexpr std::int64_t sibling_grace_ms = 5'000;  // For the ranks beside one that failed.
constexpr int exit_not_started = 127;

Fd child_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &set, nullptr);
    return Fd{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
}

void arm(int timer, std::int64_t at_boot_ms) {
    itimerspec when{};
    when.it_value.tv_sec = at_boot_ms / 1000;
    when.it_value.tv_nsec = at_boot_ms % 1000 * 1'000'000;
    ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
}

StartFault fault_of(const ShepherdOrder& order, const ChildReport& report) {
    const std::string why = std::strerror(report.error);
    switch (report.step) {
        case ChildStep::Group:
            return {.name = "launch_failed", .path = {}, .why = "control group: " + why};
        case ChildStep::Identity:
            return {.name = "launch_failed", .path = {}, .why = "cannot become the user: " + why};
        case ChildStep::Directory:
            return {.name = "directory_missing", .path = order.chdir, .why = why};
        case ChildStep::Descriptors:
            return {.name = "launch_failed", .path = {}, .why = "descriptors: " + why};
        case ChildStep::Command:
            return {.name = report.error == ENOENT ? "command_not_found" : "command_not_runnable",
                    .path = order.argv.empty() ? "" : order.argv[0],
                    .why = why};
    }
    return {};
}

}  // namespace

Shepherd::Shepherd(Fd spool, Fd spool_dir, Fd control, ShepherdOrder order)
    : spool_(std::move(spool)), dir_(std::move(spool_dir)), order_(std::move(order)) {
    result_.job = order_.job;
    result_.attempt = order_.attempt;
    connections_.push_back({.fd = std::move(control), .agents = true, .watches = true, .step = -1});
    ::fcntl(connections_.front().fd.get(), F_SETFL, O_NONBLOCK);  // No agent may hold us up.
    signals_ = child_signals();
    timer_.reset(::timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    lease_.reset(::openat(dir_.get(), spool_names::lease, O_RDONLY | O_CLOEXEC));
    ::flock(lease_.get(), LOCK_EX | LOCK_NB);  // Until we end; nobody else takes more than a look.
    null_.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
}

bool Shepherd::run() {
    prepared_ = prepare_attempt(order_, dir_.get());
    if (!publish()) {
        return false;
    }
    if (lease_is_over()) {
        begin_kill(lease_lost);
    } else if (prepared_.fault.any()) {
        begin_kill({});
    } else if (order_.hold == 0) {
        start_tasks();
    }
    hello(connections_.front());
    reap();
    while (!ended()) {
        wait();
        reap();
    }
    return store_result();
}

/// The attempt appears under its name when everything that others look for is in it.
bool Shepherd::publish() {
    const std::string name = attempt_name(order_.job, order_.attempt);
    const bool takes_steps = order_.accepts_steps != 0 && prepared_.job_dir;
    if (takes_steps) {
        const AsUser as_user(order_);
        exec_listener_ = listen_in(prepared_.job_dir.get(), spool_names::exec_socket);
    }
    const std::string from = std::string(spool_names::incoming) + "/" + name;
    return (!takes_steps || listen()) &&
           ::renameat(spool_.get(), from.c_str(), spool_.get(), name.c_str()) == 0;
}

bool Shepherd::listen() {
    if (!listener_) {
        listener_ = listen_in(dir_.get(), spool_names::socket);
    }
    return static_cast<bool>(listener_);
}

void Shepherd::start_tasks() {
    stage_ = Stage::Running;
    if (order_.tasks.empty()) {
        on_started();
        return;
    }
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0) {
        report_read_.reset(ends[0]);
        report_write_.reset(ends[1]);
    }
    if (order_.output.empty() && ::pipe2(ends, O_CLOEXEC) == 0) {
        capture_read_.reset(ends[0]);
        capture_write_.reset(ends[1]);
        ::fcntl(capture_read_.get(), F_SETFL, O_NONBLOCK);
        capture_file_.reset(::openat(dir_.get(), spool_names::output,
                                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    }
    for (std::size_t i = 0; i < order_.tasks.size() && !prepared_.fault.any(); ++i) {
        start_task(i);
    }
    prepared_.outputs.clear();
    report_write_.reset();
    capture_write_.reset();
    if (prepared_.fault.any()) {
        begin_kill({});
    }
}

void Shepherd::start_task(std::size_t index) {
    const OrderTask& task = order_.tasks[index];
    const TaskOutput& output = prepared_.outputs[index];
    const int out = output.out ? output.out.get() : capture_write_.get();
    const ChildSetup setup{.argv = &order_.argv,
                           .extra_env = &task.env,
                           .cores = &task.cores,
                           .work_dir = prepared_.work_dir.get(),
                           .standard_in = null_.get(),
                           .standard_out = out,
                           .standard_error = output.error ? output.error.get() : out,
                           .report = report_write_.get()};
    const pid_t pid = start_child(order_, setup);
    if (pid < 0) {
        prepared_.fault = {.name = "launch_failed",
                           .path = {},
                           .why = std::string("fork: ") + std::strerror(errno)};
        return;
    }
    tasks_.push_back({.rank = task.rank, .pid = pid, .ended = false});
}

void Shepherd::wait() {
    polled_.clear();
    const auto watch = [&](const Fd& fd) {
        polled_.push_back({.fd = fd.get(), .events = POLLIN, .revents = 0});
    };
    for (const Fd* fd :
         {&signals_, &timer_, &report_read_, &capture_read_, &listener_, &exec_listener_}) {
        watch(*fd);  // poll skips those that are not open.
    }
    const std::size_t fixed = polled_.size();
    for (const Connection& connection : connections_) {
        watch(connection.fd);
    }
    const bool lease_counts = stage_ != Stage::Killing && (act_at_ == 0 || lease_until_ < act_at_);
    const std::int64_t next = lease_counts ? lease_until_ : act_at_;
    if (next != armed_at_) {
        arm(timer_.get(), std::max<std::int64_t>(next, 1));
        armed_at_ = next;
    }
    if (::poll(polled_.data(), polled_.size(), -1) <= 0) {
        return;
    }
    const auto ready = [&](std::size_t i) { return polled_[i].revents != 0; };
    on_time();
    if (ready(2)) {
        on_report();
    }
    if (ready(3)) {
        on_output();
    }
    for (std::size_t i = fixed; i < polled_.size(); ++i) {
        if (ready(i)) {
            serve(connections_[i - fixed]);
        }
    }
    std::erase_if(connections_, [](const Connection& connection) { return !connection.fd; });
    if (ready(4)) {
        accept_on(listener_.get(), true);
    }
    if (ready(5)) {
        accept_on(exec_listener_.get(), false);
    }
}

/// Collects every process that has ended, our own and those that escaped their parents to us.
void Shepherd::reap() {
    signalfd_siginfo ignored[8];
    while (::read(signals_.get(), ignored, sizeof ignored) > 0) {
    }
    for (;;) {
        int status{};
        rusage usage{};
        const pid_t pid = ::wait4(-1, &status, WNOHANG, &usage);
        if (pid <= 0) {
            children_left_ = pid == 0;
            break;
        }
        result_.max_rss_bytes =
            std::max(result_.max_rss_bytes, std::int64_t{usage.ru_maxrss} * 1024);
        on_exit(pid, status);
    }
    if (report_read_) {
        on_report();
    }
    const bool all_ended =
        std::all_of(tasks_.begin(), tasks_.end(), [](const Task& task) { return task.ended; });
    if (stage_ == Stage::Running && !tasks_.empty() && all_ended && children_left_) {
        begin_stop(order_.leftover_grace_ms, {}, SIGTERM);
    }
}

void Shepherd::on_exit(pid_t pid, int status) {
    for (Task& task : tasks_) {
        if (task.pid == pid) {
            on_task_exit(task, status);
            return;
        }
    }
    for (Connection& connection : connections_) {
        if (connection.step == pid) {
            std::string text;
            add_record(text, "exit_code",
                       std::int64_t{WIFEXITED(status) ? WEXITSTATUS(status) : 0});
            add_record(text, "signal", std::int64_t{WIFSIGNALED(status) ? WTERMSIG(status) : 0});
            send_packet(connection.fd.get(), text);
            connection.fd.reset();
            connection.step = -1;
        }
    }
    std::erase_if(connections_, [](const Connection& connection) { return !connection.fd; });
}

void Shepherd::on_task_exit(Task& task, int status) {
    task.ended = true;
    const bool first_failure = result_.exit_code == 0 && result_.signal == 0;
    // Once a stop has begun, tasks die of it; that is not what made the attempt fail.
    if (status != 0 && first_failure) {
        result_.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        result_.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    }
    if (status != 0 && stage_ == Stage::Running && order_.kill_siblings != 0 && tasks_.size() > 1) {
        begin_stop(sibling_grace_ms, {}, SIGTERM);
    }
}

/// The pipe that ends by itself when every task has begun its command.
void Shepherd::on_report() {
    ChildReport report;
    for (;;) {
        const ssize_t size = ::read(report_read_.get(), &report, sizeof report);
        if (size == sizeof report) {
            if (!prepared_.fault.any()) {
                prepared_.fault = fault_of(order_, report);
            }
            continue;
        }
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        break;
    }
    report_read_.reset();
    if (prepared_.fault.any()) {
        begin_kill({});
    } else {
        on_started();
    }
}

void Shepherd::on_started() {
    begun_ = true;
    result_.started_ms = boot_ms();
    tell_watchers(state_event());
}

void Shepherd::on_time() {
    const std::int64_t now = boot_ms();
    if (now >= lease_until_ && stage_ != Stage::Killing && lease_is_over()) {
        begin_kill(lease_lost);
    }
    if (act_at_ == 0 || now < act_at_) {
        return;
    }
    if (stage_ == Stage::Stopping) {
        begin_kill({});
    } else {
        kill_all();
    }
}

/// True if the lease that the agent renews has passed. Unreadable is passed: fail closed.
bool Shepherd::lease_is_over() {
    std::int64_t until{};
    if (::pread(lease_.get(), &until, sizeof until, 0) != sizeof until) {
        until = 0;
    }
    lease_until_ = until;
    return boot_ms() >= until;
}

/// What tasks print when nobody gave a file; beyond its bound it is read and thrown away, so that
/// the job goes on.
void Shepherd::on_output() {
    char bytes[16 << 10];
    for (;;) {
        const ssize_t size = ::read(capture_read_.get(), bytes, sizeof bytes);
        if (size == 0) {
            capture_read_.reset();
        }
        if (size <= 0) {
            return;
        }
        const std::int64_t room = std::max<std::int64_t>(0, order_.capture_bytes_max - captured_);
        const auto kept = static_cast<std::size_t>(std::min<std::int64_t>(room, size));
        const ssize_t written = kept > 0 ? ::write(capture_file_.get(), bytes, kept) : 0;
        captured_ += std::max<ssize_t>(written, 0);
        result_.output_cut = result_.output_cut || written != size;
    }
}

bool Shepherd::ended() const {
    switch (stage_) {
        case Stage::Waiting:
            return false;
        case Stage::Running:
            return !children_left_ && !tasks_.empty();
        case Stage::Stopping:
        case Stage::Killing:
            return !children_left_;
    }
    return false;
}

/// The last word of the job, before its directory is cleared.
void Shepherd::note_checkpoint() {
    if (!prepared_.job_dir) {
        return;
    }
    if (auto said = read_checkpoint(prepared_.job_dir.get(), spool_names::checkpoint_file)) {
        result_.checkpoint_stamp = said->stamp;
        result_.checkpoint_age_ms = said->age_ms;
        result_.checkpoint_path = std::move(said->path);
    }
}

bool Shepherd::store_result() {
    if (capture_read_) {
        on_output();
    }
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    result_.cpu_ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    result_.ended_ms = boot_ms();
    result_.ended_unix_ms = unix_ms();
    result_.duration_ms = begun_ ? result_.ended_ms - result_.started_ms : 0;
    result_.oom = group_ran_out_of_memory(order_.group_memory);
    if (prepared_.fault.any()) {
        result_.fault = prepared_.fault.name;
        result_.fault_path = prepared_.fault.path;
        result_.fault_why = prepared_.fault.why;
        result_.exit_code = exit_not_started;
        result_.signal = 0;
    }
    note_checkpoint();
    if (may_act_as(order_)) {
        clear_attempt(order_, dir_.get());
    }
    const std::string text = to_text(result_);
    const Fd file{
        ::openat(dir_.get(), spool_names::unfinished, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    const bool written = file && replace_content(file.get(), text);
    // With an agent listening, the result is taken within a moment and is khud's to keep; if khud
    // is away, the agent syncs its spool. Alone, it must last until somebody comes back, through a
    // loss of power too. A sync for each attempt would cost ten times what the attempt does.
    const bool alone =
        std::none_of(connections_.begin(), connections_.end(),
                     [](const Connection& connection) { return connection.watches; });
    return written && (!alone || ::fsync(file.get()) == 0) &&
           ::renameat(dir_.get(), spool_names::unfinished, dir_.get(), spool_names::result) == 0;
}

}  // namespace khu::agent
