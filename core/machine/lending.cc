#include "core/machine/lending.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "core/jobs/alternatives.h"
#include "core/machine/citing.h"
#include "core/machine/preemption.h"
#include "core/machine/state.h"

namespace khu {

LendingPool::LendingPool(const Borrowing& rules, std::int64_t gpus) : gpus_(gpus) {
    for (const BorrowRule& rule : rules.rules) {
        const Share share{.nominal = rule.nominal_gpus, .lend = rule.lend, .borrow = rule.borrow};
        shares_.insert_or_assign(rule.programme, share);
        kept_ += share.kept();
    }
}

void LendingPool::use(const ProgrammeId& programme, std::int64_t gpus) {
    Share& share = shares_[programme];
    kept_ -= share.kept();
    share.running += gpus;
    used_ += gpus;
    kept_ += share.kept();
}

LendingAnswer LendingPool::ask(const ProgrammeId& programme, std::int64_t gpus) const {
    const auto known = shares_.find(programme);
    const Share share = known == shares_.end() ? Share{} : known->second;
    const std::int64_t after = share.running + gpus;
    const std::int64_t taken = gpus - (share.kept() - share.kept(gpus));
    return {.running = share.running,
            .nominal = share.nominal,
            .borrow = share.borrow,
            .idle = slack() + share.kept(),
            .lacking = taken == 0 ? 0 : std::max<std::int64_t>(0, taken - slack()),
            .borrows = after > share.nominal,
            .over = share.borrow >= 0 && after > share.nominal + share.borrow};
}

std::int64_t LendingPool::nominal(const ProgrammeId& programme) const {
    const auto known = shares_.find(programme);
    return known == shares_.end() ? 0 : known->second.nominal;
}

std::int64_t gpus_asked(const JobSpec& spec) {
    return std::int64_t{spec.nodes} * spec.shape.gpus;
}

bool is_lent(const Policy& policy, const JobSpec& spec) {
    return gpus_asked(spec) > 0 && !giving_way(policy, spec.qos).yields;
}

namespace {

/// GPUs, and slices, that the partition offers on its nodes that take jobs.
std::int64_t gpus_up(const Cluster& cluster, const PartitionId& partition) {
    const PartitionNodes* offers = cluster.partition(partition);
    std::int64_t gpus = 0;
    for (const auto& [id, node] : cluster.members(partition)) {
        gpus += node->health == NodeHealth::Up
                    ? std::popcount(offered_on(node->state.node_class(), offers->share))
                    : 0;
    }
    return gpus;
}

/// What the attempt has on nodes that take no more jobs.
std::int64_t gpus_apart(const Cluster& cluster, const Attempt& attempt) {
    std::int64_t gpus = 0;
    for (const NodeAllocation& each : attempt.placement.nodes) {
        const ClusterNode* node = cluster.find(each.node);
        const bool up = node != nullptr && node->health == NodeHealth::Up;
        gpus += up ? 0 : static_cast<std::int64_t>(each.gpus.size());
    }
    return gpus;
}

bool is_told(const Job& job) {
    const auto* ending = std::get_if<Ending>(&job.phase);
    return ending != nullptr && ending->gives_way_to != JobId{};
}

/// Who has borrowed may be told to give way, from when its start says; who has not, may not.
void review_borrowed(State& state, const PartitionId& partition, const ProgrammeId& programme) {
    const auto running = state.lending.running.find({partition, programme});
    if (running == state.lending.running.end()) {
        return;
    }
    const std::int64_t nominal = state.lending.pools.at(partition).nominal(programme);
    std::int64_t sum = 0;
    for (const bool borrowed : {false, true}) {
        for (const auto& [since, id] : running->second) {
            const Job& job = state.truth.jobs.at(id);
            const Attempt& attempt = *live_attempt(job);
            if (attempt.borrowed != borrowed) {
                continue;
            }
            sum += gpus_asked(job.spec);
            if (borrowed && !is_told(job)) {
                state.scheduler.job_yields(id, sum > nominal ? attempt.yields_at : kNever);
            }
        }
    }
}

/// Counts the attempt, if it is counted at all. True if its programme has borrowed.
bool count_in(State& state, const Job& job) {
    const auto pool = state.lending.pools.find(job.spec.partition);
    if (pool == state.lending.pools.end() || !is_lent(*state.truth.policy, job.spec)) {
        return false;
    }
    pool->second.use(job.spec.programme, gpus_asked(job.spec));
    state.lending.running[{job.spec.partition, job.spec.programme}].emplace(
        live_attempt(job)->taken_at, job.id);
    if (is_told(job)) {
        state.lending.leaving.insert(job.id);
    }
    return live_attempt(job)->borrowed || pool->second.ask(job.spec.programme, 0).borrows;
}

/// No rules are left: nobody is told to give back anything.
void forgive(State& state, const Job& job) {
    const Attempt& attempt = *live_attempt(job);
    if (attempt.borrowed && !is_told(job)) {
        state.scheduler.job_yields(job.id, kNever);
    }
}

}  // namespace

void refresh_lending(State& state) {
    Lending& lending = state.lending;
    if (!lending.stale || !state.truth.policy) {
        return;
    }
    const Policy& policy = *state.truth.policy;
    const Cluster& cluster = state.scheduler.cluster();
    lending.stale = false;
    lending.pools.clear();
    lending.running.clear();
    lending.leaving.clear();
    std::map<PartitionId, std::int64_t> apart;
    for (const auto& [id, books] : state.truth.books) {
        const Job& job = state.truth.jobs.at(id);
        apart[job.spec.partition] +=
            is_lent(policy, job.spec) ? gpus_apart(cluster, *live_attempt(job)) : 0;
    }
    for (const Borrowing& rules : policy.borrowing) {
        lending.pools.emplace(
            rules.partition,
            LendingPool(rules, gpus_up(cluster, rules.partition) + apart[rules.partition]));
    }
    for (const auto& [id, books] : state.truth.books) {
        const Job& job = state.truth.jobs.at(id);
        lending.pools.contains(job.spec.partition) ? static_cast<void>(count_in(state, job))
                                                   : forgive(state, job);
    }
    for (const auto& [who, attempts] : lending.running) {
        review_borrowed(state, who.first, who.second);
    }
    apply_detail::lending_again(state);
}

namespace {

/// Where the policy says it of the job's programme in its partition.
std::string rule_key(const JobSpec& spec, std::string_view key) {
    return fmt::format("borrowing.{}.{}.{}", spec.partition.value.str(), spec.programme.value.str(),
                       key);
}

}  // namespace

std::optional<Reason> on_borrowed_gpus(const State& state, const Job& job) {
    const RunningJob* running = state.scheduler.running().find(job.id);
    if (running == nullptr || !running->borrowed || running->yields_at == kNever ||
        std::holds_alternative<Ending>(job.phase)) {
        return std::nullopt;
    }
    return Reason(Code::OnBorrowedGpus)
        .with("partition", job.spec.partition.value)
        .with("programme", job.spec.programme.value)
        .with("safe_until_at", running->yields_at.value);
}

std::optional<Refusal> beyond_lending(const Policy& policy, const JobSpec& spec) {
    const auto rules = std::ranges::find(policy.borrowing, spec.partition, &Borrowing::partition);
    if (rules == policy.borrowing.end() || !is_lent(policy, spec)) {
        return std::nullopt;
    }
    const Partition& partition = *find_partition(policy, spec.partition);
    std::int64_t most = static_cast<std::int64_t>(partition.nodes.size()) * gpus_on_node(partition);
    std::int64_t own = most;
    for (const BorrowRule& rule : rules->rules) {
        if (rule.programme == spec.programme) {
            own = std::int64_t{rule.nominal_gpus} + rule.borrow;
        } else {
            most -= rule.nominal_gpus - rule.lend;
        }
    }
    most = std::min(most, own);
    if (gpus_asked(spec) <= most) {
        return std::nullopt;
    }
    return Refusal(Code::OverLimit)
        .with("what", "GPUs of the job")
        .with("asked", gpus_asked(spec))
        .with("where", "programme " + spec.programme.value.str() + ", with what it may borrow")
        .with("limit", most)
        .limited_by(rule_key(spec, "borrow"));
}

Reclaims may_reclaim(const State& state) {
    return [&state](JobId id, int alternative) {
        const Job& job = state.truth.jobs.at(id);
        return reclaims(*state.truth.policy) &&
               is_owners(state.lending.pools, in_way(job.spec, alternative), job.at_floor);
    };
}

bool is_owners(const LendingPools& pools, const JobSpec& spec, bool at_floor) {
    const auto pool = pools.find(spec.partition);
    return pool != pools.end() &&
           (at_floor || !pool->second.ask(spec.programme, gpus_asked(spec)).borrows);
}

namespace {

/// When the first of those who have borrowed gives back at the latest.
Moment first_back(const State& state, const PartitionId& partition) {
    const PreemptionRule& rule = state.scheduler.preemption();
    Moment first = kNever;
    for (const auto& [who, attempts] : state.lending.running) {
        for (const auto& [since, id] : attempts) {
            const RunningJob* running = state.scheduler.running().find(id);
            if (who.first == partition && running != nullptr && running->borrowed) {
                first = std::min(first, gives_way_by(*running, rule, state.truth.last_at));
            }
        }
    }
    return first == kNever ? state.truth.last_at : first;
}

}  // namespace

std::optional<Reason> not_lent(const State& state, const LendingPools& pools, const JobSpec& spec,
                               bool at_floor, bool owner_waits) {
    const auto pool = pools.find(spec.partition);
    if (pool == pools.end() || !is_lent(*state.truth.policy, spec)) {
        return std::nullopt;
    }
    const std::int64_t asked = gpus_asked(spec);
    const LendingAnswer answer = pool->second.ask(spec.programme, asked);
    const bool owner = at_floor || !answer.borrows;
    if (!owner && answer.over) {
        return Reason(Code::BorrowLimit)
            .with("programme", spec.programme.value)
            .with("running", answer.running)
            .with("partition", spec.partition.value)
            .with("nominal", answer.nominal)
            .with("borrow", answer.borrow)
            .with("asked", asked)
            .limited_by(rule_key(spec, "borrow"));
    }
    if (!owner && (answer.lacking > 0 || owner_waits)) {
        return Reason(Code::NothingLent)
            .with("programme", spec.programme.value)
            .with("running", answer.running)
            .with("partition", spec.partition.value)
            .with("nominal", answer.nominal)
            .with("idle", owner_waits ? 0 : std::max<std::int64_t>(0, answer.idle))
            .with("asked", asked)
            .limited_by(rule_key(spec, "nominal_gpus"));
    }
    if (owner && answer.lacking > 0) {
        return Reason(Code::LentOut)
            .with("programme", spec.programme.value)
            .with("running", answer.running)
            .with("partition", spec.partition.value)
            .with("nominal", answer.nominal)
            .with("lacking", answer.lacking)
            .with("asked", asked)
            .with("back_at", first_back(state, spec.partition).value);
    }
    return std::nullopt;
}

std::optional<Reason> not_lent(const State& state, const Job& job, const JobSpec& spec) {
    const auto owner = state.lending.owner_waits.find(spec.partition);
    return not_lent(state, state.lending.pools, spec, job.at_floor,
                    owner != state.lending.owner_waits.end() && owner->second != job.id);
}

namespace apply_detail {

void lending_begins(State& state, const Job& job) {
    if (!state.lending.stale && count_in(state, job)) {
        review_borrowed(state, job.spec.partition, job.spec.programme);
    }
}

void lending_told(State& state, const Job& job) {
    const auto running = state.lending.running.find({job.spec.partition, job.spec.programme});
    if (running != state.lending.running.end() &&
        running->second.contains({live_attempt(job)->taken_at, job.id})) {
        state.lending.leaving.insert(job.id);
    }
}

void lending_ends(State& state, const Job& job) {
    Lending& lending = state.lending;
    const auto running = lending.running.find({job.spec.partition, job.spec.programme});
    if (running == lending.running.end() ||
        running->second.erase({live_attempt(job)->taken_at, job.id}) == 0) {
        return;
    }
    lending.leaving.erase(job.id);
    const PartitionId& partition = job.spec.partition;
    LendingPool& pool = lending.pools.at(partition);
    const bool borrowed = pool.ask(job.spec.programme, 0).borrows;
    pool.use(job.spec.programme, -gpus_asked(job.spec));
    lending.stale = lending.stale || gpus_apart(state.scheduler.cluster(), *live_attempt(job)) > 0;
    if (running->second.empty()) {
        lending.running.erase(running);
    } else if (borrowed) {
        review_borrowed(state, partition, job.spec.programme);
    }
    // Jobs of its programme may be an owner's now: what is borrowed is offered to them.
    for (const auto& [who, attempts] : lending.running) {
        if (who.first == partition && who.second != job.spec.programme &&
            pool.ask(who.second, 0).borrows) {
            review_borrowed(state, partition, who.second);
        }
    }
    lending_again(state);
}

void lending_again(State& state) {
    if (state.lending.refused) {
        state.lending.refused = false;
        state.scheduler.admission_changed();
    }
}

}  // namespace apply_detail
}  // namespace khu
