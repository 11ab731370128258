#include "core/schedule/preempt.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "core/placement/candidates.h"
#include "core/placement/fit.h"

namespace khu {
namespace {

/// How full a node would be without anything that gives way; less is fuller.
struct Fill {
    std::size_t level{0};  ///< of its free GPUs in the order of the observed mix (mix.h)
    int free_cores{0};
    auto operator<=>(const Fill&) const = default;
};

/// Who is told for one node.
struct Toll {
    std::vector<JobId> who;
    EvictionCost loss;
    Fill fill{};

    /// The job goes where it would have gone if nothing gave way: whatever it displaces, whole
    /// nodes stay whole for wider jobs.
    [[nodiscard]] bool better_than(const Toll& other) const {
        return std::tuple(loss.rank, fill, loss.gpu_ms) <
               std::tuple(other.loss.rank, other.fill, other.loss.gpu_ms);
    }
};

/// Room in one subtree of the zone.
struct Offer {
    Room room;
    Toll toll;
};

/// A node on which something gives way or is promised.
struct Contested {
    const ClusterNode* node;
    NodeState base;  ///< those told before have left, promised parts are taken
    Fill fill;
    std::vector<JobId> can_go{};  ///< cheapest first
    NodeState state;              ///< `base` without those told in this search
    bool fits{false};
};

bool may_be_told(const ZoneView& zone, const TellFilter& may_tell, JobId job, Moment now) {
    const RunningJob& attempt = *zone.running.find(job);
    return !zone.clearings.is_leaving(job) && attempt.yields_at <= now &&
           (!may_tell || may_tell(attempt));
}

class Search {
public:
    Search(const ZoneView& zone, const PreemptionRule& rule, const GangRequest& request,
           const StateFilter& allowed, const TellFilter& may_tell, Moment now)
        : zone_(zone),
          rule_(rule),
          request_(request),
          allowed_(allowed),
          may_tell_(may_tell),
          now_(now),
          one_node_(of_one_node(request)),
          levels_(
              zone.cluster.mix(request.partition).order(NodeIndex::level_of(request.shape.gpus))) {}

    /// `subtree` at `level` holds all nodes; 0: anywhere.
    std::optional<Room> run(ZoneLevel level, SubtreeNumber subtree) {
        look_into(level, subtree);
        if (could_fit_nodes() < static_cast<std::size_t>(request_.nodes)) {
            return std::nullopt;
        }
        std::optional<NodeList> chosen = choose();
        while (!chosen) {
            const std::optional<Toll> next = cheapest_node();
            if (!next) {
                return std::nullopt;
            }
            for (const JobId job : next->who) {
                tell(job);
            }
            chosen = choose();
        }
        const bool several = told_.size() > 1;  // Who is left of them need not be the cheapest.
        let_off(*chosen);
        std::optional<Room> alone = several ? one_alone() : std::nullopt;
        Room made = room_on(*chosen);
        return alone && toll_for(*alone).better_than(toll_for(made)) ? std::move(*alone)
                                                                     : std::move(made);
    }

    /// Whoever need not go because there is room without him in another of the subtrees stays; and
    /// then it may be that somebody else alone is cheaper.
    void let_off_elsewhere(ZoneLevel level, const std::set<SubtreeNumber>& subtrees, Offer& offer) {
        const std::vector<JobId> victims = offer.room.victims;
        for (const JobId job : dearest_first({victims.begin(), victims.end()})) {
            std::set<JobId> fewer(offer.room.victims.begin(), offer.room.victims.end());
            fewer.erase(job);
            for (auto subtree = subtrees.begin(); !fewer.empty() && subtree != subtrees.end();
                 ++subtree) {
                look_into(level, *subtree);
                tell_only(fewer);
                if (const std::optional<NodeList> chosen = choose()) {
                    offer.room = room_on(*chosen);
                    offer.toll = toll_for(offer.room);
                    break;
                }
            }
        }
        for (auto subtree = subtrees.begin();
             offer.room.victims != victims && subtree != subtrees.end(); ++subtree) {
            look_into(level, *subtree);
            std::optional<Room> alone = one_alone();
            const Toll toll = alone ? toll_for(*alone) : Toll{};
            if (alone && toll.better_than(offer.toll)) {
                offer = {.room = *std::move(alone), .toll = toll};
            }
        }
    }

