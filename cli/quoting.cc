#include "cli/quoting.h"

#include "cli/views.h"

namespace khu::cli {
namespace {

Cell yes_or_no(const Session& session, bool yes) {
    return {session.say(yes ? Message::Yes : Message::No), yes ? "true" : "false"};
}

Table quote_sheet(const Session& session, const wire::QuoteAnswer& quote) {
    Table table;
    table.rows.emplace_back();
    const auto add = [&table](std::string title, const char* csv, Cell cell) {
        table.columns.push_back({std::move(title), csv});
        table.rows.front().push_back(std::move(cell));
    };
    add("Admitted", "admitted", yes_or_no(session, quote.admitted));
    add("Affordable now", "affordable", yes_or_no(session, quote.affordable));
    add("Partition", "partition", quote.spec.partition.value);
    add("Programme", "programme", quote.spec.programme.value);
    add("QOS", "qos", quote.spec.qos.value);
    add("Time limit", "time_limit_s",
        {format_span(seconds(quote.spec.time_limit_s)), std::to_string(quote.spec.time_limit_s)});
    add("Billable GPUs x 1000", "billable_milli", quote.billable_milli);
    add("Holds GPU-hours", "hold_ugs", gpu_hours_cell(quote.hold_ugs));
    add("List price", "list_mvnd", dong_cell(quote.list_mvnd));
    for (const wire::PaidPart& part : quote.split) {
        add("  " + part.kind + " " + part.payer, "paid_mvnd", dong_cell(part.amount_mvnd));
    }
    for (const wire::HoldPart& part : quote.grants) {
        add("  on " + part.grant.value, "grant_ugs", gpu_hours_cell(part.amount_ugs));
    }
    for (const wire::GrantAhead& ahead : quote.ahead) {
        add("  " + ahead.event + " of " + ahead.grant.value, "at", session.when(ahead.happens_at));
    }
    for (const wire::QuotedAlternative& way : quote.alternatives) {
        const auto at = static_cast<std::size_t>(way.alternative) - 1;
        const std::string what =
            at < quote.spec.any_of.size() ? quote.spec.any_of[at].what : std::string();
        add("Alternative " + std::to_string(way.alternative), "alternative", what);
        add("  Affordable now", "alternative_affordable", yes_or_no(session, way.affordable));
        add("  Billable GPUs x 1000", "alternative_billable_milli", way.billable_milli);
        add("  Holds GPU-hours", "alternative_hold_ugs", gpu_hours_cell(way.hold_ugs));
        add("  List price", "alternative_list_mvnd", dong_cell(way.list_mvnd));
    }
    if (quote.runs_out_at != Moment{0}) {
        add("Lasts until", "runs_out_at", session.when(quote.runs_out_at));
    }
    return table;
}

}  // namespace

Result show_quote(Session& session, const wire::SubmitRequest& request) {
    const Expected<Received<wire::QuoteAnswer>, Failure> quote =
        session.post<wire::QuoteAnswer>("/v1/quote", encode(request));
    if (!quote) {
        return Unexpected{quote.error()};
    }
    const wire::QuoteAnswer& answer = quote->answer;
    session.present_sheet(quote_sheet(session, answer), quote->body);
    if (answer.reason) {
        Failure why = explained(*answer.reason, session.language);
        if (!answer.admitted) {
            return Unexpected{std::move(why)};
        }
        session.report_waiting(why);
    }
    return answer.admitted ? 0 : static_cast<int>(ExitCode::Refused);
}

}  // namespace khu::cli
