/// A scheduling round: the schedule chooses, the ledger and the limits admit, and each start
/// becomes a fact that carries its nodes, its price and its holds.

#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "core/jobs/alternatives.h"
#include "core/machine/admission.h"
#include "core/machine/arrays.h"
#include "core/machine/calendar.h"
#include "core/machine/counted_books.h"
#include "core/machine/decide.h"
#include "core/machine/floor.h"
#include "core/machine/grant_terms.h"
#include "core/machine/lending_round.h"
#include "core/machine/money.h"
#include "core/machine/offers.h"
#include "core/machine/preemption.h"
#include "core/machine/reservations.h"
#include "core/machine/standing.h"

namespace khu::decide_detail {
namespace {

/// Answers a round out of the books, counting what the round itself has started. Only of an
/// enterprise that started something in this round are the grants looked at in a copy.
class Books final : public Admission {
public:
    /// What is promised is as good as held, so that nobody else of the enterprise uses it up.
    Books(const State& state, Moment now)
        : state_(state), now_(now), lending_(state), counted_(state, now) {
        for (const auto& [job, place] : state.truth.promises) {
            if (!admit(job, place.alternative)) {
                promised(job, place.alternative);
            }
        }
    }

    std::optional<Reason> admit(JobId id, int way) override {
        if (promised_.contains(id)) {
            return std::nullopt;
        }
        const JobSpec& spec = spec_of(id, way);
        if (std::optional<Reason> gone = not_offered(state_, spec)) {
            return gone;
        }
        if (std::optional<Reason> over = over_running_limit(state_, spec, also_running(spec))) {
            return over;
        }
        const auto array = arrays_.find(spec.array->of);
        if (std::optional<Reason> full =
                over_array_cap(state_, spec, array == arrays_.end() ? 0 : array->second)) {
            return full;
        }
        if (std::optional<Reason> blackout = blackout_ahead(*state_.truth.policy, spec, now_)) {
            return blackout;
        }
        if (std::optional<Reason> outside = outside_reservation(state_, spec, now_)) {
            return outside;
        }
        const auto jobs = jobs_.find({spec.enterprise, spec.programme});
        if (std::optional<Reason> over =
                over_grant_limit(state_, spec, jobs == jobs_.end() ? 0 : jobs->second, now_)) {
            return over;
        }
        if (std::optional<Reason> lacks = lacks_live_grant(state_, spec, now_)) {
            return lacks;
        }
        const Expected<HoldPlan, Reason> plan = plan_of(spec);
        if (!plan) {
            remember_short(plan.error());
            std::optional<QosId> idle = idle_offer(state_, state_.truth.jobs.at(id), plan.error());
            if (idle && short_in_every_way(state_.truth.jobs.at(id))) {
                offers_.emplace(id, std::pair(std::move(*idle), way));
            }
            return plan.error();
        }
        plans_.insert_or_assign(std::pair(id, way), *plan);
        if (lending_.applies()) {
            if (std::optional<Reason> lent = lending_.refuses(state_.truth.jobs.at(id), spec)) {
                return lent;
            }
        }
        return spec.counted->all.empty()
                   ? std::nullopt
                   : counted_.refuses(id, spec, state_.scheduler.queue().order_of(id, way));
    }

    bool reclaims(JobId id, int way) override {
        return lending_.reclaims(state_.truth.jobs.at(id), spec_of(id, way));
    }
    std::optional<Reason> lent_out(JobId id, int way) override {
        if (!lending_.applies()) {
            return std::nullopt;
        }
        const bool counted = promised_.contains(id);
        return lending_.lent_out(state_.truth.jobs.at(id), spec_of(id, way), counted);
    }
    bool enough_without(JobId id, int way, const std::vector<JobId>& victims) override {
        return lending_.enough_without(state_.truth.jobs.at(id), spec_of(id, way), victims);
    }
    std::optional<Reason> runs_out(JobId id, int way, Span later) override {
        return counted_.runs_out(id, spec_of(id, way), state_.scheduler.queue().order_of(id, way),
                                 later);
    }
    void told(const std::vector<JobId>& victims) override { lending_.told(victims); }
    [[nodiscard]] const LendingRound& lending() const { return lending_; }

    [[nodiscard]] bool short_in_every_way(const Job& job) const {
        for (int way = 0; ways_of(job.spec) > 1 && way < ways_of(job.spec); ++way) {
            if (plan_of(in_way(job.spec, way))) {
                return false;
            }
        }
        return true;
    }

    /// Whether the job could start in one of the ways of `asked`, as far as books, limits and what
    /// is lent go.
    [[nodiscard]] bool affords(const Job& job, const JobSpec& asked) const {
        for (int way = 0; way < ways_of(asked); ++way) {
            const JobSpec spec = in_way(asked, way);
            if (!not_offered(state_, spec) &&
                !over_running_limit(state_, spec, also_running(spec)) &&
                !over_grant_limit(state_, spec, 0, now_) && lending_.allows(job, spec) &&
                plan_of(spec)) {
                return true;
            }
        }
        return false;
    }
    /// Jobs that were refused, where they may wait instead and in which way they were refused: the
    /// first of their lanes.
    [[nodiscard]] const std::map<JobId, std::pair<QosId, int>>& offers() const { return offers_; }

