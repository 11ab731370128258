#pragma once

/// \file
/// The simulated khud: the real Machine over a store that keeps only what was committed. A turn is
/// decided at once and stored later; a crash in between loses it, a crash after the commit loses
/// what was to be performed. Recovery is the same replay as in khud, from a snapshot or from the
/// beginning.

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/random.h"
#include "core/machine/machine.h"
#include "core/sim/clockwork.h"

namespace khu::sim {

/// What survives: durable facts in order, and now and then a snapshot of the truth.
struct SimStore {
    std::vector<Stamped> facts;
    std::optional<Truth> snapshot;
};

class Controller {
public:
    using Perform = std::function<void(const Effect&)>;
    using Answered = std::function<void(const Outcome&)>;
    Controller(Clockwork& time, Random& random, bool slow_store, Perform perform);

    [[nodiscard]] const Machine* machine() const { return machine_.get(); }
    [[nodiscard]] const SimStore& store() const { return store_; }
    /// Jobs whose end is decided and not stored yet.
    [[nodiscard]] const std::set<JobId>& leaving() const { return leaving_; }
    [[nodiscard]] bool up() const { return machine_ != nullptr; }

    /// Nothing at all happens if khud is down. `answered` is called after the commit.
    void tell(const Command& command, Answered answered);
    void tick();
    void crash();
    /// Loads what the store has. Also checks that a snapshot and the facts alone give the same
    /// (I15). The claim that broke; none if it holds.
    std::optional<std::string> recover();

private:
    struct Turn {
        std::vector<Stamped> facts;
        Effects effects;
        Outcome outcome;
        Answered answered;
    };
    void run_rounds(Turn& turn);
    void hand_over(Turn turn);
    void begin_batch();
    void commit(std::vector<Turn> batch);

    Clockwork& time_;
    Random& random_;
    bool slow_store_;
    Perform perform_;
    std::unique_ptr<Machine> machine_;
    SimStore store_;
    std::set<JobId> leaving_;
    std::vector<Turn> waiting_;
    bool storing_{false};
    std::uint64_t life_{0};
};

}  // namespace khu::sim
