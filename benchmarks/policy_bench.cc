/// \file
/// A policy of many enterprises with three grants each: reading and reviewing its text (check), and
/// taking it into force with every grant opened in the books (apply), as the thread that decides
/// does it. The argument is the number of enterprises; the time must grow as they do.

#include <benchmark/benchmark.h>

#include "config/policy_reader.h"
#include "config/print.h"
#include "core/machine/machine.h"
#include "core/sim/zone.h"
#include "wire/json.h"

namespace khu {
namespace {

constexpr Moment kNow{1'775'000'000'000};

Enterprise enterprise_of(const Policy& base, std::int64_t number) {
    Enterprise made = base.enterprises[0];
    made.id = EnterpriseId{fmt::format("05{:08}", number)};
    made.name = "Công ty " + std::to_string(number);
    made.holders = {UserId{fmt::format("h-{}", number)}};
    made.members = {UserId{fmt::format("u-{}", number)}, UserId{fmt::format("v-{}", number)}};
    const PolicyGrant grant = base.enterprises[0].grants[0];
    made.grants.clear();
    for (int each = 1; each <= 3; ++each) {
        made.grants.push_back(grant);
        made.grants.back().id = GrantId{fmt::format("DN-{}-{}", number, each)};
    }
    return made;
}

Policy policy_of(std::int64_t enterprises) {
    Random random(1);
    Policy policy = sim::sim_policy(16, random);
    policy.zone.name = "Khu";
    policy.zone.province = {.code = "48", .name = "Đà Nẵng"};
    for (Funder& funder : policy.funders) {
        funder.name = "Quỹ";
        funder.window = {.from = kNow - days(365), .to = kNow + days(365)};
    }
    const Policy base = policy;
    policy.enterprises.clear();
    for (std::int64_t number = 1; number <= enterprises; ++number) {
        policy.enterprises.push_back(enterprise_of(base, number));
    }
    return policy;
}

void check(benchmark::State& bench) {
    const std::string text = config::print(policy_of(bench.range(0)));
    for (auto _ : bench) {
        const config::PolicyCheck checked = config::check_policy(text, "p.yaml", {.now = kNow});
        KHU_CHECK(checked.policy.has_value(), "{}: {}", checked.complaints.front().path,
                  checked.complaints.front().text_en);
    }
    bench.counters["bytes"] = static_cast<double>(text.size());
    bench.SetComplexityN(bench.range(0));
}

void apply(benchmark::State& bench) {
    const Policy policy = policy_of(bench.range(0));
    const std::string text = config::print(policy);
    std::size_t entries = 0;
    std::size_t bytes = 0;
    for (auto _ : bench) {
        Machine machine{ZoneId{"sim"}};
        const Outcome made = machine.handle(
            ApplyPolicy{.who = sim::sim_admin(), .policy = policy, .text = text}, kNow);
        KHU_CHECK(!made.refusal, "{}", khu::text(*made.refusal, Language::English));
        for (const Stamped& fact : made.facts) {
            bytes += wire::to_json_text(fact.fact).size();
        }
        for (const Effect& effect : made.effects) {
            if (const auto* posted = std::get_if<PostEntries>(&effect)) {
                entries += posted->entries.size();
            }
        }
    }
    bench.counters["entries"] =
        static_cast<double>(entries) / static_cast<double>(bench.iterations());
    bench.counters["fact_bytes"] =
        static_cast<double>(bytes) / static_cast<double>(bench.iterations());
    bench.SetComplexityN(bench.range(0));
}

/// A new policy where every enterprise has rules of its own.
void apply_over_own_rules(benchmark::State& bench) {
    Policy policy = policy_of(bench.range(0));
    Machine machine{ZoneId{"sim"}};
    Moment now = kNow;
    const auto tell = [&](const Command& command) {
        now = now + seconds(1);
        const Outcome made = machine.handle(command, now);
        KHU_CHECK(!made.refusal, "{}", khu::text(*made.refusal, Language::English));
    };
    tell(ApplyPolicy{.who = sim::sim_admin(), .policy = policy, .text = ""});
    for (const Enterprise& each : policy.enterprises) {
        ApplyLayer own = sim::sim_own_rules(kNow);
        own.rules.enterprise = each.id;
        own.rules.id = PolicyId{each.id.value + "-1"};
        own.rules.effective_from = now;
        tell(own);
    }
    KHU_CHECK(std::ssize(machine.state().own_rules) == bench.range(0), "all of them bind");
    std::int64_t number = 0;
    for (auto _ : bench) {
        Policy next = policy;
        next.supersedes = policy.id;
        next.id = PolicyId{fmt::format("next-{}", ++number)};
        next.effective_from = now + seconds(2);
        policy.id = next.id;
        tell(ApplyPolicy{.who = sim::sim_admin(), .policy = std::move(next), .text = ""});
        tell(Tick{});
    }
    bench.SetComplexityN(bench.range(0));
}

BENCHMARK(check)->Arg(20)->Arg(200)->Arg(2'000)->Unit(benchmark::kMillisecond)->Complexity();
BENCHMARK(apply)->Arg(20)->Arg(200)->Arg(2'000)->Unit(benchmark::kMillisecond)->Complexity();
BENCHMARK(apply_over_own_rules)
    ->Arg(20)
    ->Arg(200)
    ->Arg(2'000)
    ->Unit(benchmark::kMillisecond)
    ->Complexity();

}  // namespace
}  // namespace khu

BENCHMARK_MAIN();
