#include "daemon/statement_books.h"

#include "core/base/enum_name.h"
#include "core/machine/money.h"

namespace khu::daemon {
namespace {

/// What no entry says of it.
GrantFrame frame_of(const Grant& grant, Moment until) {
    return {.from = grant.from, .to = end_before(grant, until), .voucher = grant.voucher};
}

EnterpriseWords words_of(const Enterprise& enterprise) {
    return {.name = enterprise.name, .kind = enum_name(enterprise.kind)};
}

/// Until when the month counts.
Moment month_until(StatementRequest& request, ReportZone& zone, const State& state, Moment now) {
    StatementAsked& asked = request.asked;
    const Truth& truth = state.truth;
    zone.now = now;
    zone.closed_period = truth.closed_period;
    asked.zone = zone_name(state);
    asked.last = truth.ledger.last_seq();
    if (truth.policy) {
        zone.utc_offset_minutes = truth.policy->utc_offset_minutes;
        asked.province_code = truth.policy->zone.province.code;
        for (const Programme& programme : truth.policy->programmes) {
            asked.tiers[programme.id] = enum_name(programme.tier);
        }
    }
    asked.utc_offset_minutes = zone.utc_offset_minutes;
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
            request.words_in = month.fact;
            asked.province_code = month.province_code;
            return month.until;
        }
    }
    return now;
}

void fill_month(StatementRequest& request, ReportZone& zone, const State& state, Moment now) {
    request.asked.until = month_until(request, zone, state, now);
}

}  // namespace

void ask_of_state(StatementRequest& request, ReportZone& zone, const State& state, Moment now) {
    StatementAsked& asked = request.asked;
    const Truth& truth = state.truth;
    fill_month(request, zone, state, now);
    const Enterprise* known =
        truth.policy ? find_enterprise(*truth.policy, asked.enterprise) : nullptr;
    asked.words = known == nullptr ? EnterpriseWords{} : words_of(*known);
    asked.duties = duties_at(truth.reports, asked.enterprise, asked.until);
    for (const Grant& grant : truth.ledger.balance(asked.enterprise)) {
        asked.grants.emplace(grant.id, frame_of(grant, asked.until));
    }
}

void ask_of_state(AllStatementsRequest& request, ReportZone& zone, const State& state, Moment now) {
    const Truth& truth = state.truth;
    fill_month(request.common, zone, state, now);
    const Moment until = request.common.asked.until;
    for (const auto& [id, grant] : truth.ledger.grants()) {
        request.enterprises[grant.enterprise].grants.emplace(id, frame_of(grant, until));
    }
    for (std::size_t i = 0; truth.policy && i < truth.policy->enterprises.size(); ++i) {
        const Enterprise& enterprise = truth.policy->enterprises[i];
        request.enterprises[enterprise.id].words = words_of(enterprise);
    }
    for (const auto& [grant, report] : truth.reports) {
        const std::map<GrantId, GrantReport> one{{grant, report}};
        for (StatementDuty& duty : duties_at(one, report.enterprise, until)) {
            request.enterprises[report.enterprise].duties.push_back(std::move(duty));
        }
    }
}

}  // namespace khu::daemon
