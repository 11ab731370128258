#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/base/random.h"
#include "core/machine/admission.h"
#include "core/machine/advice.h"
#include "core/machine/node_mismatch.h"
#include "core/policy/review.h"
#include "core/topology/mig.h"
#include "tests/core/machine/zone_books.h"

namespace khu::testing {
namespace {

using ::testing::HasSubstr;

const GpuModel kOne{"h100-1g-10gb"};
const GpuModel kTwo{"h100-2g-20gb"};

/// Nodes of 4 whole H100, of which two more are cut: in 7 of 1g, and in 3 of 2g and one of 1g.
Policy with_slices(Policy policy = small_policy()) {
    policy.weights.push_back({kOne, 143});
    policy.weights.push_back({kTwo, 286});
    Partition& gpu = policy.partitions.front();
    gpu.gpus_per_node = 6;
    gpu.slices = {{.id = kOne, .per_node = 8, .cores_per_slice = 1, .mem_gib_per_slice = 8},
                  {.id = kTwo, .per_node = 3, .cores_per_slice = 2, .mem_gib_per_slice = 16}};
    return policy;
}

Inventory cut_node(int number) {
    Inventory node = eight_gpus("n" + std::to_string(number));
    const std::string first = node.gpus[2].pci;
    const std::string second = node.gpus[7].pci;
    std::string seven = "1g.10gb";
    for (int n = 1; n < 7; ++n) {
        seven += ",1g.10gb";
    }
    cut_gpus(node,
             {{.pci = first, .slices = presented_slices(first, seven).value()},
              {.pci = second,
               .slices = presented_slices(second, "2g.20gb,2g.20gb,2g.20gb,1g.10gb").value()}});
    return node;
}

Zone cut_zone(int nodes = 1, const Policy& policy = with_slices()) {
    Zone zone(policy, 0);
    for (int node = 1; node <= nodes; ++node) {
        zone.join(cut_node(node));
    }
    return zone;
}

JobSpec on_slices(int count, const GpuModel& model = kOne) {
    JobSpec spec = job_of(1, count);
    spec.shape.gpu_model = model;
    return spec;
}

/// Where the job's devices are, as its node numbers them; empty while it waits.
std::vector<int> devices_of(const Zone& zone, JobId job) {
    const Attempt* attempt = live_attempt(*zone.job(job));
    return attempt == nullptr ? std::vector<int>{} : attempt->placement.nodes[0].gpus;
}

std::string refusal_of(Zone& zone, const JobSpec& spec) {
    const Outcome outcome =
        zone.tell(SubmitJob{.who = member_of(sao_mai), .spec = spec, .key = ""});
    return outcome.refusal ? text(*outcome.refusal, Language::English) : "accepted";
}

TEST(MigSlices, AreChargedByTheirOwnWeight) {
    Zone zone = cut_zone();

    const JobId job = zone.submit(on_slices(3, kTwo));
    zone.run_to_end(job, minutes(30));

    const UsageRow row = rows_of(zone, job).at(0);
    EXPECT_EQ(row.gpu_model, kTwo);
    EXPECT_EQ(row.gpus, 3);
    EXPECT_EQ(row.metered_ugs, Atoms{3LL * 286 * 1800 * 1000});
    EXPECT_EQ(row.charged_ugs, row.metered_ugs);
    EXPECT_EQ(zone.grant("G1").held, Atoms{0});
    EXPECT_EQ(zone.grant("G1").spent, row.charged_ugs);
    recounted(zone);
}

TEST(MigSlices, HoldTheirWeightForTheWholeLimit) {
    Zone zone = cut_zone();
    zone.submit(on_slices(2));
    EXPECT_EQ(zone.grant("G1").held, Atoms{2LL * 143 * 7200 * 1000});
}

TEST(MigSlices, BringTheirOwnShareOfCoresAndMemory) {
    Zone zone = cut_zone();

    const JobId job = zone.submit(on_slices(3));

    EXPECT_EQ(zone.job(job)->spec.shape.cores, 3);
    EXPECT_EQ(zone.job(job)->spec.shape.memory, gibibytes(24));
}

TEST(MigSlices, OfWhomAsksForMoreCoresCountAsMore) {
    Zone zone = cut_zone();
    JobSpec spec = on_slices(1);
    spec.shape.cores = 5;  // Five slices' share.

    zone.submit(spec);

    EXPECT_EQ(zone.grant("G1").held, Atoms{5LL * 143 * 7200 * 1000});
}

TEST(MigSlices, AreNotWhatAJobWithoutAModelGets) {
    Zone zone = cut_zone();

    const JobId job = zone.submit(job_of(1, 6));

    EXPECT_EQ(devices_of(zone, job), (std::vector<int>{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(zone.job(job)->spec.shape.gpu_model, GpuModel{"h100"});
    EXPECT_TRUE(devices_of(zone, zone.submit(job_of(1, 1))).empty()) << "eleven slices are free";
}

TEST(MigSlices, OfAnotherEnterpriseShareNoNode) {
    Zone zone = cut_zone();
    EXPECT_EQ(devices_of(zone, zone.submit(on_slices(1))).size(), 1U);
    JobSpec other = on_slices(1);
    other.shape.gpu_model = kTwo;
    EXPECT_TRUE(devices_of(zone, zone.submit(other, song_han)).empty());
}

TEST(MigSlices, ThatAreAllTakenMakeAJobWait) {
    Zone zone = cut_zone();
    for (int job = 0; job < 3; ++job) {
        EXPECT_EQ(devices_of(zone, zone.submit(on_slices(1, kTwo))).size(), 1U);
    }
    const JobId waits = zone.submit(on_slices(1, kTwo));
    EXPECT_TRUE(devices_of(zone, waits).empty());
    EXPECT_EQ(devices_of(zone, zone.submit(on_slices(8))).size(), 8U) << "others are free";
}

TEST(MigSlices, OfAModelThatNobodyOffersAreRefusedWithThoseThatAre) {
    Zone zone = cut_zone();
    const std::string refused = refusal_of(zone, on_slices(1, GpuModel{"h100-3g-40gb"}));
    EXPECT_THAT(refused, HasSubstr("h100-3g-40gb"));
    EXPECT_THAT(refused, HasSubstr("h100, h100-1g-10gb, h100-2g-20gb"));
}

TEST(MigSlices, MoreThanANodeHasAreRefused) {
    Zone zone = cut_zone();
    EXPECT_EQ(refusal_of(zone, on_slices(8)), "accepted");
    EXPECT_THAT(refusal_of(zone, on_slices(9)), HasSubstr("8"));
}

/// The policy offers only slices there.
Policy only_slices() {
    Policy policy = with_slices();
    Partition& gpu = policy.partitions.front();
    gpu.gpu = kTwo;
    gpu.gpus_per_node = 3;
    gpu.slices.pop_back();
    return policy;
}

TEST(MigSlices, MustBeNamedAlsoWhereThereIsNothingElse) {
    Zone zone = cut_zone(1, only_slices());
    JobSpec spec = job_of(1, 1);
    spec.partition = PartitionId{"gpu"};
    const std::string refused = refusal_of(zone, spec);
    EXPECT_THAT(refused, HasSubstr("any whole GPU"));
    EXPECT_THAT(refused, HasSubstr("h100-2g-20gb, h100-1g-10gb"));
    EXPECT_EQ(devices_of(zone, zone.submit(on_slices(2, kTwo))).size(), 2U);
}

TEST(MigSlices, AreChargedToWhoHasTheWholeNode) {
    Zone zone = cut_zone();
    JobSpec spec = job_of(1, 1);
    spec.shape.exclusive = true;
    spec.time_limit = hours(1);

    zone.submit(spec);

    const std::int64_t milli = 6 * 1000 + 8 * 143 + 3 * 286;
    EXPECT_EQ(zone.grant("G1").held, Atoms{milli * 3600 * 1000});
}

TEST(MigSlices, CountInTheCapacityOfTheZone) {
    Zone zone = cut_zone();
    zone.pass(hours(1));
    zone.tell(Tick{});
    Atoms installed;
    for (const CapacityTotal& each : zone.machine.state().truth.capacity.totals()) {
        installed += each.installed;
    }
    EXPECT_EQ(installed, Atoms{(6LL * 1000 + 8 * 143 + 3 * 286) * 3600 * 1000});
}

TEST(MigSlices, ThatANodeLacksAreSaid) {
    Zone zone = cut_zone();
    const Policy policy = with_slices();
    NodeRecord node = zone.machine.state().truth.nodes.at(NodeId{1});
    EXPECT_FALSE(gpu_mismatch(policy, node));
    std::erase_if(node.inventory.gpus, [](const Gpu& gpu) { return gpu.model == kTwo; });
    const std::optional<Reason> said = gpu_mismatch(policy, node);
    ASSERT_TRUE(said);
    EXPECT_THAT(text(*said, Language::English), HasSubstr("h100-2g-20gb"));
}

/// What would start now is said in slices of the same model; whole GPUs elsewhere are another wish.
TEST(MigSlices, ThatWaitAreToldOfFewerAndNotOfWholeGpus) {
    Policy policy = with_slices();
    Partition whole = policy.partitions.front();
    whole.id = PartitionId{"whole"};
    whole.gpus_per_node = 8;
    whole.slices.clear();
    whole.nodes = {NodeName{"n2"}};
    std::erase(policy.partitions.front().nodes, NodeName{"n2"});
    policy.partitions.push_back(whole);
    for (Programme& programme : policy.programmes) {
        programme.partitions.push_back(whole.id);
    }
    Zone zone = cut_zone(1, policy);
    zone.join(2);
    zone.submit(on_slices(2, kTwo));
    const JobId waits = zone.submit(on_slices(2, kTwo));

    const Advice advice = advise(zone.machine.borrow(), *zone.job(waits), zone.now);

    ASSERT_EQ(advice.changes.size(), 1U);
    EXPECT_EQ(advice.changes[0].kind, ChangeKind::FewerGpus);
    EXPECT_EQ(advice.changes[0].to.shape.gpus, 1);
    EXPECT_EQ(advice.changes[0].to.shape.gpu_model, kTwo);
}

/// Jobs of both enterprises come and end at random; a small book of who has what is kept beside.
class Crowd {
public:
    explicit Crowd(std::uint64_t seed) : random_(seed) {}

    void step() {
        if (!running_.empty() && random_.chance(450)) {
            auto ends = running_.begin();
            std::advance(ends, static_cast<std::ptrdiff_t>(random_.below(running_.size())));
            end(*ends);
        } else {
            submit();
        }
        note_starts();
    }
    void expect_books() {
        Atoms spent;
        for (const char* grant : {"G1", "G2"}) {
            spent += zone_.grant(grant).spent;
        }
        EXPECT_EQ(spent, charged_);
        EXPECT_GT(ended_, 50);
        recounted(zone_);
    }

private:
    void submit() {
        static const std::vector<GpuModel> models{GpuModel{}, kOne, kOne, kTwo};
        const EnterpriseId& owner = random_.chance(500) ? sao_mai : song_han;
        const GpuModel& model = models[random_.below(models.size())];
        const int most = model.empty() ? 6 : model == kOne ? 8 : 3;
        waiting_.insert(
            zone_.submit(on_slices(static_cast<int>(random_.between(1, most)), model), owner));
    }
    void note_starts() {
        std::erase_if(waiting_, [&](JobId id) {
            const Attempt* attempt = live_attempt(*zone_.job(id));
            if (attempt == nullptr) {
                return false;
            }
            const NodeAllocation& at = attempt->placement.nodes[0];
            for (const int gpu : at.gpus) {
                const auto [holder, fresh] = holders_.emplace(std::pair(at.node.value, gpu), id);
                EXPECT_TRUE(fresh) << "device " << gpu << " of jobs " << holder->second.value
                                   << " and " << id.value;
            }
            const EnterpriseId& owner = zone_.job(id)->spec.enterprise;
            for (const JobId other : running_) {
                if (live_attempt(*zone_.job(other))->placement.nodes[0].node == at.node) {
                    EXPECT_EQ(zone_.job(other)->spec.enterprise, owner);
                }
            }
            running_.insert(id);
            return true;
        });
    }
    void end(JobId id) {
        const Shape shape = zone_.job(id)->spec.shape;
        const std::int64_t ran = random_.between(1, 3000);
        std::erase_if(holders_, [&](const auto& each) { return each.second == id; });
        running_.erase(id);
        zone_.start_running(id);
        zone_.pass(seconds(ran));
        const NodeId node = live_attempt(*zone_.job(id))->placement.nodes[0].node;
        zone_.report(node, id, AgentStage::Ended, {});
        zone_.round();
        const std::int64_t weight = shape.gpu_model == kOne   ? 143
                                    : shape.gpu_model == kTwo ? 286
                                                              : 1000;
        const UsageRow row = rows_of(zone_, id).at(0);
        EXPECT_EQ(row.metered_ugs, Atoms{shape.gpus * weight * row.elapsed_s * 1000});
        const std::int64_t paid_s = std::min<std::int64_t>(row.elapsed_s, 7200);  // its limit
        EXPECT_EQ(row.charged_ugs, Atoms{shape.gpus * weight * paid_s * 1000});
        charged_ += row.charged_ugs;
        ++ended_;
    }

    Random random_;
    Zone zone_ = cut_zone(2, with_slices(rich_policy()));
    std::set<JobId> waiting_;
    std::set<JobId> running_;
    std::map<std::pair<std::uint64_t, int>, JobId> holders_;
    Atoms charged_;
    int ended_{0};
};

TEST(MigSlices, OfManyJobsAreNeverTwoJobsAndEachIsChargedItsWeight) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SCOPED_TRACE(fmt::format("seed {}", seed));
        Crowd crowd(seed);
        for (int step = 0; step < 300; ++step) {
            crowd.step();
        }
        crowd.expect_books();
    }
}

TEST(MigSlices, AreReviewedLikeEveryModel) {
    const auto codes = [](const Policy& policy) {
        std::vector<std::string> found;
        for (const Complaint& complaint : review(policy, {})) {
            found.push_back(std::string(complaint.code) + " " + complaint.path);
        }
        return found;
    };
    const std::string at = "partitions.gpu";
    EXPECT_TRUE(codes(with_slices()).empty());
    Policy spoilt = with_slices();
    spoilt.weights.pop_back();
    EXPECT_THAT(codes(spoilt), ::testing::Contains("P032 " + at + ".slices.h100-2g-20gb"));
    spoilt = with_slices();
    spoilt.partitions[0].slices[0].id = GpuModel{"l4"};
    spoilt.weights.push_back({GpuModel{"l4"}, 220});
    EXPECT_THAT(codes(spoilt), ::testing::Contains("P030 " + at + ".slices.l4"));
    spoilt = with_slices();
    spoilt.partitions[0].slices[0].per_node = 64;
    EXPECT_THAT(codes(spoilt), ::testing::Contains("P011 " + at + ".slices"));
    spoilt = with_slices();
    spoilt.partitions[0].gpus_per_node = 17;
    EXPECT_THAT(codes(spoilt), ::testing::Contains("P011 " + at + ".gpus_per_node"));
}

}  // namespace
}  // namespace khu::testing
