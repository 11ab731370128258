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
    return first != nullptr && first->order < order ? first : nullptr;
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

Reason resources_busy(const WhyInput& in, const GangRequest& request, JobId job, Moment now) {
    const FitReport report = fit_report(in.zone.cluster, request);
    const Lane& lane = *in.queue.lane(in.queue.lane_of(job));
    const Outlook outlook(in.zone, in.rule, lane.way.yields, {}, now);
    const std::optional<Earliest> earliest =
        earliest_start(outlook, request, {.from = now, .limit = lane.key.time_limit});
    if (!earliest) {
        return nodes_unavailable(request, report);
    }
    Moment expected = earliest->at;
    if (const StartReservation* own = in.memo.promises().find({request.partition, job})) {
        expected = std::max(own->at, now);
    } else if (const StartReservation* first = before_it(in, request, in.queue.order_of(job))) {
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
        .with("rank", in.queue.ahead_of(job) + 1)
        .with("expected_at", expected.value);
}

Reason behind_others(const WhyInput& in, const GangRequest& request, JobId job) {
    const QueueOrder order = in.queue.order_of(job);
    const StartReservation* first = before_it(in, request, order);
    for (const auto& [partition, reservation] : in.memo.reservations()) {
        if (first == nullptr && reservation.order < order) {
            first = &reservation;  // Of another partition with the same nodes.
        }
    }
    return Reason(Code::BehindOthers)
        .with("ahead", in.queue.ahead_of(job))
        .with("first", static_cast<std::int64_t>(first == nullptr ? 0 : first->job.value));
}

/// It would fit now, if the calendar did not set the nodes aside; none if that is not so.
std::optional<Reason> set_aside(const WhyInput& in, const GangRequest& request, JobId job,
                                Moment now) {
    const Stay stay{.from = now, .limit = in.queue.lane(in.queue.lane_of(job))->key.time_limit};
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

std::optional<Reason> why_no_place(const WhyInput& in, JobId job, Moment now) {
    const Lane& lane = *in.queue.lane(in.queue.lane_of(job));
    const GangRequest& request = in.queue.shape(lane.key.shape)->request;
    if (std::optional<Reason> promised = place_promised(in, job)) {
        return promised;
    }
    if (!can_place(in.zone.cluster, request)) {
        return resources_busy(in, request, job, now);
    }
    if (std::optional<Reason> calendar = set_aside(in, request, job, now)) {
        return calendar;
    }
    const QueueOrder order = in.queue.order_of(job);
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
               : std::optional<Reason>(behind_others(in, request, job));
}

std::optional<Reason> why_waiting(const WhyInput& in, JobId job, Moment now) {
    const LaneNumber lane = in.queue.lane_of(job);
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
            return resources_busy(in, request, job, now);
        case ShapeBlock::Barred: {
            std::optional<Reason> calendar = set_aside(in, request, job, now);
            return calendar ? std::move(*calendar) : behind_others(in, request, job);
        }
    }
    KHU_CHECK(false, "shape {}", shape);
}

}  // namespace khu
