#pragma once

/// \file
/// The zone's mind as one object: a command goes in, facts and effects come out. Whoever owns it
/// stores the durable facts (with the books' and history's effects) in one transaction, and only
/// then performs the other effects and answers. khud and the simulator own one each; both use just
/// this.

#include <vector>

#include "core/machine/apply.h"
#include "core/machine/decide.h"

namespace khu {

struct Outcome {
    std::optional<Refusal> refusal;  ///< then nothing else is filled
    JobId job;
    bool existed{false};
    std::uint64_t request{0};    ///< number of the grant request that was made or decided
    std::vector<Stamped> facts;  ///< durable ones only, in order
    Effects effects;             ///< in order; replies to an agent first
};

class Machine {
public:
    explicit Machine(ZoneId zone) : state_(std::move(zone)) {}

    /// Decides `command`, applies its facts and all their consequences.
    Outcome handle(const Command& command, Moment now);

    // --- Recovery: load a snapshot's truth, replay the facts after it, then recovered(). ---------
    void load(Truth truth);
    void replay(const Stamped& fact);
    /// Claims: called once, after the last replay(). Nodes that were up count as heard at `now`.
    void recovered(Moment now);

    [[nodiscard]] const State& state() const { return state_; }
    /// When Tick or RunRound has something to do though nobody says anything.
    [[nodiscard]] Moment next_wake() const { return state_.next_wake(); }
    /// For questions that borrow free devices while they think, as a round does.
    [[nodiscard]] State& borrow() { return state_; }

private:
    void turn_grants(Moment now, Outcome& outcome);
    void turn_reservations(Moment now, Outcome& outcome);
    void take(Fact fact, Moment now, Outcome& outcome);

    State state_;
};

}  // namespace khu
