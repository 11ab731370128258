#pragma once

/// \file
/// Whose the GPUs of a partition are now: the policy's `borrowing`. Of what a programme runs,
/// GPUs up to its `nominal_gpus` are its own; what it runs beyond them, it has borrowed. It may
/// borrow `borrow` GPUs at most, and of the others' unused nominal no more than each of them lends:
///
///     idle - what is started  >=  sum over programmes of  max(0, nominal - lend - running)
///
/// A start that takes nothing of that rest of the others (its programme stays within what it does
/// not lend) is always allowed. GPUs that are nobody's nominal are lent to everybody. A programme
/// without a rule owns nothing, and may borrow without a limit of its own.
///
/// Free work that gives way by its QOS is counted nowhere. What is counted are GPUs asked for: an
/// attempt has them until all of its nodes have given them back. An attempt with which its
/// programme went beyond its nominal has borrowed as a whole, as long as it is beyond it: those
/// that began within it count first, then those that borrowed in the order of their starts. So it
/// is its own again when others end, or when a policy gives the programme more; and what started
/// within its nominal is never reclaimed.
///
/// Source: the cohorts of Kueue (nominalQuota, lendingLimit, borrowingLimit).

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/base/refusal.h"
#include "core/jobs/job.h"
#include "core/policy/policy.h"
#include "core/schedule/why.h"

namespace khu {

class State;

/// What it would be to a programme if it started so many GPUs more. Unit: GPUs.
struct LendingAnswer {
    std::int64_t running{0};  ///< before
    std::int64_t nominal{0};
    std::int64_t borrow{0};   ///< -1: without a limit of its own
    std::int64_t idle{0};     ///< of the partition, less what others do not lend
    std::int64_t lacking{0};  ///< must be given back by others first
    bool borrows{false};      ///< it would go beyond its nominal
    bool over{false};         ///< and beyond `borrow`
};

/// The GPUs of one partition that has rules.
class LendingPool {
public:
    LendingPool(const Borrowing& rules, std::int64_t gpus);
    /// The programme has so many more, or fewer.
    void use(const ProgrammeId& programme, std::int64_t gpus);
    [[nodiscard]] LendingAnswer ask(const ProgrammeId& programme, std::int64_t gpus) const;
    /// What is idle beyond what others do not lend; negative where a node was lost.
    [[nodiscard]] std::int64_t slack() const { return gpus_ - used_ - kept_; }
    [[nodiscard]] std::int64_t nominal(const ProgrammeId& programme) const;

private:
    struct Share {
        std::int64_t nominal{0};
        std::int64_t lend{0};
        std::int64_t borrow{-1};
        std::int64_t running{0};
        /// Of its nominal, what stays free for it.
        [[nodiscard]] std::int64_t kept(std::int64_t more = 0) const {
            return std::max<std::int64_t>(0, nominal - lend - running - more);
        }
    };
    std::map<ProgrammeId, Share> shares_;
    std::int64_t gpus_{0};
    std::int64_t used_{0};
    std::int64_t kept_{0};
};

using LendingPools = std::map<PartitionId, LendingPool>;

/// Derived from policy, nodes and attempts; see State.
struct Lending {
    LendingPools pools;
    /// Counted attempts by when they started, by partition and programme.
    std::map<std::pair<PartitionId, ProgrammeId>, std::set<std::pair<Moment, JobId>>> running;
    std::set<JobId> leaving;                   ///< counted, and told to give way
    std::map<PartitionId, JobId> owner_waits;  ///< for GPUs that are lent out: nobody borrows
    bool refused{false};  ///< jobs wait for it: they are asked again when something comes back
    bool stale{true};     ///< nodes or policy changed; see refresh_lending()
};

std::int64_t gpus_asked(const JobSpec& spec);
/// Whether it is counted, where there are rules.
bool is_lent(const Policy& policy, const JobSpec& spec);

/// Counts anew after nodes or the policy changed; nothing otherwise.
void refresh_lending(State& state);

/// OnBorrowedGpus (A158): the attempt may be told to give back what its programme has borrowed;
/// none where it never will.
std::optional<Reason> on_borrowed_gpus(const State& state, const Job& job);

/// A102 for a job that asks for more than its programme could ever have, or the others leave.
std::optional<Refusal> beyond_lending(const Policy& policy, const JobSpec& spec);

/// Why a job may not start as `pools` are: BorrowLimit (A155) or NothingLent (A156) for one that
/// would borrow, LentOut (A157) for one of an owner, who may ask for what is his. `owner_waits`: an
/// owner waits in the partition, and this is not his job.
std::optional<Reason> not_lent(const State& state, const LendingPools& pools, const JobSpec& spec,
                               bool at_floor, bool owner_waits);
/// The same as things stand, for a job that waits.
std::optional<Reason> not_lent(const State& state, const Job& job, const JobSpec& spec);

/// Which jobs that wait may ask borrowers to leave. Keeps a reference to `state`.
Reclaims may_reclaim(const State& state);

/// Whether it would run on what its programme owns, or as the floor rule lets it.
bool is_owners(const LendingPools& pools, const JobSpec& spec, bool at_floor);

namespace apply_detail {

/// The attempt has its resources; was told to give way; and has given back all of them.
void lending_begins(State& state, const Job& job);
void lending_told(State& state, const Job& job);
void lending_ends(State& state, const Job& job);
/// A place or an owner's job is gone for which others were kept waiting.
void lending_again(State& state);

}  // namespace apply_detail
}  // namespace khu
