#include "core/placement/node_state.h"

#include <algorithm>
#include <bit>

#include "core/base/check.h"

namespace khu {

NodeState::NodeState(std::shared_ptr<const NodeClass> node_class)
    : class_(std::move(node_class)),
      free_gpus_(class_->all_gpus()),
      free_cores_(class_->core_count()),
      free_core_count_(class_->core_count()),
      free_memory_(class_->memory()) {
    for (int core = 0; core < free_core_count_; ++core) {
        free_cores_.add(core);
    }
    for (const Domain& domain : class_->domains()) {
        free_cores_by_domain_.push_back(domain.core_count);
        free_memory_by_domain_.push_back(domain.memory);
    }
}

int NodeState::free_gpu_count() const {
    return std::popcount(free_gpus_);
}

bool NodeState::can_take(const EnterpriseId& enterprise, const NodeAllocation& allocation) const {
    return open_to(enterprise) && (mask_of(allocation.gpus) & ~free_gpus_) == 0 &&
           std::ranges::all_of(allocation.cores,
                               [&](int core) { return free_cores_.contains(core); }) &&
           std::ranges::all_of(allocation.memory, [&](const MemorySlice& slice) {
               return slice.bytes <=
                      free_memory_by_domain_.at(static_cast<std::size_t>(slice.numa));
           });
}

void NodeState::take(const EnterpriseId& enterprise, const NodeAllocation& allocation) {
    const GpuMask gpus = mask_of(allocation.gpus);
    KHU_CHECK(open_to(enterprise), "node {} is used by {}, not {}", allocation.node.value,
              enterprise_.value, enterprise.value);
    KHU_CHECK((gpus & ~free_gpus_) == 0, "node {}: GPUs {:#x} of free {:#x}", allocation.node.value,
              gpus, free_gpus_);
    free_gpus_ &= ~gpus;
    take_cores(allocation.cores);
    for (const MemorySlice& slice : allocation.memory) {
        Bytes& free = free_memory_by_domain_.at(static_cast<std::size_t>(slice.numa));
        KHU_CHECK(slice.bytes.value >= 0 && slice.bytes <= free, "{} of {}", slice.bytes.value,
                  free.value);
        free -= slice.bytes;
        free_memory_ -= slice.bytes;
    }
    ++allocations_;
    if (class_->gpu_count() > 0) {
        enterprise_ = enterprise;
    }
}

void NodeState::give(const NodeAllocation& allocation) {
    const GpuMask gpus = mask_of(allocation.gpus);
    KHU_CHECK(allocations_ > 0, "node {}", allocation.node.value);
    KHU_CHECK((gpus & free_gpus_) == 0 && (gpus & ~class_->all_gpus()) == 0,
              "node {}: GPUs {:#x} are free already ({:#x})", allocation.node.value, gpus,
              free_gpus_);
    free_gpus_ |= gpus;
    give_cores(allocation.cores);
    for (const MemorySlice& slice : allocation.memory) {
        const auto numa = static_cast<std::size_t>(slice.numa);
        Bytes& free = free_memory_by_domain_.at(numa);
        free += slice.bytes;
        free_memory_ += slice.bytes;
        KHU_CHECK(free <= class_->domains()[numa].memory, "{} of {}", free.value,
                  class_->domains()[numa].memory.value);
    }
    if (--allocations_ == 0) {
        enterprise_ = EnterpriseId{};
    }
}

void NodeState::take_cores(const std::vector<int>& cores) {
    for (const int core : cores) {
        KHU_CHECK(free_cores_.contains(core), "core {}", core);
        free_cores_.remove(core);
        --free_cores_by_domain_[class_->domain_of_core(core)];
        --free_core_count_;
    }
}

void NodeState::give_cores(const std::vector<int>& cores) {
    for (const int core : cores) {
        KHU_CHECK(!free_cores_.contains(core), "core {}", core);
        free_cores_.add(core);
        ++free_cores_by_domain_[class_->domain_of_core(core)];
        ++free_core_count_;
    }
    KHU_CHECK(free_core_count_ <= class_->core_count(), "{}", free_core_count_);
}

GpuMask mask_of(const std::vector<int>& gpus) {
    GpuMask set = 0;
    for (const int gpu : gpus) {
        KHU_CHECK(gpu >= 0 && gpu < 64 && (set >> gpu & 1) == 0, "GPU {}", gpu);
        set |= GpuMask{1} << gpu;
    }
    return set;
}

std::vector<int> positions_of(GpuMask set) {
    std::vector<int> positions;
    for (; set != 0; set &= set - 1) {
        positions.push_back(std::countr_zero(set));
    }
    return positions;
}

}  // namespace khu
