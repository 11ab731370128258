#include "core/sim/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/sim/claims.h"
#include "core/sim/controller.h"
#include "core/sim/watch.h"
#include "core/sim/zone.h"

namespace khu::sim {
namespace {

constexpr Moment kStart{1'775'000'000'000};
constexpr Span kHostTick = milliseconds(250);

/// A connection of one agent: messages arrive in its lifetime or not at all.
struct Link {
    std::uint64_t number{0};  ///< rises with each connection
    bool up{false};
    bool cut{false};  ///< partitioned: nothing passes, neither side knows yet
    NodeId node;
    Epoch epoch;
    bool registered{false};
    Moment last_arrival;
};

class Simulation {
public:
    explicit Simulation(const Options& options)
        : options_(options),
          faults_(faults_of(options.seed)),
          random_(options.seed),
          time_(kStart),
          controller_(time_, random_, faults_.slow_store,
                      [this](const Effect& effect) { perform(effect); }) {}

    Report run();

private:
    void build();
    void plan_faults();
    void plan_drains();
    void part_ended(const StartAttempt& order);
    void note_disturbances();
    void plan_submissions();
    void host_loop(std::size_t index);
    void connect(std::size_t index);
    void break_link(std::size_t index);
    void send_to_khud(std::size_t index, const FromAgent& message);
    void arrive_at_khud(std::size_t index, std::uint64_t connection, const FromAgent& message);
    void send_to_agent(const SendToAgent& effect);
    void perform(const Effect& effect);
    void submit(int number, int tries);
    void add_rules(JobSpec& spec, int number, Random& of_job) const;
    void cancel(JobId job, const Identity& who);
    template <class Deliver>
    void pass(Link& link, Deliver deliver);
    void plan_reservations();
    void crash_controller();
    void crash_node(std::size_t index, bool whole);
    void note(const std::string& what);
    void check();
    [[nodiscard]] bool faulty() const { return time_.now() < kStart + options_.faults_for; }
    [[nodiscard]] std::optional<std::string> unrest() const;
    [[nodiscard]] std::string held_by(const Job& job) const;

