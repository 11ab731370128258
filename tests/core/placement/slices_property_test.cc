#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "agent/probe/hwloc_probe.h"
#include "core/base/random.h"
#include "core/placement/fit.h"
#include "core/topology/mig.h"
#include "tests/core/placement/fit_exhaustive.h"
#include "tests/core/placement/half_full.h"
#include "tests/core/placement/machines.h"

namespace khu {
namespace {

constexpr std::uint64_t kSeed = 20261130;
constexpr int kStates = 10'000;

/// Compared from the top, lower is better: the order that fit.h promises of slices.
struct Score {
    std::size_t gpus{0};
    std::size_t numas{0};
    std::size_t packages{0};
    std::int64_t remote_cores{0};
    std::int64_t remote_mib{0};
    std::size_t fresh{0};
    std::size_t left{0};
    auto operator<=>(const Score&) const = default;
};

/// Tries every set of slices, and looks only at the inventory.
class EverySet {
public:
    EverySet(const Inventory& machine, const NodeState& state, const Shape& shape)
        : it_(machine), state_(state), shape_(shape) {}

    [[nodiscard]] Score score(GpuMask set) const {
        std::set<std::string> gpus;
        std::set<int> numas;
        std::set<int> packages;
        for (const int slice : positions_of(set)) {
            const Gpu& gpu = it_.gpus[static_cast<std::size_t>(slice)];
            gpus.insert(gpu.pci);
            numas.insert(gpu.numa);
            packages.insert(gpu.package);
        }
        std::map<std::string, std::size_t> used;
        std::map<std::string, std::size_t> left;
        for (std::size_t i = 0; i < it_.gpus.size(); ++i) {
            const bool free = (state_.free_gpus() >> i & 1) != 0;
            used[it_.gpus[i].pci] += free ? 0 : 1;
            left[it_.gpus[i].pci] += free && (set >> i & 1) == 0 ? 1 : 0;
        }
        Score score{.gpus = gpus.size(), .numas = numas.size(), .packages = packages.size()};
        for (const std::string& gpu : gpus) {
            score.fresh += used[gpu] == 0 ? 1 : 0;
            score.left += left[gpu];
        }
        score.remote_cores = exhaustive::core_cost(it_, state_, set, shape_.cores);
        score.remote_mib =
            exhaustive::memory_cost(it_, state_, set, shape_.memory.value / (1 << 20));
        return score;
    }

    [[nodiscard]] Score best() const {
        std::optional<Score> best;
        const GpuMask usable = of_model() & state_.free_gpus();
        for (GpuMask set = usable; set != 0; set = (set - 1) & usable) {
            if (std::popcount(set) == shape_.gpus) {
                const Score found = score(set);
                best = best ? std::min(*best, found) : found;
            }
        }
        KHU_CHECK(best.has_value());
        return *best;
    }

