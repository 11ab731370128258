#include "core/schedule/fair_tree.h"

#include <algorithm>

#include "core/base/check.h"

namespace khu {
namespace {

constexpr std::int64_t kSteps = 64;

/// The order changes little from one time to the next.
template <class T, class Less>
void insertion_sort(std::vector<T>& rows, const Less& less) {
    for (std::size_t i = 1; i < rows.size(); ++i) {
        const T row = rows[i];
        std::size_t at = i;
        for (; at > 0 && less(row, rows[at - 1]); --at) {
            rows[at] = rows[at - 1];
        }
        rows[at] = row;
    }
}

}  // namespace

void FairTree::configure(Span half_life, Span reach, std::map<ProgrammeId, int> shares) {
    decay_ = Decay(half_life);
    reach_ = reach;
    shares_ = std::move(shares);
    for (const auto& [id, number] : programme_numbers_) {
        const auto named = shares_.find(id);
        programmes_[number].shares = named == shares_.end() ? 1 : std::max(1, named->second);
    }
    recount_ = true;
}

LeafNumber FairTree::leaf(const ProgrammeId& programme, const EnterpriseId& enterprise) {
    const auto next = static_cast<LeafNumber>(leaves_.size());
    const auto [found, fresh] = numbers_.try_emplace({programme, enterprise}, next);
    if (!fresh) {
        return found->second;
    }
    const auto next_programme = static_cast<std::uint32_t>(programmes_.size());
    const auto [known, new_programme] = programme_numbers_.try_emplace(programme, next_programme);
    if (new_programme) {
        const auto named = shares_.find(programme);
        programmes_.push_back(
            {.shares = named == shares_.end() ? 1 : std::max(1, named->second), .leaves = {}});
        order_.push_back(next_programme);
    }
    leaves_.push_back(
        {.programme = known->second, .fading = {}, .held = {}, .use = {}, .delay = {}});
    programmes_[known->second].leaves.push_back(next);
    recount_ = true;
    return next;
}

std::optional<LeafNumber> FairTree::find(const ProgrammeId& programme,
                                         const EnterpriseId& enterprise) const {
    const auto found = numbers_.find({programme, enterprise});
    return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

void FairTree::set_shares(LeafNumber leaf, int shares) {
    KHU_CHECK(leaf != kNoLeaf && shares > 0, "leaf {} shares {}", leaf, shares);
    changed_ = changed_ || leaves_.at(leaf).shares != shares;
    leaves_.at(leaf).shares = shares;
}

void FairTree::set_use(LeafNumber leaf, const FadingUse& use) {
    const Atoms before = decay_.left(leaves_.at(leaf).fading, day_);
    leaves_[leaf].fading = use;
    change_use(leaf, decay_.left(use, day_) - before);
}

void FairTree::hold(LeafNumber leaf, Atoms amount) {
    KHU_CHECK(amount >= Atoms{0} && leaf != kNoLeaf);
    leaves_.at(leaf).held += amount;
    change_use(leaf, amount);
}

void FairTree::unhold(LeafNumber leaf, Atoms amount) {
    leaves_.at(leaf).held -= amount;
    KHU_CHECK(leaves_[leaf].held >= Atoms{0}, "leaf {}", leaf);
    change_use(leaf, -amount);
}

void FairTree::set_penalty(LeafNumber leaf, Span penalty) {
    KHU_CHECK(leaf != kNoLeaf);
    if (leaves_.at(leaf).delay.penalty != penalty) {
        leaves_[leaf].delay.penalty = penalty;
        penalised_.push_back(leaf);
    }
}

void FairTree::change_use(LeafNumber leaf, Atoms by) {
    leaves_[leaf].use += by;
    programmes_[leaves_[leaf].programme].use += by;
    changed_ = true;
}

int FairTree::compare(Atoms a, int a_shares, Atoms b, int b_shares) {
    const Wide left = Wide{static_cast<std::uint64_t>(a.value)} * static_cast<unsigned>(b_shares);
    const Wide right = Wide{static_cast<std::uint64_t>(b.value)} * static_cast<unsigned>(a_shares);
    return left < right ? -1 : left > right ? 1 : 0;
}

std::vector<LeafNumber> FairTree::refresh(Moment now) {
    std::vector<LeafNumber> changed = std::move(penalised_);
    penalised_.clear();
    const std::int64_t day = day_of(now);
    recount_ = recount_ || day != day_;
    if (!changed_ && !recount_) {
        return changed;
    }
    if (recount_) {
        count_use(day);
    }
    changed_ = recount_ = false;
    day_ = day;
    sort_levels();
    rank_leaves(changed);
    return changed;
}

void FairTree::count_use(std::int64_t day) {
    for (Programme& programme : programmes_) {
        programme.use = Atoms{0};
        for (const LeafNumber number : programme.leaves) {
            Leaf& leaf = leaves_[number];
            leaf.use = decay_.left(leaf.fading, day) + leaf.held;
            programme.use += leaf.use;
        }
    }
}

void FairTree::sort_levels() {
    for (Programme& programme : programmes_) {
        insertion_sort(programme.leaves, [&](LeafNumber a, LeafNumber b) {
            const Leaf& left = leaves_[a];
            const Leaf& right = leaves_[b];
            const int order = compare(left.use, left.shares, right.use, right.shares);
            return order != 0 ? order < 0 : a < b;
        });
    }
    insertion_sort(order_, [&](std::uint32_t a, std::uint32_t b) {
        const Programme& left = programmes_[a];
        const Programme& right = programmes_[b];
        const int order = compare(left.use, left.shares, right.use, right.shares);
        return order != 0 ? order < 0 : a < b;
    });
}

/// A rank is the number of leaves of better programmes and of better leaves beside it.
void FairTree::rank_leaves(std::vector<LeafNumber>& changed) {
    int before = 0;  // leaves of strictly better programmes
    int seen = 0;
    for (std::size_t p = 0; p < order_.size(); ++p) {
        const Programme& programme = programmes_[order_[p]];
        const Programme* last = p == 0 ? nullptr : &programmes_[order_[p - 1]];
        if (last != nullptr &&
            compare(last->use, last->shares, programme.use, programme.shares) < 0) {
            before = seen;
        }
        int better = 0;
        for (std::size_t i = 0; i < programme.leaves.size(); ++i) {
            Leaf& leaf = leaves_[programme.leaves[i]];
            const Leaf* other = i == 0 ? nullptr : &leaves_[programme.leaves[i - 1]];
            if (other != nullptr && compare(other->use, other->shares, leaf.use, leaf.shares) < 0) {
                better = static_cast<int>(i);
            }
            leaf.rank = before + better;
            const Span share = share_of(leaf.rank);
            if (share != leaf.delay.share) {
                leaf.delay.share = share;
                changed.push_back(programme.leaves[i]);
            }
        }
        seen += static_cast<int>(programme.leaves.size());
    }
}

Span FairTree::share_of(int rank) const {
    const auto others = static_cast<std::int64_t>(leaves_.size()) - 2;
    if (others <= 0 || rank == 0) {
        return Span{0};
    }
    return Span{reach_.value / kSteps * (kSteps * rank / others)};
}

Fairness FairTree::fairness(LeafNumber number) const {
    const Leaf& leaf = leaves_.at(number);
    const Programme& programme = programmes_[leaf.programme];
    return {.rank = leaf.rank,
            .leaves = static_cast<int>(leaves_.size()) - 1,
            .programme_shares = programme.shares,
            .shares = leaf.shares,
            .use = leaf.use,
            .programme_use = programme.use,
            .delay = leaf.delay};
}

}  // namespace khu
