#include "cli/follow.h"

#include <time.h>

#include <algorithm>
#include <cstdio>

#include "cli/jobs.h"

namespace khu::cli {
namespace {

/// What `offset` bytes have been printed of, and what comes next.
class Follower {
public:
    Follower(Session& session, Connection& khud, const Output& output)
        : session_(session), khud_(khud), output_(output) {}

    Expected<Done, Failure> print(bool follow) {
        const std::string target =
            job_target(output_.job, "/log") + query({{"stream", output_.stream},
                                                     {"node", output_.node},
                                                     {"offset", std::to_string(offset_)},
                                                     {"follow", follow ? "true" : ""}});
        return khud_.stream(target, days(1), [this](std::string_view piece) {
            offset_ += piece.size();
            session_.progress("");
            session_.print(piece);
            std::fflush(stdout);
            return !interrupted();
        });
    }
    [[nodiscard]] std::size_t offset() const { return offset_; }
    /// A later attempt writes its output from the beginning.
    void on_attempt(std::int64_t attempt) {
        offset_ = attempt_ != 0 && attempt > attempt_ ? 0 : offset_;
        attempt_ = std::max(attempt, attempt_);
    }

private:
    Session& session_;
    Connection& khud_;
    const Output& output_;
    std::size_t offset_{0};
    std::int64_t attempt_{0};
};

/// Short at first, so that a job of a second is not shown a second late.
class Pause {
public:
    void wait() {
        const timespec time{.tv_sec = 0, .tv_nsec = milliseconds_ * 1'000'000L};
        ::nanosleep(&time, nullptr);
        milliseconds_ = std::min(2 * milliseconds_, 500);
    }
    void start_over() { milliseconds_ = 10; }

private:
    int milliseconds_{10};
};

/// A connection that broke, or a job that has not begun to write.
bool may_come_later(const Failure& failure) {
    return failure.status == 0 || failure.status == 404 || failure.status == 409;
}

Failure interruption(const Session& session) {
    return unreachable(session.say(Message::Interrupted), "");
}

}  // namespace

Expected<Done, Failure> print_output(Session& session, const Output& output) {
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    Follower follower(session, **khud, output);
    if (!output.follow) {
        return follower.print(false);
    }
    Pause pause;
    for (;;) {
        const std::size_t before = follower.offset();
        const Expected<Done, Failure> piece = follower.print(true);
        if (interrupted()) {
            return Unexpected{interruption(session)};
        }
        if (!piece && !may_come_later(piece.error())) {
            return piece;
        }
        const Expected<Received<wire::JobView>, Failure> view =
            session.get<wire::JobView>(job_target(output.job));
        if (!view) {
            return Unexpected{view.error()};
        }
        follower.on_attempt(view->answer.attempt);
        if (view->answer.phase == "done") {
            return follower.print(false);  // What was written after the last piece.
        }
        if (follower.offset() != before) {
            pause.start_over();
            continue;
        }
        session.progress(
            session.say(Message::Waiting, {std::to_string(output.job.value), view->answer.phase}));
        pause.wait();
    }
}

}  // namespace khu::cli
