#include "core/machine/lending_round.h"

#include "core/machine/preemption.h"
#include "core/machine/state.h"

namespace khu {
namespace {

/// It is let go by the floor rule; or it was promised a place, and is within what its programme
/// owns whatever that has borrowed since.
bool is_sure(const State& state, const Job& job, const JobSpec& spec) {
    if (job.at_floor || !state.truth.promises.contains(job.id)) {
        return job.at_floor;
    }
    std::int64_t own = gpus_asked(spec);
    for (const auto& [id, place] : state.truth.promises) {
        const JobSpec& other = state.truth.jobs.at(id).spec;
        const bool same = other.partition == spec.partition && other.programme == spec.programme;
        own += id < job.id && same ? gpus_asked(other) : 0;
    }
    const auto running = state.lending.running.find({spec.partition, spec.programme});
    if (running != state.lending.running.end()) {
        for (const auto& [since, id] : running->second) {
            const Job& each = state.truth.jobs.at(id);
            own += live_attempt(each)->borrowed ? 0 : gpus_asked(each.spec);
        }
    }
    const auto pool = state.lending.pools.find(spec.partition);
    return pool != state.lending.pools.end() && own <= pool->second.nominal(spec.programme);
}

}  // namespace

LendingRound::LendingRound(const State& state)
    : state_(state), now_(state.lending.pools), then_(state.lending.pools) {
    for (const JobId job : state.lending.leaving) {
        leaves(then_, job);
    }
    for (const auto& [partition, job] : state.lending.owner_waits) {
        if (state.scheduler.queue().contains(job) && state.scheduler.queue().ready(job)) {
            owners_wait_.emplace(partition, job);
        }
    }
}

void LendingRound::leaves(LendingPools& pools, JobId job) const {
    const JobSpec& spec = state_.truth.jobs.at(job).spec;
    const auto pool = pools.find(spec.partition);
    if (pool != pools.end() && is_lent(*state_.truth.policy, spec)) {
        pool->second.use(spec.programme, -gpus_asked(spec));
    }
}

std::optional<Reason> LendingRound::remember(std::optional<Reason> reason) {
    refused_ = refused_ || reason.has_value();
    return reason;
}

std::optional<Reason> LendingRound::refuses(const Job& job, const JobSpec& spec) {
    const auto waits = owners_wait_.find(spec.partition);
    if (waits != owners_wait_.end() && waits->second == job.id) {
        owners_wait_.erase(waits);  // It is its turn.
    }
    const bool waits_for_owner =
        owners_wait_.contains(spec.partition) && !state_.truth.promises.contains(job.id);
    std::optional<Reason> reason =
        not_lent(state_, now_, spec, is_sure(state_, job, spec), waits_for_owner);
    if (reason && reason->code == Code::LentOut) {
        if (reclaims(job, spec)) {
            return std::nullopt;
        }
        owners_wait_.emplace(spec.partition, job.id);
    }
    return remember(std::move(reason));
}

bool LendingRound::allows(const Job& job, const JobSpec& spec) const {
    const bool waits_for_owner = owners_wait_.contains(spec.partition);
    const std::optional<Reason> reason =
        not_lent(state_, now_, spec, is_sure(state_, job, spec), waits_for_owner);
    return !reason || (reason->code == Code::LentOut && reclaims(job, spec));
}

bool LendingRound::reclaims(const Job& job, const JobSpec& spec) const {
    return khu::reclaims(*state_.truth.policy) && is_owners(now_, spec, is_sure(state_, job, spec));
}

std::optional<Reason> LendingRound::lent_out(const Job& job, const JobSpec& spec, bool counted) {
    const auto pool = now_.find(spec.partition);
    if (pool == now_.end()) {
        return std::nullopt;
    }
    LendingPools without;
    if (counted && is_lent(*state_.truth.policy, spec)) {
        without = now_;
        leaves(without, job.id);
    }
    std::optional<Reason> reason =
        not_lent(state_, counted ? without : now_, spec, is_sure(state_, job, spec), false);
    if (!reason || reason->code != Code::LentOut) {
        return std::nullopt;
    }
    if (!counted) {
        owners_wait_.emplace(spec.partition, job.id);
    }
    return remember(std::move(reason));
}

bool LendingRound::enough_without(const Job& job, const JobSpec& spec,
                                  const std::vector<JobId>& victims) const {
    const auto known = then_.find(spec.partition);
    if (known == then_.end() || !is_lent(*state_.truth.policy, spec)) {
        return true;
    }
    LendingPools then;
    then.emplace(known->first, known->second);
    for (const JobId victim : victims) {
        leaves(then, victim);
    }
    const LendingAnswer answer = then.begin()->second.ask(spec.programme, gpus_asked(spec));
    return (is_sure(state_, job, spec) || !answer.borrows) ? answer.lacking == 0 : true;
}

void LendingRound::told(const std::vector<JobId>& victims) {
    for (const JobId victim : victims) {
        leaves(then_, victim);
    }
}

void LendingRound::takes(const Job& job, const JobSpec& spec) {
    if (!now_.contains(spec.partition) || !is_lent(*state_.truth.policy, spec)) {
        return;
    }
    if (!is_owners(now_, spec, is_sure(state_, job, spec))) {
        borrowed_.insert(job.id);
    }
    for (LendingPools* pools : {&now_, &then_}) {
        pools->at(spec.partition).use(spec.programme, gpus_asked(spec));
    }
    const auto waits = owners_wait_.find(spec.partition);
    if (waits != owners_wait_.end() && waits->second == job.id) {
        owners_wait_.erase(waits);
    }
}

}  // namespace khu
