/// \file
/// The scheduler alone, without ledger, store or agents: how many decisions a second (place, and
/// give back at the end), and what one event costs while many jobs wait. Nodes are DGX H100s in
/// racks of 8.

#include <benchmark/benchmark.h>

#include "benchmarks/schedule_zone.h"

namespace khu {
namespace {

using bench::kPartition;
using bench::Zone;

/// A zone three quarters full without a queue: each submitted job starts, others end.
void decisions(benchmark::State& state) {
    Zone zone(static_cast<int>(state.range(0)));
    zone.fill_gpus(6);
    std::int64_t done = 0;
    for (auto _ : state) {
        done += zone.decide(6);
    }
    state.SetItemsProcessed(done);
}
BENCHMARK(decisions)->Arg(100)->Arg(1000)->Arg(10000)->Unit(benchmark::kMicrosecond);

/// Jobs wait: one ends, a round decides who comes next.
void event_with_queue(benchmark::State& state) {
    Zone zone(static_cast<int>(state.range(0)));
    zone.fill(static_cast<int>(state.range(1)));
    std::int64_t done = 0;
    for (auto _ : state) {
        zone.end_one();
        done += zone.round();
        state.PauseTiming();
        zone.fill(static_cast<int>(state.range(1)));
        state.ResumeTiming();
    }
    state.SetItemsProcessed(done);
}
BENCHMARK(event_with_queue)
    ->Args({1000, 1000})
    ->Args({1000, 10000})
    ->Args({1000, 100000})
    ->Args({10000, 100000})
    ->Unit(benchmark::kMicrosecond);

/// Jobs wait, and one more is submitted that does not fit.
void submit_into_queue(benchmark::State& state) {
    Zone zone(static_cast<int>(state.range(0)));
    zone.fill(static_cast<int>(state.range(1)));
    for (auto _ : state) {
        zone.submit();
        zone.round();
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(submit_into_queue)
    ->Args({1000, 1000})
    ->Args({1000, 100000})
    ->Args({10000, 100000})
    ->Unit(benchmark::kMicrosecond);

/// Everything is looked at again, as after a new policy.
void full_round(benchmark::State& state) {
    Zone zone(static_cast<int>(state.range(0)));
    zone.fill(static_cast<int>(state.range(1)));
    for (auto _ : state) {
        zone.scheduler.partitions_changed({*zone.scheduler.cluster().partition(kPartition)});
        zone.round();
    }
}
BENCHMARK(full_round)
    ->Args({1000, 1000})
    ->Args({1000, 100000})
    ->Args({10000, 100000})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace khu

BENCHMARK_MAIN();
