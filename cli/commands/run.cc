#include <cstdio>

#include "cli/commands/all.h"
#include "cli/follow.h"
#include "cli/job_options.h"
#include "cli/job_request.h"
#include "cli/jobs.h"
#include "cli/submission.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--idempotency-key", "KEY", Message::HelpKey},
});

enum class Wish { GoOn, Cancel, Leave };

/// What Ctrl-C means. Where nobody can be asked, the job is cancelled, as a signal to it would.
Wish ask_what_to_do(const Session& session, JobId job) {
    if (!session.is_terminal()) {
        return Wish::Cancel;
    }
    std::fprintf(stderr, "\nkhu: %s ",
                 session.say(Message::CancelQuestion, {std::to_string(job.value)}).c_str());
    std::fflush(stderr);
    const int answer = std::getchar();
    if (answer == EOF) {
        return Wish::Cancel;  // A second Ctrl-C.
    }
    for (int rest = answer; rest != '\n' && rest != EOF; rest = std::getchar()) {
    }
    if (answer == 'y' || answer == 'Y' || answer == 'c') {
        return Wish::Cancel;
    }
    return answer == 'd' || answer == 'D' ? Wish::Leave : Wish::GoOn;
}

Expected<Done, Failure> cancel(Session& session, JobId job) {
    const Expected<Received<wire::JobView>, Failure> view =
        session.post<wire::JobView>(job_target(job, "/cancel"), "{}");
    const bool over = !view && view.error().status == 409;  // It ended meanwhile.
    return view || over ? Expected<Done, Failure>(Done{}) : Unexpected{view.error()};
}

/// Follows until the job has ended or the person leaves it; then its exit code.
Result follow(Session& session, JobId job) {
    for (;;) {
        const Expected<Done, Failure> printed = print_output(session, {.job = job, .follow = true});
        if (!interrupted()) {
            return printed ? report_end(session, job) : Unexpected{printed.error()};
        }
        forget_interrupt();
        switch (ask_what_to_do(session, job)) {
            case Wish::GoOn:
                break;
            case Wish::Leave:
                session.note(session.say(Message::LeftRunning, {std::to_string(job.value)}));
                return 0;
            case Wish::Cancel:
                forget_interrupt();
                const Expected<Done, Failure> cancelled = cancel(session, job);
                return cancelled ? report_end(session, job) : Unexpected{cancelled.error()};
        }
    }
}

Result run(Session& session) {
    const Expected<JobRequest, Failure> job = job_request(session, Launcher::Fork);
    if (!job) {
        return Unexpected{job.error()};
    }
    for (const std::string& note : job->notes) {
        session.note(note);
    }
    catch_interrupts();
    const Expected<Received<wire::SubmitAnswer>, Failure> made = submit(session, job->request);
    if (!made) {
        return Unexpected{made.error()};
    }
    session.progress(session.say(Message::Submitted, {std::to_string(made->answer.job.value)}));
    return follow(session, made->answer.job);
}

}  // namespace

constinit const Command kRun{.name = "run",
                             .operands = "[COMMAND...]",
                             .help = Message::HelpRun,
                             .options = {kJobOptions, kOptions},
                             .tail = true,
                             .refused = Message::JobRefused,
                             .run = run};

}  // namespace khu::cli
