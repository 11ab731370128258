#include "core/sim/lending_watch.h"

#include <algorithm>

#include <fmt/format.h>

#include "core/machine/lending.h"

namespace khu::sim {

void LendingWatch::rules(const Policy& policy) {
    if (!policy.borrowing.empty()) {
        rules_ = policy.borrowing.front();
        devices_per_node_ = gpus_on_node(*find_partition(policy, rules_.partition));
    }
}

void LendingWatch::up(NodeId node, bool up) {
    up ? static_cast<void>(up_.insert(node)) : static_cast<void>(up_.erase(node));
}

bool LendingWatch::borrowed(JobId job) const {
    const auto run = running_.find(job);
    return run != running_.end() && run->second.borrowed;
}

bool LendingWatch::would_borrow_too_much(const JobSpec& spec) const {
    const auto rule = std::ranges::find(rules_.rules, spec.programme, &BorrowRule::programme);
    if (rule == rules_.rules.end()) {
        return false;
    }
    Use then = in_use();
    const std::int64_t its = then[spec.programme] += gpus_asked(spec);
    return its > rule->nominal_gpus + rule->borrow ||
           (its > rule->nominal_gpus - rule->lend && lent_less_borrowed(then) < 0);
}

LendingWatch::Use LendingWatch::in_use() const {
    Use use;
    for (const auto& [job, run] : running_) {
        use[run.programme] += run.gpus;
    }
    return use;
}

/// On nodes that take jobs, and what runs on others.
std::int64_t LendingWatch::installed() const {
    std::int64_t gpus = devices_per_node_ * static_cast<std::int64_t>(up_.size());
    for (const auto& [job, run] : running_) {
        for (const auto& [node, part] : run.on) {
            gpus += up_.contains(node) ? 0 : part;
        }
    }
    return gpus;
}

std::int64_t LendingWatch::lent_less_borrowed(Use use) const {
    std::int64_t left = installed();
    for (const BorrowRule& rule : rules_.rules) {
        const std::int64_t running = use[rule.programme];
        const std::int64_t own = std::min<std::int64_t>(running, rule.nominal_gpus);
        left += std::min<std::int64_t>(rule.lend, rule.nominal_gpus - own) - rule.nominal_gpus;
        left -= running - own;
    }
    return left;
}

std::optional<std::string> LendingWatch::placed(const JobPlaced& fact, const JobSpec& spec,
                                                bool counted) {
    if (!has_rules() || !counted || gpus_asked(spec) == 0) {
        return std::nullopt;
    }
    Run run{.programme = spec.programme, .gpus = gpus_asked(spec), .borrowed = fact.borrowed};
    for (const NodeAllocation& each : fact.placement.nodes) {
        run.on[each.node] += static_cast<std::int64_t>(each.gpus.size());
    }
    running_.insert_or_assign(fact.job, std::move(run));
    const auto rule = std::ranges::find(rules_.rules, spec.programme, &BorrowRule::programme);
    const std::int64_t use = in_use()[spec.programme];
    if (rule == rules_.rules.end()) {
        return std::nullopt;
    }
    std::int64_t own = 0;
    for (const auto& [job, each] : running_) {
        own += each.programme == spec.programme && !each.borrowed ? each.gpus : 0;
    }
    if (own > rule->nominal_gpus) {
        return fmt::format("I-35 with job {} {} has {} GPUs that it did not borrow, and owns {}",
                           fact.job.value, spec.programme.value, own, rule->nominal_gpus);
    }
    if (use > rule->nominal_gpus + rule->borrow) {
        return fmt::format("I-35 with job {} {} has {} GPUs, beyond what it may borrow",
                           fact.job.value, spec.programme.value, use);
    }
    if (use > rule->nominal_gpus - rule->lend && lent_less_borrowed(in_use()) < 0) {
        return fmt::format("I-35 with job {} {} more GPUs are borrowed than lent", fact.job.value,
                           -lent_less_borrowed(in_use()));
    }
    return std::nullopt;
}

}  // namespace khu::sim
