#include "cli/commands/all.h"
#include "cli/jobs.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"-u,--user", "USER", Message::HelpQueueUser},
    {"--mine", "", Message::HelpQueueMine, Takes::Nothing},
    {"--all", "", Message::HelpQueueAll, Takes::Nothing},
    {"--factors", "", Message::HelpQueueFactors, Takes::Nothing},
});

Expected<std::string, Failure> user_asked(Session& session) {
    if (!session.arguments.has("--mine")) {
        return session.arguments.text("--user");
    }
    const Expected<Received<wire::WhoAnswer>, Failure> who =
        session.get<wire::WhoAnswer>("/v1/whoami");
    if (!who) {
        return Unexpected{who.error()};
    }
    return who->answer.user;
}

Result run(Session& session) {
    const Expected<std::string, Failure> user = user_asked(session);
    if (!user) {
        return Unexpected{user.error()};
    }
    const bool all = session.arguments.has("--all");
    const bool factors = session.arguments.has("--factors");
    const bool plain = !all && user->empty();
    const Expected<Received<wire::JobPage>, Failure> page =
        all_pages(session, plain ? "/v1/queue" : "/v1/jobs",
                  {.state = all ? "all" : "", .user = *user, .factors = factors});
    if (!page) {
        return Unexpected{page.error()};
    }
    const std::vector<wire::JobView>& jobs = page->answer.jobs;
    session.present(factors ? factor_table(session, jobs) : job_table(session, jobs, wall_now()),
                    page->body);
    return 0;
}

}  // namespace

constinit const Command kQueue{.name = "queue",
                               .operands = "",
                               .help = Message::HelpQueue,
                               .options = {kOptions},
                               .reads = true,
                               .refused = Message::Refused,
                               .run = run};

}  // namespace khu::cli
