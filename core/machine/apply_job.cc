/// Facts about jobs and their attempts.

#include <algorithm>
#include <utility>

#include "core/base/enum_name.h"
#include "core/base/limits.h"
#include "core/jobs/alternatives.h"
#include "core/ledger/usage.h"
#include "core/machine/apply.h"
#include "core/machine/arrays.h"
#include "core/machine/counted.h"
#include "core/machine/decide.h"
#include "core/machine/dependencies.h"
#include "core/machine/eta.h"
#include "core/machine/floor.h"
#include "core/machine/preemption.h"
#include "core/machine/settle.h"
#include "core/machine/standing.h"

namespace khu::apply_detail {
namespace {

using decide_detail::gang_ready;
using decide_detail::rank_of;
using decide_detail::start_message;
using decide_detail::stop_message;
using decide_detail::to_node;

Usage& usage_of(State& state, const Job& job) {
    return state.usage[{job.spec.enterprise, job.spec.programme}];
}

void count_gpus(State& state, const Job& job, std::int64_t more) {
    usage_of(state, job).running_gpus += more;
    state.qos_gpus[{job.spec.enterprise, job.spec.qos}] += more;
}

void count_job(State& state, const Job& job, std::int64_t more) {
    usage_of(state, job).running_jobs += more;
    std::int64_t& of_user = state.qos_jobs[{job.spec.enterprise, job.spec.user, job.spec.qos}];
    of_user += more;
    if (of_user == 0) {
        state.qos_jobs.erase({job.spec.enterprise, job.spec.user, job.spec.qos});
    }
}

/// What was told to give way has its grace, not its time limit.
void leave_in_time(State& state, const Job& job) {
    const auto* ending = std::get_if<Ending>(&job.phase);
    if (ending != nullptr && ending->cause == EndCause::Preempted &&
        state.scheduler.running().find(job.id) != nullptr) {
        state.scheduler.job_leaving(job.id, ending->stop_by);
        lending_told(state, job);
    }
}

Job& job_with_attempt(State& state, JobId id, AttemptNumber attempt) {
    Job& job = state.truth.jobs.at(id);
    KHU_CHECK(live_attempt(job) != nullptr && live_attempt(job)->number == attempt,
              "job {} attempt {}", id.value, attempt.value);
    return job;
}

void remember_key(State& state, const JobQueued& fact, Moment at) {
    Truth& truth = state.truth;
    while (!state.key_ages.empty() && state.key_ages.front()->second.at + days(1) <= at) {
        truth.keys.erase(state.key_ages.front());
        state.key_ages.pop_front();
    }
    if (!fact.key.empty()) {
        const auto [entry, fresh] = truth.keys.emplace(
            fact.key, KeyUse{.job = fact.job, .request_digest = fact.request_digest, .at = at});
        KHU_CHECK(fresh, "key of job {}", fact.job.value);
        state.key_ages.push_back(entry);
    }
}

/// Hours, GPUs and money of the ended attempt may start jobs that waited for them.
void offer_what_came_back(State& state, const Job& job) {
    bool others = false;
    for (const Payer& payer : state.truth.books.at(job.id).terms.payers) {
        others = state.short_funders.erase(payer.id) > 0 || others;
    }
    if (others) {
        state.scheduler.admission_changed();
    } else {
        state.scheduler.admission_changed(job.spec.enterprise);
    }
}

/// The job is at the QOS that it asked for, as far as `asked_qos` goes.
void back_to_asked(Job& job) {
    if (!job.asked_qos.empty()) {
        job.spec.qos = std::move(job.asked_qos);
        job.asked_qos = QosId{};
    }
}

/// What the spec says of itself, and what depends on it, is of that alternative from now on.
void go_way(State& state, Job& job, int way, Moment at) {
    if (ways_of(job.spec) > 1) {
        job.spec = in_way(job.spec, way);
        job.predicted =
            state.truth.history.predict(run_class(job.spec), job.spec.time_limit, at).run;
    }
}

void queue_again(State& state, Job& job, const AttemptClosed& fact, Moment at) {
    back_to_asked(job);
    go_way(state, job, 0, at);
    job.phase = Queued{.since = at, .not_before = fact.not_before};
    job.spec.held = job.spec.held || fact.hold_job;
    enter_queue(state, job, at);
    element_waits(state, job, true);
    set_timer(state, job, std::nullopt);
}

/// A part of the attempt has run just now.
void note_whole(Attempt& attempt) {
    const bool waits = std::ranges::any_of(attempt.stages, [](NodeStage stage) {
        return stage == NodeStage::Ordered || stage == NodeStage::Prepared;
    });
    attempt.ran_whole = attempt.ran_whole || !waits;
}

}  // namespace

void set_timer(State& state, const Job& job, const std::optional<Moment>& before) {
    if (before) {
        state.job_timers.erase({*before, job.id});
    }
    if (const std::optional<Moment> after = timer_of(job)) {
        state.job_timers.insert({*after, job.id});
    }
}

void forget_timer(State& state, const Job& job) {
    if (const std::optional<Moment> timer = timer_of(job)) {
        state.job_timers.erase({*timer, job.id});
    }
}

void leave_queue(State& state, const Job& job) {
    state.offered.erase(job.id);
    unwatch_floor(state, job);
    counted_leaves(state, job);
    usage_of(state, job).queued -= is_element(job.spec) ? 0 : 1;  // an array counts once
}

void share_names(State& state, JobSpec& spec) {
    for (Text* name : {&spec.enterprise.value, &spec.user.value, &spec.programme.value,
                       &spec.partition.value, &spec.qos.value, &spec.project,
                       &spec.shape.gpu_model.value, &spec.within, &spec.prefer}) {
        state.names.share(*name);
    }
    if (spec.counted.filled()) {
        for (CountedWish& wish : spec.counted.edit().all) {
            state.names.share(wish.resource.value);
        }
    }
    if (spec.any_of.filled()) {
        for (Alternative& way : spec.any_of.edit().ways) {
            state.names.share(way.partition.value);
            state.names.share(way.shape.gpu_model.value);
        }
    }
}

std::optional<Moment> timer_of(const Job& job) {
    const Attempt* attempt = live_attempt(job);
    const bool begun = is_array(job.spec) && job.progress->waiting_count == 0;
    if (attempt == nullptr && job.spec.when->deadline > Moment{0} && !begun) {
        Span longest = job.spec.time_limit;
        for (const Alternative& way : job.spec.any_of->ways) {
            longest = std::max(longest, way.time_limit);
        }
        return job.spec.when->deadline - longest;
    }
    if (attempt == nullptr || std::holds_alternative<Ending>(job.phase)) {
        return std::nullopt;
    }
    if (std::holds_alternative<Starting>(job.phase) && !gang_ready(*attempt)) {
        return std::min(attempt->deadline, attempt->taken_at + limits::launch_timeout);
    }
    return attempt->deadline;
}

void enter_queue(State& state, const Job& job, Moment at) {
    const Qos* qos = find_qos(*state.truth.policy, job.spec.qos);
    const bool idle = qos != nullptr && is_idle_class(*qos);
    const int tier = idle ? 0 : job.at_floor ? 2 : 1;
    QueuedJob queued = queued_job(job.id, tier, job.spec, job.suspect);
    queued.way = giving_way(*state.truth.policy, job.spec.qos);
    const OrderFactors factors = order_factors(state, job);
    queued.as_if = factors.as_if();
    if (factors.fair) {
        queued.leaf = leaf_in(state, job.spec.enterprise, job.spec.programme, at);
        queued.narrow_permille = factors.narrow_permille;
    }
    queued.not_before = std::max(job.spec.not_before, std::get<Queued>(job.phase).not_before);
    queued.held = job.spec.held || job.blocked || is_array(job.spec);
    queued.or_idle = job.spec.or_idle;
    if (is_element(job.spec) && cap_of_array(state, job.spec) > 0) {
        queued.capped_array = job.spec.array->of;
    }
    state.scheduler.job_queued(queued, at);
    if (!job.asked_qos.empty()) {
        state.offered.insert(job.id);
    }
    usage_of(state, job).queued += is_element(job.spec) ? 0 : 1;
    watch_floor(state, job);
    await_eta(state, job, at);
}

void queue_anew(State& state, Moment at) {
    for (const auto& [id, job] : state.truth.jobs) {
        if (std::holds_alternative<Queued>(job.phase)) {
            stand_anew(state, job, at);
        }
    }
}

void stand_anew(State& state, const Job& job, Moment at) {
    state.scheduler.job_unqueued(job.id);
    leave_queue(state, job);
    enter_queue(state, job, at);
}

void take_resources(State& state, const Job& job) {
    const Attempt& attempt = *live_attempt(job);
    Placement left = attempt.placement;
    left.nodes.clear();
    for (std::size_t rank = 0; rank < attempt.stages.size(); ++rank) {
        if (attempt.stages[rank] != NodeStage::Released) {
            left.nodes.push_back(attempt.placement.nodes[rank]);
            state.jobs_on[attempt.placement.nodes[rank].node].insert(job.id);
        }
    }
    if (!left.nodes.empty()) {
        state.scheduler.job_started(
            {.job = job.id,
             .enterprise = job.spec.enterprise,
             .deadline = attempt.deadline,
             .nodes = std::move(left.nodes),
             .taken_at = attempt.taken_at,
             .saved_at = job.checkpoint->attempt == attempt.number ? job.checkpoint->at : Moment{0},
             .yields_at = attempt.yields_at,
             .qos = job.spec.qos,
             .borrowed = attempt.borrowed});
        leave_in_time(state, job);
    } else {
        state.to_close.insert(job.id);
    }
    count_gpus(state, job, gpus_asked(job.spec));
    count_job(state, job, 1);
    counted_begins(state, job);
    lending_begins(state, job);
}

Effects on(State& state, const JobQueued& fact, Moment at) {
    Truth& truth = state.truth;
    KHU_CHECK(fact.job == truth.next_job, "job {} next {}", fact.job.value, truth.next_job.value);
    truth.next_job = JobId{fact.job.value + numbers_taken(fact.spec)};
    truth.takers[{fact.spec.enterprise, fact.spec.programme}].insert(fact.spec.user);
    Job job{.id = fact.job, .spec = fact.spec, .phase = Queued{.since = at}, .submitted_at = at};
    job.predicted = truth.history.predict(run_class(job.spec), job.spec.time_limit, at).run;
    job.blocked = fact.blocked;
    if (is_array(fact.spec)) {
        job.progress = not_begun(*fact.spec.array);
    }
    const auto [entry, fresh] = truth.jobs.emplace(fact.job, std::move(job));
    KHU_CHECK(fresh);
    share_names(state, entry->second.spec);
    remember_key(state, fact, at);
    index_dependencies(state, entry->second);
    enter_queue(state, entry->second, at);
    set_timer(state, entry->second, std::nullopt);
    review_array(state, entry->second);
    return {};
}

Effects on(State& state, const DependenciesMet& fact, Moment at) {
    Job& job = state.truth.jobs.at(fact.job);
    KHU_CHECK(job.blocked, "job {}", fact.job.value);
    unindex_dependencies(state, job);
    state.scheduler.job_unqueued(job.id);
    leave_queue(state, job);
    job.blocked = false;
    enter_queue(state, job, at);
    review_array(state, job);
    return {};
}

Effects on(State& state, const JobChanged& fact, Moment at) {
    Job& job = state.truth.jobs.at(fact.job);
    end_promise(state, job.id);
    const std::optional<Moment> timer = timer_of(job);
    Attempt* attempt = live_attempt(job);
    if (attempt == nullptr) {
        state.scheduler.job_unqueued(job.id);
        leave_queue(state, job);
    }
    if (fact.spec.qos != job.spec.qos) {
        job.asked_qos = QosId{};
        job.at_floor = false;
    }
    job.spec = fact.spec;
    share_names(state, job.spec);
    if (attempt == nullptr) {
        enter_queue(state, job, at);
        cap_changed(state, job, at);
    } else {
        attempt->deadline = attempt->taken_at + job.spec.time_limit;
        state.scheduler.deadline_changed(job.id, attempt->deadline);
        counted_leaves(state, job);
    }
    set_timer(state, job, timer);
    return {};
}

Effects on(State& state, const JobHeld& fact, Moment at) {
    Job& job = state.truth.jobs.at(fact.job);
    end_promise(state, job.id);
    state.scheduler.job_unqueued(job.id);
    leave_queue(state, job);
    job.spec.held = true;
    enter_queue(state, job, at);
    review_array(state, job);
    return {};
}

Effects on(State& state, const JobReleased& fact, Moment at) {
    Job& job = state.truth.jobs.at(fact.job);
    state.scheduler.job_unqueued(job.id);
    leave_queue(state, job);
    job.spec.held = false;
    job.infrastructure_fails = 0;
    enter_queue(state, job, at);
    review_array(state, job);
    return {};
}

/// Queued -> Starting. The whole time limit is held now, so that a job which has begun can never
/// run out of grant.
Effects on(State& state, const JobPlaced& fact, Moment at) {
    Job& job = state.truth.jobs.at(fact.job);
    const Queued queued = std::get<Queued>(job.phase);
    KHU_CHECK(fact.attempt.value == job.attempts.value + 1);
    forget_timer(state, job);
    job.at_floor = false;
    go_way(state, job, way_taken(fact.placement.receipt), at);
    if (job.attempts.value == 0) {
        count_first_start(state, job, at);
    }
    job.attempts = fact.attempt;
    Attempt attempt{.number = fact.attempt, .placement = fact.placement};
    attempt.stages.assign(fact.placement.nodes.size(), NodeStage::Ordered);
    attempt.taken_at = at;
    attempt.deadline = at + job.spec.time_limit;
    attempt.yields_at = fact.yields_at;
    attempt.borrowed = fact.borrowed;
    job.phase = Starting{std::move(attempt)};
    const PolicyId policy = state.truth.policy->id;
    state.truth.books[job.id] = AttemptBooks{
        .terms = fact.terms, .hold = fact.hold, .policy = policy, .queued_at = queued.since};
    Ledger::Entries entries =
        state.truth.ledger.hold({job.id, fact.attempt}, fact.hold, at, policy);
    leave_queue(state, job);
    element_waits(state, job, false);
    state.truth.promises.erase(job.id);
    take_resources(state, job);
    count_start(state, job, true);
    for (const NodeAllocation& each : fact.placement.nodes) {
        rate_set_aside(state, each.node, at);
    }
    set_timer(state, job, std::nullopt);
    Effects effects{PostEntries{std::move(entries)}};
    for (std::size_t rank = 0; rank < fact.placement.nodes.size(); ++rank) {
        effects.push_back(
            to_node(state, fact.placement.nodes[rank].node, start_message(state, job, rank, at)));
    }
    return effects;
}

Effects on(State& state, const QosOffered& fact, Moment at) {
    Job& job = state.truth.jobs.at(fact.job);
    state.scheduler.job_unqueued(job.id);
    leave_queue(state, job);
    if (fact.qos == job.asked_qos) {
        back_to_asked(job);
    } else {
        job.asked_qos = std::exchange(job.spec.qos, fact.qos);
    }
    share_names(state, job.spec);
    enter_queue(state, job, at);
    return {};
}

Effects on(State& state, const FloorApplied& fact, Moment at) {
    Job& job = state.truth.jobs.at(fact.job);
    job.at_floor = true;
    stand_anew(state, job, at);
    ++state.truth.floor_lifts;
    return {};
}

Effects on(State& state, const NodePrepared& fact, Moment) {
    Job& job = job_with_attempt(state, fact.job, fact.attempt);
    const std::optional<Moment> timer = timer_of(job);
    Attempt& attempt = *live_attempt(job);
    attempt.stages[*rank_of(attempt, fact.node)] = NodeStage::Prepared;
    set_timer(state, job, timer);
    if (!gang_ready(attempt)) {
        return {};
    }
    Effects effects;
    for (const NodeAllocation& each : attempt.placement.nodes) {
        effects.push_back(
            to_node(state, each.node, RunAttempt{.job = job.id, .attempt = attempt.number}));
    }
    return effects;
}

Effects on(State& state, const AttemptStarted& fact, Moment at) {
    Job& job = job_with_attempt(state, fact.job, fact.attempt);
    const std::optional<Moment> timer = timer_of(job);
    Attempt& attempt = *live_attempt(job);
    attempt.stages[*rank_of(attempt, fact.node)] = NodeStage::Running;
    note_whole(attempt);
    state.truth.books.at(job.id).rank_ran = true;
    if (auto* starting = std::get_if<Starting>(&job.phase)) {
        Attempt moved = std::move(starting->attempt.edit());
        moved.started_at = at;
        job.phase = Running{std::move(moved)};
        dependency_started(state, job.id);
    }
    set_timer(state, job, timer);
    return {};
}

Effects on(State& state, const CheckpointDeclared& fact, Moment) {
    Job& job = job_with_attempt(state, fact.job, fact.attempt);
    job.checkpoint =
        Checkpoint{.attempt = fact.attempt, .stamp = fact.stamp, .at = fact.at, .path = fact.path};
    state.scheduler.job_saved(job.id, fact.at);
    return {};
}

Effects on(State& state, const AttemptEnding& fact, Moment at) {
    Job& job = job_with_attempt(state, fact.job, fact.attempt);
    KHU_CHECK(!std::holds_alternative<Ending>(job.phase));
    const std::optional<Moment> timer = timer_of(job);
    Attempt attempt = std::move(*live_attempt(job));
    job.phase = Ending{.attempt = std::move(attempt),
                       .cause = fact.cause,
                       .exit_code = fact.exit_code,
                       .detail = fact.detail,
                       .since = at,
                       .stop_by = fact.stop_by,
                       .gives_way_to = fact.gives_way_to};
    leave_in_time(state, job);
    AttemptBooks& books = state.truth.books.at(job.id);
    books.requeue = fact.requeue;
    books.suspect = fact.suspect;
    set_timer(state, job, timer);
    Effects effects;
    const Attempt& ended = *live_attempt(job);
    for (std::size_t rank = 0; rank < ended.stages.size(); ++rank) {
        if (ended.stages[rank] != NodeStage::Released) {
            const std::string why = fact.detail.empty() ? cause_name(fact.cause) : fact.detail;
            effects.push_back(
                to_node(state, ended.placement.nodes[rank].node, stop_message(job, why, at)));
        }
    }
    return effects;
}

Effects on(State& state, const EndingRevised& fact, Moment) {
    Job& job = job_with_attempt(state, fact.job, fact.attempt);
    Ending& ending = std::get<Ending>(job.phase);
    KHU_CHECK(decide_detail::may_be_revised(job) || ending.cause == EndCause::Preempted, "job {}",
              fact.job.value);
    if (ending.cause == EndCause::Preempted) {
        ending.exit_code = fact.exit_code;
    }
    ending.cause = fact.cause;
    ending.detail = fact.detail;
    AttemptBooks& books = state.truth.books.at(job.id);
    books.requeue = fact.requeue;
    books.suspect = fact.suspect;
    return {};
}

Effects on(State& state, const NodeReleased& fact, Moment at) {
    Job& job = job_with_attempt(state, fact.job, fact.attempt);
    Attempt& attempt = *live_attempt(job);
    NodeStage& stage = attempt.stages[*rank_of(attempt, fact.node)];
    KHU_CHECK(stage != NodeStage::Released, "job {} node {}", fact.job.value, fact.node.value);
    const std::optional<Moment> timer = timer_of(job);
    stage = NodeStage::Released;
    set_timer(state, job, timer);
    AttemptBooks& books = state.truth.books.at(job.id);
    books.rank_ran = books.rank_ran || fact.rank_ran;
    if (fact.rank_ran && !std::holds_alternative<Ending>(job.phase)) {
        note_whole(attempt);
    }
    state.jobs_on.at(fact.node).erase(job.id);
    if (const NodeRecord& node = state.truth.nodes.at(fact.node); node.drained) {
        state.truth.capacity.advance(at);
        rate_node(state, node);
    }
    rate_set_aside(state, fact.node, at);
    state.scheduler.node_released(job.id, fact.node);
    const bool last = std::ranges::all_of(
        attempt.stages, [](NodeStage each) { return each == NodeStage::Released; });
    if (last) {
        state.to_close.insert(job.id);
    }
    return {};
}

Effects on(State& state, const JobCancelled& fact, Moment) {
    state.truth.jobs.at(fact.job).cancel_requested = true;
    return {};
}

/// Every node has released: settle, then done or queued again.
Effects on(State& state, const AttemptClosed& fact, Moment at) {
    Job& job = job_with_attempt(state, fact.job, fact.attempt);
    KHU_CHECK(state.to_close.erase(job.id) == 1);
    if (!job.spec.where->reservation.empty()) {
        state.reservation_due_at = Moment{0};  // It may be settled now.
    }
    const Ending ending = std::get<Ending>(job.phase);
    Atoms base;
    Effects effects = settle_end(state, job, at, base);
    std::vector<UsageRow> rows = std::move(state.truth.books.at(job.id).rows);
    count_end(state, job, ending, base, at);
    count_gpus(state, job, -gpus_asked(job.spec));
    count_job(state, job, -1);
    counted_ends(state, job);
    lending_ends(state, job);
    review_floor(state, job.spec.enterprise, at);
    job.suspect = state.truth.books.at(job.id).suspect;
    if (ending.cause == EndCause::Preempted) {
        GaveWay& gave = job.gave_way.edit();
        gave = {.to = ending.gives_way_to, .at = at, .times = gave.times + 1};
    }
    if (is_infrastructure(ending.cause)) {
        ++job.infrastructure_fails;
    }
    offer_what_came_back(state, job);
    state.truth.books.erase(job.id);
    if (fact.requeue) {
        queue_again(state, job, fact, at);
        return effects;
    }
    job.phase = Finished{
        .cause = ending.cause, .exit_code = ending.exit_code, .detail = ending.detail, .at = at};
    Job done = std::move(job);
    state.truth.jobs.erase(fact.job);
    dependency_ended(state, done, ending.cause);
    element_ended(state, done, ending.cause, ending.exit_code);
    ArchiveJob archive{.job = std::move(done), .last_attempt = *ending.attempt};
    for (const NodeAllocation& each : ending.attempt->placement.nodes) {
        archive.node_names.push_back(state.truth.nodes.at(each.node).name);
    }
    archive.usage = std::move(rows);
    effects.push_back(std::move(archive));
    return effects;
}

Effects on(State& state, const JobDropped& fact, Moment at) {
    end_promise(state, fact.job);
    unindex_dependencies(state, state.truth.jobs.at(fact.job));
    forget_timer(state, state.truth.jobs.at(fact.job));
    Job job = std::move(state.truth.jobs.at(fact.job));
    state.truth.jobs.erase(fact.job);
    state.scheduler.job_unqueued(job.id);
    leave_queue(state, job);
    state.arrays_due.erase(job.id);
    element_waits(state, job, false);
    element_ended(state, job, fact.cause, 0);
    dependency_ended(state, job, fact.cause);
    state.scheduler.admission_changed(job.spec.enterprise);
    const std::string why = fact.detail.empty() ? "cancelled while queued" : fact.detail;
    job.phase = Finished{.cause = fact.cause, .detail = why, .at = at};
    return {ArchiveJob{.job = std::move(job)}};
}

}  // namespace khu::apply_detail