    Options options_;
    Faults faults_;
    Random random_;
    Clockwork time_;
    Controller controller_;
    std::vector<std::unique_ptr<Host>> hosts_;
    std::vector<Link> links_;
    Promises promises_;
    Watch watch_;
    Digest trace_;
    Report report_;
};

void Simulation::note(const std::string& what) {
    trace_.add(static_cast<std::uint64_t>(time_.now().value));
    trace_.add(what);
}

// --- Links ----------------------------------------------------------------------

/// Delays, loses, repeats and reorders one message of `link`.
template <class Deliver>
void Simulation::pass(Link& link, Deliver deliver) {
    if (!link.up || link.cut || (faulty() && random_.chance(faults_.lose_permille))) {
        return;
    }
    Moment arrival = time_.now() + milliseconds(random_.between(1, faulty() ? 60 : 5));
    const bool overtakes = faulty() && random_.chance(faults_.reorder_permille);
    if (overtakes) {
        arrival = arrival + milliseconds(random_.between(0, 3000));
    } else {
        arrival = std::max(arrival, link.last_arrival);
        link.last_arrival = arrival;
    }
    time_.at(arrival, deliver);
    if (faulty() && random_.chance(faults_.repeat_permille)) {
        time_.at(arrival + milliseconds(random_.between(0, 2000)), deliver);
    }
}

void Simulation::connect(std::size_t index) {
    Link& link = links_[index];
    Host& host = *hosts_[index];
    if (link.up || !host.agent_up() || !controller_.up() || link.cut) {
        return;
    }
    link.up = true;
    link.registered = false;
    ++link.number;
    link.last_arrival = time_.now();
    host.connected();
}

void Simulation::break_link(std::size_t index) {
    links_[index].up = false;
    links_[index].registered = false;
    watch_.host_disturbed(hosts_[index]->name(), time_.now());
    hosts_[index]->disconnected();
}

void Simulation::send_to_khud(std::size_t index, const FromAgent& message) {
    const std::uint64_t connection = links_[index].number;
    pass(links_[index],
         [this, index, connection, message] { arrive_at_khud(index, connection, message); });
}

void Simulation::arrive_at_khud(std::size_t index, std::uint64_t connection,
                                const FromAgent& message) {
    Link& link = links_[index];
    if (connection != link.number || !link.up || !controller_.up()) {
        return;
    }
    const auto refused = [this, index, connection](const Outcome& outcome) {
        if (outcome.refusal && links_[index].number == connection) {
            note("refused " + std::string(info(outcome.refusal->code).id));
            break_link(index);
        }
    };
    if (const auto* hello = std::get_if<Hello>(&message)) {
        controller_.tell(RegisterNode{*hello}, refused);
    } else if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) {
        if (link.registered) {
            controller_.tell(HearNode{link.node, link.epoch, heartbeat->number}, refused);
        }
    } else if (const auto* report = std::get_if<AttemptReport>(&message)) {
        if (link.registered) {
            controller_.tell(ReportFromNode{link.node, link.epoch, *report}, refused);
        }
    }
}

void Simulation::perform(const Effect& effect) {
    if (const auto* send = std::get_if<SendToAgent>(&effect)) {
        send_to_agent(*send);
    } else if (const auto* usage = std::get_if<PostUsage>(&effect)) {
        watch_.billed(usage->row);
    } else if (const auto* archive = std::get_if<ArchiveJob>(&effect)) {
        promises_.archived.insert(archive->job.id);
        ++report_.finished;
        note("archived " + std::to_string(archive->job.id.value));
    }
}

void Simulation::send_to_agent(const SendToAgent& effect) {
    for (std::size_t index = 0; index < links_.size(); ++index) {
        Link& link = links_[index];
        if (const auto* welcome = std::get_if<Welcome>(&effect.message)) {
            if (hosts_[index]->name() != welcome->name) {
                continue;
            }
            link.node = effect.node;
            link.epoch = effect.epoch;
            link.registered = true;
        } else if (!link.registered || link.node != effect.node || link.epoch != effect.epoch) {
            continue;
        }
        const std::uint64_t connection = link.number;
        pass(link, [this, index, connection, message = effect.message] {
            if (links_[index].number != connection || !links_[index].up) {
                return;
            }
            const bool launch = std::holds_alternative<RunAttempt>(message);
            if (launch && faulty() && faults_.host_crashes && random_.chance(30)) {
                crash_node(index, true);  // at the worst moment: the others run already
                return;
            }
            hosts_[index]->receive(message);
        });
    }
}

// --- Clients ----------------------------------------------------------------------

/// Some jobs wait for one before them, some must end in time, some have rules for their
/// nodes. A retry asks for the same: what it depends on was acknowledged before the first try or
/// never is named.
void Simulation::add_rules(JobSpec& spec, int number, Random& of_job) const {
    const auto earlier = promises_.job_of_key.find("key-" + std::to_string(number - kEnterprises));
    if (of_job.chance(150) && number > kEnterprises && earlier != promises_.job_of_key.end()) {
        const After on{static_cast<After>(of_job.below(4))};
        spec.when.edit().after = {{.job = earlier->second, .on = on}};
    }
    if (of_job.chance(100)) {
        spec.when.edit().deadline = kStart + minutes(60);
    }
    if (of_job.chance(100)) {
        spec.nodes = 1;
        spec.shape.gpus = 1;
        spec.time_limit = seconds(60);  // four of them, so that the zone still comes to rest
        spec.array = ArrayRules{.indices = {{.first = 1, .last = 4}}, .running_max = 2};
    }
    if (of_job.chance(200)) {
        spec.where.edit() = {
            .features = {FeatureName{"nvme"}}, .segment = 1, .segment_level = Text("rack")};
    }
    if (of_job.chance(300)) {
        spec.qos = QosId{kIdleQos};
    }
    spec.or_idle = of_job.chance(300);
    if (of_job.chance(150) && spec.qos.empty()) {
        spec.nodes = 1;
        spec.time_limit = seconds(of_job.between(20, 80));
        spec.or_idle = false;
        const int owner = 1 + number % kEnterprises;
        const char* own = owner == 1 ? kSimBooking : owner == 3 ? kSimCourse : kSimReservation;
        spec.where.edit().reservation = Text(of_job.chance(500) ? own : kSimReservation);
    }
    if (of_job.chance(200) && spec.where->reservation.empty()) {
        offer_alternatives(spec);
    }
    if (of_job.chance(150) && spec.where->reservation.empty()) {
        spec.shape.gpu_model = GpuModel{kSimSlice};
    }
    if (of_job.chance(150) && spec.where->reservation.empty()) {
        const int count = static_cast<int>(of_job.between(1, 2));
        spec.counted = CountedWishes{{{ResourceId{kSimLicence}, count}}};
    }
}

/// Tries again with the same key until it is acknowledged, as the command line does.
void Simulation::submit(int number, int tries) {
    const std::string key = "key-" + std::to_string(number);
    if (promises_.job_of_key.contains(key)) {
        return;
    }
    Random of_job(options_.seed * 1000 + static_cast<std::uint64_t>(number));
    JobSpec spec;
    spec.nodes = static_cast<int>(of_job.between(1, std::min(3, options_.agents)));
    spec.shape.gpus = static_cast<int>(of_job.between(1, 4));
    spec.shape.cores = 0;
    spec.time_limit = seconds(of_job.between(60, 400));
    spec.launcher = of_job.chance(500) ? Launcher::Fork : Launcher::Mpi;
    const Identity who = sim_member(1 + number % kEnterprises);
    add_rules(spec, number, of_job);
    const SubmitJob command{.who = who, .spec = spec, .key = key, .request_digest = 1};
    controller_.tell(command, [this, key, who](const Outcome& outcome) {
        if (outcome.refusal) {
            return;
        }
        const auto [at, fresh] = promises_.job_of_key.emplace(key, outcome.job);
        const auto [owner, new_id] = promises_.key_of_job.emplace(outcome.job, key);
        if (at->second != outcome.job || owner->second != key) {
            report_.broken = fmt::format("I2 key {} made jobs {} and {}", key, at->second.value,
                                         outcome.job.value);
        }
        if (fresh) {
            ++report_.acknowledged;
            note("acknowledged " + std::to_string(outcome.job.value));
            if (random_.chance(100)) {
                time_.in(seconds(random_.between(1, 120)),
                         [this, job = outcome.job, who] { cancel(job, who); });
            }
        }
    });
    if (tries > 0) {
        time_.in(seconds(3), [this, number, tries] { submit(number, tries - 1); });
    }
}

void Simulation::cancel(JobId job, const Identity& who) {
    controller_.tell(CancelJob{who, job}, {});
}

// --- The plan of a seed ----------------------------------------------------------------------

void Simulation::build() {
    Policy policy = sim_policy(options_.agents, random_);
    policy.calendar.reservations = {sim_reservation(options_.agents, kStart), sim_course(kStart)};
    policy.resources = {{.id = ResourceId{kSimLicence}, .count = 4, .max_per_enterprise = 3}};
    controller_.tell(ApplyPolicy{.who = sim_admin(), .policy = std::move(policy), .text = ""},
                     [this](const Outcome& outcome) {
                         KHU_CHECK(!outcome.refusal, "{}",
                                   text(*outcome.refusal, Language::English));
                     });
    links_.resize(static_cast<std::size_t>(options_.agents));
    for (int number = 1; number <= options_.agents; ++number) {
        const auto index = static_cast<std::size_t>(number - 1);
        Hello hello;
        hello.node = node_name(number);
        hello.instance = "instance-" + std::to_string(number);
        hello.inventory = sim_inventory(number);
        const int drift = faults_.clock_drift ? static_cast<int>(random_.between(-500, 500)) : 0;
        hosts_.push_back(std::make_unique<Host>(
            time_, random_, hello, drift,
            Host::Events{
                .send = [this, index](const FromAgent& said) { send_to_khud(index, said); },
                .rank_failed = [this](AttemptKey key) { watch_.rank_failed(key); },
                .part_ended = [this](const StartAttempt& order) { part_ended(order); }}));
        hosts_.back()->start_agent();
        time_.in(milliseconds(random_.between(10, 900)), [this, index] { host_loop(index); });
    }
}

/// The other parts of the gang notice within seconds, each in its own time.
void Simulation::part_ended(const StartAttempt& order) {
    const AttemptKey key{order.job, order.attempt};
    for (const auto& host : hosts_) {
        const bool takes_part = std::ranges::any_of(
            order.nodes, [&](const PeerNode& peer) { return peer.name == host->name(); });
        if (takes_part && order.nodes.size() > 1) {
            time_.in(milliseconds(random_.between(100, 3000)),
                     [other = host.get(), key] { other->part_is_gone(key); });
        }
    }
}

void Simulation::host_loop(std::size_t index) {
    connect(index);
    hosts_[index]->tick();
    time_.in(kHostTick, [this, index] { host_loop(index); });
}

void Simulation::plan_submissions() {
    for (int number = 0; number < options_.jobs; ++number) {
        const Span after = milliseconds(random_.between(1000, options_.faults_for.value - 1000));
        time_.in(after, [this, number] { submit(number, 400); });
    }
}

void Simulation::crash_controller() {
    if (!controller_.up() || !faulty()) {
        return;
    }
    ++report_.controller_crashes;
    note("khud crashes");
    controller_.crash();
    for (std::size_t index = 0; index < links_.size(); ++index) {
        break_link(index);
    }
    time_.in(milliseconds(random_.between(50, random_.chance(200) ? 60'000 : 4000)), [this] {
        if (auto broken = controller_.recover()) {
            report_.broken = *broken;
        }
        note("khud is back");
    });
}

/// `whole`: with everything that runs there, not only the agent.
void Simulation::crash_node(std::size_t index, bool whole) {
    Host& host = *hosts_[index];
    if (!host.agent_up()) {
        return;
    }
    ++report_.agent_crashes;
    note((whole ? "host crashes " : "agent crashes ") + host.name());
    break_link(index);
    whole ? host.crash_host() : host.crash_agent();
    time_.in(milliseconds(random_.between(100, random_.chance(300) ? 90'000 : 5000)),
             [this, index] { hosts_[index]->start_agent(); });
}

void Simulation::plan_faults() {
    const auto some_time = [this] {
        return milliseconds(random_.between(2000, options_.faults_for.value - 2000));
    };
    const auto some_host = [this] { return random_.below(hosts_.size()); };
    for (int i = 0; faults_.controller_crashes && i < 5; ++i) {
        time_.in(some_time(), [this] { crash_controller(); });
    }
    for (int i = 0; faults_.agent_crashes && i < 6; ++i) {
        time_.in(some_time(), [this, some_host] {
            crash_node(some_host(), faults_.host_crashes && random_.chance(500));
        });
    }
    for (int i = 0; faults_.partitions && i < 5; ++i) {
        time_.in(some_time(), [this, some_host] {
            const std::size_t index = some_host();
            ++report_.partitions;
            note("cut " + hosts_[index]->name());
            links_[index].cut = true;
            if (random_.chance(500)) {
                time_.in(seconds(random_.between(1, 20)), [this, index] { break_link(index); });
            }
            time_.in(seconds(random_.between(1, 90)), [this, index] {
                links_[index].cut = false;
                break_link(index);  // TCP gives up, or the next write finds the peer gone
            });
        });
    }
}

/// One is booked as soon as a node is there, and rules of the province and an enterprise come; in
/// the end, what waits for a window that will not come is cancelled.
void Simulation::plan_reservations() {
    for (int i = 0; i < 30; ++i) {
        time_.in(milliseconds(300) * i, [this] {
            controller_.tell(sim_booking(kStart), {});
            controller_.tell(sim_counted_booking(kStart), {});
            controller_.tell(sim_rules(kStart), {});
            controller_.tell(sim_own_rules(kStart), {});
        });
    }
    for (int i = 0; i < 60; ++i) {
        time_.in(options_.faults_for + seconds(20) * i, [this] {
            const Machine* machine = controller_.machine();
            const std::vector<JobId> late =
                machine == nullptr ? std::vector<JobId>{} : too_late(machine->state(), time_.now());
            for (const JobId job : late) {
                cancel(job, sim_admin());
            }
        });
    }
}

void Simulation::plan_drains() {
    for (int i = 0; faults_.drains && i < 4; ++i) {
        const Span after = milliseconds(random_.between(2000, options_.faults_for.value - 2000));
        const NodeName node{hosts_[random_.below(hosts_.size())]->name()};
        time_.in(after, [this, node] {
            controller_.tell(DrainNode{sim_admin(), node, "a look at it"}, {});
        });
        for (const Span later : {seconds(random_.between(1, 60)), options_.faults_for,
                                 options_.faults_for + minutes(2)}) {
            time_.in(after + later,  // more than once in case khud is away
                     [this, node] { controller_.tell(ResumeNode{sim_admin(), node}, {}); });
        }
    }
}

// --- The run ----------------------------------------------------------------------

void Simulation::note_disturbances() {
    for (std::size_t index = 0; index < links_.size(); ++index) {
        const Link& link = links_[index];
        if (!link.up || link.cut || !hosts_[index]->agent_up()) {
            watch_.host_disturbed(hosts_[index]->name(), time_.now());
        }
    }
    if (!controller_.up() || (faulty() && faults_.lose_permille > 0)) {
        watch_.zone_disturbed(time_.now());
    }
}

void Simulation::check() {
    if (!report_.broken.empty()) {
        return;
    }
    note_disturbances();
    auto broken = broken_claim(controller_, hosts_, promises_);
    if (!broken) {
        broken = watch_.broken(controller_, hosts_, time_.now());
    }
    if (!broken && report_.steps % 32 == 0) {
        broken = unbounded(controller_, hosts_);
    }
    if (broken) {
        report_.broken = *broken;
    }
}

/// For people who look into a seed: the nodes that have not released the job's attempt.
std::string Simulation::held_by(const Job& job) const {
    const Attempt* attempt = live_attempt(job);
    std::string words;
    for (std::size_t rank = 0; attempt != nullptr && rank < attempt->stages.size(); ++rank) {
        if (attempt->stages[rank] == NodeStage::Released) {
            continue;
        }
        const NodeRecord& node =
            controller_.machine()->state().truth.nodes.at(attempt->placement.nodes[rank].node);
        words += fmt::format(", attempt {} on {} ({})", attempt->number.value, node.name.value,
                             node.up ? "up" : "lost");
    }
    return words;
}

/// I16: what has not come to rest.
std::optional<std::string> Simulation::unrest() const {
    if (!controller_.up()) {
        return "I16 khud is down";
    }
    const State& state = controller_.machine()->state();
    for (const auto& [id, job] : state.truth.jobs) {
        return fmt::format("I16 job {} is still {}{}", id.value, phase_name(job.phase),
                           held_by(job));
    }
    for (const auto& host : hosts_) {
        for (const auto& [key, process] : host->processes()) {
            return fmt::format("I16 attempt {}.{} is left on {}", key.job.value, key.attempt.value,
                               host->name());
        }
    }
    return std::nullopt;
}

Report Simulation::run() {
    report_.seed = options_.seed;
    report_.faults = faults_.text();
    build();
    plan_submissions();
    plan_faults();
    plan_drains();
    plan_reservations();
    std::function<void()> tick = [this, &tick] {
        controller_.tick();
        time_.in(milliseconds(100), tick);
    };
    tick();
    const Moment end = kStart + options_.faults_for + options_.rest_within;
    std::optional<std::string> restless = "I16 nothing was asked";
    while (report_.broken.empty() && time_.next() <= end) {
        time_.step();
        ++report_.steps;
        if (report_.steps % 8 == 0 || faulty()) {
            check();
        }
        if (!faulty() && report_.steps % 64 == 0) {
            restless = unrest();
            if (!restless) {
                break;
            }
        }
    }
    check();
    if (report_.broken.empty() && restless) {
        report_.broken = *restless;
    }
    if (!report_.broken.empty()) {
        report_.broken += " at " + format_span(time_.now() - kStart);
    }
    for (const Stamped& fact : controller_.store().facts) {
        report_.attempts += std::holds_alternative<JobPlaced>(fact.fact) ? 1 : 0;
    }
    report_.ok = report_.broken.empty();
    report_.trace = trace_.value();
    return report_;
}

}  // namespace

std::string Faults::text() const {
    std::string words = fmt::format("lose={} repeat={} reorder={}", lose_permille, repeat_permille,
                                    reorder_permille);
    const auto add = [&](bool on, const char* name) { words += on ? std::string(" ") + name : ""; };
    add(partitions, "partitions");
    add(controller_crashes, "khud-crashes");
    add(agent_crashes, "agent-crashes");
    add(host_crashes, "host-crashes");
    add(slow_store, "slow-store");
    add(clock_drift, "drift");
    add(drains, "drains");
    return words;
}

Faults faults_of(std::uint64_t seed) {
    Random random(seed ^ 0xfa017);
    Faults faults;
    faults.lose_permille = random.chance(500) ? static_cast<int>(random.between(1, 300)) : 0;
    faults.repeat_permille = random.chance(500) ? static_cast<int>(random.between(1, 100)) : 0;
    faults.reorder_permille = random.chance(500) ? static_cast<int>(random.between(1, 200)) : 0;
    faults.partitions = random.chance(500);
    faults.controller_crashes = random.chance(600);
    faults.agent_crashes = random.chance(600);
    faults.host_crashes = random.chance(400);
    faults.slow_store = random.chance(300);
    faults.clock_drift = random.chance(500);
    faults.drains = random.chance(400);
    return faults;
}

Report run(const Options& options) {
    return Simulation(options).run();
}

}  // namespace khu::sim
