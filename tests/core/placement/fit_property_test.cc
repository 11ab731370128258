#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "agent/probe/hwloc_probe.h"
#include "core/base/random.h"
#include "core/placement/fit.h"
#include "tests/core/placement/fit_exhaustive.h"
#include "tests/core/placement/half_full.h"

namespace khu {
namespace {

/// How many random states of each machine are tried; KHU_FIT_STATES asks for another number.
int states_to_try() {
    const char* asked = std::getenv("KHU_FIT_STATES");
    return asked == nullptr ? 10'000 : std::max(1, std::atoi(asked));
}

constexpr std::uint64_t kSeed = 20260302;

/// A request that often fits: most are for some GPUs with about their share.
Shape some_shape(const NodeClass& type, const NodeState& state, Random& random) {
    Shape shape;
    shape.gpus = static_cast<int>(random.below(static_cast<std::uint64_t>(type.gpu_count()) + 1));
    if (random.chance(700)) {
        shape.gpus = std::min(shape.gpus, state.free_gpu_count());
    }
    if (type.gpu_count() > 0 && random.chance(300)) {
        shape.gpu_model = type.gpus()[random.below(type.gpus().size())].model;
    }
    const int parts = std::max(1, type.gpu_count());
    const int cores_share = std::max(1, type.core_count() / parts);
    shape.cores = static_cast<int>(random.between(1, cores_share * (shape.gpus + 1)));
    const std::int64_t bytes_share = type.memory().value / parts;
    shape.memory = Bytes{random.between(0, bytes_share * (shape.gpus + 1))};
    return shape;
}

GpuShare some_share(const NodeClass& type, Random& random) {
    const int parts = std::max(1, type.gpu_count());
    const auto cores = static_cast<std::uint64_t>(type.core_count() / parts + 3);
    return {.cores = static_cast<int>(random.below(cores)),
            .memory = Bytes{random.between(0, type.memory().value / parts)}};
}

GpuMask chosen(const NodeFit& fit) {
    return mask_of(fit.allocation.gpus);
}

void expect_amounts(const NodeAllocation& allocation, const Shape& shape) {
    EXPECT_EQ(static_cast<int>(allocation.gpus.size()), shape.gpus);
    EXPECT_EQ(static_cast<int>(allocation.cores.size()), shape.cores);
    Bytes bytes;
    for (const MemorySlice& slice : allocation.memory) {
        bytes += slice.bytes;
    }
    EXPECT_EQ(bytes, shape.memory);
}

/// The very cores that were taken are as near as can be, not only their number.
void expect_near(const Inventory& machine, const NodeFit& fit, const NodeState& before,
                 const Shape& shape) {
    std::int64_t cost = 0;
    for (const int core : fit.allocation.cores) {
        cost += exhaustive::distance_to_core(machine, chosen(fit), core);
    }
    EXPECT_EQ(cost, exhaustive::core_cost(machine, before, chosen(fit), shape.cores));
}

class EveryMachine : public testing::TestWithParam<std::string> {
protected:
    EveryMachine() {
        const std::string path = std::string(KHU_SHARED_DIR) + "/topologies/" + GetParam() + ".xml";
        machine_ = agent::probe_file(path).value();
        type_ = std::make_shared<const NodeClass>(machine_);
    }

