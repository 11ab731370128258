#pragma once

/// \file
/// Whose the GPUs are while a round lasts (lending.h): as things stand, less what the round itself
/// has started and promised; and as they will be when those have left that were told to.

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "core/base/refusal.h"
#include "core/machine/lending.h"

namespace khu {

class LendingRound {
public:
    /// Claims: the state's lending is fresh.
    explicit LendingRound(const State& state);

    /// False where the policy has no rules: nothing else need be asked.
    [[nodiscard]] bool applies() const { return !now_.empty(); }
    /// Why the job may not start, whoever leaves: BorrowLimit, NothingLent, or LentOut where the
    /// policy lets nobody reclaim.
    std::optional<Reason> refuses(const Job& job, const JobSpec& spec);
    /// Whether such a job would not be refused; it need not wait in the queue.
    [[nodiscard]] bool allows(const Job& job, const JobSpec& spec) const;
    /// It is an owner's, and owners may reclaim.
    [[nodiscard]] bool reclaims(const Job& job, const JobSpec& spec) const;
    /// LentOut: others must give back first. `counted`: the job was promised a place before, and
    /// takes().
    std::optional<Reason> lent_out(const Job& job, const JobSpec& spec, bool counted);
    /// Whether those that were told, and `victims`, give back enough.
    [[nodiscard]] bool enough_without(const Job& job, const JobSpec& spec,
                                      const std::vector<JobId>& victims) const;
    void told(const std::vector<JobId>& victims);
    /// It starts or is promised a place.
    void takes(const Job& job, const JobSpec& spec);

    /// What takes() was told of runs on borrowed GPUs.
    [[nodiscard]] bool borrowed(JobId job) const { return borrowed_.contains(job); }
    /// Owners that wait for what is lent out; nobody borrows meanwhile.
    [[nodiscard]] const std::map<PartitionId, JobId>& owners_wait() const { return owners_wait_; }
    /// Whether anybody was refused.
    [[nodiscard]] bool refused() const { return refused_; }

private:
    void leaves(LendingPools& pools, JobId job) const;
    std::optional<Reason> remember(std::optional<Reason> reason);

    const State& state_;
    LendingPools now_;
    LendingPools then_;  ///< when those that were told have left
    std::map<PartitionId, JobId> owners_wait_;
    std::set<JobId> borrowed_;
    bool refused_{false};
};

}  // namespace khu
