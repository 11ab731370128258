#pragma once

/// \file
/// Which GPUs, cores and memory a job takes on one node. The choice is the best there is, in this
/// order: the best connected set of GPUs (a link made for GPUs, then the same PCIe switch, NUMA
/// node, package), cores near them, memory near them, and what remains free stays well connected.
/// For up to 16 GPUs the answer equals trying every set (tests/core/placement does).
///
/// MIG slices are taken by their model, and only by it: who names no model means whole GPUs. Those
/// of a job come from as few GPUs as can be, which stand near one another; then cores and memory
/// are near; then as few GPUs as can be are cut into that nobody uses yet, and those with the
/// fewest free slices give theirs first.
///
/// No GPU is stranded: a job that takes more than its GPUs' share of cores or memory must leave
/// each GPU and slice that stays free its share. A job without GPUs takes cores away from free GPUs
/// last.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/units.h"
#include "core/jobs/spec.h"
#include "core/placement/node_state.h"

namespace khu {

/// What one GPU or MIG slice of a model needs beside it, so that it can be used.
struct ModelShare {
    GpuModel model;
    int cores{0};
    Bytes memory;
    bool operator==(const ModelShare&) const = default;
};

/// The same of a partition: of its GPUs, and of the slices that it offers beside them.
struct GpuShare {
    int cores{0};
    Bytes memory;
    GpuModel model{};  ///< empty: of any whole GPU
    std::vector<ModelShare> slices{};
    bool operator==(const GpuShare&) const = default;
};

/// Lower is better, compared from the top.
struct FitScore {
    std::uint64_t set_cost{0};          ///< of the chosen GPUs, or NodeClass::slice_cost
    std::int64_t remote_cores{0};       ///< cores x distance from the GPUs
    std::int64_t remote_memory_mib{0};  ///< MiB x distance
    std::uint64_t left_cost{0};  ///< set_cost of the GPUs that stay free; of slices: of how many
                                 ///< GPUs they are the first to be used, and how many more of
                                 ///< theirs stay free
    auto operator<=>(const FitScore&) const = default;
};

struct NodeFit {
    NodeAllocation allocation;  ///< its node is not filled
    FitScore score;
};

/// Whether the node has enough free of everything for one `shape`; says nothing of who may use it.
bool can_fit(const NodeState& state, const Shape& shape, const GpuShare& share);
/// The best choice; none if !can_fit. An exclusive shape takes the whole of an idle node.
std::optional<NodeFit> fit(const NodeState& state, const Shape& shape, const GpuShare& share);

/// Whether an empty node of that class would do.
bool could_fit(const NodeClass& node_class, const Shape& shape, const GpuShare& share);

/// The share that a node of this class can really keep for each of its GPUs: the partition's, or
/// less where the node has fewer cores or less memory than that. None for those it does not have.
GpuShare share_on(const NodeClass& node_class, const GpuShare& share);

/// The GPUs and slices of such a node that the partition offers.
GpuMask offered_on(const NodeClass& node_class, const GpuShare& share);

/// The set_cost of the best connected set of GPUs that the job would get. Claims: can_fit.
std::uint64_t best_free_cost(const NodeState& state, const Shape& shape);

/// The most cores and memory that a job with so many GPUs can ever get on an empty node of that
/// class.
GpuShare most_beside(const NodeClass& node_class, const Shape& shape, const GpuShare& share);

/// The score of a set of GPUs on this node with `shape`'s cores and memory: what fit() minimises.
FitScore score_set(const NodeState& state, GpuMask set, const Shape& shape);

}  // namespace khu
