/// What an attempt is charged, by the policy in force.

#include <algorithm>
#include <vector>

#include "core/machine/admission.h"
#include "core/machine/money.h"

namespace khu {
namespace {

int weight_or_zero(const Policy& policy, const GpuModel& model) {
    return weight_milli(policy, model).value_or(0);
}

PartitionTerms terms_of(const State& state, const Policy& policy, const Partition& partition) {
    PartitionTerms terms{.gpus_per_node = partition.gpus_per_node};
    if (partition.gpus_per_node > 0) {
        terms.weight_milli = weight_or_zero(policy, partition.gpu);
        terms.cores_per_gpu = partition.share.cores_per_gpu;
        terms.mem_gib_per_gpu = partition.share.mem_gib_per_gpu;
        return terms;
    }
    terms.core_weight_milli = weight_or_zero(policy, partition.share.core);
    terms.mem_gib_weight_milli = weight_or_zero(policy, partition.share.mem);
    for (const ClassCount& each : state.scheduler.cluster().classes(partition.id)) {
        terms.cores_per_node = std::max(terms.cores_per_node, each.type->core_count());
        terms.mem_gib_per_node =
            std::max(terms.mem_gib_per_node,
                     static_cast<int>(each.type->memory().value / gibibytes(1).value));
    }
    return terms;
}

std::vector<Payer> payers_of(const Policy& policy, const Programme& programme) {
    std::vector<Payer> payers;
    for (const SplitShare& share : programme.split) {
        const Funder* funder = find_funder(policy, share.payer);
        const PayerKind kind = funder == nullptr ? PayerKind::Enterprise : payer_kind(funder->kind);
        payers.push_back({.kind = kind, .id = share.payer, .permille = share.permille});
    }
    return payers;
}

/// Null where the policy waives all, as is usual: terms are stored with every start.
std::optional<WaivedShares> waived_of(const AutomaticRefunds& automatic) {
    if (automatic == AutomaticRefunds{}) {
        return std::nullopt;
    }
    return WaivedShares{.node_fail = automatic.node_fail_permille,
                        .agent_lost = automatic.agent_lost_permille,
                        .launch_fail = automatic.launch_fail_permille,
                        .controller_fault = automatic.controller_fault_permille,
                        .maintenance_kill = automatic.maintenance_kill_permille};
}

/// What giving way costs an attempt that is charged, unless the policy says so, is borne up to the
/// usual bound.
Span lost_at_most(const Preemption& preemption) {
    const bool said = preemption.charge_lost != ChargeLost{};
    return said ? preemption.charge_lost.up_to : PriceTerms{}.preempted_waived_max;
}

/// Inside a booked reservation nothing is charged twice.
int factor_of(const State& state, const JobSpec& spec, Moment now) {
    const bool paid = booked_for(state, spec.where->reservation, spec.enterprise, now) != nullptr;
    return paid ? 0 : find_qos(*state.truth.policy, spec.qos)->factor_permille;
}

}  // namespace

PriceTerms price(const State& state, const JobSpec& spec, Moment now) {
    const Policy& policy = *state.truth.policy;
    const Partition& partition = *find_partition(policy, spec.partition);
    const NodeUse use{.gpus = spec.shape.gpus,
                      .cores = spec.shape.cores,
                      .memory = spec.shape.memory,
                      .exclusive = spec.shape.exclusive};
    const std::int64_t per_node = billable_milli(terms_of(state, policy, partition), use);
    return {.billable_milli = per_node * spec.nodes,
            .factor_permille = factor_of(state, spec, now),
            .rate_vnd_per_gpuh = rate_vnd_per_gpuh(policy, now).value_or(0),
            .payers = payers_of(policy, *find_programme(policy, spec.programme)),
            .checkpoint_assumed = policy.refunds.checkpoint_assumed,
            .preempted_waived_max = lost_at_most(policy.preemption),
            .waived = waived_of(policy.refunds.automatic)};
}

}  // namespace khu
