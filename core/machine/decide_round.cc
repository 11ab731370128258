/// A scheduling round: the schedule chooses, the ledger and the limits admit, and each start
/// becomes a fact that carries its nodes, its price and its holds.

#include <map>

#include "core/machine/admission.h"
#include "core/machine/decide.h"
#include "core/machine/standing.h"

namespace khu::decide_detail {
namespace {

/// Answers a round out of the books, counting what the round itself has started. Only an enterprise
/// that started something in this round is looked at in a copy of the ledger.
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
        if (std::optional<Reason> lacks = lacks_live_grant(state_, spec, now_)) {
            return lacks;
        }
        const Atoms need = hold_for(price(state_, spec, now_), spec.time_limit);
        const Expected<HoldPlan, Reason> plan =
            ledger_for(spec.enterprise).can_hold(spec.enterprise, spec.programme, need, now_);
        if (!plan) {
            return plan.error();
        }
        plans_.insert_or_assign(id, *plan);
        return std::nullopt;
    }

    Atoms started(JobId id, const Placement&) override {
        const Job& job = state_.truth.jobs.at(id);
        const HoldPlan& plan = plans_.at(id);
        if (!scratch_) {
            scratch_ = state_.truth.ledger;
        }
        touched_.insert(job.spec.enterprise);
        const AttemptKey key{id, AttemptNumber{job.attempts.value + 1}};
        scratch_->hold(key, plan, now_, PolicyId{});
        gpus_[{job.spec.enterprise, job.spec.programme}] +=
            std::int64_t{job.spec.nodes} * job.spec.shape.gpus;
        return fair_hold(*state_.truth.policy, price(state_, job.spec, now_), job.spec.time_limit);
    }

    [[nodiscard]] const HoldPlan& plan(JobId id) const { return plans_.at(id); }

private:
    const Ledger& ledger_for(const EnterpriseId& enterprise) const {
        return scratch_ && touched_.contains(enterprise) ? *scratch_ : state_.truth.ledger;
    }

    const State& state_;
    Moment now_;
    std::optional<Ledger> scratch_;
    std::set<EnterpriseId> touched_;
    std::map<JobId, HoldPlan> plans_;
    std::map<std::pair<EnterpriseId, ProgrammeId>, std::int64_t> gpus_;
};

}  // namespace

Decided on(State& state, const RunRound&, Moment now) {
    Decision decision;
    if (!state.truth.policy) {
        return decision;
    }
    const std::optional<Moment> opening = state.truth.ledger.next_opening(state.openings_seen);
    if (opening && *opening <= now) {
        state.scheduler.admission_changed();
        state.openings_seen = now;
    }
    Books books(state, now);
    RoundResult result = state.scheduler.round(books, now);
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
