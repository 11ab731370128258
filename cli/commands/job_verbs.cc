#include "cli/commands/all.h"
#include "cli/jobs.h"

namespace khu::cli {
namespace {

/// Asks for `verb` on every job named; goes on after a refusal, and the last refusal is the result.
Result each_job(Session& session, std::string_view verb, Message done) {
    const Expected<std::vector<JobId>, Failure> jobs = job_operands(session);
    if (!jobs) {
        return Unexpected{jobs.error()};
    }
    Result result = 0;
    for (const JobId job : *jobs) {
        const Expected<Received<wire::JobView>, Failure> view =
            session.post<wire::JobView>(job_target(job, verb), "{}");
        if (view) {
            session.print(session.say(done, {std::to_string(job.value), view->answer.phase}) +
                          "\n");
            continue;
        }
        if (!result) {
            session.report(result.error());
        }
        result = Unexpected{view.error()};
    }
    return result;
}

Result cancel(Session& session) {
    return each_job(session, "/cancel", Message::Cancelled);
}
Result hold(Session& session) {
    return each_job(session, "/hold", Message::Held);
}
Result release(Session& session) {
    return each_job(session, "/release", Message::Released);
}
Result requeue(Session& session) {
    return each_job(session, "/requeue", Message::Requeued);
}

}  // namespace

constinit const Command kCancel{.name = "cancel",
                                .operands = "JOB...",
                                .help = Message::HelpCancel,
                                .options = {},
                                .refused = Message::Refused,
                                .run = cancel};
constinit const Command kHold{.name = "hold",
                              .operands = "JOB...",
                              .help = Message::HelpHoldJob,
                              .options = {},
                              .refused = Message::Refused,
                              .run = hold};
constinit const Command kRelease{.name = "release",
                                 .operands = "JOB...",
                                 .help = Message::HelpRelease,
                                 .options = {},
                                 .refused = Message::Refused,
                                 .run = release};
constinit const Command kRequeue{.name = "requeue",
                                 .operands = "JOB...",
                                 .help = Message::HelpRequeueJob,
                                 .options = {},
                                 .refused = Message::Refused,
                                 .run = requeue};

}  // namespace khu::cli