    Atoms started(JobId id, const Placement& placement) override {
        const int way = way_taken(placement.receipt);
        if (!promised_.contains(id)) {
            use_up(id, way);
        }
        const JobSpec& spec = spec_of(id, way);
        return fair_hold(*state_.truth.policy, price(state_, spec, now_), spec.time_limit);
    }

    void promised(JobId id, int way) override {
        use_up(id, way);
        promised_.insert(id);
    }

    /// Started or promised in this round, or promised before.
    [[nodiscard]] bool used(JobId id) const { return used_.contains(id); }
    [[nodiscard]] const HoldPlan& plan(JobId id, int way) const { return plans_.at({id, way}); }
    /// What the job asks for in that way.
    const JobSpec& spec_of(JobId id, int way) {
        const JobSpec& asked = state_.truth.jobs.at(id).spec;
        if (ways_of(asked) == 1) {
            return asked;
        }
        const auto known = ways_.find({id, way});
        return known != ways_.end()
                   ? known->second
                   : ways_.emplace(std::pair(id, way), in_way(asked, way)).first->second;
    }
    [[nodiscard]] const std::set<FunderId>& short_funders() const { return short_funders_; }

private:
    [[nodiscard]] Expected<HoldPlan, Reason> plan_of(const JobSpec& spec) const {
        return plan_start(state_, spec, price(state_, spec, now_),
                          {ledger_for(spec.enterprise), money_}, now_);
    }

    void use_up(JobId id, int way) {
        used_.insert(id);
        const Job& job = state_.truth.jobs.at(id);
        const JobSpec& spec = spec_of(id, way);
        lending_.takes(job, spec);
        counted_.takes(id, spec);
        const HoldPlan& plan = plans_.at({id, way});
        const EnterpriseId& enterprise = spec.enterprise;
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
        const std::int64_t gpus = gpus_asked(spec);
        gpus_[{spec.enterprise, spec.programme}] += gpus;
        qos_gpus_[{spec.enterprise, spec.qos}] += gpus;
        ++qos_jobs_[{spec.enterprise, spec.user, spec.qos}];
        ++jobs_[{spec.enterprise, spec.programme}];
        ++arrays_[spec.array->of];
    }

