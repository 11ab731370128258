#include "cli/commands/all.h"
#include "cli/jobs.h"

namespace khu::cli {
namespace {

/// Waits for every job named, in that order; the first exit code that is not 0 is the result.
Result run(Session& session) {
    const Expected<std::vector<JobId>, Failure> jobs = job_operands(session);
    if (!jobs) {
        return Unexpected{jobs.error()};
    }
    int code = 0;
    for (const JobId job : *jobs) {
        const Result one = report_end(session, job);
        if (!one) {
            return one;
        }
        code = code == 0 ? *one : code;
    }
    return code;
}

}  // namespace

constinit const Command kWait{.name = "wait",
                              .operands = "JOB...",
                              .help = Message::HelpWaitJob,
                              .options = {},
                              .refused = Message::Refused,
                              .run = run};

}  // namespace khu::cli
