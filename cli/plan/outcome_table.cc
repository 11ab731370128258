#include "cli/plan/outcome_table.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace khu::cli {
namespace {

/// "2833.1" of 2,833,123 thousandths, rounded half up.
std::string tenths(std::int64_t thousandths) {
    const std::int64_t rounded = (thousandths + 50) / 100;
    return fmt::format("{}.{}", rounded / 10, rounded % 10);
}

/// "-47.3 %": what became of `before`, in tenths of a percent. Empty where nothing was.
std::string change(std::int64_t before, std::int64_t after) {
    if (before == 0) {
        return "";
    }
    const std::int64_t permille = (after - before) * 1000 / before;
    const std::int64_t size = permille < 0 ? -permille : permille;
    return fmt::format("{}{}.{} %", permille < 0 ? "-" : "+", size / 10, size % 10);
}

/// One line of the comparison.
struct Line {
    Message name;
    std::int64_t (*of)(const plan::Measures&);
    bool thousandths{false};
    bool (*shown)(const plan::Measures&){nullptr};  ///< null: always
};

/// Jobs were told when they start.
bool any_told(const plan::Measures& of) {
    return of.etas.eta_given() > 0;
}
bool any_reclaimed(const plan::Measures& of) {
    return of.reclaimed > 0;
}

const auto kLines = std::to_array<Line>({
    {Message::PlanWaitMeanLine, [](const plan::Measures& m) { return m.wait_s.mean_milli; }, true},
    {Message::PlanWaitP50Line, [](const plan::Measures& m) { return m.wait_s.p50; }},
    {Message::PlanWaitP90Line, [](const plan::Measures& m) { return m.wait_s.p90; }},
    {Message::PlanWaitP99Line, [](const plan::Measures& m) { return m.wait_s.p99; }},
    {Message::PlanWaitMaxLine, [](const plan::Measures& m) { return m.wait_s.max; }},
    {Message::PlanDoneMeanLine, [](const plan::Measures& m) { return m.jct_s.mean_milli; }, true},
    {Message::PlanDoneP50Line, [](const plan::Measures& m) { return m.jct_s.p50; }},
    {Message::PlanDoneP90Line, [](const plan::Measures& m) { return m.jct_s.p90; }},
    {Message::PlanDoneP99Line, [](const plan::Measures& m) { return m.jct_s.p99; }},
    {Message::PlanSlowdownMeanLine,
     [](const plan::Measures& m) { return m.slowdown_milli.mean_milli; }, true},
    {Message::PlanSlowdownP99Line, [](const plan::Measures& m) { return m.slowdown_milli.p99; },
     true},
    {Message::PlanWideMeanLine, [](const plan::Measures& m) { return m.wide_wait_s.mean_milli; },
     true},
    {Message::PlanWideP99Line, [](const plan::Measures& m) { return m.wide_wait_s.p99; }},
    {Message::PlanUtilisationLine,
     [](const plan::Measures& m) { return m.utilisation_permille * 100; }, true},
    {Message::PlanMakespanLine, [](const plan::Measures& m) { return m.makespan_s; }},
    {Message::PlanEtaGivenLine, [](const plan::Measures& m) { return m.etas.eta_given(); }, false,
     any_told},
    {Message::PlanEtaHitLine,
     [](const plan::Measures& m) { return plan::eta_hit_permille(m.etas) * 100; }, true, any_told},
    {Message::PlanEtaSoonerLine, [](const plan::Measures& m) { return m.etas.eta_sooner; }, false,
     any_told},
    {Message::PlanEtaLaterLine, [](const plan::Measures& m) { return m.etas.eta_later; }, false,
     any_told},
    {Message::PlanEtaWidthLine,
     [](const plan::Measures& m) { return plan::eta_width_milli(m.etas); }, true, any_told},
    {Message::PlanGiniLine, [](const plan::Measures& m) { return m.gini_permille; }, true},
    {Message::PlanReclaimedLine, [](const plan::Measures& m) { return m.reclaimed; }, false,
     any_reclaimed},
});

/// One of those about the idle load; shown where there is one.
struct IdleLine {
    Message name;
    std::int64_t (*of)(const plan::IdleMeasures&);
    bool thousandths{false};
};

const auto kIdleLines = std::to_array<IdleLine>({
    {Message::PlanIdleUtilisationLine,
     [](const plan::IdleMeasures& m) { return m.utilisation_permille * 100; }, true},
    {Message::PlanIdleHoursLine,
     [](const plan::IdleMeasures& m) { return m.gpu_seconds * 1000 / 3600; }, true},
    {Message::PlanIdleLostLine,
     [](const plan::IdleMeasures& m) { return m.lost_gpu_seconds * 1000 / 3600; }, true},
    {Message::PlanIdleCompletedLine, [](const plan::IdleMeasures& m) { return m.completed; }},
    {Message::PlanIdleToldLine, [](const plan::IdleMeasures& m) { return m.told; }},
    {Message::PlanIdleMadeWayLine, [](const plan::IdleMeasures& m) { return m.made_way; }},
    {Message::PlanIdleLongestWayLine, [](const plan::IdleMeasures& m) { return m.longest_way_s; }},
});

void add_idle_lines(const Session& session, const PlanReport& report, Table& table) {
    const bool any = std::ranges::any_of(report.outcomes, [](const PlanOutcome& outcome) {
        return outcome.measures.idle.has_value();
    });
    for (const IdleLine& line : kIdleLines) {
        if (!any) {
            return;
        }
        std::vector<Cell> row{session.say(line.name)};
        for (const PlanOutcome& outcome : report.outcomes) {
            const std::int64_t value = outcome.measures.idle ? line.of(*outcome.measures.idle) : 0;
            row.emplace_back(!outcome.measures.idle ? std::string()
                             : line.thousandths     ? tenths(value)
                                                    : std::to_string(value));
        }
        row.resize(table.columns.size(), Cell(""));
        table.rows.push_back(std::move(row));
    }
}

Table compared(const Session& session, const PlanReport& report) {
    const plan::Measures& first = report.outcomes.front().measures;
    Table table{.columns = {{session.say(Message::PlanMeasure), "measure"}}, .rows = {}};
    if (report.outcomes.size() == 1) {
        table.columns.push_back({session.say(Message::PlanValue), "value", Align::Right});
    } else {
        table.columns.push_back({session.say(Message::PlanBefore), "before", Align::Right});
        table.columns.push_back({session.say(Message::PlanAfter), "after", Align::Right});
        table.columns.push_back({session.say(Message::PlanChange), "change", Align::Right});
    }
    for (const Line& line : kLines) {
        const bool shown = line.shown == nullptr ||
                           std::ranges::any_of(report.outcomes, [&](const PlanOutcome& outcome) {
                               return line.shown(outcome.measures);
                           });
        if (!shown) {
            continue;
        }
        std::vector<Cell> row{session.say(line.name)};
        for (const PlanOutcome& outcome : report.outcomes) {
            const std::int64_t value = line.of(outcome.measures);
            row.emplace_back(line.thousandths ? tenths(value) : std::to_string(value));
        }
        if (report.outcomes.size() > 1) {
            row.emplace_back(change(line.of(first), line.of(report.outcomes.back().measures)));
        }
        table.rows.push_back(std::move(row));
    }
    add_idle_lines(session, report, table);
    return table;
}

const plan::EnterpriseMeasures* enterprise(const PlanOutcome& outcome, const std::string& name) {
    const auto found =
        std::ranges::find(outcome.measures.enterprises, name, &plan::EnterpriseMeasures::name);
    return found == outcome.measures.enterprises.end() ? nullptr : &*found;
}

std::string ratio_of(const PlanOutcome& outcome, const std::string& name) {
    const auto found = outcome.finish_time_ratio.find(name);
    return found == outcome.finish_time_ratio.end() ? "" : format_milli(found->second);
}

void add_enterprise_columns(const Session& session, const PlanReport& report, Table& table) {
    const bool fairness = !report.outcomes.front().finish_time_ratio.empty();
    for (std::size_t i = 0; i < report.outcomes.size(); ++i) {
        const std::string of =
            report.outcomes.size() == 1
                ? ""
                : " " + session.say(i == 0 ? Message::PlanBefore : Message::PlanAfter);
        table.columns.push_back(
            {session.say(Message::PlanWaitMean) + of, "wait_mean_s", Align::Right});
        table.columns.push_back(
            {session.say(Message::PlanWaitP99) + of, "wait_p99_s", Align::Right});
        if (fairness) {
            table.columns.push_back(
                {session.say(Message::PlanRatio) + of, "finish_time_ratio", Align::Right});
        }
    }
}

Table enterprises(const Session& session, const PlanReport& report) {
    const PlanOutcome& first = report.outcomes.front();
    Table table{.columns = {{session.say(Message::PlanEnterprise), "name"},
                            {session.say(Message::PlanJobs), "jobs", Align::Right},
                            {session.say(Message::PlanHours), "hours", Align::Right}},
                .rows = {}};
    add_enterprise_columns(session, report, table);
    for (const plan::EnterpriseMeasures& one : first.measures.enterprises) {
        std::vector<Cell> row{one.name.empty() ? "-" : one.name, one.jobs,
                              tenths(one.gpu_seconds * 1000 / 3600)};
        for (const PlanOutcome& outcome : report.outcomes) {
            const plan::EnterpriseMeasures* same = enterprise(outcome, one.name);
            row.emplace_back(same == nullptr ? "" : tenths(same->wait_s.mean_milli));
            row.emplace_back(same == nullptr ? "" : std::to_string(same->wait_s.p99));
            if (!first.finish_time_ratio.empty()) {
                row.emplace_back(ratio_of(outcome, one.name));
            }
        }
        table.rows.push_back(std::move(row));
    }
    return table;
}

std::string head(const Session& session, const PlanReport& report) {
    std::string out;
    for (const PlanOutcome& outcome : report.outcomes) {
        out += session.say(Message::PlanHead,
                           {report.trace, outcome.name, std::to_string(outcome.measures.jobs),
                            std::to_string(outcome.measures.rejected), tenths(outcome.wall_ms)}) +
               "\n";
    }
    return out;
}

/// What was not replayed, and what of the trace nothing obeys.
std::string remarks(const Session& session, const PlanReport& report) {
    std::string out;
    for (const PlanOutcome& outcome : report.outcomes) {
        for (const Rejected& one : outcome.rejected) {
            out += session.say(Message::PlanRejected,
                               {outcome.name, std::to_string(one.jobs), one.code, one.text}) +
                   "\n";
        }
        if (const std::optional<plan::NotLent>& why = outcome.not_lent) {
            out += session.say(Message::PlanNotLent,
                               {outcome.name, std::to_string(why->nominal),
                                std::to_string(why->gpus), std::to_string(why->partitions)}) +
                   "\n";
        }
    }
    if (report.never_ran > 0) {
        out += session.say(Message::PlanNeverRan, {std::to_string(report.never_ran)}) + "\n";
    }
    for (const auto& [column, jobs] : report.ignored) {
        out += session.say(Message::PlanIgnored, {column, std::to_string(jobs)}) + "\n";
    }
    return out.empty() ? "" : "\n" + out;
}

using Row = std::vector<Cell>;

Row csv_row(const PlanOutcome& outcome, std::string scope, std::string measure, std::int64_t jobs) {
    return {outcome.name, std::move(scope), std::move(measure), jobs};
}

Row with_spread(Row row, const plan::Spread& spread, bool ratios) {
    row.emplace_back(format_milli(spread.mean_milli));
    for (const std::int64_t value : {spread.p50, spread.p90, spread.p99, spread.max}) {
        row.emplace_back(ratios ? format_milli(value) : std::to_string(value));
    }
    return row;
}

Row with_value(Row row, std::string value) {
    row.emplace_back(std::move(value));
    row.resize(9, Cell(""));
    return row;
}

void add_csv(const PlanOutcome& outcome, std::vector<Row>& rows) {
    const plan::Measures& of = outcome.measures;
    const auto all = [&](const char* measure) { return csv_row(outcome, "", measure, of.jobs); };
    rows.push_back(with_spread(all("wait_s"), of.wait_s, false));
    rows.push_back(with_spread(all("jct_s"), of.jct_s, false));
    rows.push_back(with_spread(all("bounded_slowdown"), of.slowdown_milli, true));
    rows.push_back(with_spread(all("wide_wait_s"), of.wide_wait_s, false));
    rows.push_back(with_value(all("utilisation"), format_milli(of.utilisation_permille)));
    rows.push_back(with_value(all("makespan_s"), std::to_string(of.makespan_s)));
    if (of.etas.eta_given() > 0) {
        const auto told = [&](const char* measure, std::string value) {
            rows.push_back(
                with_value(csv_row(outcome, "", measure, of.etas.eta_given()), std::move(value)));
        };
        told("eta_hit_rate", format_milli(plan::eta_hit_permille(of.etas)));
        told("eta_sooner", std::to_string(of.etas.eta_sooner));
        told("eta_later", std::to_string(of.etas.eta_later));
        told("eta_width_s", format_milli(plan::eta_width_milli(of.etas)));
    }
    rows.push_back(with_value(all("gini"), format_milli(of.gini_permille)));
    if (any_reclaimed(of)) {
        rows.push_back(with_value(all("reclaimed"), std::to_string(of.reclaimed)));
    }
    if (of.idle) {
        const auto idle = [&](const char* measure, std::string value) {
            rows.push_back(with_value(csv_row(outcome, "idle", measure, of.idle->completed),
                                      std::move(value)));
        };
        idle("idle_utilisation", format_milli(of.idle->utilisation_permille));
        idle("idle_hours", format_milli(of.idle->gpu_seconds * 1000 / 3600));
        idle("idle_lost_hours", format_milli(of.idle->lost_gpu_seconds * 1000 / 3600));
        idle("idle_told", std::to_string(of.idle->told));
        idle("idle_made_way", std::to_string(of.idle->made_way));
        idle("idle_longest_way_s", std::to_string(of.idle->longest_way_s));
    }
    for (const Rejected& one : outcome.rejected) {
        rows.push_back(with_value(csv_row(outcome, one.code, "rejected", one.jobs), ""));
    }
    for (const plan::EnterpriseMeasures& one : of.enterprises) {
        const auto own = [&](std::string_view measure) {
            return csv_row(outcome, one.name, std::string(measure), one.jobs);
        };
        rows.push_back(with_spread(own("enterprise_wait_s"), one.wait_s, false));
        rows.push_back(with_value(own("enterprise_jct_s"), format_milli(one.mean_jct_milli)));
        rows.push_back(with_value(own(hours_key(outcome.counted)),
                                  format_milli(one.gpu_seconds * 1000 / 3600)));
        if (const std::string ratio = ratio_of(outcome, one.name); !ratio.empty()) {
            rows.push_back(with_value(own("finish_time_ratio"), ratio));
        }
    }
}

}  // namespace

std::string plan_text(const Session& session, const PlanReport& report, bool bold) {
    const TableStyle style{.bold = bold};
    std::string out = head(session, report);
    out += "\n" + format_table(compared(session, report), style);
    if (report.outcomes.front().measures.enterprises.size() > 1) {
        out += "\n" + format_table(enterprises(session, report), style);
    }
    return out + remarks(session, report);
}

std::string plan_csv(const PlanReport& report) {
    Table table{.columns = {{"", "replay"},
                            {"", "scope"},
                            {"", "measure"},
                            {"", "jobs"},
                            {"", "mean"},
                            {"", "p50"},
                            {"", "p90"},
                            {"", "p99"},
                            {"", "max"}},
                .rows = {}};
    for (const PlanOutcome& outcome : report.outcomes) {
        add_csv(outcome, table.rows);
    }
    return format_csv(table);
}

}  // namespace khu::cli
