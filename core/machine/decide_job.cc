/// Commands of people about jobs.

#include "core/machine/admission.h"
#include "core/machine/decide.h"

namespace khu::decide_detail {
namespace {

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

Fact user_end(const Job& job, bool requeue) {
    const Attempt& attempt = *live_attempt(job);
    return AttemptEnding{.job = job.id,
                         .attempt = attempt.number,
                         .cause = EndCause::UserCancel,
                         .detail = requeue ? "requeued by its owner" : "cancelled by its owner",
                         .requeue = requeue};
}

}  // namespace

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
    const JobId job = state.truth.next_job;
    JobQueued fact{.job = job,
                   .spec = std::move(spec).value(),
                   .key = command.key.empty()
                              ? KeyName{}
                              : key_name(command.who.enterprise, command.who.user, command.key),
                   .request_digest = command.request_digest};
    return Decision{.facts = {std::move(fact)}, .job = job};
}

/// Errors: J300. Cancelling what is ending already changes nothing.
Decided on(State& state, const CancelJob& command, Moment) {
    const Expected<const Job*, Refusal> found = own_job(state, command.who, command.job);
    if (!found) {
        return Unexpected{found.error()};
    }
    const Job& job = **found;
    Decision decision{.job = job.id};
    if (std::holds_alternative<Queued>(job.phase)) {
        decision.facts.push_back(
            JobDropped{.job = job.id, .cause = EndCause::UserCancel, .by = command.who.user});
    } else if (!std::holds_alternative<Ending>(job.phase)) {
        decision.facts.push_back(user_end(job, false));
    } else if (state.truth.books.at(job.id).requeue || may_be_revised(job)) {
        decision.facts.push_back(JobCancelled{.job = job.id, .by = command.who.user});
    }
    return decision;
}

/// Errors: J300, J301 unless it is queued.
Decided on(State& state, const HoldJob& command, Moment) {
    const Expected<const Job*, Refusal> found = own_job(state, command.who, command.job);
    if (!found) {
        return Unexpected{found.error()};
    }
    const Job& job = **found;
    if (!std::holds_alternative<Queued>(job.phase)) {
        return wrong_phase(job, "held");
    }
    Decision decision{.job = job.id};
    if (!job.spec.held) {
        decision.facts.push_back(JobHeld{.job = job.id, .by = command.who.user});
    }
    return decision;
}

/// Errors: J300, J301 unless it is queued.
Decided on(State& state, const ReleaseJob& command, Moment) {
    const Expected<const Job*, Refusal> found = own_job(state, command.who, command.job);
    if (!found) {
        return Unexpected{found.error()};
    }
    const Job& job = **found;
    if (!std::holds_alternative<Queued>(job.phase)) {
        return wrong_phase(job, "released");
    }
    Decision decision{.job = job.id};
    if (job.spec.held) {
        decision.facts.push_back(JobReleased{.job = job.id, .by = command.who.user});
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