    /// What the room that run() gave costs.
    [[nodiscard]] Toll toll_for(const Room& room) const {
        return {
            .who = {}, .loss = room.loss, .fill = fill_at(zone_.cluster.at(room.nodes[0].node))};
    }

private:
    void look_into(ZoneLevel level, SubtreeNumber subtree) {
        level_ = level;
        subtree_ = subtree;
        told_.clear();
        gather();
    }
    [[nodiscard]] bool in_reach(const ClusterNode& node) const {
        return node.health == NodeHealth::Up && meets(node, *request_.where) &&
               (subtree_ == 0 || node.subtrees[static_cast<std::size_t>(level_)] == subtree_);
    }
    [[nodiscard]] bool fits(const NodeState& state, const ClusterNode& node) const {
        return state.open_to(request_.enterprise) &&
               can_fit(state, request_.shape, zone_.cluster.partition(request_.partition)->share) &&
               (!allowed_ || allowed_(node.id, state));
    }
    void give(NodeState& state, JobId job, NodeId node) const {
        for (const NodeAllocation& allocation : zone_.running.find(job)->nodes) {
            if (allocation.node == node) {
                state.give(allocation);
            }
        }
    }
    [[nodiscard]] EvictionCost loss(JobId job) const {
        return told_.contains(job) ? EvictionCost{}
                                   : eviction_cost(*zone_.running.find(job), rule_, now_);
    }

    /// What fits as it is, and the nodes about which something can be done.
    void gather() {
        free_.clear();
        contested_.clear();
        const auto& members = zone_.cluster.members(request_.partition);
        const auto contest = [&](NodeId id) {
            const auto member = members.find(id);
            if (member != members.end() && in_reach(*member->second)) {
                contest_node(*member->second);
            }
        };
        for (const auto& [id, jobs] : zone_.running.yielding()) {
            contest(id);
        }
        for (const auto& [id, jobs] : zone_.clearings.nodes()) {
            if (zone_.running.yielding_on(id).empty()) {
                contest(id);
            }
        }
        const NodeFilter plain = [&](NodeId id) {
            const ClusterNode& node = zone_.cluster.at(id);
            return zone_.running.yielding_on(id).empty() && zone_.clearings.on(id).empty() &&
                   in_reach(node) && (!allowed_ || allowed_(id, node.state));
        };
        for (const ClusterNode* node : CandidateSearch(zone_.cluster, request_, plain).all()) {
            free_.emplace(node->id, node);
        }
    }

    void contest_node(const ClusterNode& node) {
        std::optional<NodeState> base = less_cleared(zone_, node, when_left(zone_, node));
        if (!base) {
            return;
        }
        Contested made{.node = &node, .base = *base, .fill = fill_of(node, *base), .state = *base};
        for (const JobId job : zone_.running.yielding_on(node.id)) {
            if (may_be_told(zone_, may_tell_, job, now_)) {
                made.can_go.push_back(job);
            }
        }
        std::ranges::sort(made.can_go, {}, [&](JobId job) { return std::pair(loss(job), job); });
        made.fits = fits(made.state, node);
        contested_.emplace(node.id, std::move(made));
    }

    /// The nodes of a gang are chosen by what is lost alone: mostly they are whole ones.
    [[nodiscard]] Fill fill_of(const ClusterNode& node, NodeState bare) const {
        if (!one_node_) {
            return {};
        }
        for (const JobId job : zone_.running.yielding_on(node.id)) {
            if (!zone_.clearings.is_leaving(job) && !zone_.running.find(job)->borrowed) {
                give(bare, job, node.id);
            }
        }
        const auto level = std::ranges::find(levels_, NodeIndex::level_of(bare.free_gpu_count()));
        return {.level = static_cast<std::size_t>(level - levels_.begin()),
                .free_cores = bare.free_cores()};
    }