    [[nodiscard]] GpuMask of_model() const {
        GpuMask set = 0;
        for (std::size_t i = 0; i < it_.gpus.size(); ++i) {
            set |= it_.gpus[i].model == shape_.gpu_model ? GpuMask{1} << i : 0;
        }
        return set;
    }

private:
    const Inventory& it_;
    const NodeState& state_;
    const Shape& shape_;
};

/// The GPUs at `positions` cut, each as its entry says.
Inventory cut(Inventory machine, const std::map<std::size_t, std::string>& positions) {
    std::vector<CutGpu> gpus;
    for (const auto& [position, profiles] : positions) {
        const std::string& pci = machine.gpus.at(position).pci;
        gpus.push_back({.pci = pci, .slices = presented_slices(pci, profiles).value()});
    }
    cut_gpus(machine, gpus);
    return machine;
}

struct Case {
    std::string file;
    std::map<std::size_t, std::string> cut;
};

const std::string kSeven = "1g.10gb,1g.10gb,1g.10gb,1g.10gb,1g.10gb,1g.10gb,1g.10gb";
const std::string kThree = "3g.40gb,2g.20gb,2g.20gb";
const std::string kFour = "2g.20gb,2g.20gb,2g.20gb,1g.10gb";

const std::vector<Case> kCases{
    {"turin-2s-4gpu-nvml", {{0, kThree}, {1, kFour}, {3, kThree}}},
    {"dgx-h100-like", {{0, kThree}, {1, kThree}, {3, kFour}, {4, kThree}, {7, kFour}}},
    {"dgx-a100-like", {{0, kSeven}, {5, kFour}}},
    {"aws-g4dn-metal-8t4", {{2, kFour}, {3, kFour}, {4, kThree}, {6, kFour}}},
    {"lassen-power9-4v100-ib", {{0, kThree}, {1, kThree}, {2, kThree}, {3, kThree}}},
    {"tioga-epyc-8mi250x-gcd", {{0, kFour}, {3, kFour}, {5, kThree}}},
    {"tuolumne-4mi300a-spx", {{0, kFour}, {1, kFour}, {2, kFour}, {3, kFour}}},
    {"dgx2-16v100-nvswitch", {{0, kThree}, {7, kThree}, {8, kThree}, {15, kThree}}},
    {"chimera-nvidia-plus-amd", {{0, kSeven}}},
};

class CutMachine : public testing::TestWithParam<Case> {
protected:
    CutMachine() {
        const std::string path =
            std::string(KHU_SHARED_DIR) + "/topologies/" + GetParam().file + ".xml";
        machine_ = cut(agent::probe_file(path).value(), GetParam().cut);
        KHU_CHECK(check_inventory(NodeName{"n"}, machine_).has_value());
        type_ = std::make_shared<const NodeClass>(machine_);
    }

    /// A request of one model, or of none: then of whole GPUs.
    Shape some_shape(const NodeState& state, Random& random) const {
        Shape shape;
        if (random.chance(900)) {
            shape.gpu_model = type_->kinds()[random.below(type_->kinds().size())].model;
        }
        const int free = std::popcount(state.free_gpus() & type_->gpus_of(shape.gpu_model));
        shape.gpus = static_cast<int>(random.between(1, std::max(1, free)));
        shape.cores = static_cast<int>(random.between(1, 3 * shape.gpus));
        shape.memory = gibibytes(random.between(0, 8 * shape.gpus));
        return shape;
    }

    GpuShare some_share(Random& random) const {
        GpuShare share{.cores = static_cast<int>(random.below(12)),
                       .memory = gibibytes(random.between(0, 40))};
        for (const GpuKind& kind : type_->kinds()) {
            if ((kind.gpus & type_->slices()) != 0 && random.chance(800)) {
                share.slices.push_back({.model = kind.model,
                                        .cores = static_cast<int>(random.below(4)),
                                        .memory = gibibytes(random.between(0, 10))});
            }
        }
        return share;
    }

