#include <algorithm>

#include "cli/commands/all.h"
#include "cli/jobs.h"
#include "wire/stats.h"

namespace khu::cli {
namespace {

constexpr auto kOptions = std::to_array<Option>({
    {"--from", "DAY", Message::HelpStatsFrom},
    {"--to", "DAY", Message::HelpStatsTo},
});

Cell programme_cell(const wire::WaitStatsRow& row) {
    return {row.programme.empty() ? "*" : row.programme, row.programme};
}

/// "*", "0", "1", "3-4".
Cell size_cell(const wire::WaitStatsRow& row) {
    const std::string up_to = std::to_string(row.gpus_up_to);
    std::string people = row.gpus_from < row.gpus_up_to && row.gpus_from > 0
                             ? std::to_string(row.gpus_from) + "-" + up_to
                             : up_to;
    return {row.gpus_up_to < 0 ? "*" : std::move(people), up_to};
}

Cell time_cell(std::int64_t s) {
    return {format_span(seconds(s)), std::to_string(s)};
}

Cell permille_cell(std::int64_t n, std::int64_t of) {
    return {of == 0 ? "" : std::to_string(n / 10) + "." + std::to_string(n % 10) + " %",
            std::to_string(n)};
}

Table wait_table(const wire::StatsAnswer& stats) {
    Table table{.columns = {{"PROGRAMME", "programme", Align::Left, true},
                            {"GPUS", "gpus_up_to", Align::Right},
                            {"JOBS", "jobs", Align::Right},
                            {"MEAN WAIT", "wait_mean_s", Align::Right},
                            {"P50", "wait_p50_s", Align::Right},
                            {"P90", "wait_p90_s", Align::Right},
                            {"P99", "wait_p99_s", Align::Right},
                            {"MAX", "wait_max_s", Align::Right}},
                .rows = {}};
    for (const wire::WaitStatsRow& row : stats.waits) {
        table.rows.push_back({programme_cell(row), size_cell(row), row.jobs,
                              time_cell(row.wait_mean_s), time_cell(row.wait_p50_s),
                              time_cell(row.wait_p90_s), time_cell(row.wait_p99_s),
                              time_cell(row.wait_max_s)});
    }
    return table;
}

Table eta_table(const wire::StatsAnswer& stats) {
    Table table{.columns = {{"PROGRAMME", "programme", Align::Left, true},
                            {"GPUS", "gpus_up_to", Align::Right},
                            {"JOBS", "jobs", Align::Right},
                            {"TOLD", "eta_given", Align::Right},
                            {"HIT", "eta_hit_permille", Align::Right},
                            {"WITHIN", "eta_within", Align::Right},
                            {"SOONER", "eta_sooner", Align::Right},
                            {"LATER", "eta_later", Align::Right},
                            {"INTERVAL", "eta_width_mean_s", Align::Right},
                            {"MISSED BY", "eta_missed_mean_s", Align::Right}},
                .rows = {}};
    for (const wire::WaitStatsRow& row : stats.waits) {
        table.rows.push_back({programme_cell(row), size_cell(row), row.jobs, row.eta_given,
                              permille_cell(row.eta_hit_permille, row.eta_given), row.eta_within,
                              row.eta_sooner, row.eta_later, time_cell(row.eta_width_mean_s),
                              time_cell(row.eta_missed_mean_s)});
    }
    return table;
}

Table fragment_table(const wire::StatsAnswer& stats) {
    Table table{.columns = {{"PARTITION", "partition", Align::Left, true},
                            {"FITS", "fits_gpus", Align::Right},
                            {"NODES", "nodes", Align::Right},
                            {"GPUS FREE", "gpus_free", Align::Right}},
                .rows = {}};
    for (const wire::FragmentRow& row : stats.fragmentation) {
        table.rows.push_back({row.partition.value, row.fits_gpus, row.nodes, row.gpus_free});
    }
    return table;
}

struct Part {
    std::string_view name;
    Table (*table)(const wire::StatsAnswer&);
};
constexpr auto kParts = std::to_array<Part>(
    {{"waits", wait_table}, {"eta", eta_table}, {"fragmentation", fragment_table}});

std::string title(const Session& session, const Part& part, const wire::StatsAnswer& stats) {
    return part.table == fragment_table
               ? session.say(Message::StatsFree)
               : session.say(Message::StatsDays, {stats.from_day, stats.to_day});
}

/// Without a name people see all of them; scripts get the waits.
Result show(Session& session, const Received<wire::StatsAnswer>& stats, const std::string& wanted) {
    const bool people = session.format == Format::Table || session.format == Format::Wide;
    bool first = true;
    for (const Part& part : kParts) {
        if (!wanted.empty() && part.name != wanted) {
            continue;
        }
        if (people) {
            session.print((first ? "" : "\n") + title(session, part, stats.answer) + "\n");
        }
        session.present(part.table(stats.answer), stats.body);
        if (!people) {
            break;
        }
        first = false;
    }
    return 0;
}

Result run(Session& session) {
    const std::string wanted = session.operand();
    if (!wanted.empty() && std::ranges::find(kParts, wanted, &Part::name) == kParts.end()) {
        return Unexpected{usage(session.say(Message::StatsWhat, {wanted}),
                                session.say(Message::SeeHelp, {"khu stats --help"}))};
    }
    const Expected<Received<wire::StatsAnswer>, Failure> stats = session.get<wire::StatsAnswer>(
        "/v1/stats" + query({{"from", session.arguments.text("--from")},
                             {"to", session.arguments.text("--to")}}));
    if (!stats) {
        return Unexpected{stats.error()};
    }
    return show(session, *stats, wanted);
}

}  // namespace

constinit const Command kStats{.name = "stats",
                               .operands = "[waits|eta|fragmentation]",
                               .help = Message::HelpStats,
                               .options = {kOptions},
                               .reads = true,
                               .refused = Message::Refused,
                               .run = run};

}  // namespace khu::cli
