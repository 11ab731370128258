#include "core/plan/planned_zone.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "core/base/limits.h"

namespace khu::plan {
namespace {

const ZoneId kZone{"plan"};
const ProgrammeId kProgramme{"plan"};
const QosId kQos{"plan"};
const QosId kIdle{"idle"};
const std::string kIdleTenant{"\nidle"};  // no tenant of a trace
const FunderId kFunder{"plan"};
const GpuModel kModel{"gpu"};
const GpuModel kCore{"cpu-core"};
const GpuModel kMemory{"mem-gib"};
/// All grants together stay inside the ledger's 63 bits.
constexpr std::int64_t kAllGpuHours = 2'000'000'000;
constexpr int kCoresPerGpu = 8;
constexpr int kMemGibPerGpu = 64;
constexpr Span kLongest = days(14);
constexpr Moment kLongAgo{1'500'000'000'000};

void add_units(Policy& policy) {
    policy.reference_gpu = kModel;
    policy.weights = {{kModel, 1000}, {kCore, 1000}, {kMemory, 1}};
    policy.price_list = {{.from_day = kLongAgo, .vnd_per_gpuh = 1}};
    policy.qos = {{.id = kQos, .factor_permille = 1000, .tier = 1}};
    Funder funder;
    funder.id = kFunder;
    funder.kind = FunderKind::Zone;
    funder.name = "plan";
    funder.budget = Mvnd{1'000'000'000'000'000'000};
    funder.window = {.from = kLongAgo, .to = kNever};
    policy.funders = {funder};
}

void add_programme(Policy& policy) {
    Programme programme;
    programme.id = kProgramme;
    programme.tier = Tier::Free;
    programme.eligible.classes = {EnterpriseClass::Startup};
    programme.eligible.zones = {kZone};
    programme.grant = {.max = gpu_hours(kAllGpuHours),
                       .auto_approve_below = gpu_hours(kAllGpuHours),
                       .window = days(36'500)};
    programme.split = {{kFunder, 1000}};
    programme.qos = {kQos};
    for (const Partition& partition : policy.partitions) {
        programme.partitions.push_back(partition.id);
    }
    policy.programmes = {programme};
}

void add_enterprise(PlannedZone& zone, const std::string& tenant) {
    const auto number = static_cast<int>(zone.enterprises.size()) + 1;
    const EnterpriseId id{fmt::format("{:010}", 100'000'000 + number)};
    if (!zone.enterprises.emplace(tenant, id).second) {
        return;
    }
    Enterprise made;
    made.id = id;
    made.name = tenant.empty() ? "everybody" : tenant;
    made.zones = {{.zone = kZone, .window = {.from = kLongAgo, .to = kNever}}};
    made.grants = {{.id = GrantId{fmt::format("plan-{}", number)},
                    .programme = kProgramme,
                    .amount = gpu_hours(1),
                    .window = {.from = kLongAgo, .to = kLongAgo + days(36'500)},
                    .decision_ref = "",
                    .permit = ""}};
    zone.policy.enterprises.push_back(std::move(made));
}

Partition& partition_for(PlannedZone& zone, const std::string& tenant, int gpus) {
    const auto known = zone.partitions.find(tenant);
    if (known != zone.partitions.end()) {
        return *std::ranges::find(zone.policy.partitions, known->second, &Partition::id);
    }
    Partition made;
    made.id = PartitionId{tenant.empty() ? "all" : fmt::format("p{}", zone.partitions.size())};
    if (gpus > 0) {
        made.cpu_jobs = true;
        made.gpu = kModel;
        made.gpus_per_node = gpus;
        made.share.cores_per_gpu = kCoresPerGpu;
        made.share.mem_gib_per_gpu = kMemGibPerGpu;
    } else {
        made.share = {.mode = ShareMode::MaxOf, .core = kCore, .mem = kMemory};
    }
    made.time_limit = {.default_limit = zone.longest, .max = zone.longest};
    made.sharing = Sharing::Everybody;
    zone.partitions.emplace(tenant, made.id);
    return zone.policy.partitions.emplace_back(std::move(made));
}

/// Of the programmes that have rules of borrowing, the one that the job is of.
ProgrammeId programme_of(const Policy& policy, const TraceJob& job) {
    for (const std::string& name : {job.programme, job.tenant}) {
        const auto known = std::ranges::find_if(
            policy.programmes, [&](const Programme& each) { return each.id.value == name; });
        if (known != policy.programmes.end()) {
            return known->id;
        }
    }
    return kProgramme;
}

/// The first of its grants is in the programme without a rule.
void add_grant(PlannedZone& zone, const TraceJob& job) {
    const ProgrammeId programme = programme_of(zone.policy, job);
    Enterprise& enterprise = *std::ranges::find(zone.policy.enterprises,
                                                zone.enterprises.at(job.tenant), &Enterprise::id);
    if (std::ranges::find(enterprise.grants, programme, &PolicyGrant::programme) ==
        enterprise.grants.end()) {
        PolicyGrant grant = enterprise.grants.front();
        grant.id = GrantId{grant.id.value.str() + "-" + programme.value.str()};
        grant.programme = programme;
        enterprise.grants.push_back(std::move(grant));
    }
}

/// The rules of the given policy's first partition, where all GPUs are in one and are enough.
void take_borrowing(PlannedZone& zone, const Policy& given) {
    if (given.partitions.empty()) {
        return;
    }
    const auto rules =
        std::ranges::find(given.borrowing, given.partitions.front().id, &Borrowing::partition);
    if (rules == given.borrowing.end()) {
        return;
    }
    Policy& policy = zone.policy;
    std::int64_t nominal = 0;
    for (const BorrowRule& rule : rules->rules) {
        nominal += rule.nominal_gpus;
    }
    if (policy.partitions.size() != 1 || nominal > zone.gpus) {
        zone.not_lent = NotLent{
            .nominal = nominal, .gpus = zone.gpus, .partitions = std::ssize(policy.partitions)};
        return;
    }
    for (const BorrowRule& rule : rules->rules) {
        Programme made = policy.programmes.front();
        made.id = rule.programme;
        policy.programmes.push_back(std::move(made));
    }
    policy.borrowing = {{.partition = policy.partitions.front().id, .rules = rules->rules}};
    policy.preemption.grace = given.preemption.grace;
    policy.preemption.min_runtime_borrowed = given.preemption.min_runtime_borrowed;
    if (std::ranges::find(given.preemption.order, kBorrowed) != given.preemption.order.end()) {
        policy.preemption.order.emplace_back(kBorrowed);
    }
}

Expected<Done, std::string> add_group(PlannedZone& zone, const NodeGroup& group) {
    const auto gpus = static_cast<int>(group.inventory.gpus.size());
    Partition& partition = partition_for(zone, group.tenant, gpus);
    if (partition.gpus_per_node != gpus) {
        return Unexpected{fmt::format(
            "nodes with {} and with {} GPUs: all nodes that the same jobs use must have as many",
            partition.gpus_per_node, gpus)};
    }
    for (int n = 0; n < group.count; ++n) {
        if (group.rack_of > 0 && n % group.rack_of == 0) {
            NodePlace rack;
            rack.room = PlaceName{"plan"};
            rack.rack = PlaceName{fmt::format("rack-{}", zone.policy.topology.size() + 1)};
            zone.policy.topology.push_back(std::move(rack));
        }
        const NodeName name{fmt::format("n{}", zone.nodes.size() + 1)};
        partition.nodes.push_back(name);
        if (group.rack_of > 0) {
            zone.policy.topology.back().nodes.push_back(name);
        }
        Inventory inventory = group.inventory;
        inventory.hostname = name.value;
        for (Gpu& gpu : inventory.gpus) {
            gpu.model = kModel;
        }
        zone.nodes.push_back({name, std::move(inventory)});
    }
    zone.gpus_per_node = std::max(zone.gpus_per_node, gpus);
    zone.gpus += std::int64_t{gpus} * group.count;
    zone.all_nodes += group.count;
    return Done{};
}

/// What the calendar says of the first partition is said of every partition of the replay.
void take_calendar(Policy& policy, const Policy& given) {
    if (given.partitions.empty()) {
        return;
    }
    const PartitionId& first = given.partitions.front().id;
    for (Blackout blackout : given.calendar.blackouts) {
        if (std::ranges::find(blackout.partitions, first) == blackout.partitions.end()) {
            continue;
        }
        blackout.partitions.clear();
        for (const Partition& partition : policy.partitions) {
            blackout.partitions.push_back(partition.id);
        }
        policy.calendar.blackouts.push_back(std::move(blackout));
    }
    for (const Reservation& reservation : given.calendar.reservations) {
        for (const Partition& partition : policy.partitions) {
            const std::int64_t all = static_cast<std::int64_t>(partition.nodes.size()) *
                                     std::max(1, partition.gpus_per_node);
            if (reservation.partition == first) {
                Reservation made = reservation;
                made.id = partition.id.value.str() + "." + reservation.id;
                made.enterprise = {};  // Its nodes count here, not who pays for them.
                made.programme = kProgramme;
                made.partition = partition.id;
                made.qos = kQos;
                made.gpus = static_cast<int>(std::min<std::int64_t>(made.gpus, all));
                policy.calendar.reservations.push_back(std::move(made));
            }
        }
    }
}

/// What the given policy says of the order of jobs.
void take_over(Policy& policy, const ZoneWishes& wishes) {
    if (wishes.policy != nullptr) {
        take_calendar(policy, *wishes.policy);
        policy.priority = wishes.policy->priority;
        policy.fairshare = wishes.policy->fairshare;
        policy.fairshare.tree.clear();  // Its programmes are not those of the replay.
    }
    for (Partition& partition : policy.partitions) {
        if (wishes.policy != nullptr && !wishes.policy->partitions.empty()) {
            partition.order = wishes.policy->partitions.front().order;
            partition.reservations = wishes.policy->partitions.front().reservations;
        }
        partition.order = wishes.order.value_or(partition.order);
    }
}

/// The idle class as the given policy has it, or as usual.
IdleLoad idle_load(const ZoneWishes& wishes) {
    IdleLoad load{.run = *wishes.idle_run};
    if (wishes.policy != nullptr) {
        const auto idle = std::ranges::find_if(wishes.policy->qos, is_idle_class);
        load.sure = idle == wishes.policy->qos.end() ? load.sure : idle->min_runtime;
        load.grace = wishes.policy->preemption.grace;
    }
    return load;
}

void add_idle_class(PlannedZone& zone, const ZoneWishes& wishes) {
    zone.idle = idle_load(wishes);
    zone.policy.qos.push_back({.id = kIdle,
                               .factor_permille = 0,
                               .tier = 0,
                               .time_limit = std::max(zone.idle->run, minutes(1)),
                               .min_runtime = zone.idle->sure,
                               .no_backfill_hold = true});
    std::vector<std::string>& order = zone.policy.preemption.order;
    order.insert(order.begin(), kIdle.value.str());
    zone.policy.preemption.grace = zone.idle->grace;
    for (Programme& programme : zone.policy.programmes) {
        programme.qos.push_back(kIdle);
    }
    add_enterprise(zone, kIdleTenant);
}

Span longest_of(const std::vector<TraceJob>& jobs) {
    Span longest = kLongest;
    for (const TraceJob& job : jobs) {
        longest = std::max({longest, job.duration, job.limit});
    }
    return std::min(longest, limits::time_limit_max);
}

}  // namespace

Inventory plain_node(int gpus, int cores) {
    Inventory node;
    node.source = "file";
    node.packages = 2;
    const Bytes memory = gibibytes(std::max(1024, cores));
    for (int numa = 0; numa < 2; ++numa) {
        node.numa_nodes.push_back({.os_index = numa, .package = numa, .memory = memory});
    }
    node.memory = memory * 2;
    for (int core = 0; core < cores; ++core) {
        const int half = 2 * core / cores;
        node.cores.push_back({.package = half, .numa = half, .pus = {core}});
    }
    for (int to = 0; to < gpus; ++to) {
        Gpu gpu;
        gpu.model = kModel;
        gpu.pci = fmt::format("0000:{:02x}:00.0", to + 1);
        gpu.numa = gpu.package = 2 * to / gpus;
        node.gpus.push_back(gpu);
        for (int from = 0; from < to; ++from) {
            node.links.push_back({.from = from, .to = to, .kind = LinkKind::NvSwitch});
        }
    }
    return node;
}

Expected<PlannedZone, std::string> plan_zone(const Machine& machine,
                                             const std::vector<TraceJob>& jobs,
                                             const ZoneWishes& wishes) {
    PlannedZone zone;
    zone.begins = wishes.begins;
    zone.longest = longest_of(jobs);
    zone.cores_only = machine.cores_only;
    zone.policy.id = PolicyId{"plan-1"};
    zone.policy.effective_from = kLongAgo;
    zone.policy.utc_offset_minutes = 0;
    zone.policy.zone.id = kZone;
    zone.policy.zone.name = "plan";
    zone.policy.zone.province = {"00", "plan"};
    add_units(zone.policy);
    for (const NodeGroup& group : machine.groups) {
        if (Expected<Done, std::string> added = add_group(zone, group); !added) {
            return Unexpected{std::move(added).error()};
        }
    }
    if (zone.nodes.empty() || zone.all_nodes > limits::nodes_max) {
        return Unexpected{fmt::format("a machine has 1 to {} nodes, this one {}", limits::nodes_max,
                                      zone.all_nodes)};
    }
    add_programme(zone.policy);
    if (wishes.policy != nullptr) {
        take_borrowing(zone, *wishes.policy);
    }
    for (const TraceJob& job : jobs) {
        add_enterprise(zone, job.tenant);
        add_grant(zone, job);
    }
    if (wishes.idle_run) {
        add_idle_class(zone, wishes);
    }
    std::int64_t grants = 0;
    for (const Enterprise& enterprise : zone.policy.enterprises) {
        grants += static_cast<std::int64_t>(enterprise.grants.size());
    }
    for (Enterprise& enterprise : zone.policy.enterprises) {
        for (PolicyGrant& grant : enterprise.grants) {
            grant.amount = gpu_hours(kAllGpuHours / grants);
        }
    }
    take_over(zone.policy, wishes);
    return zone;
}

std::int64_t installed(const PlannedZone& zone) {
    if (zone.cores_only) {
        std::int64_t cores = 0;
        for (const PlannedNode& node : zone.nodes) {
            cores += static_cast<std::int64_t>(node.inventory.cores.size());
        }
        return cores;
    }
    return zone.gpus_per_node == 0 ? zone.all_nodes : zone.gpus;
}

JobSpec idle_spec(const PlannedZone& zone) {
    const TraceJob one{.id = "",
                       .duration = zone.idle->run,
                       .nodes = 1,
                       .gpus = 1,
                       .cpus = 1,
                       .tenant = kIdleTenant};
    JobSpec spec = spec_of(zone, one, Runtimes::Known);
    spec.qos = kIdle;
    return spec;
}

JobSpec spec_of(const PlannedZone& zone, const TraceJob& job, Runtimes runtimes) {
    JobSpec spec;
    spec.name = "job";
    spec.enterprise = zone.enterprises.at(job.tenant);
    spec.user = UserId{job.user.empty() ? "u" : job.user};
    spec.programme = programme_of(zone.policy, job);
    spec.qos = kQos;
    const auto own = zone.partitions.find(job.tenant);
    spec.partition = own != zone.partitions.end() ? own->second : zone.partitions.begin()->second;
    spec.shape.cores = 0;  // The partition's share for the GPUs.
    if (zone.cores_only) {
        spec.shape.cores = std::max({1, job.cpus, job.nodes});
    } else if (zone.gpus_per_node == 0) {
        spec.nodes = std::max(1, job.nodes);
        spec.shape.exclusive = true;
    } else if (job.gpus == 0) {
        spec.nodes = std::max(1, job.nodes);
        spec.shape.cores = std::max(1, (job.cpus + spec.nodes - 1) / spec.nodes);
    } else if (job.gpus <= zone.gpus_per_node) {
        spec.shape.gpus = job.gpus;
    } else {
        spec.nodes = (job.gpus + zone.gpus_per_node - 1) / zone.gpus_per_node;
        spec.shape.gpus = zone.gpus_per_node;
    }
    if (spec.shape.gpus == 0 && zone.gpus_per_node > 0) {
        spec.shape.memory = Bytes{1};  // Cores are what such a job is about.
    }
    const Span given = job.limit > Span{0} ? std::max(job.limit, job.duration) : zone.longest;
    const Span known = std::max(seconds(1), job.duration);
    spec.time_limit = runtimes == Runtimes::Known ? known : std::min(given, zone.longest);
    return spec;
}

}  // namespace khu::plan
