#include "core/schedule/forecast.h"

#include <algorithm>
#include <climits>
#include <map>
#include <set>

#include "core/schedule/line.h"
#include "core/schedule/pool.h"

namespace khu {
namespace {

constexpr Span kMinute = minutes(1);

Moment minute_down(Moment at) {
    return Moment{at.value / kMinute.value * kMinute.value};
}

Moment minute_up(Moment at) {
    return minute_down(at + kMinute - milliseconds(1));
}

class Forecaster {
public:
    Forecaster(const ForecastInput& input, const PartitionId& partition)
        : in_(input), partition_(partition), shared_(input.cluster.partition(partition)->shared) {
        for (const auto& [id, node] : input.cluster.members(partition)) {
            if (node->health == NodeHealth::Up) {
                numbers_.emplace(id, static_cast<int>(nodes_.size()));
                nodes_.push_back(node);
                gpus_ = gpus_ || node->state.node_class().gpu_count() > 0;
            }
        }
    }

    std::vector<JobEta> run(std::int64_t most) {
        look_at_line(most);
        if (waiting_.empty()) {
            return {};
        }
        std::vector<PoolJob> by_limit;
        std::vector<PoolJob> as_expected;
        for (const Waiting& each : waiting_) {
            PoolJob job = pool_job(*each.request);
            job.run = each.limit;
            by_limit.push_back(job);
            job.run = std::min(each.limit, in_.expected_run(each.order.job));
            as_expected.push_back(job);
        }
        const auto late = pool(true).play(by_limit, Pool::Order::InLine, in_.now);
        const auto early = pool(false).play(as_expected, Pool::Order::AsTheyFit, in_.now);
        return etas(early, late, calendar_speaks() ? by_calendar(by_limit) : late);
    }

private:
    struct Waiting {
        QueueOrder order;
        Span limit;
        const GangRequest* request;
    };

    void look_at_line(std::int64_t most) {
        std::set<JobId> seen;
        Line line(in_.queue, &in_.memo, partition_);
        while (static_cast<std::int64_t>(waiting_.size()) < most) {
            const auto place = line.next();
            if (!place) {
                return;
            }
            const Lane& lane = *in_.queue.lane(place->lane);
            if (in_.queue.has_alternatives(place->order.job) &&
                !seen.insert(place->order.job).second) {
                continue;  // Another alternative of the same partition.
            }
            waiting_.push_back({.order = place->order,
                                .limit = lane.key.time_limit,
                                .request = &in_.queue.shape(lane.key.shape)->request});
        }
    }

    // --- The calendar ----------------------------------------------------------------------

    [[nodiscard]] bool calendar_speaks() const {
        return in_.may_begin || !in_.bookings.empty() ||
               std::ranges::any_of(waiting_, [](const Waiting& each) {
                   return !each.request->where->reservation.empty();
               });
    }
    [[nodiscard]] bool may_begin(const Waiting& job, Moment at) const {
        return !in_.may_begin || in_.may_begin(job.order.job, job.order.alternative, at);
    }
    [[nodiscard]] NodeFilter open_to(const Waiting& job, Moment at) const {
        return unbooked(in_.bookings, *job.request, {.from = at, .limit = job.limit}, {});
    }
    [[nodiscard]] std::vector<Moment> turns() const {
        std::vector<Moment> all = in_.bookings.turns_after(in_.now);
        all.insert(all.end(), in_.openings.begin(), in_.openings.end());
        std::ranges::sort(all);
        return all;
    }
    std::vector<Moment> by_calendar(std::vector<PoolJob> jobs) {
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            jobs[i].holds_line = waiting_[i].request->where->reservation.empty();
        }
        const PoolCalendar calendar{
            .may_begin = [&](std::size_t job, Moment at) { return may_begin(waiting_[job], at); },
            .open = [&](std::size_t job, Moment at) -> std::function<bool(int)> {
                NodeFilter open = open_to(waiting_[job], at);
                if (!open) {
                    return {};
                }
                return [this, open = std::move(open)](int node) {
                    return open(nodes_[static_cast<std::size_t>(node)]->id);
                };
            },
            .turns = turns()};
        return pool(true).play(jobs, calendar, in_.now);
    }
    /// From `at` on, the first moment at which the calendar leaves the job enough nodes, whoever
    /// has them.
    [[nodiscard]] Moment opens_to(const Waiting& job, Moment at) const {
        const auto opens = [&](Moment then) {
            const NodeFilter open = open_to(job, then);
            int missing = may_begin(job, then) ? job.request->nodes : INT_MAX;
            for (auto node = nodes_.begin(); missing > 0 && node != nodes_.end(); ++node) {
                missing -= !open || open((*node)->id) ? 1 : 0;
            }
            return missing <= 0;
        };
        if (opens(at)) {
            return at;
        }
        const std::vector<Moment> all = turns();
        const auto first =
            std::ranges::find_if(all, [&](Moment turn) { return turn > at && opens(turn); });
        return first == all.end() ? kNever : *first;
    }

