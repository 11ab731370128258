#include "core/machine/advice.h"

#include <algorithm>
#include <functional>

#include "core/jobs/alternatives.h"
#include "core/machine/admission.h"
#include "core/machine/arrays.h"
#include "core/machine/calendar.h"
#include "core/machine/counted_books.h"
#include "core/machine/grant_terms.h"
#include "core/machine/reservations.h"
#include "core/machine/standing.h"
#include "core/placement/gang.h"
#include "core/topology/gpu_model.h"

namespace khu {
namespace {

/// Where the job would stand with that request.
QueueOrder order_with(const State& state, const Job& job, const JobSpec& spec) {
    Job changed = job;
    changed.spec = spec;
    const OrderFactors factors = order_factors(state, changed);
    const FairTree& fair = state.scheduler.fair();
    const std::optional<LeafNumber> leaf = fair.find(spec.programme, spec.enterprise);
    const Delay delay = factors.fair && leaf ? fair.delay(*leaf) : Delay{};
    return {.tier = state.scheduler.queue().order_of(job.id).tier,
            .as_if = factors.as_if() + delay.of(factors.narrow_permille),
            .job = job.id};
}

/// Whether the changed job would stand behind one that waits: that one comes first then, or
/// reserves what it needs.
bool lets_another_pass(const State& state, QueueOrder before, QueueOrder after) {
    const Queue& queue = state.scheduler.queue();
    for (const auto& [partition, shapes] : queue.partitions()) {
        for (const auto& [first, number] : shapes) {
            const ShapeLanes& shape = *queue.shape(number);
            const auto between = shape.heads.upper_bound(before);
            if (between != shape.heads.end() && between->first < after) {
                return true;
            }
        }
    }
    return false;
}

/// The reservations of jobs before it that a start now would outlast.
std::vector<const StartReservation*> in_its_way(const State& state, const Job& job,
                                                const JobSpec& spec, Moment now) {
    const QueueOrder order = order_with(state, job, spec);
    const Queue& queue = state.scheduler.queue();
    std::vector<const StartReservation*> bars;
    for (const auto& [partition, reservation] : state.scheduler.memo().reservations()) {
        if (reservation.job != job.id && reservation.order < order &&
            now + sure_of(queue.lane(queue.lane_of(job.id))->way, spec.time_limit) >
                reservation.at) {
            bars.push_back(&reservation);
        }
    }
    return bars;
}

__extension__ using Wide = __int128;

/// GPU- or core-seconds asked for.
Wide volume(const JobSpec& spec) {
    const int width = spec.shape.gpus > 0 ? spec.shape.gpus : spec.shape.cores;
    return Wide{spec.nodes} * width * (spec.time_limit.value / 1000);
}

int loss_permille(const JobSpec& from, const JobSpec& to) {
    return static_cast<int>(1000 - 1000 * volume(to) / volume(from));
}

class Search {
public:
    /// `asked`: the job's own request, of the alternative in view.
    Search(State& state, const Job& job, const JobSpec& asked, Moment now)
        : state_(state), job_(job), asked_(asked), now_(now) {}

    std::vector<Change> run() {
        shorter_time();
        fewer_nodes();
        fewer_gpus();
        other_partition();
        other_programme();
        std::ranges::stable_sort(changes_, {}, &Change::loss_permille);
        return std::move(changes_);
    }

private:
    [[nodiscard]] bool starts(const JobSpec& spec) const {
        return would_start(state_, job_, spec, now_);
    }
    void found(ChangeKind kind, JobSpec to) {
        const int loss = loss_permille(asked_, to);
        changes_.push_back({kind, std::move(to), loss});
    }

    /// Whether it would stand later in the queue than the job does.
    [[nodiscard]] bool later(const JobSpec& spec) const {
        return state_.scheduler.queue().order_of(job_.id) < order_with(state_, job_, spec);
    }
    /// The least n in [1, below) with which it does not; below if there is none. Claims: more
    /// stands no later, or more stands no earlier.
    template <class With>
    [[nodiscard]] std::int64_t first_not_later(std::int64_t below, const With& with) const {
        std::int64_t low = 1;
        while (low < below) {
            const std::int64_t middle = low + (below - low) / 2;
            later(with(middle)) ? static_cast<void>(low = middle + 1)
                                : static_cast<void>(below = middle);
        }
        return below;
    }

    /// The largest n in [1, below) with which it starts; what starts with n starts with less, as
    /// long as it does not stand later for that: a narrow job waits longer for its fair share.
    void largest(ChangeKind kind, std::int64_t below,
                 const std::function<void(JobSpec&, std::int64_t)>& set) {
        const auto with = [&](std::int64_t n) {
            JobSpec spec = asked_;
            set(spec, n);
            return spec;
        };
        if (below <= 1) {
            return;
        }
        std::int64_t low = 1;
        if (!starts(with(low))) {
            low = first_not_later(below, with);
            if (low == below || !starts(with(low))) {
                return;
            }
        }
        while (below - low > 1) {
            const std::int64_t middle = low + (below - low) / 2;
            (starts(with(middle)) ? low : below) = middle;
        }
        found(kind, with(low));
    }

