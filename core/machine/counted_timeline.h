#pragma once

/// \file
/// How much of one counted resource is taken when: by attempts until their deadlines, and by what
/// was set aside for an enterprise. What an enterprise uses counts against what is set aside for
/// it, so that at each moment
///
///     taken for one of E = used by all + max(0, set aside for O - used by O) of every other O
///
/// The same table serves a round, the reasons, the forecasts and the bookings.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/policy/policy_later.h"

namespace khu {

enum class CountedAs { Used, SetAside };

/// A part of the resource for a time.
struct CountedHold {
    EnterpriseId enterprise;
    Window time;  ///< half-open
    std::int64_t count{0};
    CountedAs as{CountedAs::Used};
};

/// What is asked: for one of that enterprise, `count` at every moment of `time`.
struct CountedAsk {
    EnterpriseId enterprise;
    std::int64_t count{0};
    Window time;
};

class CountedTimeline {
public:
    /// `count`: how many there are.
    explicit CountedTimeline(std::int64_t count) : count_(count) {}

    /// A hold whose time is empty counts as nothing.
    void add(const CountedHold& hold);

    [[nodiscard]] std::int64_t count() const { return count_; }
    /// The most that others of `ask` have, or it has itself, at one moment of its time.
    [[nodiscard]] std::int64_t taken(const CountedAsk& ask) const;
    [[nodiscard]] bool fits(const CountedAsk& ask) const;
    /// The first moment, at the beginning of `ask.time` or later, from which it fits for as long as
    /// `ask.time` is; none if it never does.
    [[nodiscard]] std::optional<Moment> earliest(const CountedAsk& ask) const;

private:
    /// Something changes by so much.
    struct Step {
        Moment at;
        EnterpriseId enterprise;
        std::int64_t used{0};
        std::int64_t set_aside{0};
    };
    /// So many are taken from then on, until the next.
    struct Level {
        Moment from;
        std::int64_t taken{0};
    };
    using Levels = std::vector<Level>;
    /// Those for whom nothing is set aside see the same.
    [[nodiscard]] const Levels& levels_for(const EnterpriseId& enterprise) const;
    [[nodiscard]] Levels levels_anew(const EnterpriseId& enterprise) const;
    /// The one that holds at `at`, or the first.
    static Levels::const_iterator at(const Levels& levels, Moment at);

    std::int64_t count_;
    std::vector<Step> steps_;  ///< by `at`
    std::set<EnterpriseId> aside_for_;
    mutable std::map<EnterpriseId, Levels> levels_;  ///< what was asked since the last add()
};

}  // namespace khu
