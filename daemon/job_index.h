#pragma once

/// \file
/// The live jobs of each enterprise in the order of listings: higher tier of QoS first, then by
/// number. A page is found without looking at other enterprises' jobs and without sorting, however
/// long the queue is. Derived from the facts and used on the engine's deciding thread only.
///
/// A job has 8 bytes here. Most come with a number larger than all before, and are added at the
/// end; an element of an array has had its number for long. One that is gone stays as a mark until
/// half of a list are marks. The tier is that of the policy in force when the job
/// came.

#include <cstdint>
#include <functional>
#include <map>
#include <queue>
#include <vector>

#include "core/base/ids.h"
#include "core/machine/state.h"

namespace khu::daemon {

/// Where a job stands in a listing.
struct ListingPlace {
    int tier{INT32_MAX};
    JobId job;
    bool operator==(const ListingPlace&) const = default;
};

class JobIndex {
public:
    /// Once for each job.
    void add(const EnterpriseId& enterprise, int tier, JobId job);
    /// Nothing if it is not here.
    void remove(const EnterpriseId& enterprise, JobId job);
    /// Forgets everything and takes the jobs of `state`.
    void rebuild(const State& state);

    /// Live jobs of an enterprise; of all if `enterprise` is empty.
    [[nodiscard]] std::int64_t count(const EnterpriseId& enterprise) const;
    /// Calls `each` with the jobs after `after`, in order, until it says false. Empty `enterprise`:
    /// those of all. True if it came to the end.
    bool walk(const EnterpriseId& enterprise, ListingPlace after,
              const std::function<bool(ListingPlace)>& each) const;

private:
    struct List {
        std::vector<std::uint64_t> marked;  ///< number * 2, + 1 if it is gone
        std::size_t gone{0};
    };
    using Tiers = std::map<int, List, std::greater<>>;
    struct Head {
        const List* list;
        std::size_t at;
        [[nodiscard]] std::uint64_t job() const { return list->marked[at] / 2; }
        bool operator<(const Head& other) const { return job() > other.job(); }  // least on top
    };
    using Heads = std::priority_queue<Head>;

    static void compact(List& list);
    [[nodiscard]] int next_tier(const EnterpriseId& enterprise, int below) const;
    void add_heads(const Tiers& tiers, int tier, JobId after, Heads& heads) const;
    [[nodiscard]] Heads heads_of(const EnterpriseId& enterprise, int tier, JobId after) const;

    std::map<EnterpriseId, Tiers> enterprises_;
};

/// The tier of a job's QoS in the policy in force; 0 if there is none.
int tier_of(const State& state, const JobSpec& spec);

}  // namespace khu::daemon
