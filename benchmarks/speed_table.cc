/// \file
/// The lines of Khu's speed that need no network, each at 1x, 10x and 100x the work, with the
/// exponent of its growth: time ~ work^exponent, fitted by least squares over the logarithms. 0 is
/// "does not depend on it", 1 is linear.
///
///     speed_table            everything; a few minutes
///     speed_table NAME       lines whose name contains NAME
///     speed_table --small    a hundredth of the work, to see that it runs
///
/// Durable submits over the API are measured by load/submit_load.cc, beside Slurm by
/// side_by_side.sh; a single run says little about another machine.

#include <malloc.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <functional>
#include <string>

#include <fmt/format.h>

#include "benchmarks/schedule_zone.h"
#include "core/plan/measures.h"
#include "core/sim/zone.h"
#include "daemon/engine.h"
#include "daemon/snapshot.h"
#include "wire/json.h"

namespace khu::bench {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// --- The scheduler ----------------------------------------------------------------------

constexpr int kDecisions = 20'000;
constexpr int kEvents = 2'000;
constexpr int kLargeZone = 10'000;

/// Seconds of one decision (place and give back) on so many nodes, three quarters full.
double decision(std::int64_t nodes) {
    Zone zone(static_cast<int>(nodes));
    zone.fill_gpus(6);
    std::int64_t made = 0;
    const auto start = Clock::now();
    while (made < kDecisions) {
        made += zone.decide(6);
    }
    return seconds_since(start) / kDecisions;
}

/// Seconds from an event (a job ends, another is submitted, by turns) to the end of its round, 99th
/// percentile, with so many jobs pending on 10,000 nodes.
double event(std::int64_t pending) {
    Zone zone(kLargeZone);
    zone.fill(static_cast<int>(pending));
    std::vector<double> took;
    for (int i = 0; i < kEvents; ++i) {
        const auto start = Clock::now();
        i % 2 == 0 ? zone.end_one() : zone.submit();
        zone.round();
        took.push_back(seconds_since(start));
        zone.fill(static_cast<int>(pending));
    }
    std::ranges::sort(took);
    return took[took.size() * 99 / 100];
}

/// Seconds of a round that looks at everything, as after a new policy.
double replan(std::int64_t pending) {
    Zone zone(kLargeZone);
    zone.fill(static_cast<int>(pending));
    const auto start = Clock::now();
    zone.scheduler.partitions_changed({*zone.scheduler.cluster().partition(kPartition)});
    zone.round();
    return seconds_since(start);
}

// --- The machine ----------------------------------------------------------------------

const Moment kNow{1'775'000'000'000};

/// A zone whose nodes never come, so that every job waits.
Machine waiting_zone() {
    Random random(1);
    Machine machine{ZoneId{"sim"}};
    machine.handle(
        ApplyPolicy{.who = sim::sim_admin(), .policy = sim::sim_policy(16, random), .text = "p"},
        kNow);
    return machine;
}

SubmitJob job(std::int64_t number) {
    JobSpec spec;
    spec.name = "train-" + std::to_string(number);
    spec.shape = {.gpus = 1, .gpu_model = {}, .cores = 2, .memory = gibibytes(4)};
    spec.time_limit = seconds(60 + number % 3000);
    return {.who = sim::sim_member(1),
            .spec = spec,
            .key = "8c7f4e0a-0000-4000-8000-" + std::to_string(100'000'000'000 + number),
            .request_digest = 1};
}

/// Bytes of memory for all of so many pending jobs.
double memory(std::int64_t jobs) {
    Machine machine = waiting_zone();
    const auto before = static_cast<std::int64_t>(mallinfo2().uordblks);
    for (std::int64_t number = 0; number < jobs; ++number) {
        machine.handle(job(number), kNow);
    }
    return static_cast<double>(static_cast<std::int64_t>(mallinfo2().uordblks) - before);
}

/// Seconds from the submission of an array of so many elements to its facts.
double array(std::int64_t elements) {
    Machine machine = waiting_zone();
    SubmitJob submit = job(0);
    ArrayRules rules;
    rules.indices = {{.first = 1, .last = static_cast<int>(elements), .step = 1}};
    submit.spec.array = rules;
    const auto start = Clock::now();
    const Outcome made = machine.handle(submit, kNow);
    KHU_CHECK(!made.refusal, "{}", text(*made.refusal, Language::English));
    return seconds_since(start);
}

// --- The store ----------------------------------------------------------------------

class Folder {
public:
    Folder() {
        const char* base = ::getenv("KHU_BENCH_DIR");
        std::string name = base == nullptr ? std::filesystem::temp_directory_path().string() : base;
        name += "/khu-speed-XXXXXX";
        KHU_CHECK(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() { std::filesystem::remove_all(path); }
    std::string path;
};

/// The facts of so many submissions, and snapshots as khud writes them.
void store_jobs(daemon::Store& store, std::int64_t jobs) {
    Machine machine{ZoneId{"sim"}};
    EventSeq snapshot_at;
    daemon::Batch batch;
    const auto flush = [&] {
        const Truth& truth = machine.state().truth;
        const auto since = static_cast<std::int64_t>(truth.last.value - snapshot_at.value);
        if (since >= limits::snapshot_every_facts) {
            batch.snapshot =
                daemon::Snapshot{.up_to = truth.last, .chunks = daemon::write_snapshot(truth)};
            snapshot_at = truth.last;
        }
        KHU_CHECK(store.commit(batch).has_value());
        batch = {};
    };
    const auto keep = [&](const Outcome& outcome) {
        KHU_CHECK(!outcome.refusal, "{}", text(*outcome.refusal, Language::English));
        for (const Stamped& fact : outcome.facts) {
            batch.facts.push_back(
                {.seq = fact.seq, .at = fact.at, .json = wire::to_json_text(fact.fact)});
        }
        for (const Effect& effect : outcome.effects) {
            if (const auto* post = std::get_if<PostEntries>(&effect)) {
                batch.entries.insert(batch.entries.end(), post->entries.begin(),
                                     post->entries.end());
            }
        }
    };
    Random random(1);
    keep(machine.handle(
        ApplyPolicy{.who = sim::sim_admin(), .policy = sim::sim_policy(16, random), .text = "p"},
        kNow));
    for (std::int64_t number = 0; number < jobs; ++number) {
        keep(machine.handle(job(number), kNow));
        if (batch.facts.size() >= 512) {
            flush();
        }
    }
    flush();
}

/// Seconds until khud's engine has the zone again, with so many jobs stored.
double restart(std::int64_t jobs) {
    const Folder folder;
    const daemon::StoreOptions options{.directory = folder.path, .zone = ZoneId{"sim"}};
    {
        auto store = daemon::open_store(options);
        store_jobs(**store, jobs);
    }
    const auto start = Clock::now();
    auto store = daemon::open_store(options);
    const auto engine = daemon::Engine::open(ZoneId{"sim"}, **store);
    KHU_CHECK(engine.has_value());
    const double took = seconds_since(start);
    KHU_CHECK((*engine)->last().value > static_cast<std::uint64_t>(jobs));
    return took;
}

// --- khu plan ----------------------------------------------------------------------

/// Jobs like those of a GPU cluster, arriving so that 80 nodes of 8 are about 85 % used.
std::vector<plan::TraceJob> trace(std::int64_t jobs) {
    Random random(7);
    std::vector<plan::TraceJob> all;
    Span at;
    for (std::int64_t i = 0; i < jobs; ++i) {
        plan::TraceJob each;
        each.id = std::to_string(i);
        const std::uint64_t kind = random.below(100);
        each.gpus = kind < 70 ? 1 : kind < 85 ? 2 : kind < 93 ? 4 : kind < 99 ? 8 : 16;
        each.duration = seconds(random.between(60, random.chance(100) ? 40'000 : 4'000));
        each.submit = at;
        each.tenant = "t" + std::to_string(random.below(11));
        each.user = "u" + std::to_string(random.below(200));
        at = at + seconds(random.between(0, 32));
        all.push_back(std::move(each));
    }
    return all;
}

double replay(std::int64_t jobs) {
    const std::vector<plan::TraceJob> all = trace(jobs);
    plan::Machine machine;
    machine.groups = {
        {.count = 80, .inventory = plan::plain_node(8, 64), .rack_of = 0, .tenant = ""}};
    const plan::PlannedZone zone = plan::plan_zone(machine, all, {}).value();
    const auto start = Clock::now();
    const plan::ReplayResult result = plan::replay(zone, all, plan::Runtimes::Known);
    KHU_CHECK(static_cast<std::int64_t>(result.jobs.size()) == jobs);
    return seconds_since(start);
}

// --- The table ----------------------------------------------------------------------

struct Line {
    std::string name;
    std::string work;  ///< what grows
    std::int64_t least;
    std::string unit;
    double per_unit;  ///< seconds (bytes) of one unit
    std::string bound;
    std::function<double(std::int64_t)> measure;
    bool each{false};  ///< shown for one unit of work
};

std::vector<Line> lines() {
    return {
        {"decision", "nodes", 100, "us", 1e-6, "10 us at 1,000 nodes", decision},
        {"event p99", "pending", 1'000, "us", 1e-6, "1,000 us at 100,000", event},
        {"re-plan", "pending", 10'000, "ms", 1e-3, "1,000 ms at 1,000,000", replan},
        {"array submit", "elements", 1'000, "us", 1e-6, "one submit at 100,000", array},
        {"memory", "pending", 1'000, "bytes/job", 1, "1,024 bytes/job", memory, true},
        {"restart", "stored", 10'000, "ms", 1e-3, "5,000 ms at 1,000,000", restart},
        {"replay", "jobs", 1'000, "ms", 1e-3, "10,000 ms at 100,000", replay},
    };
}

double exponent(const std::array<std::int64_t, 3>& work, const std::array<double, 3>& cost) {
    double x = 0, y = 0, xx = 0, xy = 0;
    for (std::size_t i = 0; i < work.size(); ++i) {
        const double at = std::log(static_cast<double>(work[i]));
        const double of = std::log(std::max(cost[i], 1e-12));
        x += at;
        y += of;
        xx += at * at;
        xy += at * of;
    }
    const double n = static_cast<double>(work.size());
    return (n * xy - x * y) / (n * xx - x * x);
}

void measure(const Line& line, std::int64_t smaller) {
    std::array<std::int64_t, 3> work{};
    std::array<double, 3> cost{};
    std::string row = fmt::format("{:<13} {:<9}", line.name, line.work);
    for (std::size_t i = 0; i < work.size(); ++i) {
        work[i] = std::max<std::int64_t>(10, line.least / smaller);
        for (std::size_t times = 0; times < i; ++times) {
            work[i] *= 10;
        }
        cost[i] = line.measure(work[i]);
        const double shown = cost[i] / line.per_unit / (line.each ? double(work[i]) : 1.0);
        row += fmt::format(" {:>9} {:>10.1f}", work[i], shown);
        malloc_trim(0);
    }
    fmt::print("{} {:<10} {:>8.2f}   {}\n", row, line.unit, exponent(work, cost), line.bound);
    std::fflush(stdout);
}

}  // namespace
}  // namespace khu::bench

int main(int argc, char** argv) {
    std::string only;
    std::int64_t smaller = 1;
    for (int i = 1; i < argc; ++i) {
        const std::string word = argv[i];
        word == "--small" ? void(smaller = 100) : void(only = word);
    }
    fmt::print("{:<13} {:<9} {:>20} {:>20} {:>20} {:<10} {:>8}   {}\n", "line", "work", "1x", "10x",
               "100x", "unit", "exponent", "bound");
    for (const auto& line : khu::bench::lines()) {
        if (line.name.find(only) != std::string::npos) {
            khu::bench::measure(line, smaller);
        }
    }
}
