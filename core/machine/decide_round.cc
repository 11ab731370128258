/// A scheduling round: the schedule chooses, the ledger and the limits admit, and each start
/// becomes a fact that carries its nodes, its price and its holds.

#include <map>
#include <set>

#include "core/machine/admission.h"
#include "core/machine/calendar.h"
#include "core/machine/decide.h"
#include "core/machine/grant_terms.h"
#include "core/machine/money.h"
#include "core/machine/standing.h"

namespace khu::decide_detail {
namespace {

/// Answers a round out of the books, counting what the round itself has started. Only of an
/// enterprise that started something in this round are the grants looked at in a copy.
class Books final : public Admission {
public:
    Books(const State& state, Moment now) : state_(state), now_(now) {}

    std::optional<Reason> admit(JobId id) override {
        const JobSpec& spec = state_.truth.jobs.at(id).spec;
        const auto started = gpus_.find({spec.enterprise, spec.programme});
        if (std::optional<Reason> over =
                over_running_limit(state_, spec, started == gpus_.end() ? 0 : started->second)) {
            return over;
        }
        if (std::optional<Reason> blackout = blackout_ahead(*state_.truth.policy, spec, now_)) {
            return blackout;
        }
        const auto jobs = jobs_.find({spec.enterprise, spec.programme});
        if (std::optional<Reason> over =
                over_grant_limit(state_, spec, jobs == jobs_.end() ? 0 : jobs->second, now_)) {
            return over;
        }
        if (std::optional<Reason> lacks = lacks_live_grant(state_, spec, now_)) {
            return lacks;
        }
        const Expected<HoldPlan, Reason> plan = plan_start(
            state_, spec, price(state_, spec, now_), {ledger_for(spec.enterprise), money_}, now_);
        if (!plan) {
            remember_short(plan.error());
            return plan.error();
        }
        plans_.insert_or_assign(id, *plan);
        return std::nullopt;
    }

    Atoms started(JobId id, const Placement&) override {
        const Job& job = state_.truth.jobs.at(id);
        const HoldPlan& plan = plans_.at(id);
        const EnterpriseId& enterprise = job.spec.enterprise;
        if (!hours_.contains(enterprise)) {
            hours_.emplace(enterprise, state_.truth.ledger.part_of(enterprise));
        }
        HoldPlan hours = plan;
        hours.money.clear();
        const AttemptKey key{id, AttemptNumber{job.attempts.value + 1}};
        hours_.at(enterprise).hold(key, hours, now_, PolicyId{});
        for (const MoneyPart& part : plan.money) {
            money_[part.account] += part.amount;
        }
        gpus_[{job.spec.enterprise, job.spec.programme}] +=
            std::int64_t{job.spec.nodes} * job.spec.shape.gpus;
        ++jobs_[{job.spec.enterprise, job.spec.programme}];
        return fair_hold(*state_.truth.policy, price(state_, job.spec, now_), job.spec.time_limit);
    }

    [[nodiscard]] const HoldPlan& plan(JobId id) const { return plans_.at(id); }
    [[nodiscard]] const std::set<FunderId>& short_funders() const { return short_funders_; }

private:
    const Ledger& ledger_for(const EnterpriseId& enterprise) const {
        const auto own = hours_.find(enterprise);
        return own == hours_.end() ? state_.truth.ledger : own->second;
    }
    /// What an end gives back to that account may start this job.
    void remember_short(const Reason& reason) {
        for (const Datum& datum : reason.data) {
            if (reason.code == Code::FunderShort && datum.key == "funder") {
                short_funders_.insert(FunderId{std::get<std::string>(datum.value)});
            }
        }
    }

    const State& state_;
    Moment now_;
    std::map<EnterpriseId, Ledger> hours_;  ///< of those that started something in this round
    std::map<std::string, Mvnd> money_;     ///< promised in this round, by account
    std::set<FunderId> short_funders_;
    std::map<JobId, HoldPlan> plans_;
    std::map<std::pair<EnterpriseId, ProgrammeId>, std::int64_t> gpus_;
    std::map<std::pair<EnterpriseId, ProgrammeId>, std::int64_t> jobs_;  ///< started
};

}  // namespace

Decided on(State& state, const RunRound&, Moment now) {
    Decision decision;
    if (!state.truth.policy) {
        return decision;
    }
    const std::optional<Moment> opening = next_opening(state);
    if (opening && *opening <= now) {
        state.scheduler.admission_changed();
        state.openings_seen = now;
    }
    Books books(state, now);
    RoundResult result = state.scheduler.round(books, now);
    state.short_funders.insert(books.short_funders().begin(), books.short_funders().end());
    for (Start& start : result.starts) {
        const Job& job = state.truth.jobs.at(start.job);
        decision.facts.push_back(JobPlaced{.job = start.job,
                                           .attempt = AttemptNumber{job.attempts.value + 1},
                                           .placement = std::move(start.placement),
                                           .terms = price(state, job.spec, now),
                                           .hold = books.plan(start.job)});
    }
    return decision;
}

}  // namespace khu::decide_detail