    // --- The model of the partition --------------------------------------------------------------

    [[nodiscard]] int units_of(const ClusterNode& node) const {
        const NodeClass& of = node.state.node_class();
        return gpus_ ? of.gpu_count() : of.core_count();
    }
    /// Cores beyond the node's share for its GPUs leave GPUs behind that nobody can use.
    static int units(int gpus, int cores, int all_gpus, int all_cores) {
        return std::max(gpus, (cores * all_gpus + all_cores - 1) / std::max(all_cores, 1));
    }
    int owner_of(const EnterpriseId& enterprise) {
        if (shared_ || !gpus_) {
            return 0;
        }
        return owners_.emplace(enterprise, static_cast<int>(owners_.size()) + 1).first->second;
    }
    PoolJob pool_job(const GangRequest& request) {
        PoolJob job{.owner = owner_of(request.enterprise), .nodes = request.nodes};
        const NodeClass* like =
            nodes_.empty() ? nullptr : &nodes_.front()->state.node_class();  // they are much alike
        if (request.shape.exclusive) {
            job.units = kWholeNode;
        } else if (!gpus_ || like == nullptr) {
            job.units = request.shape.cores;
        } else {
            job.units = units(request.shape.gpus, request.shape.cores, like->gpu_count(),
                              like->core_count());
        }
        return job;
    }
    Pool pool(bool by_limit) {
        Pool made;
        for (const ClusterNode* node : nodes_) {
            made.add_node(units_of(*node));
        }
        for (const auto& [by, attempt] : in_.running.by_deadline()) {
            std::vector<std::pair<int, int>> parts;
            for (const NodeAllocation& each : attempt.nodes) {
                const auto number = numbers_.find(each.node);
                if (number != numbers_.end()) {
                    parts.emplace_back(number->second, taken(each, number->second));
                }
            }
            const Moment end = by_limit ? attempt.deadline : in_.expected_end(attempt.job);
            if (!parts.empty()) {
                made.run(owner_of(attempt.enterprise), parts, std::min(end, attempt.deadline));
            }
        }
        return made;
    }
    [[nodiscard]] int taken(const NodeAllocation& each, int number) const {
        const NodeClass& of = nodes_[static_cast<std::size_t>(number)]->state.node_class();
        const auto cores = static_cast<int>(each.cores.size());
        return std::max(1, gpus_ ? units(static_cast<int>(each.gpus.size()), cores, of.gpu_count(),
                                         of.core_count())
                                 : cores);
    }
    /// `in_line` is `late` by the calendar.
    [[nodiscard]] std::vector<JobEta> etas(const std::vector<Moment>& early,
                                           const std::vector<Moment>& late,
                                           const std::vector<Moment>& in_line) const {
        std::vector<JobEta> all;
        for (std::size_t i = 0; i < waiting_.size(); ++i) {
            if (late[i] == kNever || early[i] == kNever || in_line[i] == kNever) {
                continue;
            }
            const Waiting& job = waiting_[i];
            const Span soon{(early[i] - in_.now).value / 4};
            const Span overtaken{(late[i] - in_.now).value / 2};
            JobEta eta{.job = job.order.job,
                       .early = opens_to(job, in_.now + soon),
                       .late = in_line[i] + overtaken};
            if (const StartReservation* promised =
                    in_.memo.promises().find({partition_, job.order.job})) {
                eta.late = std::max(promised->at, in_.now);
            }
            eta.late = opens_to(job, eta.late);
            if (eta.late == kNever) {
                continue;
            }
            eta.early = minute_down(std::min(eta.early, eta.late));
            eta.late = minute_up(eta.late);
            all.push_back(eta);
        }
        return all;
    }

    const ForecastInput& in_;
    const PartitionId& partition_;
    bool shared_;
    bool gpus_{false};
    std::vector<Waiting> waiting_;
    std::vector<const ClusterNode*> nodes_;
    std::map<NodeId, int> numbers_;
    std::map<EnterpriseId, int> owners_;
};

}  // namespace

std::vector<JobEta> forecast(const ForecastInput& input, const PartitionId& partition,
                             std::int64_t most) {
    if (input.cluster.partition(partition) == nullptr) {
        return {};
    }
    return Forecaster(input, partition).run(most);
}

}  // namespace khu
