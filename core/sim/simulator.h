#pragma once

/// \file
/// A whole zone in one thread under virtual time: the real Machine, the real NodeMachine of every
/// agent, and in place of the world links that lose, delay, repeat and reorder, hosts and programs
/// that crash at the worst moment, and a store that forgets what was not committed. One seed
/// decides everything; the same seed gives the same trace. After every step the claims are checked
/// (claims.h).
///
/// First comes a time of faults (safety), then the faults stop and everything must come to rest
/// within the time allowed (liveness).
///
/// Source: the deterministic simulation of FoundationDB and TigerBeetle's VOPR.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/units.h"

namespace khu::sim {

struct Options {
    std::uint64_t seed{1};
    int agents{6};
    int jobs{30};
    Span faults_for{minutes(6)};
    Span rest_within{minutes(30)};  ///< lease, time limits, retries and windows must fit
};

/// What the world may do to a seed; each seed switches every kind on or off (swarm testing).
struct Faults {
    int lose_permille{0};
    int repeat_permille{0};
    int reorder_permille{0};
    bool partitions{false};
    bool controller_crashes{false};
    bool agent_crashes{false};
    bool host_crashes{false};
    bool slow_store{false};
    bool clock_drift{false};
    bool drains{false};  ///< an admin takes nodes out and gives them back
    std::string text() const;
};
Faults faults_of(std::uint64_t seed);

struct Report {
    std::uint64_t seed{0};
    bool ok{false};
    std::string broken;  ///< the claim that broke, with the virtual time; empty if ok
    std::string faults;
    std::uint64_t steps{0};
    std::uint64_t trace{0};  ///< digest of everything that happened, in order
    std::int64_t acknowledged{0}, finished{0}, controller_crashes{0}, agent_crashes{0};
    std::int64_t partitions{0}, attempts{0};
};

Report run(const Options& options);

}  // namespace khu::sim
