// Reports that are owed for grants, and hours that go from one grant to another.

#include <algorithm>

#include "core/machine/apply.h"
#include "core/machine/grant_duties.h"
#include "core/machine/grant_terms.h"

namespace khu::apply_detail {
namespace {

void count(State& state, const GrantReport& report, const char* measure) {
    add_count(state.truth.grant_counts, {.measure = measure,
                                         .programme = report.programme,
                                         .enterprise = report.enterprise,
                                         .value = 1});
}

/// Its enterprise's jobs may start now, or may not any more.
void report_changed(State& state, const GrantReport& report) {
    index_reports(state);
    state.grant_due_at = Moment{0};
    state.scheduler.admission_changed(report.enterprise);
}

}  // namespace

Effects on(State& state, const ReportOwed& fact, Moment at) {
    const Grant& grant = *state.truth.ledger.find(fact.grant);
    GrantReport& report = state.truth.reports[fact.grant];
    report = {.grant = fact.grant,
              .enterprise = grant.enterprise,
              .programme = grant.programme,
              .output_required = fact.output_required,
              .told_until = Moment{0},
              .steps = {{.verb = ReportVerb::Owed, .at = at, .due_at = fact.due_at}}};
    count(state, report, "reports_due");
    report_changed(state, report);
    return {};
}

Effects on(State& state, const ReportWarned& fact, Moment) {
    state.truth.reports.at(fact.grant).told_until = fact.due_at - milliseconds(1);
    state.grant_due_at = Moment{0};
    return {};
}

Effects on(State& state, const ReportLate& fact, Moment) {
    GrantReport& report = state.truth.reports.at(fact.grant);
    report.told_until = fact.due_at;
    count(state, report, "reports_late");
    report_changed(state, report);
    return {};
}

Effects on(State& state, const ReportDelivered& fact, Moment at) {
    GrantReport& report = state.truth.reports.at(fact.grant);
    KHU_CHECK(report.steps.back().verb != ReportVerb::Delivered, "grant {}", fact.grant.value);
    report.steps.push_back({.verb = ReportVerb::Delivered,
                            .at = at,
                            .due_at = Moment{0},
                            .text = fact.report,
                            .output = fact.output,
                            .by = fact.by});
    if (!fact.output.empty()) {
        count(state, report, "open_outputs");
    }
    report_changed(state, report);
    return {};
}

Effects on(State& state, const ReportReturned& fact, Moment at) {
    GrantReport& report = state.truth.reports.at(fact.grant);
    KHU_CHECK(report.steps.back().verb == ReportVerb::Delivered, "grant {}", fact.grant.value);
    report.steps.push_back({.verb = ReportVerb::Returned,
                            .at = at,
                            .due_at = fact.due_at,
                            .text = fact.reason,
                            .output = "",
                            .by = fact.by});
    report_changed(state, report);
    return {};
}

Effects on(State& state, const GrantTransferred& fact, Moment at) {
    const PolicyId policy = state.truth.policy ? state.truth.policy->id : PolicyId{};
    Effects effects{PostEntries{state.truth.ledger.transfer(fact.grant, fact.to, fact.amount,
                                                            fact.decision_ref, at, policy)}};
    const Grant& grant = *state.truth.ledger.find(fact.grant);
    state.grant_due_at = Moment{0};
    set_penalty(state, grant.enterprise, grant.programme, at);
    state.scheduler.admission_changed(grant.enterprise);
    return effects;
}

}  // namespace khu::apply_detail
