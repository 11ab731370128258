#include "cli/commands/all.h"
#include "cli/jobs.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

Result run(Session& session) {
    const Expected<JobId, Failure> job = parse_job(session, session.operand());
    if (!job) {
        return Unexpected{job.error()};
    }
    const Expected<Received<wire::JobView>, Failure> view =
        session.get<wire::JobView>(job_target(*job));
    if (!view) {
        return Unexpected{view.error()};
    }
    session.present_sheet(job_sheet(session, view->answer, wall_now()), view->body);
    const bool people = session.format == Format::Table || session.format == Format::Wide;
    if (people && !view->answer.nodes.empty()) {
        session.print("\n");
        session.present(allocation_table(view->answer), view->body);
    }
    return 0;
}

}  // namespace

constinit const Command kShow{.name = "show",
                              .operands = "JOB",
                              .help = Message::HelpShow,
                              .options = {},
                              .reads = true,
                              .refused = Message::Refused,
                              .run = run};

}  // namespace khu::cli
