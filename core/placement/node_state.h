#pragma once

/// \file
/// What is free on one node now. Taking what is not free, or giving back what is not taken, is a
/// bug and breaks a claim: no device is ever used twice.

#include <cstdint>
#include <memory>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/topology/devices.h"
#include "core/topology/node_class.h"

namespace khu {

class NodeState {
public:
    explicit NodeState(std::shared_ptr<const NodeClass> node_class);

    [[nodiscard]] const NodeClass& node_class() const { return *class_; }
    [[nodiscard]] const std::shared_ptr<const NodeClass>& shared_class() const { return class_; }
    [[nodiscard]] GpuMask free_gpus() const { return free_gpus_; }
    [[nodiscard]] int free_gpu_count() const;
    [[nodiscard]] const CoreSet& free_core_set() const { return free_cores_; }
    [[nodiscard]] int free_cores() const { return free_core_count_; }
    [[nodiscard]] int free_cores_in(int domain) const { return free_cores_by_domain_[domain]; }
    [[nodiscard]] Bytes free_memory() const { return free_memory_; }
    /// 0 for the domain of cores without memory.
    [[nodiscard]] Bytes free_memory_in(int domain) const { return free_memory_by_domain_[domain]; }

    /// No allocation at all.
    [[nodiscard]] bool idle() const { return allocations_ == 0; }
    /// The enterprise whose jobs are on this GPU node; empty if idle or if the node has no GPUs,
    /// where anybody's jobs may stand side by side.
    [[nodiscard]] const EnterpriseId& enterprise() const { return enterprise_; }
    [[nodiscard]] bool open_to(const EnterpriseId& enterprise) const {
        return enterprise_.empty() || enterprise_ == enterprise;
    }

    /// Whether take() may be called.
    [[nodiscard]] bool can_take(const EnterpriseId& enterprise,
                                const NodeAllocation& allocation) const;
    /// Claims: everything named is free, and the node is open to that enterprise.
    void take(const EnterpriseId& enterprise, const NodeAllocation& allocation);
    /// Claims: everything named is taken.
    void give(const NodeAllocation& allocation);

    bool operator==(const NodeState&) const = default;

private:
    void take_cores(const std::vector<int>& cores);
    void give_cores(const std::vector<int>& cores);

    std::shared_ptr<const NodeClass> class_;
    GpuMask free_gpus_{0};
    CoreSet free_cores_;
    int free_core_count_{0};
    std::vector<int> free_cores_by_domain_;
    Bytes free_memory_;
    std::vector<Bytes> free_memory_by_domain_;
    EnterpriseId enterprise_;
    int allocations_{0};
};

/// Bits of ascending positions.
GpuMask mask_of(const std::vector<int>& gpus);
std::vector<int> positions_of(GpuMask set);

}  // namespace khu
