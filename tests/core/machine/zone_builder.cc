#include "tests/core/machine/zone_builder.h"

namespace khu::testing {
namespace {

Programme programme(const std::string& id, Tier tier, std::vector<SplitShare> split) {
    Programme made;
    made.id = ProgrammeId{id};
    made.tier = tier;
    made.eligible.classes = {EnterpriseClass::Startup};
    made.eligible.zones = {ZoneId{"test"}};
    made.grant = {
        .max = gpu_hours(10'000), .auto_approve_below = gpu_hours(10'000), .window = days(800)};
    made.split = std::move(split);
    made.qos = {QosId{"thuong"}};
    made.partitions = {PartitionId{"gpu"}};
    made.limits.max_gpus_running = 32;
    return made;
}

Enterprise enterprise(const EnterpriseId& id, const std::string& user, const std::string& grant,
                      const std::string& in, Atoms amount) {
    Enterprise made;
    made.id = id;
    made.name = "E " + id.value;
    made.zones = {{.zone = ZoneId{"test"}, .window = {.from = Moment{0}, .to = kNever}}};
    made.members = {UserId{user}};
    made.grants = {{.id = GrantId{grant},
                    .programme = ProgrammeId{in},
                    .amount = amount,
                    .window = {.from = Moment{1'760'000'000'000}, .to = Moment{1'800'000'000'000}},
                    .decision_ref = "1/QD",
                    .permit = ""}};
    return made;
}

}  // namespace

Policy small_policy() {
    Policy policy;
    policy.id = PolicyId{"test-1"};
    policy.effective_from = Moment{1'750'000'000'000};
    policy.zone = {.id = ZoneId{"test"},
                   .name = "Test",
                   .province = {"48", "Da Nang"},
                   .services = {"ai-training"}};
    policy.reference_gpu = GpuModel{"h100"};
    policy.weights = {{GpuModel{"h100"}, 1000}};
    policy.price_list = {{.from_day = Moment{1'700'000'000'000}, .vnd_per_gpuh = 27'000}};
    Partition gpu;
    gpu.id = PartitionId{"gpu"};
    gpu.nodes = {NodeName{"n1"}, NodeName{"n2"}, NodeName{"n3"}, NodeName{"n4"}};
    gpu.gpu = GpuModel{"h100"};
    gpu.gpus_per_node = 8;
    gpu.share = {.mode = ShareMode::PerGpu, .cores_per_gpu = 4, .mem_gib_per_gpu = 32};
    gpu.time_limit = {.default_limit = hours(1), .max = hours(72)};
    policy.partitions = {gpu};
    policy.qos = {{.id = QosId{"thuong"}, .factor_permille = 1000, .tier = 20}};
    Funder zone;
    zone.id = FunderId{"zone-test"};
    zone.kind = FunderKind::Zone;
    zone.budget = Mvnd{1'000'000'000'000'000};
    zone.window = {.from = Moment{0}, .to = kNever};
    policy.funders = {zone};
    policy.programmes = {
        programme("free", Tier::Free, {{FunderId{"zone-test"}, 1000}}),
        programme("half", Tier::Subsidised,
                  {{FunderId{"zone-test"}, 500}, {FunderId{kEnterprisePayer}, 500}})};
    policy.enterprises = {enterprise(sao_mai, "u-1", "G1", "free", gpu_hours(100)),
                          enterprise(song_han, "u-2", "G2", "half", gpu_hours(1000))};
    return policy;
}

Policy rich_policy() {
    Policy policy = small_policy();
    const Atoms plenty = gpu_hours(1'000'000);
    for (Programme& programme : policy.programmes) {
        programme.tier = Tier::Free;
        programme.split = {{policy.funders.front().id, 1000}};
        programme.grant.max = programme.grant.auto_approve_below = plenty;
        programme.limits.max_gpus_running = 0;
    }
    policy.funders.front().budget = Mvnd{1'000'000'000'000'000'000};
    policy.funders.front().max_share_permille = 1000;
    for (Enterprise& enterprise : policy.enterprises) {
        enterprise.grants.front().amount = plenty;
    }
    return policy;
}

Inventory eight_gpus(const std::string& name) {
    Inventory node;
    node.hostname = name;
    node.source = "file";
    node.packages = 2;
    for (int numa = 0; numa < 2; ++numa) {
        node.numa_nodes.push_back({.os_index = numa, .package = numa, .memory = gibibytes(256)});
    }
    for (int core = 0; core < 64; ++core) {
        node.cores.push_back({.package = core / 32, .numa = core / 32, .pus = {core, core + 64}});
    }
    for (int gpu = 0; gpu < 8; ++gpu) {
        Gpu made;
        made.model = GpuModel{"h100"};
        made.pci = "0000:0" + std::to_string(gpu) + ":00.0";
        made.numa = gpu / 4;
        made.package = gpu / 4;
        node.gpus.push_back(made);
        for (int other = 0; other < gpu; ++other) {
            node.links.push_back({.from = other, .to = gpu, .kind = LinkKind::NvSwitch});
        }
    }
    node.memory = gibibytes(512);
    return node;
}

Identity member_of(const EnterpriseId& enterprise) {
    return {.user = UserId{enterprise == sao_mai ? "u-1" : "u-2"},
            .enterprise = enterprise,
            .roles = {Role::Member}};
}

Identity admin() {
    return {.user = UserId{"admin"}, .enterprise = {}, .roles = {Role::ZoneAdmin}};
}

JobSpec job_of(int nodes, int gpus) {
    JobSpec spec;
    spec.name = "train";
    spec.nodes = nodes;
    spec.shape.gpus = gpus;
    spec.shape.cores = 0;
    spec.time_limit = hours(2);
    return spec;
}

Zone::Zone(const Policy& policy, int nodes) {
    const Outcome applied = tell(ApplyPolicy{.who = admin(), .policy = policy, .text = "p"});
    KHU_CHECK(!applied.refusal, "{}", text(*applied.refusal, Language::English));
    for (int node = 1; node <= nodes; ++node) {
        join(node);
    }
}

Outcome Zone::tell(const Command& command) {
    Outcome outcome = machine.handle(command, now);
    history.insert(history.end(), outcome.facts.begin(), outcome.facts.end());
    effects.insert(effects.end(), outcome.effects.begin(), outcome.effects.end());
    KHU_CHECK(machine.state().truth.ledger.audit().empty());
    return outcome;
}

JobId Zone::submit(const JobSpec& spec, const EnterpriseId& owner) {
    const Outcome outcome = tell(SubmitJob{.who = member_of(owner), .spec = spec, .key = ""});
    KHU_CHECK(!outcome.refusal, "{}", text(*outcome.refusal, Language::English));
    round();
    return outcome.job;
}

void Zone::round() {
    tell(RunRound{});
}

void Zone::join(int node, const std::string& model) {
    Inventory inventory = eight_gpus("n" + std::to_string(node));
    for (Gpu& gpu : inventory.gpus) {
        gpu.model = GpuModel{model};
    }
    join(inventory);
}

void Zone::join(const Inventory& inventory) {
    Hello hello;
    hello.run = 1;
    hello.number = 1;
    hello.node = inventory.hostname;
    hello.instance = "i" + inventory.hostname;
    hello.inventory = inventory;
    const Outcome outcome = tell(RegisterNode{hello});
    KHU_CHECK(!outcome.refusal, "{}", text(*outcome.refusal, Language::English));
    round();
}

void Zone::report(NodeId node, JobId job, AgentStage stage, AttemptResult result) {
    const Job* known = machine.state().find_job(job);
    KHU_CHECK(known != nullptr && live_attempt(*known) != nullptr);
    AttemptReport report{.job = job, .attempt = live_attempt(*known)->number, .stage = stage};
    if (stage == AgentStage::Ended) {
        report.result = result;
    }
    tell(ReportFromNode{node, machine.state().truth.nodes.at(node).epoch, report});
}

void Zone::start_running(JobId id) {
    const Placement placement = live_attempt(*job(id))->placement;
    for (const AgentStage stage : {AgentStage::Prepared, AgentStage::Running}) {
        for (const NodeAllocation& each : placement.nodes) {
            report(each.node, id, stage);
        }
    }
}

void Zone::run_to_end(JobId id, Span ran, AttemptResult result) {
    const Placement placement = live_attempt(*job(id))->placement;
    start_running(id);
    pass(ran);
    for (const NodeAllocation& each : placement.nodes) {
        if (job(id) != nullptr && live_attempt(*job(id)) != nullptr) {
            report(each.node, id, AgentStage::Ended, result);
        }
    }
    round();
}

}  // namespace khu::testing
