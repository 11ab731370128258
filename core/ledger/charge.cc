#include "core/ledger/charge.h"

#include <algorithm>
#include <numeric>

namespace khu {
namespace {

__extension__ using Int128 = __int128;

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
    return (a + b - 1) / b;
}

std::int64_t whole_gib_up(Bytes memory) {
    return ceil_div(memory.value, gibibytes(1).value);
}

std::int64_t counted_gpus(const PartitionTerms& terms, const NodeUse& use) {
    if (use.exclusive) {
        return terms.gpus_per_node;
    }
    std::int64_t gpus = use.gpus;
    if (terms.cores_per_gpu > 0) {
        gpus = std::max(gpus, ceil_div(use.cores, terms.cores_per_gpu));
    }
    if (terms.mem_gib_per_gpu > 0) {
        gpus = std::max(gpus, ceil_div(use.memory.value, gibibytes(terms.mem_gib_per_gpu).value));
    }
    return std::min<std::int64_t>(gpus, terms.gpus_per_node);
}

std::int64_t cpu_milli(const PartitionTerms& terms, const NodeUse& use) {
    std::int64_t cores = use.cores;
    std::int64_t gib = whole_gib_up(use.memory);
    if (use.exclusive) {
        cores = std::max<std::int64_t>(cores, terms.cores_per_node);
        gib = std::max<std::int64_t>(gib, terms.mem_gib_per_node);
    }
    return std::max(cores * terms.core_weight_milli, gib * terms.mem_gib_weight_milli);
}

/// Atoms that one second is charged.
Atoms charged_per_second(const PriceTerms& terms) {
    return Atoms{terms.billable_milli} * terms.factor_permille;
}

}  // namespace

std::int64_t billable_milli(const PartitionTerms& terms, const NodeUse& use) {
    KHU_CHECK(use.gpus >= 0 && use.cores >= 0 && use.memory >= Bytes{0}, "{} {} {}", use.gpus,
              use.cores, use.memory.value);

    if (terms.gpus_per_node == 0) {
        return cpu_milli(terms, use);
    }
    return counted_gpus(terms, use) * terms.weight_milli + (use.exclusive ? terms.others_milli : 0);
}

std::int64_t billable_milli(const PartitionTerms& terms, const std::vector<NodeUse>& nodes) {
    std::int64_t sum = 0;
    for (const NodeUse& use : nodes) {
        sum += billable_milli(terms, use);
    }
    return sum;
}

Atoms hold_for(const PriceTerms& terms, Span time_limit) {
    return charged_per_second(terms) * whole_seconds_up(time_limit);
}

namespace {

int share_of(const WaivedShares& shares, EndCause cause) {
    switch (cause) {
        case EndCause::NodeFail:
            return shares.node_fail;
        case EndCause::AgentLost:
            return shares.agent_lost;
        case EndCause::LaunchFail:
            return shares.launch_fail;
        case EndCause::ControllerFault:
            return shares.controller_fault;
        case EndCause::MaintenanceKill:
            return shares.maintenance_kill;
        case EndCause::Completed:
        case EndCause::UserError:
        case EndCause::UserCancel:
        case EndCause::Oom:
        case EndCause::TimeLimit:
        case EndCause::Preempted:
        case EndCause::DependencyFailed:
        case EndCause::DeadlineMissed:
            break;
    }
    return 0;
}

}  // namespace

std::int64_t waived_seconds(const PriceTerms& terms, EndCause cause, std::int64_t lost_s,
                            bool never_ran) {
    if (never_ran) {
        return lost_s;
    }
    switch (cause) {
        case EndCause::Completed:
        case EndCause::UserError:
        case EndCause::UserCancel:
        case EndCause::Oom:
        case EndCause::TimeLimit:
            return 0;
        case EndCause::NodeFail:
        case EndCause::AgentLost:
        case EndCause::LaunchFail:
        case EndCause::ControllerFault:
        case EndCause::MaintenanceKill: {
            const std::int64_t most = std::min(lost_s, whole_seconds_up(terms.checkpoint_assumed));
            return (most * share_of(terms.waived.value_or(WaivedShares{}), cause) + 999) / 1000;
        }
        case EndCause::Preempted:
        case EndCause::DependencyFailed:
        case EndCause::DeadlineMissed:
            return terms.factor_permille == 0
                       ? 0
                       : std::min(lost_s, whole_seconds_up(terms.preempted_waived_max));
    }
    KHU_CHECK(false, "cause {}", static_cast<int>(cause));
    return 0;
}