    /// Nodes on which the job fits if everybody goes who can.
    [[nodiscard]] std::size_t could_fit_nodes() const {
        std::size_t nodes = free_.size();
        for (const auto& [id, each] : contested_) {
            NodeState bare = each.base;
            for (const JobId job : each.can_go) {
                give(bare, job, id);
            }
            nodes += each.fits || fits(bare, *each.node) ? 1 : 0;
        }
        return nodes;
    }

    [[nodiscard]] std::optional<NodeList> choose() const {
        std::map<NodeId, const ClusterNode*> fitting = free_;
        for (const auto& [id, each] : contested_) {
            if (each.fits) {
                fitting.emplace(id, each.node);
            }
        }
        if (fitting.size() < static_cast<std::size_t>(request_.nodes)) {
            return std::nullopt;
        }
        if (one_node_) {
            return NodeList{fullest(fitting)};
        }
        NodeList candidates;
        const ClusterNode* suspect = nullptr;
        for (const auto& [id, node] : fitting) {
            (id == request_.suspect ? suspect : candidates.emplace_back()) = node;
        }
        if (suspect != nullptr) {
            candidates.push_back(suspect);
        }
        return choose_gang(candidates, request_);
    }

    [[nodiscard]] Fill fill_at(const ClusterNode& node) const {
        const auto contested = contested_.find(node.id);
        return contested == contested_.end() ? fill_of(node, node.state) : contested->second.fill;
    }
    [[nodiscard]] const ClusterNode* fullest(
        const std::map<NodeId, const ClusterNode*>& nodes) const {
        return std::ranges::min_element(nodes, {},
                                        [&](const auto& each) {
                                            return std::tuple(each.first == request_.suspect,
                                                              fill_at(*each.second), each.first);
                                        })
            ->second;
    }

    [[nodiscard]] std::optional<Toll> cheapest_node() const {
        std::optional<Toll> best;
        for (const auto& [id, each] : contested_) {
            std::optional<Toll> toll = each.fits ? std::nullopt : toll_of(each);
            if (toll) {
                toll->fill = each.fill;
            }
            if (toll && (!best || toll->better_than(*best))) {
                best = std::move(toll);
            }
        }
        return best;
    }

    /// The cheaper of: one attempt alone, or the cheapest ones until the job fits.
    [[nodiscard]] std::optional<Toll> toll_of(const Contested& at) const {
        std::optional<Toll> several = several_of(at);
        for (const JobId job : at.can_go) {
            if (told_.contains(job) || !several || !(loss(job) < several->loss)) {
                continue;
            }
            NodeState state = at.state;
            give(state, job, at.node->id);
            if (fits(state, *at.node)) {
                return Toll{.who = {job}, .loss = loss(job)};
            }
        }
        return several;
    }

    [[nodiscard]] std::optional<Toll> several_of(const Contested& at) const {
        NodeState state = at.state;
        std::vector<JobId> who;
        bool enough = false;
        for (const JobId job : at.can_go) {
            if (enough || told_.contains(job)) {
                continue;
            }
            give(state, job, at.node->id);
            who.push_back(job);
            enough = fits(state, *at.node);
        }
        if (!enough) {
            return std::nullopt;
        }
        Toll toll;
        const std::vector<JobId> needed = without_spare(at, who);
        for (const JobId job : needed) {
            toll.loss = toll.loss + loss(job);
        }
        toll.who = needed;
        return toll;
    }

