#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/views.h"
#include "wire/net/http.h"

namespace khu::cli {
namespace {

constexpr auto kPayInOptions = std::to_array<Option>({
    {"--amount", "DONG", Message::HelpPayInAmount},
    {"--ref", "REF", Message::HelpPayInRef},
});

Result list(Session& session) {
    const Expected<Received<wire::PursePage>, Failure> page =
        session.get_all("/v1/money", &wire::PursePage::purses);
    if (!page) {
        return Unexpected{page.error()};
    }
    session.present(purse_table(session, page->answer.purses), page->body);
    return 0;
}

Result pay_in(Session& session) {
    const std::string ref = session.arguments.text("--ref");
    if (session.arguments.text("--amount").empty() || ref.empty()) {
        return Unexpected{
            usage(session.say(Message::MissingOption, {"khu wallet pay-in", "--amount, --ref"}),
                  session.say(Message::SeeHelp, {"khu wallet pay-in --help"}))};
    }
    const Expected<Mvnd, Failure> amount = given_dong(session, "--amount");
    if (!amount) {
        return Unexpected{amount.error()};
    }
    wire::PaymentRequest request;
    request.amount_mvnd = *amount;
    request.ref = ref;
    const Expected<Received<wire::PurseView>, Failure> got = session.post<wire::PurseView>(
        "/v1/wallets/" + wire::net::percent_encode(session.operand()) + "/payments",
        encode(request));
    if (!got) {
        return Unexpected{got.error()};
    }
    session.present(purse_table(session, {got->answer}), got->body);
    return 0;
}

}  // namespace

constinit const Command kMoney{.name = "money",
                               .operands = "",
                               .help = Message::HelpMoney,
                               .options = {},
                               .reads = true,
                               .refused = Message::Refused,
                               .run = list};
constinit const Command kWalletPayIn{.name = "wallet pay-in",
                                     .operands = "ENTERPRISE",
                                     .help = Message::HelpWalletPayIn,
                                     .options = {kPayInOptions},
                                     .reads = true,
                                     .refused = Message::Refused,
                                     .run = pay_in};

}  // namespace khu::cli
