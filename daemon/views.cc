#include "daemon/views.h"

#include <algorithm>
#include <boost/mp11/list.hpp>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/jobs/alternatives.h"
#include "core/jobs/array.h"
#include "core/machine/admission.h"
#include "core/machine/advice.h"
#include "core/machine/arrays.h"
#include "core/machine/citing.h"
#include "core/machine/dependencies.h"
#include "core/machine/money.h"
#include "core/machine/node_mismatch.h"
#include "core/machine/preemption.h"
#include "core/machine/standing.h"
#include "core/schedule/outlook.h"
#include "core/topology/gpu_model.h"
#include "daemon/http/problem.h"
#include "daemon/slices_view.h"
#include "daemon/stats_view.h"

namespace khu::daemon {
namespace {

/// A reason as the job's owner may read it: who else has booked nodes is not theirs to know.
wire::Explained told(const State& state, const Job& job, Reason reason, Language language) {
    for (Datum& each : reason.data) {
        const auto* name = std::get_if<std::string>(&each.value);
        const bool names = name != nullptr && each.key == "reservation";
        const EnterpriseId owner = names ? owner_of(state, *name) : EnterpriseId{};
        if (!owner.empty() && owner != job.spec.enterprise) {
            each.value = "-";
        }
    }
    return explained(cited(state, std::move(reason)), language);
}

std::optional<Reason> reason_of_held(const Job& job) {
    if (job.infrastructure_fails >= limits::attempts_per_job_max) {
        return Reason(Code::TooManyAttempts)
            .with("attempts", job.infrastructure_fails)
            .with("job", static_cast<std::int64_t>(job.id.value));
    }
    return Reason(Code::HeldByUser)
        .with("user", job.spec.user.value)
        .with("job", static_cast<std::int64_t>(job.id.value));
}

std::optional<Reason> reason_of(const State& state, const Job& job, Moment now);

/// Its cap, or what its first waiting element waits for.
std::optional<Reason> reason_of_array(const State& state, const Job& array, Moment now) {
    const ArrayProgress& progress = *array.progress;
    for (const Job* element : live_elements(state, array)) {
        if (std::holds_alternative<Queued>(element->phase)) {
            return reason_of(state, *element, now);
        }
    }
    const int cap = array.spec.array->running_max;
    if (progress.waiting_count == 0 || cap == 0 || progress.live < cap) {
        return std::nullopt;
    }
    return Reason(Code::ArrayFull)
        .with("running", progress.live)
        .with("waiting", progress.waiting_count)
        .with("limit", cap);
}

std::optional<Reason> reason_of(const State& state, const Job& job, Moment now) {
    const auto* queued = std::get_if<Queued>(&job.phase);
    if (queued == nullptr) {
        return on_borrowed_gpus(state, job);
    }
    if (state.find_job(job.id) == nullptr) {  // an element whose turn has not come
        return reason_of(state, state.truth.jobs.at(job.spec.array->of), now);
    }
    if (job.spec.held) {
        return reason_of_held(job);
    }
    if (is_array(job.spec) && !job.blocked) {
        return reason_of_array(state, job, now);
    }
    if (const Dependency* first = waits_for(state, job)) {
        return Reason(Code::WaitsForJobs)
            .with("other", static_cast<std::int64_t>(first->job.value))
            .with("wanted", enum_name(first->on))
            .with("phase", phase_name(state.find_job(first->job)->phase));
    }
    if (queued->not_before > now && job.attempts.value > 0) {
        return Reason(Code::RetryLater)
            .with("attempt", static_cast<std::int64_t>(job.attempts.value))
            .with("cause", "a failure of the infrastructure")
            .with("begin_at", queued->not_before.value);
    }
    return state.scheduler.why(job.id, now, may_reclaim(state));
}

/// A new member of the spec is shown too: add it to wire::SpecView and here, then count it.
static_assert(boost::mp11::mp_size<
                  boost::describe::describe_members<JobSpec, boost::describe::mod_public>>::value ==
              25);

wire::AlternativeView alternative_view(const Alternative& way) {
    wire::AlternativeView view;
    view.partition = way.partition;
    view.nodes = way.nodes;
    view.gpus_per_node = way.shape.gpus;
    view.gpu_model = way.shape.gpu_model;
    view.cores_per_node = way.shape.cores;
    view.tasks_per_node = way.tasks_per_node;
    view.mem_bytes = way.shape.memory;
    view.time_limit_s = whole_seconds_up(way.time_limit);
    view.exclusive = way.shape.exclusive;
    view.what = format_way(way);
    return view;
}

wire::SpecView spec_view(const JobSpec& spec) {
    wire::SpecView view;
    view.name = spec.name;
    view.enterprise = spec.enterprise;
    view.user = spec.user;
    view.programme = spec.programme;
    view.partition = spec.partition;
    view.qos = spec.qos;
    view.project = spec.project;
    view.nodes = spec.nodes;
    view.gpus_per_node = spec.shape.gpus;
    view.gpu_model = spec.shape.gpu_model;
    view.cores_per_node = spec.shape.cores;
    view.tasks_per_node = spec.tasks_per_node;
    view.mem_bytes = spec.shape.memory;
    view.time_limit_s = whole_seconds_up(spec.time_limit);
    view.launcher = spec.launcher;
    view.requeue = spec.requeue;
    view.held = spec.held;
    view.exclusive = spec.shape.exclusive;
    view.or_idle = spec.or_idle;
    view.begin_at = spec.not_before;
    view.within = spec.within;
    view.prefer = spec.prefer;
    view.notice_signal = spec.notice_signal;
    view.notice_seconds = spec.notice_seconds;
    view.after = spec.when->after;
    view.singleton = spec.when->singleton;
    view.deadline_at = spec.when->deadline;
    view.include = spec.where->include;
    view.exclude = spec.where->exclude;
    view.features = spec.where->features;
    view.segment = spec.where->segment;
    view.segment_level = spec.where->segment_level;
    view.reservation = spec.where->reservation;
    view.resources = spec.counted->all;
    view.array = format_array(*spec.array);
    view.array_job = spec.array->of;
    view.array_index = spec.array->index;
    for (const Alternative& way : spec.any_of->ways) {
        view.any_of.push_back(alternative_view(way));
    }
    return view;
}

void add_attempt(wire::JobView& view, const Attempt& attempt) {
    view.attempt = static_cast<std::int64_t>(attempt.number.value);
    view.taken_at = attempt.taken_at;
    view.started_at = attempt.started_at;
    view.deadline_at = attempt.deadline;
    view.receipt = attempt.placement.receipt;
}

wire::AllocationView allocation_view(const NodeRecord& node, const NodeAllocation& allocation,
                                     NodeStage stage) {
    wire::AllocationView view;
    view.node = node.name.value;
    view.gpus = allocation.gpus;
    view.cores = allocation.cores;
    view.stage = enum_name(stage);
    for (const int core : allocation.cores) {
        const Core& of = node.inventory.cores.at(static_cast<std::size_t>(core));
        view.pus.insert(view.pus.end(), of.pus.begin(), of.pus.end());
    }
    for (const MemorySlice& slice : allocation.memory) {
        view.mem_bytes += slice.bytes;
    }
    return view;
}

void add_elements(wire::JobView& view, const Job& job) {
    if (!is_array(job.spec)) {
        return;
    }
    const ArrayProgress& progress = *job.progress;
    view.elements = wire::ArrayView{.waiting = progress.waiting_count + progress.queued,
                                    .running = progress.live - progress.queued,
                                    .ended = progress.ended,
                                    .failed = progress.failed};
    if (view.phase == "queued" && view.elements->waiting == 0) {
        view.phase = "running";
    }
}

void add_checkpoint(wire::JobView& view, const Job& job) {
    if (job.checkpoint.filled()) {
        view.checkpoint = wire::CheckpointView{
            .path = job.checkpoint->path,
            .at = job.checkpoint->at,
            .attempt = static_cast<std::int64_t>(job.checkpoint->attempt.value)};
    }
}

void add_end(wire::JobView& view, EndCause cause, int exit_code, const std::string& detail) {
    view.cause = enum_name(cause);
    view.exit_code = exit_code;
    view.detail = detail;
}

void add_gave_way(wire::JobView& view, const Job& job) {
    if (job.gave_way->times > 0) {
        view.gave_way = wire::GaveWayView{
            .to = job.gave_way->to, .at = job.gave_way->at, .times = job.gave_way->times};
    }
}

std::int64_t rank_of(const State& state, const Job& job) {
    if (job.spec.held || job.blocked || !state.scheduler.queue().contains(job.id)) {
        return 0;
    }
    return state.scheduler.queue().ahead_of(job.id) + 1;
}

/// The moment that the reason itself names, or when enough attempts have reached their deadlines.
Moment expected_of(const State& state, const Job& job, const std::optional<Reason>& reason,
                   Moment now, int way = 0) {
    if (!reason) {
        return now;
    }
    for (const Datum& datum : reason->data) {
        const auto* number = std::get_if<std::int64_t>(&datum.value);
        const bool names =
            datum.key == "expected_at" || datum.key == "begin_at" || datum.key == "opens_at";
        if (number != nullptr && names) {
            return Moment{*number};
        }
    }
    if (reason->code == Code::GrantSuspended || reason->code == Code::HeldByUser ||
        reason->code == Code::TooManyAttempts || reason->code == Code::HoldDoesNotFit ||
        reason->code == Code::WaitsForJobs || reason->code == Code::ReservationOver) {
        return Moment{0};
    }
    const Scheduler& scheduler = state.scheduler;
    const bool yields = giving_way(*state.truth.policy, job.spec.qos).yields;
    const Outlook outlook(scheduler.view(), scheduler.preemption(),
                          yields ? MayTell::Nobody : MayTell::FreeWork, {}, now);
    const GangRequest request = request_of(in_way(job.spec, way), job.suspect);
    const auto earliest =
        earliest_start(outlook, request, {.from = now, .limit = in_way(job.spec, way).time_limit});
    return earliest ? earliest->at : Moment{0};
}

std::string state_of_node(const NodeRecord& node, bool busy) {
    if (!node.up) {
        return "lost";
    }
    if (node.drained) {
        return busy ? "draining" : "drained";
    }
    return "up";
}

}  // namespace

wire::JobView job_view(const State& state, const Job& job, Moment now, Language language) {
    wire::JobView view;
    view.job = job.id;
    view.spec = spec_view(job.spec);
    view.label = job_label(job.id, job.spec);
    view.phase = phase_name(job.phase);
    view.submitted_at = job.submitted_at;
    add_elements(view, job);
    add_checkpoint(view, job);
    view.attempt = static_cast<std::int64_t>(job.attempts.value);
    if (const Attempt* attempt = live_attempt(job)) {
        add_attempt(view, *attempt);
        for (std::size_t rank = 0; rank < attempt->placement.nodes.size(); ++rank) {
            const NodeAllocation& allocation = attempt->placement.nodes[rank];
            view.nodes.push_back(allocation_view(state.truth.nodes.at(allocation.node), allocation,
                                                 attempt->stages[rank]));
        }
        view.held_ugs = state.truth.ledger.held({job.id, attempt->number});
        for (const HoldPart& part : state.truth.books.at(job.id).hold.parts) {
            view.grants.push_back(part.grant.value);
        }
    }
    if (const auto* ending = std::get_if<Ending>(&job.phase)) {
        add_end(view, ending->cause, ending->exit_code, *ending->detail);
        view.stop_by_at = ending->stop_by;
    }
    view.first_eta = first_eta_view(job);
    add_gave_way(view, job);
    if (const std::optional<Reason> reason = reason_of(state, job, now)) {
        view.reason = told(state, job, *reason, language);
    }
    return view;
}

wire::JobView job_view(const ArchiveJob& archive) {
    const Job& job = archive.job;
    wire::JobView view;
    view.job = job.id;
    view.spec = spec_view(job.spec);
    view.label = job_label(job.id, job.spec);
    view.phase = phase_name(job.phase);
    view.submitted_at = job.submitted_at;
    add_elements(view, job);
    add_checkpoint(view, job);
    view.attempt = static_cast<std::int64_t>(job.attempts.value);
    if (archive.last_attempt) {
        add_attempt(view, *archive.last_attempt);
        for (std::size_t rank = 0; rank < archive.node_names.size(); ++rank) {
            const NodeAllocation& each = archive.last_attempt->placement.nodes.at(rank);
            wire::AllocationView node;
            node.node = archive.node_names[rank].value;
            node.gpus = each.gpus;
            node.cores = each.cores;
            node.stage = "released";
            for (const MemorySlice& slice : each.memory) {
                node.mem_bytes += slice.bytes;
            }
            view.nodes.push_back(std::move(node));
        }
    }
    for (const UsageRow& row : archive.usage) {
        view.charged_ugs += row.charged_ugs;
        view.metered_ugs += row.metered_ugs;
        view.waived_ugs += row.waived_ugs;
        if (row.grant_ids && view.grants.empty()) {
            view.grants.push_back(*row.grant_ids);
        }
    }
    const auto& end = std::get<Finished>(job.phase);
    view.ended_at = end.at;
    view.first_eta = first_eta_view(job);
    add_gave_way(view, job);
    add_end(view, end.cause, end.exit_code, *end.detail);
    return view;
}

/// Slices are asked for by their model, and without one whole GPUs.
std::string gpus_of(const Shape& shape) {
    const std::string count = std::to_string(shape.gpus);
    return is_slice_model(shape.gpu_model) ? count + ":" + shape.gpu_model.value : count;
}

std::string option_of(const Change& change) {
    switch (change.kind) {
        case ChangeKind::ShorterTime:
            return "--time " + format_span(change.to.time_limit);
        case ChangeKind::FewerNodes:
            return "--nodes " + std::to_string(change.to.nodes);
        case ChangeKind::FewerGpus:
            return "--gpus-per-node " + gpus_of(change.to.shape);
        case ChangeKind::OtherPartition:
            return "--partition " + change.to.partition.value;
        case ChangeKind::OtherProgramme:
            return "--programme " + change.to.programme.value;
    }
    KHU_CHECK(false, "change {}", static_cast<int>(change.kind));
}

wire::StandingView standing_view(const State& state, const Job& job) {
    const OrderFactors factors = order_factors(state, job);
    wire::StandingView view;
    view.submitted_at = factors.submitted;
    view.tier_s = factors.tier.value / 1000;
    view.size_s = factors.size.value / 1000;
    view.over_age_s = factors.over_age.value / 1000;
    view.at_floor = job.at_floor;
    Delay delay;
    const FairTree& fair = state.scheduler.fair();
    if (const auto leaf = fair.find(job.spec.programme, job.spec.enterprise)) {
        const Fairness standing = fair.fairness(*leaf);
        delay = factors.fair ? standing.delay : Delay{};
        view.fair_rank = standing.rank;
        view.fair_leaves = standing.leaves;
        view.used_ugs = standing.use;
        view.shares = standing.shares;
    }
    const Span all = delay.of(factors.narrow_permille);
    view.fair_share_s = (all - delay.penalty).value / 1000;
    view.over_grant_s = delay.penalty.value / 1000;
    view.stands_as_if = factors.as_if() + all;
    return view;
}

/// Every blocker of one way of a job that could be looked at now, and what would start it.
wire::WhyAlternative advice_of(State& state, const Job& job, int way, Moment now,
                               Language language) {
    wire::WhyAlternative made;
    made.alternative = way + 1;
    if (ways_of(job.spec) > 1) {
        made.what = format_way(job.spec.any_of->ways[static_cast<std::size_t>(way)]);
    }
    const Advice advice = advise(state, job, way, now);
    for (const Reason& blocker : advice.blockers) {
        made.reasons.push_back(told(state, job, blocker, language));
    }
    for (const Change& change : advice.changes) {
        made.changes.push_back(
            {wire::snake_case(enum_name(change.kind)), option_of(change), change.loss_permille});
    }
    const auto first = advice.blockers.empty()
                           ? std::nullopt
                           : state.scheduler.why(job.id, way, now, may_reclaim(state));
    made.expected_start_at = expected_of(state, job, first, now, way);
    return made;
}

void add_advice(wire::WhyAnswer& answer, State& state, const Job& job, Moment now,
                Language language) {
    if (ways_of(job.spec) == 1) {
        wire::WhyAlternative only = advice_of(state, job, 0, now, language);
        answer.reasons = std::move(only.reasons);
        answer.changes = std::move(only.changes);
        return;
    }
    for (int way = 0; way < ways_of(job.spec); ++way) {
        answer.alternatives.push_back(advice_of(state, job, way, now, language));
    }
}

wire::WhyAnswer why(State& state, const Job& job, Moment now, Language language) {
    wire::WhyAnswer answer;
    answer.job = job.id;
    answer.phase = phase_name(job.phase);
    if (!std::holds_alternative<Queued>(job.phase)) {
        if (const std::optional<Reason> borrowed = on_borrowed_gpus(state, job)) {
            answer.reasons.push_back(explained(*borrowed, language));
        }
        return answer;
    }
    answer.rank = rank_of(state, job);
    answer.standing = standing_view(state, job);
    const std::optional<Reason> first = reason_of(state, job, now);
    answer.expected_start_at = expected_of(state, job, first, now);
    answer.eta = eta_view(state, job, now);
    answer.first_eta = first_eta_view(job);
    if (first) {
        answer.reasons.push_back(told(state, job, *first, language));
        if (state.scheduler.queue().ready(job.id)) {
            add_advice(answer, state, job, now, language);
        }
    }
    if (!job.asked_qos.empty()) {
        JobSpec asked = job.spec;
        asked.qos = job.asked_qos;
        if (const Expected<HoldPlan, Reason> plan = plan_hold(state, asked, now); !plan) {
            answer.reasons.push_back(explained(cited(state, plan.error()), language));
        }
    }
    if (job.gave_way->times > 0) {
        answer.reasons.push_back(
            explained(Reason(Code::GaveWay)
                          .with("to", static_cast<std::int64_t>(job.gave_way->to.value))
                          .with("gave_at", job.gave_way->at.value)
                          .with("times", job.gave_way->times),
                      language));
    }
    return answer;
}

wire::NodeView node_view(const State& state, const NodeRecord& node, NodeShown how,
                         const Identity& who) {
    const ClusterNode& in_cluster = state.scheduler.cluster().at(node.id);
    wire::NodeView view;
    view.node = node.id;
    view.name = node.name.value;
    view.address = node.address;
    view.version = node.version;
    if (state.truth.policy) {
        if (const Partition* partition = partition_of(*state.truth.policy, node.name)) {
            view.partitions.push_back(partition->id.value);
        }
    }
    view.gpus = static_cast<std::int64_t>(node.inventory.gpus.size());
    view.gpus_free = in_cluster.state.free_gpu_count();
    view.cores = static_cast<std::int64_t>(node.inventory.cores.size());
    view.cores_free = in_cluster.state.free_cores();
    view.gpu_model =
        node.inventory.gpus.empty() ? "" : node.inventory.gpus.front().model.value.str();
    view.slices = slices_of(node.inventory, in_cluster.state.free_gpus());
    view.mem_bytes = node.inventory.memory;
    view.mem_free_bytes = in_cluster.state.free_memory();
    bool busy = false;
    if (const auto jobs = state.jobs_on.find(node.id); jobs != state.jobs_on.end()) {
        busy = !jobs->second.empty();
        for (const JobId id : jobs->second) {
            if (who.may_read(state.truth.jobs.at(id).spec.enterprise)) {
                view.jobs.push_back(id);
            }
        }
    }
    view.state = state_of_node(node, busy);
    view.reason = node.drain_reason;
    const auto mismatch =
        state.truth.policy ? gpu_mismatch(*state.truth.policy, node) : std::nullopt;
    if (mismatch) {
        view.state = view.state == "up" ? "mismatch" : view.state;
        view.reason += (view.reason.empty() ? "" : "; ") + text(*mismatch, how.language);
    }
    const auto heard = state.heard_at.find(node.id);
    view.heard_at = heard == state.heard_at.end() ? Moment{0} : heard->second;
    if (how.with_inventory) {
        view.inventory = node.inventory;
    }
    return view;
}

namespace {

void quote_price(wire::QuoteAnswer& answer, const PriceTerms& terms, Span time_limit) {
    answer.billable_milli = terms.billable_milli;
    answer.hold_ugs = hold_for(terms, time_limit);
    answer.list_mvnd = money_of(answer.hold_ugs, terms.rate_vnd_per_gpuh);
    const std::vector<Mvnd> parts = split(answer.list_mvnd, terms.payers);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        answer.split.push_back({.payer = terms.payers[i].id.value,
                                .kind = enum_name(terms.payers[i].kind),
                                .amount_mvnd = parts[i]});
    }
}

/// `spec`: admitted, one way of it.
void quote_way(wire::QuoteAnswer& answer, const State& state, const JobSpec& spec, Moment now,
               Language language) {
    const PriceTerms terms = price(state, spec, now);
    quote_price(answer, terms, spec.time_limit);
    const Expected<HoldPlan, Reason> plan = plan_hold(state, spec, now);
    if (!plan) {
        answer.reason = explained(cited(state, plan.error()), language);
        return;
    }
    answer.affordable = true;
    for (const HoldPart& part : plan->parts) {
        answer.grants.push_back({.grant = part.grant, .amount_ugs = part.amount});
        if (const Grant* grant = state.truth.ledger.find(part.grant)) {
            const std::vector<wire::GrantAhead> ahead = ahead_of(state, *grant, now);
            answer.ahead.insert(answer.ahead.end(), ahead.begin(), ahead.end());
        }
    }
    answer.runs_out_at =
        runs_out(state, spec.enterprise, spec.programme, hold_for(terms, seconds(1)), now);
}

/// Each way by itself. Gives the first that is affordable now, or the first.
int quote_ways(wire::QuoteAnswer& answer, const State& state, const JobSpec& spec, Moment now,
               Language language) {
    int chosen = -1;
    for (int way = 0; way < ways_of(spec); ++way) {
        wire::QuoteAnswer one;
        quote_way(one, state, in_way(spec, way), now, language);
        if (one.affordable && chosen < 0) {
            chosen = way;
        }
        answer.alternatives.push_back({.alternative = way + 1,
                                       .affordable = one.affordable,
                                       .reason = std::move(one.reason),
                                       .billable_milli = one.billable_milli,
                                       .hold_ugs = one.hold_ugs,
                                       .list_mvnd = one.list_mvnd});
    }
    return std::max(chosen, 0);
}

}  // namespace

wire::QuoteAnswer quote(const State& state, const Identity& who, const JobSpec& asked, Moment now,
                        Language language) {
    wire::QuoteAnswer answer;
    answer.spec = spec_view(asked);
    const Expected<JobSpec, Refusal> spec = admit(state, who, asked, now);
    if (!spec) {
        answer.reason = explained(cited(state, spec.error()), language);
        return answer;
    }
    answer.admitted = true;
    const int way = ways_of(*spec) > 1 ? quote_ways(answer, state, *spec, now, language) : 0;
    const JobSpec chosen = in_way(*spec, way);
    answer.spec = spec_view(chosen);
    quote_way(answer, state, chosen, now, language);
    return answer;
}

}  // namespace khu::daemon
