// What is said of grants, wallets and balances, and of what lies ahead of them.

#include <algorithm>

#include "core/base/enum_name.h"
#include "core/machine/grant_duties.h"
#include "core/machine/grant_terms.h"
#include "core/machine/money.h"
#include "daemon/views.h"

namespace khu::daemon {

namespace {

/// What is owed for the grant now; null: nothing ever was.
std::optional<wire::GrantReportView> report_view(const State& state, const GrantId& grant,
                                                 Moment now) {
    const auto found = state.truth.reports.find(grant);
    if (found == state.truth.reports.end()) {
        return std::nullopt;
    }
    const ReportStanding stands = standing_of(found->second, now);
    wire::GrantReportView view;
    view.state = report_word(stands.state);
    view.due_at = stands.due_at;
    view.days_late = stands.days_late;
    view.output_required = found->second.output_required;
    if (stands.last->verb == ReportVerb::Delivered) {
        view.report = stands.last->text;
        view.output = stands.last->output;
        view.delivered_at = stands.last->at;
        view.delivered_by = stands.last->by.value;
    } else if (stands.last->verb == ReportVerb::Returned) {
        view.returned_reason = stands.last->text;
    }
    return view;
}

/// When the report will be late that is owed, or will be by what its programme says now.
std::optional<Moment> report_due(const State& state, const Grant& grant, Moment now) {
    const auto found = state.truth.reports.find(grant.id);
    if (found != state.truth.reports.end()) {
        const ReportStanding stands = standing_of(found->second, now);
        return stands.state == ReportState::Delivered ? std::nullopt : std::optional(stands.due_at);
    }
    const NextDuty next = state.truth.policy ? next_duty(state, grant) : NextDuty{};
    const auto* owed = std::get_if<ReportOwed>(&next.fact);
    return owed == nullptr ? std::nullopt : std::optional(owed->due_at);
}

}  // namespace

std::vector<wire::GrantAhead> ahead_of(const State& state, const Grant& grant, Moment now) {
    std::vector<wire::GrantAhead> ahead;
    const GrantOutlook next = outlook_of(state, grant, now);
    const auto add = [&](const char* event, Moment at) -> wire::GrantAhead& {
        wire::GrantAhead& each = ahead.emplace_back();
        each.grant = grant.id;
        each.event = event;
        each.happens_at = at;
        return each;
    };
    if (next.next_tranche_at) {
        wire::GrantAhead& tranche = add("tranche", *next.next_tranche_at);
        tranche.gained_ugs = next.next_tranche;
        tranche.lost_ugs = grant.free - next.carried_then;
    }
    if (next.pullback_at) {
        wire::GrantAhead& pullback = add("pullback", *next.pullback_at);
        pullback.lost_ugs = next.pullback;
        pullback.unless_used_permille = next.pullback_below_permille;
    }
    if (!grant.ended && now < grant.to && grant.overrun_of.empty()) {
        add("end", grant.to).lost_ugs = next.next_tranche_at ? Atoms{0} : grant.free;
    }
    if (const std::optional<Moment> due = report_due(state, grant, now)) {
        add("report", *due);
    }
    std::ranges::stable_sort(ahead, {},
                             [](const wire::GrantAhead& each) { return each.happens_at.value; });
    return ahead;
}

Moment runs_out(const State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
                Atoms more_per_second, Moment now) {
    const auto use = state.usage.find({enterprise, programme});
    const Atoms rate =
        more_per_second + (use == state.usage.end() ? Atoms{0} : use->second.per_second);
    Atoms left;
    for (const Grant& grant : state.truth.ledger.balance(enterprise)) {
        const bool counts = grant.programme == programme && grant.overrun_of.empty() &&
                            state_of(grant, now) == GrantState::Active;
        left += counts ? grant.free + grant.held : Atoms{0};
    }
    if (rate <= Atoms{0}) {
        return Moment{0};
    }
    constexpr std::int64_t century_s = 100LL * 366 * 86'400;
    return now + seconds(std::min(left.value / rate.value, century_s));
}

wire::GrantView grant_view(const State& state, const Grant& grant, Moment now) {
    wire::GrantView view;
    view.grant = grant.id;
    view.enterprise = grant.enterprise.value;
    view.programme = grant.programme.value;
    view.state = enum_name(state_of(grant, now));
    view.state_reason = grant.suspended_why;
    view.decision_ref = grant.decision_ref;
    view.voucher = grant.voucher;
    if (state.truth.policy) {
        if (const Programme* programme = find_programme(*state.truth.policy, grant.programme)) {
            view.tier = enum_name(programme->tier);
        }
    }
    view.from_at = grant.from;
    view.to_at = grant.to;
    view.whole_ugs = whole(grant);
    view.clawback_ugs = grant.clawback;
    view.carried_ugs = grant.carried;
    view.overrun_of = grant.overrun_of.value;
    view.moved_in_ugs = grant.moved_in;
    view.moved_out_ugs = grant.moved_out;
    view.report = report_view(state, grant.id, now);
    view.ahead = ahead_of(state, grant, now);
    if (state_of(grant, now) == GrantState::Active) {
        view.runs_out_at = runs_out(state, grant.enterprise, grant.programme, Atoms{0}, now);
    }
    view.granted_ugs = grant.granted;
    view.free_ugs = grant.free;
    view.held_ugs = grant.held;
    view.spent_ugs = grant.spent;
    view.expired_ugs = grant.expired;
    for (const ProjectCap& cap : grant.projects) {
        view.projects.push_back({.project = cap.project,
                                 .cap_ugs = cap.cap,
                                 .held_ugs = cap.held,
                                 .spent_ugs = cap.spent,
                                 .set_by = cap.set_by.value,
                                 .set_at = cap.set_at});
    }
    return view;
}

wire::PurseView purse_view(const State& state, const Purse& purse) {
    wire::PurseView view;
    const std::size_t colon = purse.account.find(':');
    view.owner = purse.account.substr(colon + 1);
    view.kind = purse.account.substr(0, colon);
    const Policy& policy = *state.truth.policy;
    if (const Funder* funder = find_funder(policy, FunderId{view.owner});
        funder != nullptr && view.kind == "funder") {
        view.kind = enum_name(funder->kind);
        view.name = funder->name;
        view.from_at = funder->window.from;
        view.to_at = funder->window.to;
    } else if (const Enterprise* known = find_enterprise(policy, EnterpriseId{view.owner})) {
        view.name = known->name;
        view.kind = view.kind == "wallet" ? enum_name(known->wallet.mode) : view.kind;
    }
    view.budget_mvnd = purse.budget;
    view.paid_in_mvnd = purse.paid_in;
    view.held_mvnd = purse.held;
    view.spent_mvnd = purse.spent;
    view.available_mvnd = purse.limited ? available(purse) : Mvnd{0};
    return view;
}

wire::BalanceAnswer balance(const State& state, const EnterpriseId& enterprise, Moment now) {
    wire::BalanceAnswer answer;
    answer.enterprise = enterprise.value;
    if (state.truth.policy) {
        if (const Enterprise* known = find_enterprise(*state.truth.policy, enterprise)) {
            answer.name = known->name;
        }
    }
    for (const Grant& grant : state.truth.ledger.balance(enterprise)) {
        answer.grants.push_back(grant_view(state, grant, now));
        answer.free_ugs += grant.free;
        answer.held_ugs += grant.held;
        answer.spent_ugs += grant.spent;
    }
    if (state.truth.policy) {
        const std::string account = payer_account(*state.truth.policy, enterprise);
        if (const Purse* purse = state.truth.ledger.find_purse(account)) {
            answer.wallet = purse_view(state, *purse);
        }
    }
    for (auto use = state.usage.lower_bound({enterprise, ProgrammeId{}});
         use != state.usage.end() && use->first.first == enterprise; ++use) {
        answer.jobs_queued += use->second.queued;
        answer.jobs_running += use->second.running_jobs;
    }
    return answer;
}

}  // namespace khu::daemon
