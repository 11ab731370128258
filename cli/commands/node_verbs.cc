#include "cli/commands/all.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--reason", "TEXT", Message::HelpReason},
});

Result each_node(Session& session, std::string_view verb, Message done) {
    const std::string body =
        encode(wire::ReasonRequest{.reason = session.arguments.text("--reason")});
    Result result = 0;
    for (const std::string& node : session.arguments.operands) {
        const Expected<Received<wire::NodeView>, Failure> view = session.post<wire::NodeView>(
            "/v1/nodes/" + wire::net::percent_encode(node) + std::string(verb), body);
        if (view) {
            session.print(session.say(done, {node, view->answer.state}) + "\n");
            continue;
        }
        if (!result) {
            session.report(result.error());
        }
        result = Unexpected{view.error()};
    }
    return result;
}

Result drain(Session& session) {
    if (session.arguments.text("--reason").empty()) {
        return Unexpected{usage(session.say(Message::MissingOption, {"khu drain", "--reason"}),
                                session.say(Message::DrainReason))};
    }
    return each_node(session, "/drain", Message::Drained);
}

Result resume(Session& session) {
    return each_node(session, "/resume", Message::Resumed);
}

}  // namespace

constinit const Command kDrain{.name = "drain",
                               .operands = "NODE...",
                               .help = Message::HelpDrain,
                               .options = {kOptions},
                               .refused = Message::Refused,
                               .run = drain};
constinit const Command kResume{.name = "resume",
                                .operands = "NODE...",
                                .help = Message::HelpResume,
                                .options = {kOptions},
                                .refused = Message::Refused,
                                .run = resume};

}  // namespace khu::cli
