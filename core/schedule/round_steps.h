#pragma once

/// \file
/// The inside of a round (round.h): what it keeps while it lasts, and its steps. Only round.cc,
/// round_reserve.cc, which has step 4, round_cleared.cc, which has step 6, and round_ways.cc, which
/// has alternatives, know it.

#include <climits>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/limits.h"
#include "core/schedule/cursor.h"
#include "core/schedule/outlook.h"
#include "core/schedule/round.h"

namespace khu {

class Round {
public:
    explicit Round(const RoundInput& input) : in_(input), memo_(input.memo) {}

    RoundResult run();

private:
    /// What the round knows of one shape.
    struct Visit {
        ShapeNumber number{0};
        const ShapeLanes& shape;
        ShapeCursor cursor;
        std::vector<std::vector<PromiseKey>> failed_bars{};  ///< did not fit beside these
        std::int64_t barred_lanes{0};
        std::optional<Span> shortest{};  ///< time limit of its jobs, once it was asked for
        bool due{false};
        QueueOrder order{};          ///< where its next job stands, while it is due
        LaneNumber lane_number{0};   ///< the job's
        const Lane* lane{nullptr};   ///< the same
        LeafNumber listed{kNoLeaf};  ///< the last leaf of which it was listed in due_of_
    };
    /// One job in view.
    struct Look {
        ShapeNumber shape;
        LaneNumber lane;
        QueueOrder order;
        const GangRequest& request;
        Span time_limit;
        GivingWay way;
        Moment ends_at;  ///< for those whose reservations it may be in the way of
        Visit& visit;
    };
    /// How far the search for the first waiting job of a partition has come.
    struct Walk {
        QueueOrder from{.tier = INT_MAX, .as_if = {}, .job = JobId{0}};
        int steps{0};
    };
    /// A place in the heap of those that are due. Out of date if the visit says otherwise.
    struct Due {
        QueueOrder order;
        Visit* visit;
        bool operator<(const Due& other) const { return other.order < order; }  // the first on top
    };
    enum class Verdict { NextJob, NextLane, ShapeDone };

    void gather();
    void schedule(ShapeNumber shape);
    void walk_on(const PartitionId& partition);
    void put_back();
    [[nodiscard]] bool cut_off();
    Visit& visit_of(ShapeNumber shape);
    [[nodiscard]] Visit* first_due();
    void go_on(Visit& visit);
    void make_due(Visit& visit, const ShapeCursor::Candidate& candidate);

    void consider(Visit& visit);
    Verdict judge(const Look& look);
    Verdict try_to_place(const Look& look);
    Verdict barred(const Look& look, const std::vector<PromiseKey>& bars);
    Verdict after_barred(const Look& look, const std::vector<PromiseKey>& bars);
    [[nodiscard]] bool bar_all_lanes(const Look& look, const std::vector<PromiseKey>& bars) const;
    Verdict busy(const Look& look);
    [[nodiscard]] Verdict after_promise(const Look& look) const;
    [[nodiscard]] bool has_promise(const Look& look) const;
    [[nodiscard]] const StartReservation* promise_of_job(const Look& look) const;
    [[nodiscard]] bool other_way_starts(const Look& look);
    void look_at_other_ways(const Look& look);
    void look_at_all_ways(JobId job);
    void promise_goes(const PromiseKey& key);
    void start(const Look& look, Placement placement);
    void count_use(LaneNumber lane, Atoms use);
    void park(const Look& look, Reason reason);
    void step_aside(const Look& look);

    void start_cleared();
    void keep(JobId job);
    [[nodiscard]] bool intact(const Clearing& promise) const;
    /// How much later than now a job may start for which others are told.
    [[nodiscard]] NodeFilter as_full_as(const Clearing& promise, const Look& look) const;
    [[nodiscard]] Span longest_to_clear() const { return in_.rule.grace + limits::promise_slack; }
    [[nodiscard]] bool may_clear(const Look& look) const {
        return in_.rule.on && !look.way.yields && !in_.running.yielding().empty();
    }
    [[nodiscard]] Expected<Placement, Misfit> place_now(const Look& look,
                                                        const std::vector<PromiseKey>& bars) const;
    std::optional<Verdict> make_way(const Look& look, const std::vector<PromiseKey>& bars);
    bool call_in(const Look& look, Room& room) const;
    [[nodiscard]] TellFilter may_tell(const Look& look) const;
    [[nodiscard]] MayTell whom(const Look& look) const;
    [[nodiscard]] std::optional<Room> room_for(const Look& look,
                                               const std::vector<PromiseKey>& bars) const;
    [[nodiscard]] ZoneView view() const {
        return {in_.cluster, in_.running, in_.clearings, in_.bookings};
    }

    [[nodiscard]] bool full(const PartitionId& partition) const;
    [[nodiscard]] bool needs_promise(const Look& look) const;
    [[nodiscard]] const Lane& lane_of_first(ShapeNumber shape) const {
        return *in_.queue.lane(in_.queue.shape(shape)->heads.begin()->second);
    }
    [[nodiscard]] Look look_at(Visit& visit, LaneNumber number, const Lane& lane, QueueOrder order);
    [[nodiscard]] std::vector<PromiseKey> bars_of(const Look& look, Span late = {}) const;
    [[nodiscard]] std::vector<PromiseKey> promised_before(const Look& look) const;
    void make_anew(const PromiseKey& key, ShapeNumber in_turn);
    [[nodiscard]] bool meets_nodes_of(const Look& look, const PromiseKey& key) const;
    [[nodiscard]] bool shares_nodes(const PartitionId& partition,
                                    const StartReservation& other) const;
    [[nodiscard]] NodeFilter leaving_room(const Look& look,
                                          const std::vector<PromiseKey>& bars) const;
    [[nodiscard]] NodeFilter off_the_nodes_of(const std::vector<PromiseKey>& bars) const;
    void take_from_reservations(const Look& look, const NodeAllocation& allocation);
    [[nodiscard]] NodeFilter by_calendar(const Look& look, NodeFilter filter) const;
    enum class Reserved { No, Here, Elsewhere };
    Reserved reserve(const Look& look, Moment from);
    void promise_later(const Look& look, const Reason& reason);
    void look_again_at(const PromiseKey& lost);
    void give_way(const StartReservation& made);
    void settle_dropped(const PartitionId& partition, const StartReservation* after);
    void unbar(const StartReservation& before, const StartReservation* after);

    const RoundInput& in_;
    RoundMemo& memo_;
    RoundResult result_;
    std::unordered_map<ShapeNumber, Visit> visits_;     // looked up, never walked
    std::vector<Due> due_;                              ///< a heap
    std::map<LeafNumber, std::vector<Visit*>> due_of_;  ///< by a leaf of which they were due
    std::map<PartitionId, Walk> walks_;
    std::vector<RunningJob> started_;
    std::set<JobId> settled_;     ///< started or promised outside the order of their shapes
    std::set<PromiseKey> lost_;   ///< promises that are to be made anew
    std::vector<Clearing> kept_;  ///< whose jobs started in this round
    std::vector<std::pair<LeafNumber, Atoms>> held_;  ///< by this round's starts
    std::set<LeafNumber> moved_;                      ///< leaves that stand elsewhere for it
};

}  // namespace khu
