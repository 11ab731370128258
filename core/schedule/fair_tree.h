#pragma once

/// \file
/// Who has had least of the zone, for what was promised to it: zone > programme > enterprise. Each
/// level is ordered by use per share, compared by cross-multiplication in 128 bits without any
/// division (S_a * U_b > S_b * U_a); a leaf's rank is how many leaves stand before it, ties
/// allowed. Use is what ended attempts used, fading with a half-life, and at once the whole of what
/// running ones may use.
///
/// The rank becomes time: the leaf ranked last waits as if its jobs had been submitted `reach`
/// later, the first as they were. So fairness never delays a job by more than `reach`. A job that
/// needs a part of its partition is delayed by so much less (Delay): it waits longest anyway, and
/// whoever passes it while nodes are kept free for it costs all of those their time.
///
/// Source: the Fair Tree algorithm (R. Cox and L. Morrison, as described by Slurm's documentation);
/// the at-once part is Kueue's entry penalty.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/schedule/decay.h"

namespace khu {

/// An enterprise in a programme. 0: none, for jobs that fairness does not order.
using LeafNumber = std::uint32_t;
inline constexpr LeafNumber kNoLeaf = 0;

/// How much later the jobs of a leaf stand.
struct Delay {
    Span share;    ///< for its fair share: as much of it as the job leaves of its partition
    Span penalty;  ///< whatever the job's width
    /// Of a job that leaves so many thousandths of its partition to others.
    [[nodiscard]] Span of(int narrow_permille) const {
        return Span{share.value / 1000 * narrow_permille} + penalty;
    }
    bool operator==(const Delay&) const = default;
};

/// Why a leaf stands where it stands.
struct Fairness {
    int rank{0};    ///< leaves before it
    int leaves{0};  ///< in all
    int programme_shares{1};
    int shares{1};
    Atoms use;  ///< fading use and running holds
    Atoms programme_use;
    Delay delay;
};

class FairTree {
public:
    /// `shares` of programmes; one that is not named has 1. The jobs of the leaf ranked last stand
    /// as if submitted `reach` later; 0 switches fairness off.
    void configure(Span half_life, Span reach, std::map<ProgrammeId, int> shares);
    [[nodiscard]] const Decay& decay() const { return decay_; }

    /// The same number whenever it is asked; never kNoLeaf.
    LeafNumber leaf(const ProgrammeId& programme, const EnterpriseId& enterprise);
    /// None if it never had a job.
    [[nodiscard]] std::optional<LeafNumber> find(const ProgrammeId& programme,
                                                 const EnterpriseId& enterprise) const;

    /// Of the leaf among those of its programme; 1 unless said. Claims: shares > 0.
    void set_shares(LeafNumber leaf, int shares);
    /// Replaces the fading use.
    void set_use(LeafNumber leaf, const FadingUse& use);
    /// A running attempt may use `amount` (>= 0); unhold() when it has ended.
    void hold(LeafNumber leaf, Atoms amount);
    void unhold(LeafNumber leaf, Atoms amount);

    /// The leaf's jobs stand this much later, whatever its share.
    void set_penalty(LeafNumber leaf, Span penalty);

    /// Orders the leaves as of `now`; gives those whose delay has changed.
    std::vector<LeafNumber> refresh(Moment now);
    /// As of the last refresh, in steps of a sixty-fourth of the reach: small changes of rank move
    /// nobody in the queue.
    [[nodiscard]] Delay delay(LeafNumber leaf) const { return leaves_[leaf].delay; }
    [[nodiscard]] Fairness fairness(LeafNumber leaf) const;
    [[nodiscard]] Span reach() const { return reach_; }

private:
    __extension__ using Wide = unsigned __int128;
    struct Leaf {
        std::uint32_t programme{0};
        int shares{1};
        FadingUse fading;
        Atoms held;
        Atoms use;  ///< as of the last refresh
        int rank{0};
        Delay delay;
    };
    struct Programme {
        int shares{1};
        Atoms use;
        std::vector<LeafNumber> leaves;  ///< by use per share
    };

    void change_use(LeafNumber leaf, Atoms by);
    /// -1 if `a` had less per share, 1 if more.
    static int compare(Atoms a, int a_shares, Atoms b, int b_shares);
    void count_use(std::int64_t day);
    void sort_levels();
    void rank_leaves(std::vector<LeafNumber>& changed);
    [[nodiscard]] Span share_of(int rank) const;

    Decay decay_{days(14)};
    Span reach_;
    std::map<ProgrammeId, int> shares_;
    std::map<std::pair<ProgrammeId, EnterpriseId>, LeafNumber> numbers_;
    std::map<ProgrammeId, std::uint32_t> programme_numbers_;
    std::vector<Leaf> leaves_{1};  ///< the first is kNoLeaf
    std::vector<Programme> programmes_;
    std::vector<std::uint32_t> order_;  ///< programmes by use per share
    std::int64_t day_{-1};
    bool recount_{true};  ///< uses must be added up anew
    bool changed_{true};
    std::vector<LeafNumber> penalised_;  ///< since the last refresh
};

}  // namespace khu