std::int64_t overrun_seconds(const PriceTerms& terms, std::int64_t elapsed_s, Atoms held) {
    const Atoms per_second = charged_per_second(terms);
    if (per_second.value == 0) {
        return 0;
    }
    return std::max<std::int64_t>(0, elapsed_s - held.value / per_second.value);
}

Charge charge_of(const PriceTerms& terms, std::int64_t elapsed_s, std::int64_t waived_s) {
    KHU_CHECK(waived_s >= 0 && waived_s <= elapsed_s, "waived {} of {}", waived_s, elapsed_s);

    const Atoms physical = Atoms{terms.billable_milli} * 1000;
    Charge charge{.elapsed_s = elapsed_s, .waived_s = waived_s};
    charge.metered = physical * elapsed_s;
    charge.waived = physical * waived_s;
    charge.charged = charged_per_second(terms) * (elapsed_s - waived_s);
    const Atoms base = charge.metered - charge.waived;
    charge.surcharge = std::max(Atoms{0}, charge.charged - base);
    charge.discount = std::max(Atoms{0}, base - charge.charged);
    KHU_CHECK(charge.charged ==
              charge.metered + charge.surcharge - charge.discount - charge.waived);
    return charge;
}

Mvnd money_of(Atoms cumulative, std::int64_t rate_vnd_per_gpuh) {
    KHU_CHECK(cumulative >= Atoms{0} && rate_vnd_per_gpuh >= 0, "{} at {}", cumulative.value,
              rate_vnd_per_gpuh);

    // 1000 mvnd per dong over 3.6e9 atoms per GPU-hour.
    constexpr std::int64_t atoms_per_unit = 3'600'000;
    const Int128 product = Int128{cumulative.value} * rate_vnd_per_gpuh;
    Int128 whole = product / atoms_per_unit;
    const auto twice_rest = static_cast<std::int64_t>(product % atoms_per_unit) * 2;
    if (twice_rest > atoms_per_unit || (twice_rest == atoms_per_unit && whole % 2 == 1)) {
        ++whole;
    }
    KHU_CHECK(whole <= INT64_MAX, "money of {} at {} does not fit", cumulative.value,
              rate_vnd_per_gpuh);
    return Mvnd{static_cast<std::int64_t>(whole)};
}

std::vector<Mvnd> split(Mvnd total, const std::vector<Payer>& payers) {
    KHU_CHECK(total >= Mvnd{0}, "{}", total.value);
    if (payers.empty()) {
        KHU_CHECK(total == Mvnd{0}, "{} and nobody to pay it", total.value);
        return {};
    }

    std::vector<Mvnd> parts;
    std::vector<std::int64_t> remainders;
    Mvnd left = total;
    int shares = 0;
    for (const Payer& payer : payers) {
        const Int128 product = Int128{total.value} * payer.permille;
        parts.push_back(Mvnd{static_cast<std::int64_t>(product / 1000)});
        remainders.push_back(static_cast<std::int64_t>(product % 1000));
        left -= parts.back();
        shares += payer.permille;
    }
    KHU_CHECK(shares == 1000, "shares sum to {}", shares);

    std::vector<std::size_t> order(payers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
        return remainders[a] != remainders[b] ? remainders[a] > remainders[b]
                                              : payers[a].id < payers[b].id;
    });
    for (std::size_t i = 0; left > Mvnd{0}; ++i) {
        parts.at(order.at(i)) += Mvnd{1};
        left -= Mvnd{1};
    }
    return parts;
}

std::vector<Mvnd> split_back(Mvnd total, const std::vector<Mvnd>& paid) {
    Mvnd all;
    for (const Mvnd each : paid) {
        all += each;
    }
    KHU_CHECK(total <= all, "{} of {}", total.value, all.value);
    std::vector<Mvnd> parts(paid.size());
    Mvnd left = total;
    std::vector<std::pair<std::int64_t, std::size_t>> rests;
    for (std::size_t i = 0; i < paid.size() && all > Mvnd{0}; ++i) {
        const Int128 product = Int128{total.value} * paid[i].value;
        parts[i] = Mvnd{static_cast<std::int64_t>(product / all.value)};
        left -= parts[i];
        rests.emplace_back(-static_cast<std::int64_t>(product % all.value), i);
    }
    std::ranges::sort(rests);
    for (std::size_t k = 0; left > Mvnd{0}; ++k) {
        parts.at(rests.at(k).second) += Mvnd{1};
        left -= Mvnd{1};
    }
    return parts;
}

}  // namespace khu
