#include "cli/commands/all.h"
#include "cli/follow.h"
#include "cli/given.h"
#include "cli/jobs.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"-f,--follow", "", Message::HelpLogsFollow, Takes::Nothing},
    {"--stream", "NAME", Message::HelpLogsStream, Takes::One, "output|error"},
    {"--node", "NODE", Message::HelpLogsNode},
    {"--rank", "N", Message::HelpLogsRank},
});

/// The node on which rank N of the job runs: ranks are counted node by node.
Expected<std::string, Failure> node_of_rank(Session& session, JobId job) {
    const Expected<std::int64_t, Failure> rank = given_number(session, "--rank", 0);
    if (!rank) {
        return Unexpected{rank.error()};
    }
    const Expected<Received<wire::JobView>, Failure> view =
        session.get<wire::JobView>(job_target(job));
    if (!view) {
        return Unexpected{view.error()};
    }
    const wire::JobView& answer = view->answer;
    const int per_node = std::max(1, answer.spec.tasks_per_node);
    const std::int64_t node = *rank / per_node;
    if (node >= static_cast<std::int64_t>(answer.nodes.size())) {
        const auto ranks = static_cast<std::int64_t>(answer.nodes.size()) * per_node;
        return Unexpected{usage(session.say(Message::NoSuchRank, {std::to_string(job.value),
                                                                  session.arguments.text("--rank"),
                                                                  std::to_string(ranks)}),
                                "")};
    }
    return answer.nodes[static_cast<std::size_t>(node)].node;
}

Result run(Session& session) {
    const Expected<JobId, Failure> job = parse_job(session, session.operand());
    if (!job) {
        return Unexpected{job.error()};
    }
    Output output{.job = *job,
                  .stream = session.arguments.text("--stream"),
                  .node = session.arguments.text("--node"),
                  .follow = session.arguments.has("--follow")};
    if (session.arguments.has("--rank")) {
        const Expected<std::string, Failure> node = node_of_rank(session, *job);
        if (!node) {
            return Unexpected{node.error()};
        }
        output.node = *node;
    }
    const Expected<Done, Failure> printed = print_output(session, output);
    return printed ? Result(0) : Unexpected{printed.error()};
}

}  // namespace

constinit const Command kLogs{.name = "logs",
                              .operands = "JOB",
                              .help = Message::HelpLogs,
                              .options = {kOptions},
                              .refused = Message::Refused,
                              .run = run};

}  // namespace khu::cli
