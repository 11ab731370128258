#include "cli/commands/all.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--enterprise", "ID", Message::HelpOfEnterprise},
});

Result run(Session& session) {
    const Expected<Received<wire::BalanceAnswer>, Failure> got = session.get<wire::BalanceAnswer>(
        "/v1/balance" + query({{"enterprise", session.arguments.text("--enterprise")}}));
    if (!got) {
        return Unexpected{got.error()};
    }
    const wire::BalanceAnswer& balance = got->answer;
    if (session.format == Format::Table || session.format == Format::Wide) {
        session.print(session.say(
            Message::BalanceLine,
            {balance.enterprise, balance.name, gpu_hours_cell(balance.free_ugs).shown,
             gpu_hours_cell(balance.held_ugs).shown, gpu_hours_cell(balance.spent_ugs).shown,
             std::to_string(balance.jobs_running), std::to_string(balance.jobs_queued)}));
        session.print("\n\n");
    }
    session.present(grant_table(session, balance.grants), got->body);
    return 0;
}

}  // namespace

constinit const Command kBalance{.name = "balance",
                                 .operands = "",
                                 .help = Message::HelpBalance,
                                 .options = {kOptions},
                                 .reads = true,
                                 .refused = Message::Refused,
                                 .run = run};

}  // namespace khu::cli
