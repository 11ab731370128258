/// \file
/// What a pending job costs in the core's memory, as the allocator counts it: jobs submitted to a
/// Machine whose nodes never come, so that all of them wait. Store, network and snapshots are not
/// in it; side_by_side.py measures the whole khud (pending_bytes).
///
///     alike       one request for all, as a sweep of parameters submits it
///     own_limit   each with its own time limit
///     own_shape   each with its own number of cores and memory: nothing is shared

#include <benchmark/benchmark.h>
#include <malloc.h>

#include <string>

#include "core/base/random.h"
#include "core/machine/machine.h"
#include "core/sim/zone.h"

namespace khu {
namespace {

enum class Kind { Alike, OwnLimit, OwnShape };

JobSpec spec_of(Kind kind, std::int64_t number) {
    JobSpec spec;
    spec.name = "train-" + std::to_string(number);
    spec.shape = {.gpus = 1, .gpu_model = {}, .cores = 2, .memory = gibibytes(4)};
    spec.time_limit = minutes(10);
    if (kind == Kind::OwnLimit) {
        spec.time_limit = seconds(60 + number % 3000);
    } else if (kind == Kind::OwnShape) {
        spec.shape.memory = Bytes{(1LL << 30) + number * (1LL << 10)};
    }
    return spec;
}

std::int64_t allocated_bytes() {
    return static_cast<std::int64_t>(mallinfo2().uordblks);
}

void pending(benchmark::State& bench, Kind kind) {
    const std::int64_t jobs = bench.range(0);
    const Moment now{1'775'000'000'000};
    for (auto _ : bench) {
        Random random(1);
        Machine machine{ZoneId{"sim"}};
        machine.handle(
            ApplyPolicy{
                .who = sim::sim_admin(), .policy = sim::sim_policy(16, random), .text = "p"},
            now);
        const std::int64_t before = allocated_bytes();
        for (std::int64_t number = 0; number < jobs; ++number) {
            const std::string key =
                "8c7f4e0a-0000-4000-8000-" + std::to_string(100'000'000'000 + number);
            const Outcome made = machine.handle(SubmitJob{.who = sim::sim_member(1),
                                                          .spec = spec_of(kind, number),
                                                          .key = key,
                                                          .request_digest = 1},
                                                now);
            KHU_CHECK(!made.refusal, "{}", text(*made.refusal, Language::English));
        }
        bench.counters["bytes_per_job"] =
            static_cast<double>(allocated_bytes() - before) / static_cast<double>(jobs);
        bench.counters["job_struct"] = static_cast<double>(sizeof(Job));
    }
    bench.SetItemsProcessed(bench.iterations() * jobs);
}

BENCHMARK_CAPTURE(pending, alike, Kind::Alike)
    ->Arg(100'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(pending, own_limit, Kind::OwnLimit)
    ->Arg(100'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(pending, own_shape, Kind::OwnShape)
    ->Arg(100'000)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace khu

BENCHMARK_MAIN();
