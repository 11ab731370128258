#include "core/machine/grant_duties.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/limits.h"
#include "core/machine/citing.h"

namespace khu {
namespace {

/// The day before which it was to come: "2026-05-30".
std::string day_of_zone(const State& state, Moment due_at) {
    const int offset = state.truth.policy->utc_offset_minutes;
    return format_local(due_at, offset).substr(0, 10);
}

/// Comes to be owed at the end of the window.
NextDuty owed_next(const State& state, const Grant& grant) {
    const Programme* programme = find_programme(*state.truth.policy, grant.programme);
    const bool exempt = grant.makegood || !grant.overrun_of.empty();
    if (exempt || programme == nullptr || programme->duties.report_due_after_end == Span{0} ||
        grant.to <= state.truth.policy_at) {
        return {};
    }
    return {.at = grant.to,
            .fact = ReportOwed{grant.id, grant.to + programme->duties.report_due_after_end,
                               programme->duties.open_output == OpenOutput::Required}};
}

}  // namespace

NextDuty next_duty(const State& state, const Grant& grant) {
    const auto found = state.truth.reports.find(grant.id);
    if (found == state.truth.reports.end()) {
        return owed_next(state, grant);
    }
    const GrantReport& report = found->second;
    const ReportStep& last = report.steps.back();
    if (last.verb == ReportVerb::Delivered) {
        return {};
    }
    const Moment warning = last.due_at - limits::report_warning;
    if (report.told_until < warning) {
        return {.at = warning, .fact = ReportWarned{grant.id, last.due_at}};
    }
    if (report.told_until < last.due_at) {
        return {.at = last.due_at, .fact = ReportLate{grant.id, last.due_at}};
    }
    return {};
}

std::optional<Reason> late_report(const State& state, const EnterpriseId& enterprise,
                                  const ProgrammeId& programme, Moment now) {
    const auto owed = state.reports_owed.find({enterprise, programme});
    const Programme* known = find_programme(*state.truth.policy, programme);
    if (owed == state.reports_owed.end() || known == nullptr ||
        known->duties.late_action != LateAction::SuspendSubmit) {
        return std::nullopt;
    }
    for (const GrantId& grant : owed->second) {
        const ReportStanding stands = standing_of(state.truth.reports.at(grant), now);
        if (stands.state == ReportState::Late) {
            const std::string due = day_of_zone(state, stands.due_at);
            return Reason(Code::GrantSuspended)
                .with("grant", grant.value)
                .with("why",
                      fmt::format("its report was due by {}, {} days late", due, stands.days_late))
                .with("why_vi", fmt::format("báo cáo phải nộp trước {}, đã trễ {} ngày", due,
                                            stands.days_late))
                .with("due_at", stands.due_at.value)
                .with("days_late", stands.days_late)
                .limited_by(key_of(programme, "duties.late_action"));
        }
    }
    return std::nullopt;
}

std::vector<GrantCount> unused_grants(const State& state, Moment now) {
    std::vector<GrantCount> counts;
    for (const auto& [id, grant] : state.truth.ledger.grants()) {
        const bool used = grant.spent + grant.held > Atoms{0};
        if (!used && !grant.ended && grant.overrun_of.empty() && grant.from + days(90) <= now) {
            add_count(counts, {.measure = "unused_after_90_days",
                               .programme = grant.programme,
                               .enterprise = grant.enterprise,
                               .value = 1});
        }
    }
    return counts;
}

namespace apply_detail {

void count_entries(State& state, const Effects& effects) {
    for (const Effect& effect : effects) {
        const auto* posted = std::get_if<PostEntries>(&effect);
        for (std::size_t i = 0; posted != nullptr && i < posted->entries.size(); ++i) {
            const Entry& entry = posted->entries[i];
            const bool expired = entry.kind == "expire";
            if (!expired && entry.kind != "pullback") {
                continue;
            }
            const Grant* grant =
                state.truth.ledger.find(GrantId{entry.debit.substr(entry.debit.find(':') + 1)});
            KHU_CHECK(grant != nullptr, "{}", entry.debit);
            add_count(state.truth.grant_counts, {.measure = expired ? "expired" : "pulled_back",
                                                 .programme = grant->programme,
                                                 .enterprise = grant->enterprise,
                                                 .value = entry.amount});
        }
    }
}

void count_decision(State& state, const GrantRequestRecord& record) {
    const auto count = [&](const char* measure, std::int64_t value) {
        add_count(state.truth.grant_counts, {.measure = measure,
                                             .programme = record.request.programme,
                                             .enterprise = record.request.enterprise,
                                             .value = value});
    };
    const bool by_policy = record.decided_by.empty();
    count(record.state == RequestState::Refused ? "refused"
          : by_policy                           ? "auto_approved"
                                                : "approved",
          1);
    if (!by_policy) {
        count("days_to_decision", (record.decided_at - record.asked_at).value / days(1).value);
    }
}

void index_reports(State& state) {
    state.reports_owed.clear();
    for (const auto& [grant, report] : state.truth.reports) {
        if (report.steps.back().verb != ReportVerb::Delivered) {
            state.reports_owed[{report.enterprise, report.programme}].insert(grant);
        }
    }
}

}  // namespace apply_detail
}  // namespace khu