    [[nodiscard]] AlsoRunning also_running(const JobSpec& spec) const {
        const auto programme = gpus_.find({spec.enterprise, spec.programme});
        const auto qos = qos_gpus_.find({spec.enterprise, spec.qos});
        const auto user = qos_jobs_.find({spec.enterprise, spec.user, spec.qos});
        return {.in_programme = programme == gpus_.end() ? 0 : programme->second,
                .at_qos = qos == qos_gpus_.end() ? 0 : qos->second,
                .of_user = user == qos_jobs_.end() ? 0 : user->second};
    }
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
    LendingRound lending_;
    CountedBooks counted_;
    std::map<EnterpriseId, Ledger> hours_;  ///< of those that started something in this round
    std::map<std::string, Mvnd> money_;     ///< promised in this round, by account
    std::set<FunderId> short_funders_;
    std::map<std::pair<JobId, int>, HoldPlan> plans_;  ///< by job and way
    std::map<std::pair<JobId, int>, JobSpec> ways_;    ///< of jobs that have several
    std::map<std::pair<EnterpriseId, ProgrammeId>, std::int64_t> gpus_;
    std::map<std::pair<EnterpriseId, ProgrammeId>, std::int64_t> jobs_;  ///< started
    std::map<std::pair<EnterpriseId, QosId>, std::int64_t> qos_gpus_;
    std::map<std::tuple<EnterpriseId, UserId, QosId>, std::int64_t> qos_jobs_;  ///< started
    std::map<JobId, std::int64_t> arrays_;  ///< elements started, by array; 0: of none
    std::set<JobId> promised_;
    std::set<JobId> used_;
    std::map<JobId, std::pair<QosId, int>> offers_;
};

/// Every job of a lane that was refused, and not started before, goes to the idle class with it.
void offer_idle(const State& state, const Books& books, std::vector<Fact>& facts) {
    const Queue& queue = state.scheduler.queue();
    std::set<JobId> offered;
    for (const auto& [first, offer] : books.offers()) {
        const auto& [qos, way] = offer;
        for (const LaneJob& each : queue.lane(queue.lane_of(first, way))->ready) {
            const Job& job = state.truth.jobs.at(each.second);
            if (!job.others_gave_way && !books.used(each.second) && books.short_in_every_way(job) &&
                offered.insert(each.second).second) {
                facts.push_back(QosOffered{.job = each.second, .qos = qos});
            }
        }
    }
}

/// Jobs that the books can pay again go back; of each enterprise and programme one at a time.
/// True if there are any.
bool offer_asked(const State& state, const Books& books, std::vector<Fact>& facts) {
    std::set<std::pair<EnterpriseId, ProgrammeId>> seen;
    for (const JobId id : state.offered) {
        const Job& job = state.truth.jobs.at(id);
        JobSpec asked = job.spec;
        asked.qos = job.asked_qos;
        if (!books.used(id) && seen.emplace(asked.enterprise, asked.programme).second &&
            books.affords(job, asked)) {
            facts.push_back(QosOffered{.job = id, .qos = job.asked_qos});
        }
    }
    return !facts.empty();
}

/// The promise, and the ends of those that give way for it; one whose end is decided goes anyway.
void evict(const State& state, const Eviction& eviction, Moment now, std::vector<Fact>& facts) {
    const Clearing& promise = eviction.promise;
    std::vector<JobId> told;
    std::ranges::copy_if(eviction.victims, std::back_inserter(told), [&](JobId id) {
        return !std::holds_alternative<Ending>(state.truth.jobs.at(id).phase);
    });
    facts.push_back(PlacePromised{.job = promise.job,
                                  .nodes = promise.nodes,
                                  .free_by = promise.by,
                                  .victims = told,
                                  .alternative = promise.alternative});
    for (const JobId id : told) {
        const Job& victim = state.truth.jobs.at(id);
        const Attempt& attempt = *live_attempt(victim);
        facts.push_back(AttemptEnding{
            .job = id,
            .attempt = attempt.number,
            .cause = EndCause::Preempted,
            .detail = "gives way to job " + std::to_string(promise.job.value),
            .requeue = victim.spec.requeue,
            .stop_by = std::min(attempt.deadline, now + state.truth.policy->preemption.grace),
            .gives_way_to = promise.job});
    }
}

/// Nodes or the policy changed, more of those who have borrowed may be told, or the owner is gone
/// for whom nobody borrowed.
void ask_borrowers_again(State& state, Moment now) {
    refresh_lending(state);
    const Queue& queue = state.scheduler.queue();
    const std::optional<Moment> ripe = state.scheduler.running().next_ripe();
    const bool gone = std::ranges::any_of(state.lending.owner_waits, [&](const auto& each) {
        return !queue.contains(each.second) || !queue.ready(each.second);
    });
    if (gone || (ripe && *ripe <= now)) {
        apply_detail::lending_again(state);
    }
}

struct OneRound {
    Decision decision;
    bool line_moved{false};  ///< see review_line()
};

OneRound one_round(State& state, Moment now) {
    OneRound made;
    Decision& decision = made.decision;
    const std::optional<Moment> opening = next_opening(state);
    if (opening && *opening <= now) {
        state.scheduler.admission_changed();
        state.openings_seen = now;
        apply_detail::set_shares(state, now);
    }
    cut_ages(state, now);
    ask_borrowers_again(state, now);
    Books books(state, now);
    if (offer_asked(state, books, decision.facts)) {
        return made;  // They are looked at in the next round, at their own QOS.
    }
    RoundResult result = state.scheduler.round(books, now);
    made.line_moved = review_line(state);
    state.short_funders.insert(books.short_funders().begin(), books.short_funders().end());
    state.lending.owner_waits = books.lending().owners_wait();
    state.lending.refused = state.lending.refused || books.lending().refused();
    for (const JobId job : result.lapsed) {
        decision.facts.push_back(PromiseLapsed{job});
    }
    for (Start& start : result.starts) {
        const Job& job = state.truth.jobs.at(start.job);
        const int way = way_taken(start.placement.receipt);
        const bool borrowed = books.lending().borrowed(start.job);
        const bool stays = borrowed && job.others_gave_way;  // No two jobs give way in turn.
        decision.facts.push_back(JobPlaced{
            .job = start.job,
            .attempt = AttemptNumber{job.attempts.value + 1},
            .placement = std::move(start.placement),
            .terms = price(state, books.spec_of(start.job, way), now),
            .hold = books.plan(start.job, way),
            .yields_at =
                stays ? kNever : yields_at(*state.truth.policy, job.spec.qos, borrowed, now),
            .borrowed = borrowed});
    }
    for (const Eviction& eviction : result.evictions) {
        evict(state, eviction, now, decision.facts);
    }
    offer_idle(state, books, decision.facts);
    return made;
}

}  // namespace

/// A round that decides nothing is the last for now; so who may have what is kept no more is looked
/// at here.
Decided on(State& state, const RunRound&, Moment now) {
    if (!state.truth.policy) {
        return Decision{};
    }
    OneRound made = one_round(state, now);
    if (made.line_moved && made.decision.facts.empty()) {
        made = one_round(state, now);
    }
    return std::move(made.decision);
}

}  // namespace khu::decide_detail
