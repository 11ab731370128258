#include "daemon/job_index.h"

#include <algorithm>

namespace khu::daemon {
namespace {

constexpr std::size_t kFewMarks = 1024;  // not worth a pass over the list
constexpr int kNoTier = INT32_MIN;

}  // namespace

int tier_of(const State& state, const JobSpec& spec) {
    const Qos* qos = state.truth.policy ? find_qos(*state.truth.policy, spec.qos) : nullptr;
    return qos == nullptr ? 0 : qos->tier;
}

void JobIndex::add(const EnterpriseId& enterprise, int tier, JobId job) {
    std::vector<std::uint64_t>& marked = enterprises_[enterprise][tier].marked;
    const std::uint64_t mark = job.value * 2;
    if (marked.empty() || marked.back() < mark) {
        marked.push_back(mark);
    } else {
        marked.insert(std::ranges::lower_bound(marked, mark), mark);
    }
}

void JobIndex::remove(const EnterpriseId& enterprise, JobId job) {
    const auto found = enterprises_.find(enterprise);
    if (found == enterprises_.end()) {
        return;
    }
    for (auto& [tier, list] : found->second) {
        const auto at = std::ranges::lower_bound(list.marked, job.value * 2);
        if (at != list.marked.end() && *at == job.value * 2) {
            ++*at;
            ++list.gone;
            compact(list);
            return;
        }
    }
}

void JobIndex::compact(List& list) {
    const bool all = list.gone == list.marked.size();
    if (all || (list.gone > kFewMarks && list.gone * 2 > list.marked.size())) {
        std::erase_if(list.marked, [](std::uint64_t each) { return each % 2 == 1; });
        list.gone = 0;
    }
}

void JobIndex::rebuild(const State& state) {
    enterprises_.clear();
    for (const auto& [id, job] : state.truth.jobs) {
        add(job.spec.enterprise, tier_of(state, job.spec), id);
    }
}

std::int64_t JobIndex::count(const EnterpriseId& enterprise) const {
    std::size_t jobs = 0;
    for (const auto& [id, tiers] : enterprises_) {
        for (const auto& [tier, list] : tiers) {
            jobs += enterprise.empty() || id == enterprise ? list.marked.size() - list.gone : 0;
        }
    }
    return static_cast<std::int64_t>(jobs);
}

/// The highest tier below `below`; kNoTier if there is none.
int JobIndex::next_tier(const EnterpriseId& enterprise, int below) const {
    int best = kNoTier;
    for (const auto& [id, tiers] : enterprises_) {
        if (enterprise.empty() || id == enterprise) {
            const auto at = tiers.upper_bound(below);
            best = at == tiers.end() ? best : std::max(best, at->first);
        }
    }
    return best;
}

void JobIndex::add_heads(const Tiers& tiers, int tier, JobId after, Heads& heads) const {
    const auto found = tiers.find(tier);
    if (found == tiers.end()) {
        return;
    }
    const List& list = found->second;
    const auto at = std::ranges::upper_bound(list.marked, after.value * 2 + 1);
    if (at != list.marked.end()) {
        heads.push({&list, static_cast<std::size_t>(at - list.marked.begin())});
    }
}

JobIndex::Heads JobIndex::heads_of(const EnterpriseId& enterprise, int tier, JobId after) const {
    Heads heads;
    if (!enterprise.empty()) {
        const auto found = enterprises_.find(enterprise);
        if (found != enterprises_.end()) {
            add_heads(found->second, tier, after, heads);
        }
        return heads;
    }
    for (const auto& [id, tiers] : enterprises_) {
        add_heads(tiers, tier, after, heads);
    }
    return heads;
}

bool JobIndex::walk(const EnterpriseId& enterprise, ListingPlace after,
                    const std::function<bool(ListingPlace)>& each) const {
    Heads heads = heads_of(enterprise, after.tier, after.job);
    for (;;) {
        while (!heads.empty()) {
            Head head = heads.top();
            heads.pop();
            const bool gone = head.list->marked[head.at] % 2 == 1;
            if (!gone && !each({after.tier, JobId{head.job()}})) {
                return false;
            }
            if (++head.at < head.list->marked.size()) {
                heads.push(head);
            }
        }
        const int tier = next_tier(enterprise, after.tier);
        if (tier == kNoTier) {
            return true;
        }
        after = {.tier = tier, .job = JobId{0}};
        heads = heads_of(enterprise, tier, after.job);
    }
}

}  // namespace khu::daemon
