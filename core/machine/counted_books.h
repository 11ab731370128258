#pragma once

/// \file
/// The counted resources (counted.h) as one round sees them, or one question: what was in use and
/// set aside at its beginning, what it has started since, and what is kept for whom.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/refusal.h"
#include "core/machine/counted.h"
#include "core/schedule/queue.h"

namespace khu {

class CountedBooks {
public:
    CountedBooks(const State& state, Moment now) : state_(state), now_(now) {}

    /// A102, or A159 to A162, if the job may not have what it names from now on for its whole
    /// limit. One that may be the first in line is, if it stands before who is. `order`: its place
    /// in the queue. Claims: the policy offers it what it names.
    std::optional<Reason> refuses(JobId job, const JobSpec& spec, const QueueOrder& order);
    /// The round decided that it starts, or promised it a place: it has them from now on.
    void takes(JobId job, const JobSpec& spec);

    /// A161 where a job that refuses() lets pass may not have it for so much longer than its limit:
    /// it would start only when others have given way. It stands in line then, as by refuses().
    std::optional<Reason> runs_out(JobId job, JobSpec spec, const QueueOrder& order, Span later);

    /// Whether a job could have what it names from `at` on, if nobody else began to use any.
    [[nodiscard]] bool free_at(const JobSpec& spec, Moment at);
    /// The moments after `now` at which some of it is given back, ascending; the first few.
    [[nodiscard]] std::vector<Moment> given_back() const;

private:
    /// For whom it is kept, and when that job surely can start.
    struct Kept {
        JobId job;
        QueueOrder order;
        EnterpriseId enterprise;
        Window time;   ///< of its whole limit
        int count{0};  ///< of the resource
        bool operator==(const Kept&) const = default;
    };
    /// What is taken, and for whom some is kept: of all that there are, or of what one enterprise
    /// may use.
    struct Share {
        CountedTimeline timeline;
        std::optional<Kept> first{};
        bool own{false};  ///< of one enterprise
        /// With what is kept for those, as it was asked last.
        std::vector<Kept> kept{};
        std::optional<CountedTimeline> beside{};
    };
    /// One resource.
    struct Line {
        Share all;
        std::int64_t used{0};  ///< now, with what the round has started
        std::int64_t jobs{0};  ///< that use it
        std::map<EnterpriseId, Share> own{};
    };
    /// A job that asks, in one of its ways.
    struct Asker {
        JobId job;
        const JobSpec& spec;
        const QueueOrder& order;
    };
    /// What it asks for of one resource.
    struct Wish {
        const Asker& by;
        const CountedResource& resource;
        int count;
        [[nodiscard]] CountedAsk from(Moment at) const {
            return {.enterprise = by.spec.enterprise,
                    .count = count,
                    .time = {at, at + by.spec.time_limit}};
        }
    };
    Line& line(const CountedResource& resource);
    /// Null if the policy lets each use all of it.
    Share* own_share(const CountedResource& resource, const EnterpriseId& enterprise);
    /// Those of which the wish must be met.
    std::vector<Share*> shares_of(const Wish& wish);
    void look_at_queue();
    /// Claims: the policy has all of it.
    [[nodiscard]] std::vector<Wish> wishes_of(const Asker& asker) const;
    std::optional<Reason> lost_since(const std::vector<Wish>& wishes);
    std::optional<Reason> over_enterprise(const Wish& wish);
    std::optional<Reason> refuses(const Wish& wish);
    [[nodiscard]] std::optional<Reason> kept_for_another(Share& share, const Wish& wish);
    /// What is taken of the share, beside what is kept of it for those before the wish.
    const CountedTimeline& with_kept(Share& share, const Wish& wish);
    [[nodiscard]] Reason reason(Code code, const Wish& wish);
    /// `why` with the moment at which the job surely could have all, and its place in line.
    Reason wait(const std::vector<Wish>& wishes, Reason why);
    /// Those before the job for which some of the share is kept, the first first.
    [[nodiscard]] std::vector<Kept> kept_from(const Share& share, const Wish& wish) const;
    /// When the job surely could have all that it names; none if never.
    std::optional<Moment> earliest(const std::vector<Wish>& wishes);
    /// `own`: it waits for its own enterprise, and of other shares nothing is kept.
    void stand_in_line(const std::vector<Wish>& wishes, std::optional<Moment> at, bool own);
    [[nodiscard]] bool may_be_first(const std::vector<Wish>& wishes, bool own);

    const State& state_;
    Moment now_;
    bool looked_{false};
    std::map<ResourceId, Line> lines_;
};

}  // namespace khu
