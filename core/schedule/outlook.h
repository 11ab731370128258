#pragma once

/// \file
/// The future as a job sees it: when each running attempt gives back what it has, and the promised
/// jobs among them. To a job that is charged, what gives way ends when it would if told now; to one
/// that gives way itself, everything ends at its deadline. A promised job counts as if it had its
/// place already, for its whole time limit, and those told for it as if they had left.

#include <map>
#include <optional>
#include <vector>

#include "core/schedule/preempt.h"

namespace khu {

/// Whom the job that looks may have told: nobody if it gives way itself; who has borrowed, if it
/// may reclaim what they have.
enum class MayTell { Nobody, FreeWork, Borrowers };

class Outlook {
public:
    /// `more`: attempts that are not yet in `running`.
    Outlook(const ZoneView& zone, const PreemptionRule& rule, MayTell whom,
            const std::vector<RunningJob>& more, Moment now);
    Outlook(const Outlook&) = delete;  // ends_ points into promised_.
    Outlook& operator=(const Outlook&) = delete;
    ~Outlook() = default;

    [[nodiscard]] const ZoneView& zone() const { return zone_; }
    /// How the node is now, as far as the future goes.
    [[nodiscard]] const NodeState& state(const ClusterNode& node) const;
    /// Nodes whose state() is not what they have.
    [[nodiscard]] const std::map<NodeId, NodeState>& cleared_nodes() const { return states_; }

    /// One allocation comes back.
    struct Return {
        Moment at;
        const RunningJob* attempt;
    };
    /// Visits the attempts in order of their ends, then by JobId, until `visit` says false.
    template <class Visit>
    void each_end(const Visit& visit) const {
        auto more = ends_.begin();
        auto plain = zone_.running.by_deadline().begin();
        const auto last = zone_.running.by_deadline().end();
        while (more != ends_.end() || plain != last) {
            if (plain != last && counted_apart(plain->second)) {
                ++plain;
                continue;
            }
            const bool from_plain =
                more == ends_.end() ||
                (plain != last && plain->first < std::pair(more->at, more->attempt->job));
            const Return next = from_plain ? Return{plain->first.first, &plain->second} : *more;
            from_plain ? static_cast<void>(++plain) : static_cast<void>(++more);
            if (!visit(next)) {
                return;
            }
        }
    }
    /// Whether what the attempt has on that node is counted as given back already.
    [[nodiscard]] bool gone_from(const RunningJob& attempt, NodeId node) const {
        return zone_.clearings.is_leaving(attempt.job) && states_.contains(node);
    }

private:
    [[nodiscard]] bool counted_apart(const RunningJob& attempt) const {
        return sooner_ && attempt.yields_at != kNever &&
               (!attempt.borrowed || whom_ == MayTell::Borrowers);
    }
    void clear_places();
    void add(const RunningJob& attempt, Moment at) { ends_.push_back({at, &attempt}); }

    ZoneView zone_;
    MayTell whom_;
    bool sooner_;  ///< what gives way ends sooner than at its deadline
    std::map<NodeId, NodeState> states_;
    std::vector<RunningJob> promised_;
    std::vector<Return> ends_;  ///< those that are not in their place by deadline
};

}  // namespace khu
