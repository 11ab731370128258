#include <algorithm>

#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/views.h"
#include "core/base/enum_name.h"
#include "wire/api_resources.h"

namespace khu::cli {
namespace {

std::string number_or_blank(std::int64_t number) {
    return number == 0 ? "" : std::to_string(number);
}

/// One row for each, with when the next of it is given back at the latest.
Table list_table(const Session& session, const wire::ResourcePage& page) {
    Table table{.columns = {{"RESOURCE", "resource"},
                            {"KIND", "kind"},
                            {"COUNT", "count", Align::Right},
                            {"IN USE", "in_use", Align::Right},
                            {"OURS", "in_use_own", Align::Right},
                            {"WAITING", "jobs_waiting", Align::Right},
                            {"NEXT BACK BY", "until_at"},
                            {"KEPT FOR", "first", Align::Right},
                            {"EACH AT MOST", "max_per_enterprise", Align::Right, true}},
                .rows = {}};
    for (const wire::ResourceView& one : page.resources) {
        table.rows.push_back(
            {one.resource.value, wire::snake_case(enum_name(one.kind)), std::to_string(one.count),
             std::to_string(one.in_use), number_or_blank(one.in_use_own),
             std::to_string(one.jobs_waiting),
             session.when(one.used.empty() ? wire::Timestamp{} : one.used.front().until_at),
             number_or_blank(static_cast<std::int64_t>(one.first.value)),
             number_or_blank(one.max_per_enterprise)});
    }
    return table;
}

/// Who has some of one until when, and for whom some are booked.
Table use_table(const Session& session, const wire::ResourceView& one) {
    Table table{.columns = {{"RESOURCE", "resource"},
                            {"COUNT", "count", Align::Right},
                            {"JOB", "job", Align::Right},
                            {"RESERVATION", "reservation"},
                            {"ENTERPRISE", "enterprise"},
                            {"FROM", "from_at"},
                            {"UNTIL", "until_at"}},
                .rows = {}};
    for (const wire::ResourceUse& use : one.used) {
        table.rows.push_back({one.resource.value, std::to_string(use.count),
                              use.job.value == 0 ? "-" : std::to_string(use.job.value), "",
                              use.enterprise, "", session.when(use.until_at)});
    }
    for (const wire::ResourceBooked& booked : one.booked) {
        table.rows.push_back({one.resource.value, std::to_string(booked.count), "",
                              booked.reservation, booked.enterprise, session.when(booked.from_at),
                              session.when(booked.to_at)});
    }
    return table;
}

Result run(Session& session) {
    const Expected<Received<wire::ResourcePage>, Failure> page =
        session.get<wire::ResourcePage>("/v1/resources");
    if (!page) {
        return Unexpected{page.error()};
    }
    if (session.arguments.operands.empty()) {
        session.present(list_table(session, page->answer), page->body);
        return 0;
    }
    const std::vector<wire::ResourceView>& all = page->answer.resources;
    const auto found = std::ranges::find_if(all, [&](const wire::ResourceView& each) {
        return each.resource.value == session.operand();
    });
    if (found == all.end()) {
        return Unexpected{usage(session.say(Message::UnknownResource, {session.operand()}),
                                session.say(Message::UnknownResourceRemedy))};
    }
    session.present(use_table(session, *found), encode(wire::ResourcePage{{*found}}));
    return 0;
}

}  // namespace

constinit const Command kResources{.name = "resources",
                                   .operands = "[NAME]",
                                   .help = Message::HelpResources,
                                   .options = {},
                                   .reads = true,
                                   .refused = Message::Refused,
                                   .run = run};

}  // namespace khu::cli