    void shorter_time() {
        const std::int64_t minutes_asked = (asked_.time_limit.value + 59'999) / 60'000;
        largest(ChangeKind::ShorterTime, minutes_asked,
                [](JobSpec& spec, std::int64_t n) { spec.time_limit = minutes(n); });
    }
    void fewer_nodes() {
        largest(ChangeKind::FewerNodes, asked_.nodes,
                [](JobSpec& spec, std::int64_t n) { spec.nodes = static_cast<int>(n); });
    }
    /// Cores and memory go along with the GPUs.
    void fewer_gpus() {
        const Shape asked = asked_.shape;
        for (int gpus = asked.gpus - 1; gpus >= 1; --gpus) {
            JobSpec spec = asked_;
            spec.shape.gpus = gpus;
            spec.shape.cores = std::max(spec.tasks_per_node, asked.cores * gpus / asked.gpus);
            spec.shape.memory = Bytes{asked.memory.value / asked.gpus * gpus};
            if (starts(spec)) {
                return found(ChangeKind::FewerGpus, std::move(spec));
            }
        }
    }
    void other_partition() {
        const Policy& policy = *state_.truth.policy;
        for (const Partition& partition : policy.partitions) {
            if (partition.id != asked_.partition) {
                JobSpec spec = asked_;
                spec.partition = partition.id;
                if (!is_slice_model(spec.shape.gpu_model)) {  // Another model is less.
                    spec.shape.gpu_model = GpuModel{};
                }
                try_admitted(ChangeKind::OtherPartition, std::move(spec));
            }
        }
    }
    void other_programme() {
        for (const Grant& grant : state_.truth.ledger.balance(asked_.enterprise)) {
            if (grant.programme != asked_.programme) {
                JobSpec spec = asked_;
                spec.programme = grant.programme;
                try_admitted(ChangeKind::OtherProgramme, std::move(spec));
            }
        }
    }
    void try_admitted(ChangeKind kind, JobSpec asked) {
        const Identity who{
            .user = asked.user, .enterprise = asked.enterprise, .roles = {Role::Member}};
        const Expected<JobSpec, Refusal> spec = admit(state_, who, std::move(asked), now_);
        const bool known = std::ranges::any_of(changes_, [&](const Change& each) {
            return spec && each.kind == kind && each.to == *spec;
        });
        if (spec && !known && starts(*spec)) {
            found(kind, *spec);
        }
    }

    State& state_;
    const Job& job_;
    const JobSpec& asked_;
    Moment now_;
    std::vector<Change> changes_;
};

}  // namespace

bool would_start(State& state, const Job& job, const JobSpec& spec, Moment now) {
    if (not_offered(state, spec) || over_running_limit(state, spec) ||
        over_array_cap(state, spec) || over_grant_limit(state, spec, 0, now) ||
        !plan_hold(state, spec, now) || not_lent(state, job, spec) ||
        blackout_ahead(*state.truth.policy, spec, now) || outside_reservation(state, spec, now)) {
        return false;
    }
    const QueueOrder before = state.scheduler.queue().order_of(job.id);
    const QueueOrder after = order_with(state, job, spec);
    if (CountedBooks(state, now).refuses(job.id, spec, after)) {
        return false;
    }
    if (before < after && lets_another_pass(state, before, after)) {
        return false;
    }
    const Cluster& cluster = state.scheduler.cluster();
    const GangRequest request = request_of(spec, job.suspect);
    const NodeFilter beside_others = beside(in_its_way(state, job, spec, now), cluster, request);
    return can_place(
        cluster, request,
        unbooked(state.scheduler.bookings(), request, {.from = now, .limit = spec.time_limit},
                 beside_clearings(state.scheduler.view(), job.id, request, beside_others)));
}

Advice advise(State& state, const Job& job, Moment now) {
    return advise(state, job, 0, now);
}

Advice advise(State& state, const Job& job, int way, Moment now) {
    refresh_lending(state);
    const JobSpec asked = only_way(job.spec, way);
    Advice advice;
    if (std::optional<Reason> gone = not_offered(state, asked)) {
        return {.blockers = {std::move(*gone)}, .changes = {}};
    }
    if (std::optional<Reason> over = over_running_limit(state, asked)) {
        advice.blockers.push_back(std::move(*over));
    }
    if (std::optional<Reason> lent = not_lent(state, job, asked)) {
        advice.blockers.push_back(std::move(*lent));
    }
    if (std::optional<Reason> full = over_array_cap(state, asked)) {
        advice.blockers.push_back(std::move(*full));
    }
    if (std::optional<Reason> blackout = blackout_ahead(*state.truth.policy, asked, now)) {
        advice.blockers.push_back(std::move(*blackout));
    }
    std::optional<Reason> outside = outside_reservation(state, asked, now);
    const bool may_be_placed = !outside;
    if (outside) {
        advice.blockers.push_back(std::move(*outside));
    }
    if (std::optional<Reason> over = over_grant_limit(state, asked, 0, now)) {
        advice.blockers.push_back(std::move(*over));
    }
    if (Expected<HoldPlan, Reason> plan = plan_hold(state, asked, now); !plan) {
        advice.blockers.push_back(std::move(plan).error());
    }
    if (std::optional<Reason> counted =
            CountedBooks(state, now)
                .refuses(job.id, asked, state.scheduler.queue().order_of(job.id, way))) {
        advice.blockers.push_back(*std::move(counted));
    }
    std::optional<Reason> devices =
        may_be_placed
            ? why_no_place(state.scheduler.why_input(may_reclaim(state)), job.id, way, now)
            : std::nullopt;
    if (devices) {
        advice.blockers.push_back(std::move(*devices));
    }
    if (!advice.blockers.empty()) {
        advice.changes = Search(state, job, asked, now).run();
    }
    return advice;
}

}  // namespace khu
