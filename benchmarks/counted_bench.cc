/// \file
/// What counted resources cost a round: as many jobs run with a licence each as there are, and a
/// quarter as many wait for one, each with a time limit of its own, so that each is asked about by
/// itself. Something that was booked is given back, and one round looks at all of them.
///
///     in_use      1x, 10x, 100x users
///     none        the same jobs, and a policy that counts nothing

#include <benchmark/benchmark.h>

#include <algorithm>

#include "core/base/random.h"
#include "core/machine/machine.h"
#include "core/sim/zone.h"

namespace khu {
namespace {

constexpr Moment kNow{1'775'000'000'000};
const ResourceId kLicence{"eda"};

void must(const Outcome& made) {
    KHU_CHECK(!made.refusal, "{}", text(*made.refusal, Language::English));
}

/// One GPU for each user, and half as many again.
Policy policy_of(int users) {
    Random random(1);
    Policy policy = sim::sim_policy(users * 3 / 8 + 1, random);
    policy.borrowing.clear();
    policy.resources = {{.id = kLicence, .count = users + 1}};
    policy.programmes.front().grant.max = gpu_hours(1'000'000);
    policy.enterprises.front().grants.front().amount = gpu_hours(1'000'000);
    return policy;
}

class CountedZone {
public:
    CountedZone(int users, bool counted) {
        const Policy policy = policy_of(users);
        must(machine_.handle(ApplyPolicy{.who = sim::sim_admin(), .policy = policy, .text = "p"},
                             kNow));
        for (std::size_t node = 1; node <= policy.partitions.front().nodes.size(); ++node) {
            Hello hello;
            hello.run = hello.number = 1;
            hello.inventory = sim::sim_inventory(static_cast<int>(node));
            hello.node = hello.inventory.hostname;
            hello.instance = "i" + hello.node;
            must(machine_.handle(RegisterNode{hello}, kNow));
        }
        for (int job = 0; job < users + users / 4; ++job) {
            JobSpec spec;
            spec.shape = {.gpus = 1, .gpu_model = {}, .cores = 2, .memory = gibibytes(4)};
            spec.time_limit = minutes(30) + seconds(job % 1'700);
            if (counted) {
                spec.counted = CountedWishes{{{kLicence, job < users ? 1 : 2}}};
            }
            must(machine_.handle(SubmitJob{.who = sim::sim_member(1), .spec = spec, .key = ""},
                                 kNow));
            if (job + 1 == users) {
                settle();
            }
        }
        settle();
    }
    void settle() {
        while (!machine_.handle(RunRound{}, kNow).facts.empty()) {
        }
    }
    /// Something is booked and given back.
    void stir() {
        const Window window{kNow + days(2), kNow + days(3)};
        must(machine_.handle(BookCounted{.who = sim::sim_admin(),
                                         .what = {.id = "b",
                                                  .enterprise = sim::sim_member(1).enterprise,
                                                  .what = {{kLicence, 1}},
                                                  .window = window,
                                                  .by = {}}},
                             kNow));
        must(machine_.handle(CancelReservation{sim::sim_admin(), "b"}, kNow));
    }
    void round() { machine_.handle(RunRound{}, kNow); }
    [[nodiscard]] std::size_t waiting() const { return machine_.state().scheduler.queue().size(); }

private:
    Machine machine_{ZoneId{"sim"}};
};

void round_with(benchmark::State& bench, bool counted) {
    CountedZone zone(static_cast<int>(bench.range(0)), counted);
    for (auto _ : bench) {
        bench.PauseTiming();
        zone.stir();
        bench.ResumeTiming();
        zone.round();
    }
    bench.counters["waiting"] = static_cast<double>(zone.waiting());
    bench.SetComplexityN(bench.range(0));
}

void in_use(benchmark::State& bench) {
    round_with(bench, true);
}
void none(benchmark::State& bench) {
    round_with(bench, false);
}

BENCHMARK(in_use)->Arg(20)->Arg(200)->Arg(2'000)->Unit(benchmark::kMillisecond)->Complexity();
BENCHMARK(none)->Arg(20)->Arg(200)->Arg(2'000)->Unit(benchmark::kMillisecond)->Complexity();

}  // namespace
}  // namespace khu

BENCHMARK_MAIN();
