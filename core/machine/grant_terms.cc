#include "core/machine/grant_terms.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "core/base/limits.h"
#include "core/machine/grant_duties.h"
#include "core/policy/kinds.h"

namespace khu {
namespace {

constexpr std::array kWarnings{days(30), days(7)};

__extension__ using Wide = __int128;

using Due = NextDuty;

Atoms part(Atoms of, int permille) {
    return Atoms{static_cast<std::int64_t>(Wide{of.value} * permille / 1000)};
}

/// Points and warnings that a policy brings for the time before it do not count.
Moment behind(const State& state, Moment done) {
    return std::max(done, state.truth.policy_at);
}

struct Point {
    Moment at{kNever};
    const Pullback* rule{nullptr};
};

Point next_point(const State& state, const Grant& grant, const Programme& programme) {
    for (const Pullback& rule : programme.pullback) {
        const Moment at = grant.from + rule.after;
        if (at > behind(state, grant.pulled_until) && at < grant.to) {
            return {.at = at, .rule = &rule};
        }
    }
    return {};
}

const TranchePart* next_tranche(const Grant& grant) {
    const auto next = static_cast<std::size_t>(grant.tranche) + 1;
    return next < grant.tranches.size() && grant.tranches[next].from < grant.to
               ? &grant.tranches[next]
               : nullptr;
}

int forfeit(const Grant& grant, const Pullback& rule) {
    return used_of(grant) < rule.if_used_below_permille ? rule.forfeit_of_remaining_permille : 0;
}

Moment next_warning(const State& state, const Grant& grant, const Point& point) {
    for (const Span before : kWarnings) {
        if (point.rule != nullptr && point.at - before > behind(state, grant.warned_until)) {
            return point.at - before;
        }
    }
    return kNever;
}

/// What comes next for this grant.
Due next_of(const State& state, const Grant& grant) {
    if (grant.ended) {
        return next_duty(state, grant);
    }
    Due due;
    const Programme* programme = find_programme(*state.truth.policy, grant.programme);
    if (programme == nullptr || !grant.overrun_of.empty()) {
        return due;
    }
    if (const TranchePart* next = next_tranche(grant)) {
        due = {.at = next->from, .fact = TrancheTurned{grant.id, programme->carry.max_permille}};
    }
    const Point point = next_point(state, grant, *programme);
    if (point.at < due.at) {
        due = {.at = point.at,
               .fact = PullbackReached{grant.id, used_of(grant), forfeit(grant, *point.rule)}};
    }
    const Moment warning = next_warning(state, grant, point);
    if (warning < due.at) {
        due = {.at = warning,
               .fact =
                   PullbackWarned{grant.id, point.at, used_of(grant), forfeit(grant, *point.rule)}};
    }
    return due;
}

/// What comes to be owed long after the end, since khud was down or knew of no duties then, is not
/// late at once.
void leave_time(Due& next, Moment now) {
    auto* owed = std::get_if<ReportOwed>(&next.fact);
    if (owed != nullptr && next.at + days(1) < now) {
        owed->due_at = std::max(owed->due_at, now + limits::report_again);
    }
}

}  // namespace

int used_of(const Grant& grant) {
    const Atoms all = whole(grant);
    const Wide used = Wide{(grant.spent + grant.held).value} * 1000;
    return all == Atoms{0} ? 0 : static_cast<int>(used / all.value);
}

std::vector<Fact> grants_due(const State& state, Moment now) {
    std::vector<Due> due;
    for (const auto& [id, grant] : state.truth.ledger.grants()) {
        if (Due next = next_of(state, grant); next.at <= now) {
            leave_time(next, now);
            due.push_back(std::move(next));
        }
    }
    std::ranges::stable_sort(due, {}, &Due::at);
    std::vector<Fact> facts;
    for (Due& each : due) {
        facts.push_back(std::move(each.fact));
    }
    return facts;
}

Moment next_grant_event(const State& state) {
    Moment next = kNever;
    if (state.truth.policy) {
        for (const auto& [id, grant] : state.truth.ledger.grants()) {
            next = std::min(next, next_of(state, grant).at);
        }
    }
    return next;
}

GrantOutlook outlook_of(const State& state, const Grant& grant, Moment now) {
    GrantOutlook ahead;
    const Programme* programme =
        state.truth.policy ? find_programme(*state.truth.policy, grant.programme) : nullptr;
    const bool over = grant.ended || now >= grant.to;
    if (programme == nullptr || over || !grant.overrun_of.empty()) {
        return ahead;
    }
    if (const TranchePart* next = next_tranche(grant)) {
        const TranchePart& ends = grant.tranches.at(static_cast<std::size_t>(grant.tranche));
        ahead.next_tranche_at = next->from;
        ahead.next_tranche = next->amount - next->advanced;
        ahead.carried_then =
            std::min(grant.free - grant.carried, part(ends.amount, programme->carry.max_permille));
        ahead.advance_left =
            std::max(Atoms{0}, part(next->amount, programme->advance_max_of_next_tranche_permille) -
                                   next->advanced);
    }
    if (const Point point = next_point(state, grant, *programme); point.rule != nullptr) {
        ahead.pullback_at = point.at;
        ahead.pullback_below_permille = point.rule->if_used_below_permille;
        ahead.pullback = part(grant.free, forfeit(grant, *point.rule));
    }
    return ahead;
}

const OverGrant* over_grant_of(const State& state, const EnterpriseId& enterprise,
                               const ProgrammeId& programme, Moment now) {
    const std::vector<OverGrant>& rows = state.truth.policy->priority.over_grant;
    const OverGrant* applies = nullptr;
    if (rows.empty()) {
        return applies;
    }
    const int used = state.truth.ledger.used_permille(enterprise, programme, now);
    for (const OverGrant& row : rows) {
        const bool higher =
            applies == nullptr || row.used_at_least_permille >= applies->used_at_least_permille;
        if (used >= row.used_at_least_permille && higher) {
            applies = &row;
        }
    }
    return applies;
}

std::optional<Reason> over_grant_limit(const State& state, const JobSpec& spec,
                                       std::int64_t also_running, Moment now) {
    const OverGrant* row = over_grant_of(state, spec.enterprise, spec.programme, now);
    const auto use = state.usage.find({spec.enterprise, spec.programme});
    const std::int64_t running =
        also_running + (use == state.usage.end() ? 0 : use->second.running_jobs);
    if (row == nullptr || row->max_running_jobs == 0 || running < row->max_running_jobs) {
        return std::nullopt;
    }
    return Reason(Code::OverGrantLimit)
        .with("enterprise", spec.enterprise.value)
        .with("programme", spec.programme.value)
        .with("used_permille", row->used_at_least_permille)
        .with("running", running)
        .with("limit", row->max_running_jobs)
        .limited_by(
            fmt::format("priority.over_grant.{}.max_running_jobs",
                        schema::write(schema::Percent{10'000}, row->used_at_least_permille, {})));
}

namespace apply_detail {

void set_penalty(State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
                 Moment now) {
    FairTree& fair = state.scheduler.fair();
    const auto known = fair.find(programme, enterprise);
    const bool none = state.truth.policy->priority.over_grant.empty();
    if (!known && none) {
        return;
    }
    const OverGrant* row = over_grant_of(state, enterprise, programme, now);
    fair.set_penalty(fair.leaf(programme, enterprise), row == nullptr ? Span{0} : row->age_penalty);
}

void set_penalties(State& state, Moment now) {
    std::set<std::pair<EnterpriseId, ProgrammeId>> owners;
    for (const auto& [id, grant] : state.truth.ledger.grants()) {
        owners.emplace(grant.enterprise, grant.programme);
    }
    for (const auto& [enterprise, programme] : owners) {
        set_penalty(state, enterprise, programme, now);
    }
}

}  // namespace apply_detail
}  // namespace khu
