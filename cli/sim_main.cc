/// khu-sim: runs the whole zone under virtual time, seed after seed, and stops at the first claim
/// that breaks. khu-sim --seed N [--seeds K] [--agents A] [--jobs J]
/// Exit code: 0 all seeds held, 1 a claim broke (the seed is printed), 2 usage.

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

#include "core/sim/simulator.h"

namespace {

int usage() {
    fmt::print(stderr,
               "usage: khu-sim [--seed N] [--seeds K] [--agents A] [--jobs J] [--verbose]\n");
    return 2;
}

void print(const khu::sim::Report& report) {
    fmt::print(
        "seed {} {} steps={} trace={:016x} acknowledged={} finished={} attempts={} "
        "khud-crashes={} agent-crashes={} partitions={} [{}]{}{}\n",
        report.seed, report.ok ? "ok" : "BROKEN", report.steps, report.trace, report.acknowledged,
        report.finished, report.attempts, report.controller_crashes, report.agent_crashes,
        report.partitions, report.faults, report.ok ? "" : " ", report.broken);
    std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    khu::sim::Options options;
    long seeds = 1;
    bool verbose = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--verbose") {
            verbose = true;
            continue;
        }
        if (i + 1 >= argc) {
            return usage();
        }
        const long number = std::strtol(argv[++i], nullptr, 10);
        if (word == "--seed") {
            options.seed = static_cast<std::uint64_t>(number);
        } else if (word == "--seeds") {
            seeds = number;
        } else if (word == "--agents" && number >= 1 && number <= 64) {
            options.agents = static_cast<int>(number);
        } else if (word == "--jobs" && number >= 1 && number <= 100'000) {
            options.jobs = static_cast<int>(number);
        } else {
            return usage();
        }
    }
    std::uint64_t steps = 0;
    for (long i = 0; i < seeds; ++i) {
        const khu::sim::Report report = khu::sim::run(options);
        steps += report.steps;
        if (verbose || !report.ok || seeds == 1) {
            print(report);
        }
        if (!report.ok) {
            fmt::print("again: khu-sim --seed {} --agents {} --jobs {}\n", options.seed,
                       options.agents, options.jobs);
            return 1;
        }
        ++options.seed;
    }
    fmt::print("{} seeds held every claim in {} steps\n", seeds, steps);
    return 0;
}
