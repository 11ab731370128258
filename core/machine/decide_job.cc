/// Commands of people about jobs.

#include "core/machine/admission.h"
#include "core/machine/arrays.h"
#include "core/machine/decide.h"
#include "core/machine/dependencies.h"

namespace khu::decide_detail {

/// Somebody else's job is as unknown as one that never was: ids tell nothing across enterprises.
Expected<const Job*, Refusal> own_job(const State& state, const Identity& who, JobId id) {
    const Job* job = state.find_job(id);
    if (job == nullptr || !who.may_act_for(job->spec.enterprise)) {
        return Unexpected{
            Refusal(Code::UnknownJob).with("job", static_cast<std::int64_t>(id.value))};
    }
    return job;
}

Unexpected<Refusal> wrong_phase(const Job& job, const std::string& verb) {
    return Unexpected{Refusal(Code::WrongPhase)
                          .with("job", static_cast<std::int64_t>(job.id.value))
                          .with("phase", phase_name(job.phase))
                          .with("verb", verb)};
}

namespace {

Fact user_end(const Job& job, bool requeue) {
    const Attempt& attempt = *live_attempt(job);
    return AttemptEnding{.job = job.id,
                         .attempt = attempt.number,
                         .cause = EndCause::UserCancel,
                         .detail = requeue ? "requeued by its owner" : "cancelled by its owner",
                         .requeue = requeue};
}

void cancel(const State& state, const Job& job, const UserId& by, std::vector<Fact>& facts) {
    if (std::holds_alternative<Queued>(job.phase)) {
        facts.push_back(JobDropped{.job = job.id, .cause = EndCause::UserCancel, .by = by});
    } else if (!std::holds_alternative<Ending>(job.phase)) {
        facts.push_back(user_end(job, false));
    } else if (state.truth.books.at(job.id).requeue || may_be_revised(job)) {
        facts.push_back(JobCancelled{.job = job.id, .by = by});
    }
}

}  // namespace

Expected<Target, Refusal> target_of(const State& state, const Identity& who, JobId id, Moment now) {
    if (state.find_job(id) == nullptr) {
        const Job* array = array_with(state, id);
        if (array != nullptr && who.may_act_for(array->spec.enterprise)) {
            return Target{.first = {element_queued(*array, id)},
                          .job = element_of(*array, id, now)};
        }
    }
    const Expected<const Job*, Refusal> found = own_job(state, who, id);
    if (!found) {
        return Unexpected{found.error()};
    }
    return Target{.first = {}, .job = **found};
}

std::vector<const Job*> waiting_of(const State& state, const Job& job) {
    std::vector<const Job*> jobs{&job};
    for (const Job* element : live_elements(state, job)) {
        if (std::holds_alternative<Queued>(element->phase)) {
            jobs.push_back(element);
        }
    }
    return jobs;
}

/// Errors: those of admit(); J312 if the key made another job.
Decided on(State& state, const SubmitJob& command, Moment now) {
    if (!command.key.empty()) {
        const auto used =
            state.truth.keys.find(key_name(command.who.enterprise, command.who.user, command.key));
        if (used != state.truth.keys.end() &&
            used->second.request_digest != command.request_digest) {
            return Unexpected{Refusal(Code::KeyReused)
                                  .with("key", command.key)
                                  .with("job", static_cast<std::int64_t>(used->second.job.value))};
        }
        if (used != state.truth.keys.end()) {
            return Decision{.job = used->second.job, .existed = true};
        }
    }
    Expected<JobSpec, Refusal> spec = admit(state, command.who, command.spec, now);
    if (!spec) {
        return Unexpected{std::move(spec).error()};
    }
    const Expected<bool, Refusal> blocked = settle_dependencies(state, command.who, *spec);
    if (!blocked) {
        return Unexpected{blocked.error()};
    }
    const JobId job = state.truth.next_job;
    JobQueued fact{.job = job,
                   .spec = std::move(spec).value(),
                   .key = command.key.empty()
                              ? KeyName{}
                              : key_name(command.who.enterprise, command.who.user, command.key),
                   .request_digest = command.request_digest,
                   .blocked = *blocked};
    return Decision{.facts = {std::move(fact)}, .job = job};
}

/// Errors: J300. Cancelling what is ending already changes nothing.
Decided on(State& state, const CancelJob& command, Moment now) {
    Expected<Target, Refusal> found = target_of(state, command.who, command.job, now);
    if (!found) {
        return Unexpected{found.error()};
    }
    Decision decision{.facts = std::move(found->first), .job = command.job};
    for (const Job* element : live_elements(state, found->job)) {
        cancel(state, *element, command.who.user, decision.facts);
    }
    if (found->job.progress->live == 0) {
        cancel(state, found->job, command.who.user, decision.facts);
    } else if (found->job.progress->waiting_count > 0) {
        decision.facts.push_back(ArrayTrimmed{
            .job = command.job, .cause = EndCause::UserCancel, .by = command.who.user});
    }
    return decision;
}

/// Errors: J300, J301 unless it is queued. Of an array, what waits of it.
Decided on(State& state, const HoldJob& command, Moment now) {
    Expected<Target, Refusal> found = target_of(state, command.who, command.job, now);
    if (!found) {
        return Unexpected{found.error()};
    }
    if (!std::holds_alternative<Queued>(found->job.phase)) {
        return wrong_phase(found->job, "held");
    }
    Decision decision{.facts = std::move(found->first), .job = command.job};
    for (const Job* job : waiting_of(state, found->job)) {
        if (!job->spec.held) {
            decision.facts.push_back(JobHeld{.job = job->id, .by = command.who.user});
        }
    }
    return decision;
}

/// Errors: J300, J301 unless it is queued. Of an array, what waits of it.
Decided on(State& state, const ReleaseJob& command, Moment now) {
    Expected<Target, Refusal> found = target_of(state, command.who, command.job, now);
    if (!found) {
        return Unexpected{found.error()};
    }
    if (!std::holds_alternative<Queued>(found->job.phase)) {
        return wrong_phase(found->job, "released");
    }
    Decision decision{.facts = std::move(found->first), .job = command.job};
    for (const Job* job : waiting_of(state, found->job)) {
        if (job->spec.held) {
            decision.facts.push_back(JobReleased{.job = job->id, .by = command.who.user});
        }
    }
    return decision;
}

/// Errors: J300, J301 unless it runs.
Decided on(State& state, const RequeueJob& command, Moment) {
    const Expected<const Job*, Refusal> found = own_job(state, command.who, command.job);
    if (!found) {
        return Unexpected{found.error()};
    }
    const Job& job = **found;
    if (live_attempt(job) == nullptr || std::holds_alternative<Ending>(job.phase)) {
        return wrong_phase(job, "requeued");
    }
    return Decision{.facts = {user_end(job, true)}, .job = job.id};
}

}  // namespace khu::decide_detail
