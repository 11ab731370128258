#include "core/sim/zone.h"

#include <algorithm>

#include "core/base/limits.h"
#include "core/topology/mig.h"

namespace khu::sim {
namespace {

constexpr Moment kLongAgo{1'600'000'000'000};
constexpr Moment kFarAway{1'900'000'000'000};

Enterprise enterprise(int number, Random& random) {
    Enterprise made;
    made.id = EnterpriseId{"040100000" + std::to_string(number)};
    made.name = "E" + std::to_string(number);
    made.zones = {{.zone = ZoneId{"sim"}, .window = {.from = Moment{0}, .to = kNever}}};
    made.members = {UserId{"u-" + std::to_string(number)}};
    PolicyGrant grant;
    grant.id = GrantId{"G" + std::to_string(number)};
    grant.programme = ProgrammeId{number == 2 ? kSimLender : "free"};
    grant.amount = gpu_hours(random.between(20, 400));
    grant.window = {.from = kLongAgo, .to = kFarAway};
    made.grants = {grant};
    return made;
}

}  // namespace

std::string node_name(int number) {
    return "n" + std::to_string(number);
}

namespace {

/// Of all nodes, with slices beside the whole GPUs.
Partition sim_partition(int nodes) {
    Partition gpu;
    gpu.id = PartitionId{"gpu"};
    for (int node = 1; node <= nodes; ++node) {
        gpu.nodes.push_back(NodeName{node_name(node)});
    }
    gpu.gpu = GpuModel{"t4"};
    gpu.gpus_per_node = 4;
    gpu.share = {.mode = ShareMode::PerGpu, .cores_per_gpu = 2, .mem_gib_per_gpu = 4};
    gpu.slices = {
        {.id = GpuModel{kSimSlice}, .per_node = 4, .cores_per_slice = 1, .mem_gib_per_slice = 2}};
    gpu.time_limit = {.default_limit = minutes(5), .max = hours(1)};
    return gpu;
}

}  // namespace

Policy sim_policy(int nodes, Random& random) {
    Policy policy;
    policy.id = PolicyId{"sim-1"};
    policy.effective_from = Moment{kLongAgo.value + 1};
    policy.zone.id = ZoneId{"sim"};
    policy.zone.services = {"ai-training"};
    policy.reference_gpu = GpuModel{"t4"};
    policy.weights = {{GpuModel{"t4"}, 1000}, {GpuModel{kSimSlice}, 250}};
    policy.price_list = {{.from_day = kLongAgo, .vnd_per_gpuh = 27'000}};
    policy.partitions = {sim_partition(nodes)};
    for (int node = 1; node <= nodes; ++node) {
        const std::string rack = "r" + std::to_string(node % 2);
        policy.topology.push_back({.nodes = {NodeName{node_name(node)}},
                                   .room = PlaceName{"hall"},
                                   .rack = PlaceName{rack},
                                   .features = {FeatureName{"nvme"}}});
    }
    policy.qos = {{.id = QosId{"thuong"}, .factor_permille = 1000, .tier = 20},
                  {.id = QosId{kIdleQos},
                   .factor_permille = 0,
                   .tier = 0,
                   .max_gpus_per_enterprise = 16,
                   .time_limit = limits::time_limit_max,
                   .min_runtime = seconds(20),
                   .no_backfill_hold = true}};
    policy.preemption.order = {kIdleQos, kBorrowed};
    policy.preemption.grace = seconds(15);
    policy.preemption.min_runtime_borrowed = seconds(40);
    Funder zone;
    zone.id = FunderId{"zone"};
    zone.kind = FunderKind::Zone;
    zone.budget = Mvnd{1'000'000'000'000'000};
    zone.window = {.from = Moment{0}, .to = kNever};
    policy.funders = {zone};
    Programme free;
    free.id = ProgrammeId{"free"};
    free.tier = Tier::Free;
    free.eligible.classes = {EnterpriseClass::Startup};
    free.eligible.zones = {ZoneId{"sim"}};
    free.grant = {
        .max = gpu_hours(1000), .auto_approve_below = gpu_hours(1000), .window = days(9000)};
    free.split = {{FunderId{"zone"}, 1000}};
    free.qos = {QosId{"thuong"}, QosId{kIdleQos}};
    free.partitions = {PartitionId{"gpu"}};
    Programme lender = free;
    lender.id = ProgrammeId{kSimLender};
    policy.programmes = {free, lender};
    // A quarter is nobody's; each keeps a part of its own for itself.
    policy.borrowing = {
        {.partition = PartitionId{"gpu"},
         .rules = {
             {.programme = free.id, .nominal_gpus = 2 * nodes, .lend = nodes, .borrow = 2 * nodes},
             {.programme = lender.id,
              .nominal_gpus = nodes,
              .lend = nodes / 2,
              .borrow = 2 * nodes}}}};
    for (int number = 1; number <= kEnterprises; ++number) {
        policy.enterprises.push_back(enterprise(number, random));
    }
    return policy;
}

Reservation sim_reservation(int nodes, Moment start) {
    return {.id = kSimReservation,
            .programme = ProgrammeId{"free"},
            .partition = PartitionId{"gpu"},
            .gpus = 4 * std::max(1, nodes / 3),
            .qos = QosId{"thuong"},
            .window = {.from = start + seconds(90), .to = start + seconds(210)},
            .every = minutes(4),
            .until = start + minutes(28)};
}

Reservation sim_course(Moment start) {
    return {.id = kSimCourse,
            .enterprise = sim_member(3).enterprise,
            .programme = ProgrammeId{"free"},
            .partition = PartitionId{"gpu"},
            .gpus = 4,
            .qos = QosId{"thuong"},
            .window = {.from = start + seconds(222), .to = start + seconds(322)},
            .every = minutes(4),
            .until = start + minutes(28)};
}

BookReservation sim_booking(Moment start) {
    return {.who = sim_admin(),
            .enterprise = sim_member(1).enterprise,
            .what = {.id = kSimBooking,
                     .programme = ProgrammeId{"free"},
                     .partition = PartitionId{"gpu"},
                     .gpus = 4,
                     .qos = QosId{"thuong"},
                     .window = {.from = start + seconds(100), .to = start + seconds(220)}}};
}

BookCounted sim_counted_booking(Moment start) {
    return {.who = sim_admin(),
            .what = {.id = "measuring",
                     .enterprise = sim_member(2).enterprise,
                     .what = {{ResourceId{kSimLicence}, 2}},
                     .window = {.from = start + seconds(140), .to = start + seconds(260)},
                     .by = {}}};
}

ApplyLayer sim_rules(Moment start) {
    LayerRules rules;
    rules.id = PolicyId{"sim-rules-1"};
    rules.effective_from = start + minutes(2);
    rules.bounds = {{.key = {"partitions", "*", "time_limit", "max"},
                     .kind = BoundKind::AtMost,
                     .number = minutes(5).value,
                     .words = {},
                     .written = "5m",
                     .line = 9}};
    return {.who = sim_admin(), .rules = std::move(rules), .text = ""};
}

ApplyLayer sim_own_rules(Moment start) {
    ApplyLayer own = sim_rules(start);
    own.rules.layer = Layer::Enterprise;
    own.rules.enterprise = sim_member(1).enterprise;
    own.rules.id = PolicyId{own.rules.enterprise.value + "-1"};
    own.rules.effective_from = start + seconds(80);
    own.rules.bounds.front().number = minutes(3).value;
    return own;
}

void offer_alternatives(JobSpec& spec) {
    const Alternative asked{.partition = spec.partition,
                            .nodes = spec.nodes,
                            .shape = spec.shape,
                            .tasks_per_node = spec.tasks_per_node,
                            .time_limit = spec.time_limit};
    std::vector<Alternative>& ways = spec.any_of.edit().ways;
    ways.assign(3, asked);
    for (const std::size_t way : {1U, 2U}) {
        ways[way].nodes = 1;
        ways[way].shape.gpus = static_cast<int>(way);
    }
    ways[1].time_limit = Span{asked.time_limit.value / 2};
}

std::vector<JobId> too_late(const State& state, Moment now) {
    std::vector<JobId> late;
    for (const auto& [id, job] : state.truth.jobs) {
        const std::string& name = job.spec.where->reservation;
        if (live_attempt(job) == nullptr && (name == kSimBooking || name == kSimCourse) &&
            outside_reservation(state, job.spec, now)) {
            late.push_back(id);
        }
    }
    return late;
}

Inventory sim_inventory(int number) {
    Inventory node;
    node.hostname = node_name(number);
    node.source = "file";
    node.packages = 1;
    node.numa_nodes = {{.os_index = 0, .package = 0, .memory = gibibytes(32)}};
    for (int core = 0; core < 12; ++core) {
        node.cores.push_back({.package = 0, .numa = 0, .pus = {core}});
    }
    for (int gpu = 0; gpu < 5; ++gpu) {
        Gpu made;
        made.model = GpuModel{"t4"};
        made.pci = "0000:0" + std::to_string(gpu) + ":00.0";
        made.numa = 0;
        made.package = 0;
        node.gpus.push_back(made);
        for (int other = 0; other < gpu; ++other) {
            node.links.push_back({.from = other, .to = gpu, .kind = LinkKind::SameNuma});
        }
    }
    node.memory = gibibytes(32);
    const std::string last = node.gpus.back().pci;
    cut_gpus(node, {{.pci = last,
                     .slices = presented_slices(last, "1g.4gb,1g.4gb,1g.4gb,1g.4gb").value()}});
    return node;
}

Identity sim_member(int enterprise) {
    return {.user = UserId{"u-" + std::to_string(enterprise)},
            .enterprise = EnterpriseId{"040100000" + std::to_string(enterprise)},
            .roles = {Role::Member}};
}

Identity sim_admin() {
    return {.user = UserId{"admin"}, .enterprise = {}, .roles = {Role::ZoneAdmin}};
}

}  // namespace khu::sim