    /// The dearest first, those are kept without whom the job fits as well.
    [[nodiscard]] std::vector<JobId> without_spare(const Contested& at,
                                                   std::vector<JobId> who) const {
        for (std::size_t i = who.size(); i-- > 0;) {
            NodeState state = at.state;
            for (std::size_t other = 0; other < who.size(); ++other) {
                if (other != i) {
                    give(state, who[other], at.node->id);
                }
            }
            if (fits(state, *at.node)) {
                who.erase(who.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
        return who;
    }

    void tell(JobId job) {
        if (told_.insert(job).second) {
            review_nodes_of(job);
        }
    }
    void review_nodes_of(JobId job) {
        for (const NodeAllocation& allocation : zone_.running.find(job)->nodes) {
            const auto found = contested_.find(allocation.node);
            if (found == contested_.end()) {
                continue;
            }
            Contested& at = found->second;
            at.state = at.base;
            for (const JobId each : at.can_go) {
                if (told_.contains(each)) {
                    give(at.state, each, at.node->id);
                }
            }
            at.fits = fits(at.state, *at.node);
        }
    }

    /// Whoever need not go stays, the dearest first.
    void let_off(NodeList& chosen) {
        const std::vector<JobId> dearest = dearest_first(told_);
        for (std::size_t i = 0; i < dearest.size() && dearest.size() > 1; ++i) {
            told_.erase(dearest[i]);
            review_nodes_of(dearest[i]);
            if (std::optional<NodeList> without = choose()) {
                chosen = std::move(*without);
            } else {
                tell(dearest[i]);
            }
        }
    }
    [[nodiscard]] std::vector<JobId> dearest_first(const std::set<JobId>& jobs) const {
        std::vector<JobId> dearest(jobs.begin(), jobs.end());
        std::ranges::sort(dearest, std::greater{}, [&](JobId job) {
            return std::pair(eviction_cost(*zone_.running.find(job), rule_, now_), job);
        });
        return dearest;
    }

    /// The cheapest attempt that makes room by itself; a gang may do so on several nodes at once.
    std::optional<Room> one_alone() {
        const std::set<JobId> several = told_;
        std::set<std::pair<EvictionCost, JobId>> candidates;
        for (const auto& [id, at] : contested_) {
            for (const JobId job : at.can_go) {
                candidates.emplace(eviction_cost(*zone_.running.find(job), rule_, now_), job);
            }
        }
        std::optional<Room> made;
        tell_only({});
        for (const auto& [loss, job] : candidates) {
            tell_only({job});
            if (const std::optional<NodeList> nodes = choose()) {
                made = room_on(*nodes);
                break;
            }
        }
        tell_only(several);
        return made;
    }

    void tell_only(const std::set<JobId>& jobs) {
        const std::set<JobId> before = std::exchange(told_, jobs);
        for (const std::set<JobId>* each : {&before, &jobs}) {
            for (const JobId job : *each) {
                review_nodes_of(job);
            }
        }
    }

    [[nodiscard]] Room room_on(const NodeList& chosen) const {
        Room made;
        made.victims.assign(told_.begin(), told_.end());
        for (const JobId job : told_) {
            made.loss = made.loss + eviction_cost(*zone_.running.find(job), rule_, now_);
        }
        for (const ClusterNode* node : chosen) {
            const auto contested = contested_.find(node->id);
            const NodeState& state =
                contested == contested_.end() ? node->state : contested->second.state;
            const GpuShare& share = zone_.cluster.partition(request_.partition)->share;
            made.nodes.push_back(fit(state, request_.shape, share)->allocation);
            made.nodes.back().node = node->id;
        }
        std::ranges::sort(made.nodes, {}, &NodeAllocation::node);
        return made;
    }

    const ZoneView& zone_;
    const PreemptionRule& rule_;
    const GangRequest& request_;
    const StateFilter& allowed_;
    const TellFilter& may_tell_;
    Moment now_;
    const bool one_node_;
    Mix::Levels levels_;
    ZoneLevel level_{ZoneLevel::Zone};
    SubtreeNumber subtree_{0};
    std::map<NodeId, const ClusterNode*> free_;
    std::map<NodeId, Contested> contested_;
    std::set<JobId> told_;
};

/// The subtrees of that level in which the partition has nodes.
std::set<SubtreeNumber> subtrees_at(const Cluster& cluster, const PartitionId& partition,
                                    ZoneLevel level) {
    std::set<SubtreeNumber> subtrees;
    for (const auto& [id, node] : cluster.members(partition)) {
        subtrees.insert(node->subtrees[static_cast<std::size_t>(level)]);
    }
    subtrees.erase(0);
    return subtrees;
}

}  // namespace

EvictionCost eviction_cost(const RunningJob& attempt, const PreemptionRule& rule, Moment now) {
    const auto named = rule.ranks.find(attempt.qos);
    const int by_qos = named == rule.ranks.end() ? -1 : named->second;
    std::int64_t width = 0;
    for (const NodeAllocation& allocation : attempt.nodes) {
        width += static_cast<std::int64_t>(allocation.gpus.empty() ? allocation.cores.size()
                                                                   : allocation.gpus.size());
    }
    return {.rank = attempt.borrowed ? rule.borrowed_rank : by_qos,
            .gpu_ms = width * std::max<std::int64_t>(
                                  0, (now - std::max(attempt.taken_at, attempt.saved_at)).value)};
}

EvictionCost operator+(const EvictionCost& a, const EvictionCost& b) {
    return {.rank = std::max(a.rank, b.rank), .gpu_ms = a.gpu_ms + b.gpu_ms};
}

std::optional<Room> make_room(const ZoneView& zone, const PreemptionRule& rule,
                              const GangRequest& request, const StateFilter& allowed,
                              const TellFilter& may_tell, Moment now) {
    const std::optional<ZoneLevel> level = zone_level(request.within);
    if (zone.cluster.partition(request.partition) == nullptr || !level) {
        return std::nullopt;
    }
    Search search(zone, rule, request, allowed, may_tell, now);
    if (*level == ZoneLevel::Zone) {
        return search.run(*level, 0);
    }
    const std::set<SubtreeNumber> subtrees = subtrees_at(zone.cluster, request.partition, *level);
    std::vector<Offer> offers;
    for (const SubtreeNumber subtree : subtrees) {
        if (std::optional<Room> room = search.run(*level, subtree)) {
            const Toll toll = search.toll_for(*room);
            offers.push_back({.room = *std::move(room), .toll = toll});
        }
    }
    std::ranges::stable_sort(
        offers, [](const Offer& a, const Offer& b) { return a.toll.better_than(b.toll); });
    std::optional<Offer> best;
    for (Offer& offer : offers) {
        if (best && !offer.toll.better_than(best->toll)) {
            break;
        }
        search.let_off_elsewhere(*level, subtrees, offer);
        if (!best || offer.toll.better_than(best->toll)) {
            best = std::move(offer);
        }
    }
    return best ? std::optional(std::move(best->room)) : std::nullopt;
}

std::optional<std::vector<JobId>> cheapest_until(
    const ZoneView& zone, const PreemptionRule& rule, const PartitionId& partition,
    const TellFilter& may_tell, const std::vector<JobId>& besides,
    const std::function<bool(const std::vector<JobId>&)>& enough, Moment now) {
    std::set<std::pair<EvictionCost, JobId>> candidates;
    for (const auto& [id, jobs] : zone.running.yielding()) {
        for (const JobId job : jobs) {
            const bool here = zone.cluster.members(partition).contains(id);
            if (here && std::ranges::find(besides, job) == besides.end() &&
                may_be_told(zone, may_tell, job, now)) {
                candidates.emplace(eviction_cost(*zone.running.find(job), rule, now), job);
            }
        }
    }
    std::vector<JobId> who;
    for (auto next = candidates.begin(); !enough(who); ++next) {
        if (next == candidates.end()) {
            return std::nullopt;
        }
        who.push_back(next->second);
    }
    for (std::size_t i = who.size(); i-- > 0;) {
        std::vector<JobId> without = who;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
        if (enough(without)) {
            who = std::move(without);
        }
    }
    return who;
}

Moment gives_way_by(const RunningJob& attempt, const PreemptionRule& rule, Moment now) {
    if (!rule.on || attempt.yields_at == kNever) {
        return attempt.deadline;
    }
    return std::min(attempt.deadline, std::max(attempt.yields_at, now) + rule.grace);
}

}  // namespace khu
