/// Jobs: submit, show, change, wait, why, quote.

#include <atomic>

#include "core/base/digest.h"
#include "core/base/limits.h"
#include "core/machine/arrays.h"
#include "daemon/http/call.h"
#include "daemon/http/submission.h"
#include "daemon/http/visible_job.h"
#include "daemon/stats_view.h"
#include "daemon/views.h"

namespace khu::daemon {
namespace {

/// A job that has just ended is no longer in memory and may not be in the history yet: it is looked
/// for once more when all that was decided so far is stored.
void answer_job(const Call& call, JobId id) {
    call->services.engine.ask([call, id](State& state, Moment now) {
        const Expected<wire::JobView, Refusal> seen = visible_job(call, state, id, now);
        if (seen) {
            wire::JobView view = *seen;
            if (const Job* job = state.find_job(id)) {
                view.eta = eta_view(state, *job, now);
            }
            answer(call, std::move(view));
            return;
        }
        call->services.engine.store_values({}, [call, id](const Answer&) {
            answer_from_state(call, [call, id](State& later_state, Moment later) {
                return visible_job(call, later_state, id, later);
            });
        });
    });
}

/// Answers with the job as it is then; one that has ended meanwhile is not unknown.
void tell_and_show(const Call& call, JobId id, Command command) {
    call->services.engine.tell(std::move(command), [call, id](const Answer& told) {
        const bool gone = told.refusal && told.refusal->code == Code::UnknownJob;
        if (told.refusal && !gone) {
            refuse(call, *told.refusal);
            return;
        }
        answer_job(call, id);
    });
}

std::uint64_t digest_of(const std::string& body) {
    Digest digest;
    digest.add(body);
    return digest.value();
}

std::optional<Command> change_of(const std::string& verb, const Identity& who, JobId job) {
    if (verb == "cancel") {
        return CancelJob{who, job};
    }
    if (verb == "hold") {
        return HoldJob{who, job};
    }
    if (verb == "release") {
        return ReleaseJob{who, job};
    }
    if (verb == "requeue") {
        return RequeueJob{who, job};
    }
    return std::nullopt;
}

}  // namespace

void submit_job(const Call& call) {
    const std::optional<wire::SubmitRequest> request = body_of<wire::SubmitRequest>(call);
    if (!request) {
        return;
    }
    const auto spec = spec_of(*request);
    const auto payload = payload_of(*request, call->caller.who);
    if (!spec || !payload) {
        refuse(call, spec ? payload.error() : spec.error());
        return;
    }
    SubmitJob command{.who = call->caller.who,
                      .spec = *spec,
                      .key = std::string(call->request.header("Idempotency-Key")).substr(0, 128),
                      .request_digest = digest_of(call->request.body)};
    call->services.engine.tell(
        std::move(command),
        [call](const Answer& told) {
            if (told.refusal) {
                refuse(call, *told.refusal);
            } else {
                answer(call, wire::SubmitAnswer{.job = told.job, .existed = told.existed});
            }
        },
        wire::to_json_text(*payload));
}

void show_job(const Call& call) {
    if (const std::optional<JobId> id = job_in_path(call)) {
        answer_job(call, *id);
    }
}

void change_job(const Call& call) {
    const std::optional<JobId> id = job_in_path(call);
    if (!id) {
        return;
    }
    std::optional<Command> command = change_of(call->parts.at(1), call->caller.who, *id);
    if (!command) {
        refuse(call, Refusal(Code::NoRoute)
                         .with("method", call->request.method)
                         .with("path", call->request.path.substr(0, 200)));
        return;
    }
    tell_and_show(call, *id, std::move(*command));
}

void update_job(const Call& call) {
    const std::optional<JobId> id = job_in_path(call);
    const auto request = id ? body_of<wire::UpdateRequest>(call) : std::nullopt;
    if (!request) {
        return;
    }
    JobChange change{.name = request->name,
                     .time_limit = {},
                     .not_before = request->begin_at,
                     .deadline = request->deadline_at,
                     .qos = {}};
    if (request->time_limit_s) {
        const std::int64_t most = limits::time_limit_max.value / 1000;
        if (*request->time_limit_s < 1 || *request->time_limit_s > most) {
            refuse(call, Refusal(Code::AbsurdRequest)
                             .with("what", "time limit in seconds")
                             .with("asked", *request->time_limit_s)
                             .with("low", 1)
                             .with("high", most));
            return;
        }
        change.time_limit = seconds(*request->time_limit_s);
    }
    if (request->array_running_max) {
        const std::int64_t cap = *request->array_running_max;
        if (cap < 0 || cap > limits::array_index_max) {
            refuse(call, Refusal(Code::AbsurdRequest)
                             .with("what", "elements at a time")
                             .with("asked", cap)
                             .with("low", 0)
                             .with("high", limits::array_index_max));
            return;
        }
        change.array_running_max = static_cast<int>(cap);
    }
    if (request->qos) {
        change.qos = QosId{*request->qos};
    }
    change.resources = request->resources;
    tell_and_show(call, *id, UpdateJob{call->caller.who, *id, std::move(change)});
}

/// Answers when the job has ended, or after timeout_s (at most 60) with what it is then.
void wait_job(const Call& call) {
    const std::optional<JobId> id = job_in_path(call);
    if (!id) {
        return;
    }
    auto answered = std::make_shared<std::atomic<bool>>(false);
    const auto finish = [call, id, answered] {
        if (!answered->exchange(true)) {
            answer_job(call, *id);
        }
    };
    Waiters& waiters = call->services.performer.waiters();
    const std::uint64_t number = waiters.wait(*id, finish);
    const std::int64_t timeout_s =
        std::min<std::int64_t>(whole_number(query(call, "timeout_s")).value_or(30), 60);
    const auto give_up = [&waiters, id, finish, number] {
        waiters.leave(*id, number);
        finish();
    };
    call->services.engine.ask([call, id, give_up, timeout_s](State& state, Moment now) {
        const Job* job = state.find_job(*id);
        const bool hidden = job != nullptr && !call->caller.who.may_read(job->spec.enterprise);
        if (job == nullptr || hidden || timeout_s == 0) {
            give_up();
            return;
        }
        call->services.engine.at(now + seconds(timeout_s), give_up);
    });
}

void explain_job(const Call& call) {
    const std::optional<JobId> id = job_in_path(call);
    if (!id) {
        return;
    }
    answer_from_state(
        call, [call, id](State& state, Moment now) -> Expected<wire::WhyAnswer, Refusal> {
            const Expected<wire::JobView, Refusal> seen = visible_job(call, state, *id, now);
            if (!seen) {
                return Unexpected{seen.error()};
            }
            if (const Job* job = state.find_job(*id)) {
                return why(state, *job, now, call->language);
            }
            if (const Job* array = array_with(state, *id)) {
                wire::WhyAnswer of_array = why(state, *array, now, call->language);
                of_array.job = *id;
                return of_array;
            }
            wire::WhyAnswer ended;
            ended.job = *id;
            ended.phase = seen->phase;
            return ended;
        });
}

void quote_job(const Call& call) {
    const std::optional<wire::SubmitRequest> request = body_of<wire::SubmitRequest>(call);
    if (!request) {
        return;
    }
    const auto spec = spec_of(*request);
    if (!spec) {
        refuse(call, spec.error());
        return;
    }
    answer_from_state(call, [call, spec](State& state, Moment now) {
        return quote(state, call->caller.who, *spec, now, call->language);
    });
}

}  // namespace khu::daemon
