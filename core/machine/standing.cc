#include "core/machine/standing.h"

#include <algorithm>
#include <set>

#include "core/machine/grant_terms.h"
#include "core/machine/preemption.h"

namespace khu {
namespace {

int tier_of(const Policy& policy, const QosId& id) {
    const Qos* qos = find_qos(policy, id);
    return qos == nullptr ? 0 : qos->tier;
}

/// The job's part of its partition, in thousandths: by GPUs where there are some, else by nodes.
int width_permille(const Partition& partition, const JobSpec& spec) {
    const auto nodes = static_cast<std::int64_t>(partition.nodes.size());
    const bool by_gpu = partition.gpus_per_node > 0 && !spec.shape.exclusive;
    const std::optional<ModelOffer> offer = offer_of(partition, spec.shape.gpu_model);
    const std::int64_t all = by_gpu && offer ? nodes * offer->per_node : nodes;
    const std::int64_t asked = by_gpu ? std::int64_t{spec.nodes} * spec.shape.gpus : spec.nodes;
    return all == 0 ? 0 : static_cast<int>(std::min<std::int64_t>(1000, 1000 * asked / all));
}

LeafNumber leaf_of(State& state, const Job& job) {
    return apply_detail::leaf_in(state, job.spec.enterprise, job.spec.programme,
                                 state.truth.last_at);
}

Atoms counted(const Policy& policy, Atoms base, bool idle) {
    if (!idle) {
        return base;
    }
    __extension__ using Wide = __int128;
    const Wide part = Wide{base.value} * policy.fairshare.count_idle_at_permille / 1000;
    return Atoms{static_cast<std::int64_t>(part)};
}

/// True where the run says how long such jobs take.
bool says_how_long(EndCause cause) {
    return !is_infrastructure(cause) && cause != EndCause::Preempted;
}

}  // namespace

RunClass run_class(const JobSpec& spec) {
    return {.enterprise = spec.enterprise,
            .user = spec.user,
            .partition = spec.partition,
            .nodes = spec.nodes,
            .gpus = spec.shape.gpus};
}

OrderFactors order_factors(const State& state, const Job& job) {
    const Policy& policy = *state.truth.policy;
    const Partition* partition = find_partition(policy, job.spec.partition);
    const Standing standing{
        .submitted = job.submitted_at,
        .tier = tier_of(policy, job.spec.qos),
        .time_limit = job.spec.time_limit,
        .predicted = job.predicted,
        .width_permille = partition == nullptr ? 0 : width_permille(*partition, job.spec),
        .day = state.age_day};
    return order_factors(partition == nullptr ? OrderStrategy::FairTree : partition->order,
                         policy.priority, standing);
}

Atoms fair_hold(const Policy& policy, const PriceTerms& terms, Span time_limit) {
    PriceTerms plain = terms;
    plain.factor_permille = 1000;
    return counted(policy, hold_for(plain, time_limit), terms.factor_permille == 0);
}

namespace apply_detail {
namespace {

/// A job of those to come is like one that started; free work that gives way leaves room by itself.
void count_mix(State& state, const JobSpec& spec) {
    const Policy& policy = *state.truth.policy;
    const Partition* partition = find_partition(policy, spec.partition);
    if (partition == nullptr || giving_way(policy, spec.qos).yields) {
        return;
    }
    std::map<PartitionId, Mix>& mixes = state.truth.mixes;
    if (!mixes.contains(spec.partition)) {
        std::erase_if(
            mixes, [&](const auto& each) { return find_partition(policy, each.first) == nullptr; });
    }
    Mix& mix = mixes[spec.partition];
    mix.count(
        NodeIndex::level_of(spec.shape.exclusive ? partition->gpus_per_node : spec.shape.gpus),
        spec.nodes);
    state.scheduler.mix_changed(spec.partition, mix);
}

}  // namespace

void count_start(State& state, const Job& job, bool fresh) {
    const PriceTerms& terms = state.truth.books.at(job.id).terms;
    const Atoms hold = fair_hold(*state.truth.policy, terms, job.spec.time_limit);
    state.fair_holds[job.id] = hold;
    state.scheduler.fair().hold(leaf_of(state, job), hold);
    state.usage[{job.spec.enterprise, job.spec.programme}].per_second +=
        hold_for(terms, seconds(1));
    if (fresh) {
        state.truth.history.started(run_class(job.spec), live_attempt(job)->taken_at);
        count_mix(state, job.spec);
        set_penalty(state, job.spec.enterprise, job.spec.programme, live_attempt(job)->taken_at);
    }
}

void count_end(State& state, const Job& job, const Ending& ending, Atoms base, Moment at) {
    const LeafNumber leaf = leaf_of(state, job);
    FairTree& fair = state.scheduler.fair();
    fair.unhold(leaf, state.fair_holds.extract(job.id).mapped());
    const PriceTerms& terms = state.truth.books.at(job.id).terms;
    state.usage[{job.spec.enterprise, job.spec.programme}].per_second -=
        hold_for(terms, seconds(1));
    const bool idle = terms.factor_permille == 0;
    FadingUse& use = state.truth.fair_use[{job.spec.programme, job.spec.enterprise}];
    fair.decay().add(use, counted(*state.truth.policy, base, idle), day_of(at));
    fair.set_use(leaf, use);
    set_penalty(state, job.spec.enterprise, job.spec.programme, at);
    const RunClass kind = run_class(job.spec);
    const Moment taken = ending.attempt->taken_at;
    if (says_how_long(ending.cause)) {
        state.truth.history.ended(kind, taken, at - taken);
    } else {
        state.truth.history.forgotten(kind, taken);
    }
}

namespace {

int share_of(const State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
             Moment at) {
    if (state.truth.policy->fairshare.inside_programme == InsideProgramme::EqualPerEnterprise) {
        return 1;
    }
    std::int64_t milli = 0;
    for (const auto& [id, grant] : state.truth.ledger.grants()) {
        const Span window = grant.to - grant.from;
        if (grant.enterprise == enterprise && grant.programme == programme &&
            state_of(grant, at) == GrantState::Active && window > Span{0}) {
            milli += whole(grant).value / window.value;  // ugs in a ms: a thousandth of a GPU
        }
    }
    return static_cast<int>(std::clamp<std::int64_t>(milli, 1, 1'000'000'000));
}

}  // namespace

LeafNumber leaf_in(State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
                   Moment at) {
    FairTree& fair = state.scheduler.fair();
    const bool known = fair.find(programme, enterprise).has_value();
    const LeafNumber leaf = fair.leaf(programme, enterprise);
    if (!known) {
        fair.set_shares(leaf, share_of(state, enterprise, programme, at));
    }
    return leaf;
}

void set_share(State& state, const EnterpriseId& enterprise, const ProgrammeId& programme,
               Moment at) {
    FairTree& fair = state.scheduler.fair();
    if (const auto leaf = fair.find(programme, enterprise)) {
        fair.set_shares(*leaf, share_of(state, enterprise, programme, at));
    }
}

void set_shares(State& state, Moment at) {
    std::set<std::pair<EnterpriseId, ProgrammeId>> owners;
    for (const auto& [id, grant] : state.truth.ledger.grants()) {
        owners.emplace(grant.enterprise, grant.programme);
    }
    for (const auto& [enterprise, programme] : owners) {
        set_share(state, enterprise, programme, at);
    }
}

void use_mixes(State& state) {
    for (const auto& [partition, mix] : state.truth.mixes) {
        state.scheduler.mix_changed(partition, mix);
    }
}

void use_fair_share(State& state) {
    const Policy& policy = *state.truth.policy;
    std::map<ProgrammeId, int> shares;
    for (const TreeShare& each : policy.fairshare.tree) {
        shares[each.programme] = each.shares;
    }
    state.scheduler.fair_share(policy.fairshare.half_life,
                               points_as_time(policy.priority.fairshare_rank_max, policy.priority),
                               std::move(shares));
    FairTree& fair = state.scheduler.fair();
    for (const auto& [who, use] : state.truth.fair_use) {
        fair.set_use(fair.leaf(who.first, who.second), use);
    }
}

}  // namespace apply_detail
}  // namespace khu
