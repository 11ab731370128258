#include "cli/commands/all.h"
#include "cli/job_options.h"
#include "cli/job_request.h"
#include "cli/quoting.h"

namespace khu::cli {
namespace {

Result run(Session& session) {
    const Expected<JobRequest, Failure> job = job_request(session, Launcher::Script, For::Quote);
    if (!job) {
        return Unexpected{job.error()};
    }
    for (const std::string& note : job->notes) {
        session.note(note);
    }
    return show_quote(session, job->request);
}

}  // namespace

constinit const Command kQuote{.name = "quote",
                               .operands = "[COMMAND...]",
                               .help = Message::HelpQuote,
                               .options = {kJobOptions},
                               .tail = true,
                               .reads = true,
                               .refused = Message::JobRefused,
                               .run = run};

}  // namespace khu::cli
