/// \file
/// The books under load: entries that are settled and stored durably, the report of many
/// slices and the statements of many enterprises with the memory that they need, and the balance of
/// one enterprise among many with 50,000 jobs waiting.
///
///     KHU_BENCH_DIR=/var/tmp ledger_bench     on another disk

#include <benchmark/benchmark.h>
#include <malloc.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "core/machine/machine.h"
#include "core/sim/zone.h"
#include "daemon/reports.h"
#include "daemon/statements.h"
#include "daemon/views.h"

namespace khu::daemon {
namespace {

constexpr Moment kNow{1'775'000'000'000};

class BenchDir {
public:
    BenchDir() {
        const char* base = ::getenv("KHU_BENCH_DIR");
        std::string name = base == nullptr ? std::filesystem::temp_directory_path().string() : base;
        name += "/khu-bench-XXXXXX";
        KHU_CHECK(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    BenchDir(const BenchDir&) = delete;
    BenchDir& operator=(const BenchDir&) = delete;
    ~BenchDir() { std::filesystem::remove_all(path_); }
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

double seconds_since(std::chrono::steady_clock::time_point start) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

EnterpriseId enterprise_of(std::int64_t number) {
    return EnterpriseId{fmt::format("04{:08}", number)};
}

HoldPlan plan_of(const Ledger& ledger, const EnterpriseId& enterprise, Moment now) {
    auto plan = ledger.can_hold(enterprise, ProgrammeId{"kn"}, gpu_hours(8), now);
    KHU_CHECK(plan.has_value());
    plan->zone = ZoneId{"bench"};
    plan->money = {{"funder:f", Mvnd{108'000'000}}, {owed_account(enterprise), Mvnd{108'000'000}}};
    return *std::move(plan);
}

/// An attempt from its hold to its end: about twelve entries, hours and money.
Ledger::Entries attempt(Ledger& ledger, const EnterpriseId& enterprise, std::uint64_t number) {
    const AttemptKey key{JobId{number}, AttemptNumber{1}};
    Ledger::Entries made = ledger.hold(key, plan_of(ledger, enterprise, kNow), kNow, PolicyId{"p"});
    SettleInput input{
        .slice = 1, .charge = {}, .cause = "completed", .partition = PartitionId{"gpu"}, .qos = {}};
    input.charge.metered = input.charge.charged = gpu_hours(4);
    input.paid = {Mvnd{54'000'000}, Mvnd{54'000'000}};
    const Ledger::Entries settled = ledger.settle(key, input, kNow, PolicyId{"p"});
    made.insert(made.end(), settled.begin(), settled.end());
    return made;
}

void add(Batch& batch, const Ledger::Entries& made) {
    batch.entries.insert(batch.entries.end(), made.begin(), made.end());
}

/// Money for all, and a grant for each of `enterprises`.
Batch opened(Ledger& ledger, std::int64_t enterprises, Atoms amount) {
    Batch batch;
    add(batch,
        ledger.set_budget({"funder:f", Mvnd{4'000'000'000'000'000'000}}, kNow, PolicyId{"p"}));
    for (std::int64_t number = 1; number <= enterprises; ++number) {
        add(batch, ledger.open({.id = GrantId{fmt::format("g{}", number)},
                                .enterprise = enterprise_of(number),
                                .programme = ProgrammeId{"kn"},
                                .amount = amount,
                                .from = kNow,
                                .to = kNow + days(400),
                                .decision_ref = ""},
                               kNow, PolicyId{"p"}));
    }
    return batch;
}

/// `range` attempts in one commit.
void durable_entries(benchmark::State& bench) {
    const BenchDir dir;
    auto store = open_store({.directory = dir.path(), .zone = ZoneId{"bench"}});
    Ledger ledger;
    const Batch first = opened(ledger, 1, gpu_hours(2'000'000'000));
    KHU_CHECK((*store)->commit(first).has_value());
    std::uint64_t jobs = 0;
    std::int64_t entries = 0;
    for (auto _ : bench) {
        Batch batch;
        for (std::int64_t i = 0; i < bench.range(0); ++i) {
            add(batch, attempt(ledger, enterprise_of(1), ++jobs));
        }
        KHU_CHECK((*store)->commit(batch).has_value());
        entries += static_cast<std::int64_t>(batch.entries.size());
    }
    bench.SetItemsProcessed(entries);
}

UsageRow row_of(std::int64_t number) {
    UsageRow row;
    row.zone_id = ZoneId{"bench"};
    row.province_code = "48";
    row.period = "2026-03";
    row.enterprise_id = enterprise_of(number % 630);
    row.enterprise_class = "startup";
    row.user_id = UserId{"u-3f2a"};
    row.job_id = JobId{static_cast<std::uint64_t>(number)};
    row.attempt = AttemptNumber{1};
    row.job_name = "train-" + std::to_string(number);
    row.service = "ai-training";
    row.partition = PartitionId{"gpu-h100"};
    row.programme = ProgrammeId{"kn-80"};
    row.tier = "subsidised";
    row.qos = QosId{"thuong"};
    row.grant_ids = "DN-2026-0107";
    row.submit_time = row.slice_start = Moment{1'770'000'000'000 + number * 1'000};
    row.slice_end = row.slice_start + hours(2);
    row.elapsed_s = 7'200;
    row.time_limit_s = 14'400;
    row.nodes = 1;
    row.gpus = 8;
    row.cores = 96;
    row.mem_gib = 960;
    row.gpu_model = GpuModel{"h100"};
    row.billable_milli = 17'600;
    row.qos_permille = 1'000;
    row.rate_vnd_per_gpuh = 27'000;
    row.end_cause = "completed";
    row.exit_code = 0;
    row.metered_ugs = row.charged_ugs = Atoms{126'720'000'000};
    row.charged_gpuh = format_gpu_hours(row.charged_ugs);
    row.list_mvnd = Mvnd{950'400'000};
    row.paid_national_mvnd = Mvnd{475'200'000};
    row.paid_provincial_mvnd = Mvnd{285'120'000};
    row.paid_enterprise_mvnd = Mvnd{190'080'000};
    row.policy_id = PolicyId{"dn-cvpm2-2026.2"};
    row.ledger_seq_first = LedgerSeq{static_cast<std::uint64_t>(number * 12)};
    row.ledger_seq_last = LedgerSeq{static_cast<std::uint64_t>(number * 12 + 11)};
    return row;
}

/// The largest that the heap has been since the last call, above what it is at the start.
std::int64_t allocated_bytes() {
    return static_cast<std::int64_t>(mallinfo2().uordblks + mallinfo2().hblkhd);
}

/// March 2026 is closed.
const ReportZone kClosed{
    .now = Moment{1'798'800'000'000}, .utc_offset_minutes = 420, .closed_period = "2026-11"};

/// A file of `range` rows, and the heap that it takes.
template <class Make>
void made_of(benchmark::State& bench, Make make) {
    std::int64_t bytes = 0;
    std::int64_t grown = 0;
    for (auto _ : bench) {
        const std::int64_t before = allocated_bytes();
        const Expected<Report, Refusal> report = make();
        KHU_CHECK(report.has_value(), "{}", khu::text(report.error(), Language::English));
        KHU_CHECK(report->manifest.rows == bench.range(0));
        bytes = report->manifest.bytes;
        grown = std::max(grown, allocated_bytes() - before);
    }
    bench.counters["report_bytes"] = static_cast<double>(bytes);
    bench.counters["heap_bytes"] = static_cast<double>(grown);
    bench.SetItemsProcessed(bench.iterations() * bench.range(0));
    bench.SetComplexityN(bench.range(0));
}

/// `range` slices of one month: made once, read from the store, checked, written and hashed.
void month_report(benchmark::State& bench) {
    const BenchDir dir;
    auto store = open_store({.directory = dir.path(), .zone = ZoneId{"bench"}});
    for (std::int64_t number = 1; number <= bench.range(0);) {
        Batch batch;
        for (int i = 0; i < 20'000 && number <= bench.range(0); ++i) {
            batch.usage.push_back(row_of(number++));
        }
        KHU_CHECK((*store)->commit(batch).has_value());
    }
    made_of(bench,
            [&] { return make_report(**store, {.period = "2026-03", .enterprise = {}}, kClosed); });
}

/// The statements of `range` enterprises with 50 attempts each in the month, rows and entries, in
/// one file.
void statements_of_all(benchmark::State& bench) {
    const BenchDir dir;
    auto store = open_store({.directory = dir.path(), .zone = ZoneId{"bench"}});
    Ledger ledger;
    KHU_CHECK((*store)->commit(opened(ledger, bench.range(0), gpu_hours(1'000))).has_value());
    AllStatementsRequest request;
    std::int64_t jobs = 0;
    for (std::int64_t owner = 1; owner <= bench.range(0); ++owner) {
        Batch batch;
        for (int each = 0; each < 50; ++each) {
            add(batch, attempt(ledger, enterprise_of(owner), static_cast<std::uint64_t>(++jobs)));
            UsageRow row = row_of(jobs);
            row.enterprise_id = enterprise_of(owner);
            row.grant_ids = fmt::format("g{}", owner);
            batch.usage.push_back(std::move(row));
        }
        KHU_CHECK((*store)->commit(batch).has_value());
        request.enterprises[enterprise_of(owner)] = {
            .words = {.name = "E"},
            .grants = {{GrantId{fmt::format("g{}", owner)}, {}}},
            .duties = {}};
    }
    request.common.asked = {
        .zone = ZoneId{"bench"}, .enterprise = {}, .period = "2026-03", .last = ledger.last_seq()};
    made_of(bench, [&] { return make_all_statements(**store, request, kClosed); });
}

Policy crowded(std::int64_t enterprises) {
    Random random(1);
    Policy policy = sim::sim_policy(16, random);
    const Enterprise one = policy.enterprises[0];
    policy.enterprises.clear();
    for (std::int64_t number = 1; number <= enterprises; ++number) {
        Enterprise made = one;
        made.id = EnterpriseId{fmt::format("05{:08}", number)};
        made.members = {UserId{fmt::format("u-{}", number)}};
        made.grants.assign(3, one.grants[0]);
        for (int each = 0; each < 3; ++each) {
            made.grants[static_cast<std::size_t>(each)].id =
                GrantId{fmt::format("DN-{}-{}", number, each)};
        }
        policy.enterprises.push_back(std::move(made));
    }
    return policy;
}

/// One enterprise among `range`, with 50,000 jobs that wait; the worst of a hundred counts.
void balance_of_one(benchmark::State& bench) {
    Machine machine{ZoneId{"sim"}};
    const Outcome made = machine.handle(
        ApplyPolicy{.who = sim::sim_admin(), .policy = crowded(bench.range(0)), .text = "p"}, kNow);
    KHU_CHECK(!made.refusal, "{}", khu::text(*made.refusal, Language::English));
    JobSpec spec;
    spec.shape = {.gpus = 1, .gpu_model = {}, .cores = 2, .memory = gibibytes(4)};
    spec.time_limit = minutes(10);
    for (std::int64_t job = 0; job < 50'000; ++job) {
        const std::int64_t owner = 1 + job % bench.range(0);
        const Identity who{.user = UserId{fmt::format("u-{}", owner)},
                           .enterprise = EnterpriseId{fmt::format("05{:08}", owner)},
                           .roles = {Role::Member}};
        machine.handle(SubmitJob{.who = who, .spec = spec, .key = ""}, kNow);
    }
    std::vector<double> times;
    std::int64_t asked = 0;
    for (auto _ : bench) {
        const EnterpriseId id{fmt::format("05{:08}", 1 + (asked++ * 7) % bench.range(0))};
        const auto start = std::chrono::steady_clock::now();
        const wire::BalanceAnswer answer = balance(machine.state(), id, kNow);
        times.push_back(seconds_since(start));
        KHU_CHECK(answer.grants.size() == 3);
    }
    std::ranges::sort(times);
    bench.counters["p99_us"] = 1e6 * times[times.size() * 99 / 100];
    bench.counters["worst_us"] = 1e6 * times.back();
    bench.SetComplexityN(bench.range(0));
}

BENCHMARK(durable_entries)->Arg(1)->Arg(10)->Arg(100)->Arg(1'000)->UseRealTime();
BENCHMARK(month_report)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Complexity();
BENCHMARK(statements_of_all)
    ->Arg(20)
    ->Arg(200)
    ->Arg(2'000)
    ->Iterations(1)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond)
    ->Complexity();
BENCHMARK(balance_of_one)->Arg(20)->Arg(200)->Arg(2'000)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace khu::daemon

BENCHMARK_MAIN();
