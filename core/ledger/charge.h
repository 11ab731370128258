#pragma once

/// \file
/// The one charging formula of the zone: quote, admission, hold, settle and report all use it.
///
///     billable_milli  = sum over nodes of counted GPUs x weight, each of the job's model, which
///                       may be that of MIG slices
///     metered         = billable_milli x elapsed_s x 1000
///     waived          = billable_milli x waived_s x 1000
///     charged         = billable_milli x (elapsed_s - waived_s) x factor_permille
///     identity (I-13) : charged = metered + surcharge - discount - waived
///
/// Units: seconds are whole, rounded up once per attempt; weights are thousandths of the reference
/// GPU; factors and shares are per mille, so every product is already in atoms and nothing rounds.
/// Money is rounded once per attempt and cut by differences, so its total never depends on the
/// cuts.

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/phase.h"

namespace khu {

/// How a partition counts what a node gives. `gpus_per_node` 0: a CPU partition.
struct PartitionTerms {
    int gpus_per_node{0};
    int weight_milli{0};          ///< of one GPU
    int cores_per_gpu{0};         ///< more cores count as more GPUs; 0: cores do not count
    int mem_gib_per_gpu{0};       ///< the same for memory
    int core_weight_milli{0};     ///< CPU partition: of one core
    int mem_gib_weight_milli{0};  ///< CPU partition: of one GiB
    int cores_per_node{0};        ///< CPU partition: what an exclusive job is counted for
    int mem_gib_per_node{0};      ///< CPU partition: the same for memory
    int others_milli{
        0};  ///< what a node has of other models, which an exclusive job is charged too
    bool operator==(const PartitionTerms&) const = default;
};
KHU_DESCRIBE(PartitionTerms, gpus_per_node, weight_milli, cores_per_gpu, mem_gib_per_gpu,
             core_weight_milli, mem_gib_weight_milli, cores_per_node, mem_gib_per_node,
             others_milli)

/// What an attempt takes of one node.
struct NodeUse {
    int gpus{0};
    int cores{0};
    Bytes memory;
    bool exclusive{false};
};

/// Thousandths of the reference GPU that `use` of one node is charged for. At most the whole node.
std::int64_t billable_milli(const PartitionTerms& terms, const NodeUse& use);
/// The same for all nodes of an attempt.
std::int64_t billable_milli(const PartitionTerms& terms, const std::vector<NodeUse>& nodes);

enum class PayerKind { National, Provincial, Zone, Donor, Enterprise };
KHU_DESCRIBE_ENUM(PayerKind, National, Provincial, Zone, Donor, Enterprise)

/// Who bears which part of the list price. The co-payer has kind Enterprise and id "enterprise".
struct Payer {
    PayerKind kind{};
    FunderId id;
    int permille{0};
    bool operator==(const Payer&) const = default;
};
KHU_DESCRIBE(Payer, kind, id, permille)

/// How much of the time that its end waives, in thousandths, by whose fault it was.
struct WaivedShares {
    int node_fail{1000};
    int agent_lost{1000};
    int launch_fail{1000};
    int controller_fault{1000};
    int maintenance_kill{1000};
    bool operator==(const WaivedShares&) const = default;
};
KHU_DESCRIBE(WaivedShares, node_fail, agent_lost, launch_fail, controller_fault, maintenance_kill)

/// What is locked when an attempt starts and never changes for it (I-24).
struct PriceTerms {
    std::int64_t billable_milli{0};
    int factor_permille{1000};             ///< of the QOS; 0: the idle class
    std::int64_t rate_vnd_per_gpuh{0};     ///< list price of one reference GPU-hour
    std::vector<Payer> payers;             ///< their shares sum to 1000
    Span checkpoint_assumed{hours(6)};     ///< an infrastructure failure waives at most this much
    Span preempted_waived_max{hours(1)};   ///< being preempted waives at most this much
    std::optional<WaivedShares> waived{};  ///< null: all of it, whatever the fault
    bool operator==(const PriceTerms&) const = default;
};
KHU_DESCRIBE(PriceTerms, billable_milli, factor_permille, rate_vnd_per_gpuh, payers,
             checkpoint_assumed, preempted_waived_max, waived)

/// What must be held to start: the whole time limit.
Atoms hold_for(const PriceTerms& terms, Span time_limit);

/// Seconds, counted from the end, that the end cause waives of the `lost_s` that were done since
/// the last declared checkpoint (all of the attempt, where there is none). `never_ran`: no rank
/// ever ran; all is waived. The idle class is waived nothing where it is preempted, it costs
/// nothing.
std::int64_t waived_seconds(const PriceTerms& terms, EndCause cause, std::int64_t lost_s,
                            bool never_ran);
/// Seconds of `elapsed_s` whose charge would go beyond `held`; the zone bears them.
std::int64_t overrun_seconds(const PriceTerms& terms, std::int64_t elapsed_s, Atoms held);

/// The amounts of one slice, or of a whole attempt.
struct Charge {
    std::int64_t elapsed_s{0};
    std::int64_t waived_s{0};
    Atoms metered;
    Atoms surcharge;
    Atoms discount;
    Atoms waived;
    Atoms charged;
    bool operator==(const Charge&) const = default;
};
KHU_DESCRIBE(Charge, elapsed_s, waived_s, metered, surcharge, discount, waived, charged)

/// Claims: 0 <= waived_s <= elapsed_s; the identity I-13 holds.
Charge charge_of(const PriceTerms& terms, std::int64_t elapsed_s, std::int64_t waived_s);

/// List price of `cumulative` atoms, rounded half to even once. Products go through 128 bits.
Mvnd money_of(Atoms cumulative, std::int64_t rate_vnd_per_gpuh);

/// `total` among `payers`, in their order, by largest remainder; ties go to the smaller funder id.
/// Claims: the shares sum to 1000, or there are none and `total` is 0. The parts sum to `total`.
std::vector<Mvnd> split(Mvnd total, const std::vector<Payer>& payers);

/// `total` by largest remainder of what each has `paid`, so that nobody gets back more than that.
/// Claims: `total` is at most the sum of them.
std::vector<Mvnd> split_back(Mvnd total, const std::vector<Mvnd>& paid);

}  // namespace khu
