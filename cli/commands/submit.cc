#include "cli/commands/all.h"
#include "cli/job_options.h"
#include "cli/job_request.h"
#include "cli/jobs.h"
#include "cli/quoting.h"
#include "cli/submission.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--idempotency-key", "KEY", Message::HelpKey},
    {"--wait", "", Message::HelpWait, Takes::Nothing},
    {"--quote", "", Message::HelpQuoteOption, Takes::Nothing},
    {"--parsable", "", Message::HelpParsable, Takes::Nothing},
});

std::string what_was_made(const Session& session, const Received<wire::SubmitAnswer>& made) {
    if (session.format == Format::Json) {
        return made.body;
    }
    const std::string number = std::to_string(made.answer.job.value);
    if (session.arguments.has("--parsable")) {
        return number;
    }
    return session.say(made.answer.existed ? Message::SubmittedBefore : Message::Submitted,
                       {number});
}

Result run(Session& session) {
    const Expected<JobRequest, Failure> job = job_request(session, Launcher::Script);
    if (!job) {
        return Unexpected{job.error()};
    }
    for (const std::string& note : job->notes) {
        session.note(note);
    }
    if (session.arguments.has("--quote")) {
        return show_quote(session, job->request);
    }
    const Expected<Received<wire::SubmitAnswer>, Failure> made = submit(session, job->request);
    if (!made) {
        return Unexpected{made.error()};
    }
    session.print(what_was_made(session, *made) + "\n");
    return session.arguments.has("--wait") ? report_end(session, made->answer.job) : Result(0);
}

}  // namespace

constinit const Command kSubmit{.name = "submit",
                                .operands = "[COMMAND...]",
                                .help = Message::HelpSubmit,
                                .options = {kJobOptions, kOptions},
                                .tail = true,
                                .reads = true,
                                .refused = Message::JobRefused,
                                .run = run};

}  // namespace khu::cli