    Inventory machine_;
    std::shared_ptr<const NodeClass> type_;
};

TEST_P(EveryMachine, FitEqualsTryingEverySet) {
    Random random(kSeed);
    int fitted = 0;
    for (int n = 0; n < states_to_try(); ++n) {
        const NodeState before = half_full(type_, random);
        const Shape shape = some_shape(*type_, before, random);
        const GpuShare share = some_share(*type_, random);
        SCOPED_TRACE(fmt::format("seed {} state {}", kSeed, n));

        const std::optional<NodeFit> found = fit(before, shape, share);

        ASSERT_EQ(found.has_value(), exhaustive::fits(machine_, before, shape, share));
        if (!found) {
            continue;
        }
        ++fitted;
        const exhaustive::Search search(machine_, before, shape);
        ASSERT_TRUE(search.score(chosen(*found)) == search.best());
        expect_amounts(found->allocation, shape);
        expect_near(machine_, *found, before, shape);
        NodeState after = before;
        after.take(kSomebody, found->allocation);  // claims that all of it was free
        after.give(found->allocation);
        ASSERT_TRUE(after == before);
    }
    EXPECT_GT(fitted, states_to_try() / 10);
}

/// A job that asks for more than its GPUs' share of something may not take it from free GPUs. (One
/// that ends may give back GPUs with fewer cores than that: its neighbour has had the rest.)
TEST_P(EveryMachine, NoStartStrandsAFreeGpu) {
    Random random(kSeed + 1);
    const int parts = std::max(1, type_->gpu_count());
    const GpuShare asked{.cores = type_->core_count() / parts,
                         .memory = Bytes{type_->memory().value / parts}};
    const GpuShare share = share_on(*type_, asked);
    int greedy = 0;
    for (int n = 0; n < states_to_try() / 4; ++n) {
        NodeState state(type_);
        std::vector<NodeAllocation> running;
        for (int step = 0; step < 40; ++step) {
            if (!running.empty() && random.chance(300)) {
                const std::size_t ends = random.below(running.size());
                state.give(running[ends]);
                running.erase(running.begin() + static_cast<std::ptrdiff_t>(ends));
                continue;
            }
            const Shape shape = some_shape(*type_, state, random);
            const std::optional<NodeFit> found = fit(state, shape, asked);
            if (!found) {
                continue;
            }
            state.take(kSomebody, found->allocation);
            running.push_back(found->allocation);
            const int free = state.free_gpu_count();
            if (shape.cores > shape.gpus * share.cores) {
                ++greedy;
                ASSERT_GE(state.free_cores(), free * share.cores) << "seed " << kSeed + 1;
            }
            if (shape.memory > share.memory * shape.gpus) {
                ASSERT_GE(state.free_memory(), share.memory * free) << "seed " << kSeed + 1;
            }
        }
    }
    EXPECT_GT(greedy, 0);
}

/// Free cores of the NUMA node beyond what its free GPUs need.
int to_spare(const NodeState& state, int domain, const GpuShare& share) {
    const GpuMask near = state.node_class().domains()[domain].gpus & state.free_gpus();
    return std::max(0, state.free_cores_in(domain) - std::popcount(near) * share.cores);
}

TEST_P(EveryMachine, AJobWithoutGpusTakesCoresFromFreeGpusLast) {
    Random random(kSeed + 2);
    const GpuShare share = share_on(*type_, {.cores = type_->core_count(), .memory = Bytes{0}});
    for (int n = 0; n < states_to_try(); ++n) {
        const NodeState before = half_full(type_, random);
        int spare = 0;
        for (int d = 0; d < static_cast<int>(type_->domains().size()); ++d) {
            spare += to_spare(before, d, share);
        }
        Shape shape;
        shape.cores = static_cast<int>(random.between(1, type_->core_count()));
        const std::optional<NodeFit> found = fit(before, shape, share);
        if (!found || shape.cores > spare) {
            continue;
        }

        NodeState after = before;
        after.take(kSomebody, found->allocation);

        for (int d = 0; d < static_cast<int>(type_->domains().size()); ++d) {
            const int taken = before.free_cores_in(d) - after.free_cores_in(d);
            EXPECT_LE(taken, to_spare(before, d, share)) << "NUMA " << d << " state " << n;
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shared, EveryMachine,
                         testing::Values("aws-g4dn-metal-8t4", "lassen-power9-4v100-ib",
                                         "tioga-epyc-8mi250x-gcd", "tuolumne-4mi300a-spx",
                                         "turin-2s-4gpu-nvml", "dgx2-16v100-nvswitch",
                                         "chimera-nvidia-plus-amd", "knl-snc4-flat-hwloc1format",
                                         "quartz-broadwell-cpu-opa", "sgi-24numa-384pu",
                                         "alderlake-hybrid-20pu", "opteron-8numa-restricted-cpuset",
                                         "dgx-a100-like", "dgx-h100-like", "cpu-lab-like"),
                         [](const testing::TestParamInfo<std::string>& about) {
                             std::string name = about.param;
                             std::replace(name.begin(), name.end(), '-', '_');
                             return name;
                         });

}  // namespace
}  // namespace khu
