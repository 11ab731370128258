#pragma once

/// \file
/// What is lent and borrowed, added up from the facts alone; the number is that of the project's
/// list of invariants.
///
///     I-35 no start makes more GPUs borrowed than the others lend and are nobody's, but one that
///          leaves its programme within what it does not lend; who is beyond what it owns has
///          borrowed; and nobody borrows beyond its limit

#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/machine/events.h"

namespace khu::sim {

class LendingWatch {
public:
    void rules(const Policy& policy);
    /// The node takes jobs, or not.
    void up(NodeId node, bool up);
    /// `spec`: in the way it starts. `counted`: it is none that gives way for free.
    std::optional<std::string> placed(const JobPlaced& fact, const JobSpec& spec, bool counted);
    void closed(JobId job) { running_.erase(job); }
    /// Whether that attempt may be asked to give back what it has.
    [[nodiscard]] bool borrowed(JobId job) const;
    /// Whether it would borrow more than is lent, or than its programme may.
    [[nodiscard]] bool would_borrow_too_much(const JobSpec& spec) const;
    [[nodiscard]] bool has_rules() const { return !rules_.rules.empty(); }

private:
    struct Run {
        ProgrammeId programme;
        std::int64_t gpus{0};
        bool borrowed{false};
        std::map<NodeId, std::int64_t> on;
    };
    using Use = std::map<ProgrammeId, std::int64_t>;
    [[nodiscard]] Use in_use() const;
    [[nodiscard]] std::int64_t installed() const;
    /// If that is in use.
    [[nodiscard]] std::int64_t lent_less_borrowed(Use use) const;

    Borrowing rules_;
    std::int64_t devices_per_node_{0};
    std::set<NodeId> up_;
    std::map<JobId, Run> running_;
};

}  // namespace khu::sim
