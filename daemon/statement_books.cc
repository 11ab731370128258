#include "daemon/statement_books.h"

#include "core/machine/money.h"

namespace khu::daemon {
namespace {

/// Until when the month counts.
Moment fill_month(StatementRequest& request, ReportZone& zone, const State& state, Moment now) {
    StatementAsked& asked = request.asked;
    const Truth& truth = state.truth;
    zone.now = now;
    zone.closed_period = truth.closed_period;
    asked.zone = zone_name(state);
    asked.last = truth.ledger.last_seq();
    if (truth.policy) {
        zone.utc_offset_minutes = truth.policy->utc_offset_minutes;
        asked.province_code = truth.policy->zone.province.code;
    }
    Moment begins =
        truth.policy_history.empty()
            ? Moment{}
            : month_start(truth.policy_history.front().effective_at, zone.utc_offset_minutes);
    for (const MonthMark& month : truth.months) {
        if (month.period < asked.period) {
            asked.before = month.last;
            begins = month.until;
        } else {
            request.cut_alone =
                month.period == asked.period &&
                begins == month_start(month.until - milliseconds(1), zone.utc_offset_minutes);
            asked.last = month.last;
            request.names_in = month.fact;
            asked.province_code = month.province_code;
            return month.until;
        }
    }
    return now;
}

}  // namespace

void ask_of_state(StatementRequest& request, ReportZone& zone, const State& state, Moment now) {
    StatementAsked& asked = request.asked;
    const Truth& truth = state.truth;
    const Moment until = fill_month(request, zone, state, now);
    const Enterprise* known =
        truth.policy ? find_enterprise(*truth.policy, asked.enterprise) : nullptr;
    asked.name = known == nullptr ? "" : known->name;
    asked.duties = duties_at(truth.reports, asked.enterprise, until);
    for (const Grant& grant : truth.ledger.balance(asked.enterprise)) {
        asked.grants.emplace(grant.id, grant.voucher);
    }
}

void ask_of_state(AllStatementsRequest& request, ReportZone& zone, const State& state, Moment now) {
    const Truth& truth = state.truth;
    const Moment until = fill_month(request.common, zone, state, now);
    for (const auto& [id, grant] : truth.ledger.grants()) {
        request.enterprises[grant.enterprise].grants.emplace(id, grant.voucher);
    }
    for (std::size_t i = 0; truth.policy && i < truth.policy->enterprises.size(); ++i) {
        const Enterprise& enterprise = truth.policy->enterprises[i];
        request.enterprises[enterprise.id].name = enterprise.name;
    }
    for (const auto& [grant, report] : truth.reports) {
        const std::map<GrantId, GrantReport> one{{grant, report}};
        for (StatementDuty& duty : duties_at(one, report.enterprise, until)) {
            request.enterprises[report.enterprise].duties.push_back(std::move(duty));
        }
    }
}

}  // namespace khu::daemon
