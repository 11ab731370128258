#include "cli/commands/all.h"
#include "cli/views.h"
#include "core/policy/hostlist.h"
#include "wire/api_calendar.h"

namespace khu::cli {
namespace {

Table reservation_table(const Session& session, const std::vector<wire::ReservationView>& all) {
    Table table{.columns = {{"RESERVATION", "reservation"},
                            {"PROGRAMME", "programme"},
                            {"PARTITION", "partition"},
                            {"QOS", "qos"},
                            {"GPUS", "gpus", Align::Right},
                            {"STATE", "state"},
                            {"FROM", "from_at"},
                            {"TO", "to_at"},
                            {"NODES", "nodes"}},
                .rows = {}};
    for (const wire::ReservationView& one : all) {
        table.rows.push_back({one.reservation, one.programme.value, one.partition.value,
                              one.qos.value, std::to_string(one.gpus), one.state,
                              session.when(one.from_at), session.when(one.to_at),
                              compress_hostlist(one.nodes)});
    }
    return table;
}

Result list(Session& session) {
    const Expected<Received<wire::ReservationPage>, Failure> page =
        session.get<wire::ReservationPage>("/v1/reservations");
    if (!page) {
        return Unexpected{page.error()};
    }
    session.present(reservation_table(session, page->answer.reservations), page->body);
    return 0;
}

}  // namespace

constinit const Command kReservationList{.name = "reservation list",
                                         .operands = "",
                                         .help = Message::HelpReservationList,
                                         .options = {},
                                         .reads = true,
                                         .refused = Message::Refused,
                                         .run = list};

}  // namespace khu::cli