    Inventory machine_;
    std::shared_ptr<const NodeClass> type_;
};

TEST_P(CutMachine, FitEqualsTryingEverySetOfSlices) {
    Random random(kSeed);
    int fitted = 0;
    for (int n = 0; n < kStates; ++n) {
        const NodeState before = half_full(type_, random);
        const Shape shape = some_shape(before, random);
        SCOPED_TRACE(fmt::format("seed {} state {}", kSeed, n));

        const std::optional<NodeFit> found = fit(before, shape, {});

        const int free = std::popcount(before.free_gpus() & type_->gpus_of(shape.gpu_model));
        ASSERT_EQ(found.has_value(), free >= shape.gpus && before.free_cores() >= shape.cores &&
                                         before.free_memory() >= shape.memory);
        if (!found) {
            continue;
        }
        ++fitted;
        const GpuMask set = mask_of(found->allocation.gpus);
        NodeState after = before;
        after.take(kSomebody, found->allocation);  // claims that all of it was free
        if ((type_->gpus_of(shape.gpu_model) & type_->slices()) == 0) {
            ASSERT_EQ(set & type_->slices(), 0U) << "a whole GPU was asked for";
            continue;
        }
        const EverySet search(machine_, before, shape);
        ASSERT_EQ(set & ~search.of_model(), 0U);
        ASSERT_EQ(std::popcount(set), shape.gpus);
        ASSERT_TRUE(search.score(set) == search.best());
    }
    EXPECT_GT(fitted, kStates / 4);
}

/// What each free GPU and slice of an offered model can still have is counted from the inventory.
TEST_P(CutMachine, NoStartStrandsAFreeGpuOrSlice) {
    Random random(kSeed + 1);
    int greedy = 0;
    int refused = 0;
    for (int n = 0; n < kStates; ++n) {
        const NodeState before = half_full(type_, random);
        Shape shape = some_shape(before, random);
        shape.cores = static_cast<int>(random.between(1, type_->core_count()));
        const GpuShare share = some_share(random);
        const int boards =
            std::popcount(type_->whole_gpus()) + static_cast<int>(type_->cut_gpus().size());
        const GpuMask of_model = type_->gpus_of(shape.gpu_model);
        std::int64_t own = 0;
        std::int64_t others = 0;
        const auto count = [&](GpuMask gpus, int cores, int of_a_board) {
            const std::int64_t kept = std::min(cores, type_->core_count() / (boards * of_a_board));
            const std::int64_t taken = (gpus & of_model) != 0 ? shape.gpus : 0;
            const std::int64_t free = std::popcount(gpus & before.free_gpus());
            own += kept * taken;
            others += kept * std::max<std::int64_t>(0, free - taken);
        };
        if (type_->whole_gpus() != 0) {
            count(type_->whole_gpus(), share.cores, 1);
        }
        for (const ModelShare& each : share.slices) {
            const GpuMask gpus = type_->gpus_of(each.model);
            int most = 1;
            for (const GpuMask board : type_->cut_gpus()) {
                most = (board & gpus) != 0 ? std::max(most, std::popcount(board)) : most;
            }
            count(gpus, each.cores, most);
        }

        if (fit(before, shape, share)) {
            const std::int64_t left = before.free_cores() - shape.cores;
            ASSERT_TRUE(left >= others || shape.cores <= own) << "seed " << kSeed + 1 << " " << n;
            greedy += shape.cores > own ? 1 : 0;
        } else {
            refused += shape.cores > own && before.free_cores() - shape.cores < others ? 1 : 0;
        }
    }
    EXPECT_GT(greedy, 0);
    EXPECT_GT(refused, 0);
}

/// An independent book of who has which slice, by UUID.
TEST_P(CutMachine, NoSliceIsGivenTwice) {
    Random random(kSeed + 2);
    NodeState state(type_);
    std::vector<NodeAllocation> running;
    std::map<std::string, int> holders;
    const auto book = [&](const NodeAllocation& allocation, int change) {
        for (const int gpu : allocation.gpus) {
            const Gpu& device = machine_.gpus[static_cast<std::size_t>(gpu)];
            int& count = holders[device.is_slice() ? device.uuid : device.pci];
            count += change;
            ASSERT_TRUE(count == 0 || count == 1) << device.pci << " " << device.uuid;
        }
    };
    int starts = 0;
    for (int step = 0; step < 4 * kStates; ++step) {
        if (!running.empty() && random.chance(450)) {
            const std::size_t ends = random.below(running.size());
            state.give(running[ends]);
            book(running[ends], -1);
            running.erase(running.begin() + static_cast<std::ptrdiff_t>(ends));
            continue;
        }
        const Shape shape = some_shape(state, random);
        if (const std::optional<NodeFit> found = fit(state, shape, {})) {
            state.take(kSomebody, found->allocation);
            book(found->allocation, 1);
            running.push_back(found->allocation);
            ++starts;
        }
    }
    EXPECT_GT(starts, kStates / 2);
}

INSTANTIATE_TEST_SUITE_P(Shared, CutMachine, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& about) {
                             std::string name = about.param.file;
                             std::ranges::replace(name, '-', '_');
                             return name;
                         });

// --- By example ----------------------------------------------------------------------

Shape slices(int count, const std::string& model) {
    return {.gpus = count,
            .gpu_model = GpuModel{model},
            .cores = std::max(1, count),
            .memory = gibibytes(1)};
}

std::vector<int> chosen(const NodeState& state, const Shape& shape) {
    return fit(state, shape, {}).value().allocation.gpus;
}

/// Two GPUs on each side; two of them, one a side, cut in seven: 2-8 and 9-15.
NodeState two_cut() {
    const Inventory node = cut(machines::inventory({.gpus = 4}), {{0, kSeven}, {2, kSeven}});
    return NodeState(std::make_shared<const NodeClass>(node));
}

TEST(Slices, ComeFromTheGpuThatHasTheFewestLeft) {
    NodeState state = two_cut();
    state.take(kSomebody, {.node = {}, .gpus = {9, 10}, .cores = {}, .memory = {}});

    EXPECT_EQ(chosen(state, slices(1, "h100-1g-10gb")), (std::vector<int>{11}));
    EXPECT_EQ(chosen(state, slices(5, "h100-1g-10gb")), (std::vector<int>{11, 12, 13, 14, 15}));
    EXPECT_EQ(chosen(state, slices(6, "h100-1g-10gb")), (std::vector<int>{2, 3, 4, 5, 6, 7}));
}

TEST(Slices, OfTwoGpusComeFirstFromTheOneWithFewer) {
    NodeState state = two_cut();
    state.take(kSomebody, {.node = {}, .gpus = {9, 10}, .cores = {}, .memory = {}});

    EXPECT_EQ(chosen(state, slices(8, "h100-1g-10gb")),
              (std::vector<int>{2, 3, 4, 11, 12, 13, 14, 15}));
}

TEST(Slices, OfManyJobsFillOneGpuBeforeTheNextIsCutInto) {
    NodeState state = two_cut();
    for (int job = 0; job < 7; ++job) {
        state.take(kSomebody, fit(state, slices(1, "h100-1g-10gb"), {}).value().allocation);
    }
    const std::vector<GpuMask>& gpus = state.node_class().cut_gpus();
    EXPECT_EQ(state.free_gpus() & (gpus[0] | gpus[1]), gpus[1]);
}

TEST(Slices, AreNotWhatIsMeantWithoutAModel) {
    NodeState state = two_cut();
    state.take(kSomebody, {.node = {}, .gpus = {0}, .cores = {}, .memory = {}});

    EXPECT_EQ(chosen(state, slices(1, "")), (std::vector<int>{1}));
    EXPECT_FALSE(fit(state, slices(2, ""), {}));
    EXPECT_FALSE(fit(state, slices(1, "h100-2g-20gb"), {}));
}

TEST(Slices, AreLeftAloneByAJobThatNamesTheirModelAndTakesNone) {
    EXPECT_TRUE(chosen(two_cut(), slices(0, "h100-1g-10gb")).empty());
}

TEST(Slices, OfNodesArePackedOntoThoseThatAreUsedAlready) {
    const Inventory node = cut(machines::inventory({.gpus = 4}), {{0, kSeven}, {2, kSeven}});
    Cluster cluster = machines::cluster(3, std::make_shared<const NodeClass>(node), 0,
                                        {.cores = 4, .slices = {{GpuModel{"h100-1g-10gb"}, 1}}});
    GangRequest request = machines::gpus(1);
    request.shape = slices(1, "h100-1g-10gb");
    for (int job = 0; job < 14; ++job) {
        machines::take(cluster, machines::kSaoMai, place(cluster, request).value());
    }
    EXPECT_EQ(cluster.at(NodeId{1}).state.free_gpu_count(), 2);
    EXPECT_TRUE(cluster.at(NodeId{2}).state.idle());

    request.enterprise = machines::kHanRiver;  // MIG isolates, but the node is one enterprise's.
    EXPECT_EQ(place(cluster, request).value().nodes[0].node, NodeId{2});
}

}  // namespace
}  // namespace khu
