#include "cli/commands/all.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--enterprise", "ID", Message::HelpOfEnterprise},
});

std::string wallet_line(const Session& session, const wire::PurseView& wallet) {
    const std::string held = dong_cell(wallet.held_mvnd).shown;
    const std::string spent = dong_cell(wallet.spent_mvnd).shown;
    if (wallet.kind == "owed") {
        return session.say(Message::OwedLine, {spent, held});
    }
    return session.say(Message::WalletLine,
                       {wallet.kind, dong_cell(wallet.available_mvnd).shown, held, spent});
}

void print_ahead(Session& session, const std::vector<wire::GrantView>& grants) {
    session.print("\n");
    for (const wire::GrantView& grant : grants) {
        for (const wire::GrantAhead& ahead : grant.ahead) {
            session.print(ahead_line(session, ahead) + "\n");
        }
        if (grant.runs_out_at != Moment{0}) {
            session.print(session.say(Message::RunsOut,
                                      {grant.grant.value, session.when(grant.runs_out_at).shown}) +
                          "\n");
        }
    }
}

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
        session.print("\n");
        if (balance.wallet) {
            session.print(wallet_line(session, *balance.wallet) + "\n");
        }
        session.print("\n");
    }
    session.present(grant_table(session, balance.grants), got->body);
    if (session.format == Format::Table || session.format == Format::Wide) {
        print_ahead(session, balance.grants);
    }
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
