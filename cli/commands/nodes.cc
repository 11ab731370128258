#include "cli/commands/all.h"
#include "cli/topology_text.h"
#include "cli/views.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--topology", "", Message::HelpTopology, Takes::Nothing},
});

Result one_node(Session& session) {
    const Expected<Received<wire::NodeView>, Failure> node =
        session.get<wire::NodeView>("/v1/nodes/" + wire::net::percent_encode(session.operand()));
    if (!node) {
        return Unexpected{node.error()};
    }
    session.present_sheet(node_table(session, {node->answer}), node->body);
    const bool people = session.format == Format::Table || session.format == Format::Wide;
    if (people && node->answer.inventory) {
        session.print("\n" + topology_text(*node->answer.inventory, node->answer.slices));
    }
    return 0;
}

/// The listing has no inventories, so each node is asked for.
Result all_topologies(Session& session, const wire::NodePage& page) {
    for (const wire::NodeView& listed : page.nodes) {
        const Expected<Received<wire::NodeView>, Failure> node =
            session.get<wire::NodeView>("/v1/nodes/" + wire::net::percent_encode(listed.name));
        if (!node) {
            return Unexpected{node.error()};
        }
        session.print(listed.name + "\n");
        if (node->answer.inventory) {
            session.print(topology_text(*node->answer.inventory, node->answer.slices));
        }
    }
    return 0;
}

Result run(Session& session) {
    if (!session.operand().empty()) {
        return one_node(session);
    }
    const Expected<Received<wire::NodePage>, Failure> page =
        session.get_all("/v1/nodes", &wire::NodePage::nodes);
    if (!page) {
        return Unexpected{page.error()};
    }
    const bool people = session.format == Format::Table || session.format == Format::Wide;
    if (session.arguments.has("--topology") && people) {
        return all_topologies(session, page->answer);
    }
    session.present(node_table(session, page->answer.nodes), page->body);
    return 0;
}

}  // namespace

constinit const Command kNodes{.name = "nodes",
                               .operands = "[NODE]",
                               .help = Message::HelpNodesCommand,
                               .options = {kOptions},
                               .reads = true,
                               .refused = Message::Refused,
                               .run = run};

}  // namespace khu::cli
