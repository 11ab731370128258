#include "cli/commands/all.h"
#include "cli/jobs.h"

namespace khu::cli {
namespace {

Result cancel(Session& session) {
    return each_job(session, "/cancel", "{}", Message::Cancelled);
}
Result hold(Session& session) {
    return each_job(session, "/hold", "{}", Message::Held);
}
Result release(Session& session) {
    return each_job(session, "/release", "{}", Message::Released);
}
Result requeue(Session& session) {
    return each_job(session, "/requeue", "{}", Message::Requeued);
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
