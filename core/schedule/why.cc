#include "core/schedule/why.h"

#include <algorithm>
#include <set>

#include "core/placement/gang.h"
#include "core/schedule/outlook.h"
#include "core/schedule/round.h"

namespace khu {
namespace {

Reason nodes_unavailable(const GangRequest& request, const FitReport& report) {
    if (report.could < request.nodes && report.other_model > 0) {
        return Reason(Code::OtherGpuModel)
            .with("node", report.example)
            .with("partition", request.partition.value)
            .with("reported", report.reported)
            .with("gpu", request.shape.gpu_model.value)
            .with("nodes", report.other_model);
    }
    return Reason(Code::NodesUnavailable)
        .with("up", report.up)
        .with("nodes", report.could)
        .with("partition", request.partition.value)
        .with("drained", report.drained)
        .with("lost", report.lost)
        .with("needed", request.nodes);
}

/// The reservation of a job before it in its own partition.
const StartReservation* before_it(const WhyInput& in, const GangRequest& request,
                                  QueueOrder order) {
    const StartReservation* first = in.memo.promises().first_of(request.partition);
    const bool before = first != nullptr && first->order < order && first->job != order.job;
    return before ? first : nullptr;
}

/// "within rack", "segments of 12 in a rack"; empty if the nodes may stand anywhere.
std::string togetherness(const GangRequest& request) {
    std::string rule = request.within.empty() ? "" : "within " + request.within;
    if (request.where->segment > 0) {
        rule += (rule.empty() ? "" : ", ") +
                ("segments of " + std::to_string(request.where->segment)) + " in a " +
                request.where->segment_level;
    }
    return rule;
}

/// One way of a job that waits.
struct Way {
    JobId job;
    int alternative{0};
};

MayTell whom(const WhyInput& in, const GivingWay& way, Way of) {
    if (way.yields) {
        return MayTell::Nobody;
    }
    return in.reclaims && in.reclaims(of.job, of.alternative) ? MayTell::Borrowers
                                                              : MayTell::FreeWork;
}

Reason resources_busy(const WhyInput& in, const GangRequest& request, Way of, Moment now) {
    const FitReport report = fit_report(in.zone.cluster, request);
    const Lane& lane = *in.queue.lane(in.queue.lane_of(of.job, of.alternative));
    const Outlook outlook(in.zone, in.rule, whom(in, lane.way, of), {}, now);
    const std::optional<Earliest> earliest =
        earliest_start(outlook, request, {.from = now, .limit = lane.key.time_limit});
    if (!earliest) {
        return nodes_unavailable(request, report);
    }
    Moment expected = earliest->at;
    const QueueOrder order = in.queue.order_of(of.job, of.alternative);
    const StartReservation* own = in.memo.promises().find({request.partition, of.job});
    if (own != nullptr && own->order.alternative == of.alternative) {
        expected = std::max(own->at, now);
    } else if (const StartReservation* first = before_it(in, request, order)) {
        expected = std::max(expected, first->at);
    }
    if (report.fitting >= request.nodes && !togetherness(request).empty()) {
        return Reason(Code::NotTogether)
            .with("fitting", report.fitting)
            .with("nodes", request.nodes)
            .with("rule", togetherness(request))
            .with("expected_at", expected.value);
    }
    return Reason(Code::ResourcesBusy)
        .with("fitting", report.fitting)
        .with("nodes", request.nodes)
        .with("gpus", request.shape.gpus)
        .with("cores", request.shape.cores)
        .with("partition", request.partition.value)
        .with("rank", in.queue.ahead_of(of.job, of.alternative) + 1)
        .with("expected_at", expected.value);
}

Reason behind_others(const WhyInput& in, const GangRequest& request, Way of) {
    const QueueOrder order = in.queue.order_of(of.job, of.alternative);
    const StartReservation* first = before_it(in, request, order);
    for (const auto& [partition, reservation] : in.memo.reservations()) {
        if (first == nullptr && reservation.order < order && reservation.job != of.job) {
            first = &reservation;  // Of another partition with the same nodes.
        }
    }
    return Reason(Code::BehindOthers)
        .with("ahead", in.queue.ahead_of(of.job, of.alternative))
        .with("first", static_cast<std::int64_t>(first == nullptr ? 0 : first->job.value));
}

/// It would fit now, if the calendar did not set the nodes aside; none if that is not so.
std::optional<Reason> set_aside(const WhyInput& in, const GangRequest& request, Way of,
                                Moment now) {
    const Lane& lane = *in.queue.lane(in.queue.lane_of(of.job, of.alternative));
    const Stay stay{.from = now, .limit = lane.key.time_limit};
    const NodeFilter open = unbooked(in.zone.bookings, request, stay, {});
    if (!open || can_place(in.zone.cluster, request, open)) {
        return std::nullopt;
    }
    if (!request.where->reservation.empty()) {
        return Reason(Code::ReservationFull)
            .with("reservation", request.where->reservation.str())
            .with("nodes", request.nodes)
            .with("gpus", request.shape.gpus);
    }
    const Booking* first = nullptr;
    for (const auto& [id, node] : in.zone.cluster.members(request.partition)) {
        const Booking* each = in.zone.bookings.blocker(id, request.where->reservation, stay);
        if (each != nullptr && (first == nullptr || each->from < first->from)) {
            first = each;
        }
    }
    return first == nullptr ? std::nullopt
                            : std::optional<Reason>(
                                  Reason(Code::ReservationAhead)
                                      .with("reservation", first->name)
                                      .with("nodes", static_cast<std::int64_t>(first->nodes.size()))
                                      .with("partition", request.partition.value)
                                      .with("from_at", first->from.value)
                                      .with("opens_at", first->to.value)
                                      .with("until_at", stay.to().value));
}

/// Others leave its place.
std::optional<Reason> place_promised(const WhyInput& in, JobId job) {
    const Clearing* promise = in.zone.clearings.find(job);
    if (promise == nullptr) {
        return std::nullopt;
    }
    std::set<JobId> leaving;
    for (const NodeId node : promise->nodes) {
        for (const JobId each : in.zone.running.yielding_on(node)) {
            if (in.zone.clearings.is_leaving(each)) {
                leaving.insert(each);
            }
        }
    }
    return Reason(Code::PlacePromised)
        .with("attempts", static_cast<std::int64_t>(leaving.size()))
        .with("nodes", static_cast<std::int64_t>(promise->nodes.size()))
        .with("expected_at", promise->by.value);
}

}  // namespace

std::optional<Reason> why_no_place(const WhyInput& in, JobId job, int alternative, Moment now) {
    const Lane& lane = *in.queue.lane(in.queue.lane_of(job, alternative));
    const GangRequest& request = in.queue.shape(lane.key.shape)->request;
    if (std::optional<Reason> promised = place_promised(in, job)) {
        return promised;
    }
    if (!can_place(in.zone.cluster, request)) {
        return resources_busy(in, request, {job, alternative}, now);
    }
    if (std::optional<Reason> calendar = set_aside(in, request, {job, alternative}, now)) {
        return calendar;
    }
    const QueueOrder order = in.queue.order_of(job, alternative);
    std::vector<const StartReservation*> bars;
    for (const auto& [partition, each] : in.memo.reservations()) {
        if (each.job != job && each.order < order &&
            now + sure_of(lane.way, lane.key.time_limit) > each.at) {
            bars.push_back(&each);
        }
    }
    const NodeFilter allowed = unbooked(
        in.zone.bookings, request, {.from = now, .limit = lane.key.time_limit},
        beside_clearings(in.zone, job, request, beside(std::move(bars), in.zone.cluster, request)));
    return can_place(in.zone.cluster, request, allowed)
               ? std::nullopt
               : std::optional<Reason>(behind_others(in, request, {job, alternative}));
}

std::optional<Reason> why_waiting(const WhyInput& in, JobId job, int alternative, Moment now) {
    const LaneNumber lane = in.queue.lane_of(job, alternative);
    const ShapeNumber shape = in.queue.lane(lane)->key.shape;
    if (!in.queue.ready(job)) {
        const Moment begin = in.queue.asleep_until(job);
        return begin == Moment{0}
                   ? std::nullopt
                   : std::optional<Reason>(Reason(Code::NotBefore).with("begin_at", begin.value));
    }
    if (std::optional<Reason> promised = place_promised(in, job)) {
        return promised;
    }
    if (const Reason* parked = in.memo.parked(lane)) {
        return *parked;
    }
    const GangRequest& request = in.queue.shape(shape)->request;
    switch (in.memo.block(shape)) {
        case ShapeBlock::None:
            return std::nullopt;
        case ShapeBlock::Unavailable:
            return nodes_unavailable(request, fit_report(in.zone.cluster, request));
        case ShapeBlock::Busy:
            return resources_busy(in, request, {job, alternative}, now);
        case ShapeBlock::Barred: {
            std::optional<Reason> calendar = set_aside(in, request, {job, alternative}, now);
            return calendar ? std::move(*calendar) : behind_others(in, request, {job, alternative});
        }
    }
    KHU_CHECK(false, "shape {}", shape);
}

std::optional<Reason> why_waiting(const WhyInput& in, JobId job, Moment now) {
    const std::vector<LaneNumber> lanes = in.queue.lanes_of(job);
    int promised = -1;
    int shown = -1;
    for (std::size_t way = 0; way < lanes.size(); ++way) {
        const Lane& lane = *in.queue.lane(lanes[way]);
        const int alternative = lane.key.alternative;
        if (lanes.size() > 1 && !why_waiting(in, job, alternative, now)) {
            return std::nullopt;
        }
        const PartitionId& partition = in.queue.shape(lane.key.shape)->request.partition;
        const StartReservation* promise = in.memo.promises().find({partition, job});
        if (promise != nullptr && promise->order.alternative == alternative) {
            promised = alternative;
        }
        if (shown < 0 && in.memo.parked(lanes[way]) == nullptr) {
            shown = alternative;
        }
    }
    const int way = promised < 0 ? std::max(shown, 0) : promised;
    std::optional<Reason> reason = why_waiting(in, job, way, now);
    return lanes.size() == 1 || !reason
               ? reason
               : std::optional(std::move(*reason).with("alternative", way + 1));
}

}  // namespace khu
