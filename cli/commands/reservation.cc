#include "cli/commands/all.h"
#include "cli/given.h"
#include "cli/views.h"
#include "core/policy/hostlist.h"
#include "wire/api_calendar.h"
#include "wire/net/http.h"

namespace khu::cli {
namespace {

constexpr auto kBookOptions = std::to_array<Option>({
    {"--programme", "NAME", Message::HelpProgramme},
    {"-p,--partition", "NAME", Message::HelpPartition},
    {"--qos", "NAME", Message::HelpQos},
    {"--gpus", "N", Message::HelpReservedGpus},
    {"-L,--resource", "NAME[=N]", Message::HelpBookedResource, Takes::Many},
    {"--from", "TIME", Message::HelpReservedFrom},
    {"--to", "TIME", Message::HelpReservedTo},
    {"--enterprise", "TAX-CODE", Message::HelpEnterprise},
});

Table reservation_table(const Session& session, const std::vector<wire::ReservationView>& all) {
    Table table{.columns = {{"RESERVATION", "reservation"},
                            {"PROGRAMME", "programme"},
                            {"PARTITION", "partition"},
                            {"QOS", "qos"},
                            {"GPUS", "gpus", Align::Right},
                            {"STATE", "state"},
                            {"FROM", "from_at"},
                            {"TO", "to_at"},
                            {"NODES", "nodes"},
                            {"RESOURCES", "resources"},
                            {"BOOKED BY", "enterprise", Align::Left, true},
                            {"NUMBER", "number", Align::Right, true},
                            {"HELD", "held_ugs", Align::Right, true},
                            {"FREE UNTIL", "free_until", Align::Left, true},
                            {"WHY", "why", Align::Left, true}},
                .rows = {}};
    for (const wire::ReservationView& one : all) {
        table.rows.push_back(
            {one.reservation, one.programme.value, one.partition.value, one.qos.value,
             std::to_string(one.gpus), one.state, session.when(one.from_at),
             session.when(one.to_at), compress_hostlist(one.nodes), resources_cell(one.resources),
             one.enterprise, one.number.value == 0 ? "" : std::to_string(one.number.value),
             gpu_hours_cell(one.held_ugs), session.when(one.free_until.value_or(wire::Timestamp{})),
             one.why ? one.why->code + " " + one.why->text : ""});
    }
    return table;
}

Result show(Session& session, const Expected<Received<wire::ReservationPage>, Failure>& page) {
    if (!page) {
        return Unexpected{page.error()};
    }
    session.present(reservation_table(session, page->answer.reservations), page->body);
    return 0;
}

Result list(Session& session) {
    return show(session, session.get<wire::ReservationPage>("/v1/reservations"));
}

/// Counted resources are booked by themselves, nodes with what they are charged by.
Expected<Done, Failure> need_options(const Session& session) {
    constexpr std::array<const char*, 4> of_nodes{"--programme", "--partition", "--qos", "--gpus"};
    for (const char* needed : {"--from", "--to"}) {
        if (!session.arguments.has(needed)) {
            return Unexpected{missing_option(session, needed)};
        }
    }
    for (const char* needed : of_nodes) {
        if (!session.arguments.has("--resource") && !session.arguments.has(needed)) {
            return Unexpected{missing_option(session, needed)};
        }
    }
    return Done{};
}

Result book(Session& session) {
    if (const Expected<Done, Failure> enough = need_options(session); !enough) {
        return Unexpected{enough.error()};
    }
    const Expected<std::int64_t, Failure> gpus = given_number(session, "--gpus", 0);
    const Expected<Moment, Failure> from = given_moment(session, "--from");
    const Expected<Moment, Failure> to = given_moment(session, "--to");
    const Expected<std::vector<CountedWish>, Failure> resources = given_resources(session);
    if (!gpus) {
        return Unexpected{gpus.error()};
    }
    if (!from || !to) {
        return Unexpected{from ? to.error() : from.error()};
    }
    if (!resources) {
        return Unexpected{resources.error()};
    }
    const wire::ReservationAsk ask{.reservation = session.operand(),
                                   .enterprise = session.arguments.text("--enterprise"),
                                   .programme = session.arguments.text("--programme"),
                                   .partition = session.arguments.text("--partition"),
                                   .qos = session.arguments.text("--qos"),
                                   .gpus = *gpus,
                                   .from_at = *from,
                                   .to_at = *to,
                                   .resources = *resources};
    return show(session, session.post<wire::ReservationPage>("/v1/reservations", encode(ask)));
}

Result cancel(Session& session) {
    return show(
        session,
        session.post<wire::ReservationPage>(
            "/v1/reservations/" + wire::net::percent_encode(session.operand()) + "/cancel", "{}"));
}

}  // namespace

constinit const Command kReservationList{.name = "reservation list",
                                         .operands = "",
                                         .help = Message::HelpReservationList,
                                         .options = {},
                                         .reads = true,
                                         .refused = Message::Refused,
                                         .run = list};

constinit const Command kReservationBook{.name = "reservation book",
                                         .operands = "NAME",
                                         .help = Message::HelpReservationBook,
                                         .options = {kBookOptions},
                                         .reads = true,
                                         .refused = Message::Refused,
                                         .run = book};
constinit const Command kReservationCancel{.name = "reservation cancel",
                                           .operands = "NAME",
                                           .help = Message::HelpReservationCancel,
                                           .options = {},
                                           .reads = true,
                                           .refused = Message::Refused,
                                           .run = cancel};

}  // namespace khu::cli
