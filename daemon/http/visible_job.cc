#include "daemon/http/visible_job.h"

#include "daemon/views.h"

namespace khu::daemon {
namespace {

Refusal unknown_job(const std::string& name) {
    return Refusal(Code::UnknownJob).with("job", name.substr(0, 40));
}

}  // namespace

std::optional<JobId> job_in_path(const Call& call) {
    const std::optional<std::int64_t> number = whole_number(call->parts.at(0));
    if (!number) {
        refuse(call, unknown_job(call->parts.at(0)));
        return std::nullopt;
    }
    return JobId{static_cast<std::uint64_t>(*number)};
}

Expected<wire::JobView, Refusal> visible_job(const Call& call, State& state, JobId id, Moment now) {
    if (const Job* job = state.find_job(id)) {
        if (!call->caller.who.may_read(job->spec.enterprise)) {
            return Unexpected{unknown_job(std::to_string(id.value))};
        }
        return job_view(state, *job, now, call->language);
    }
    const auto row = call->services.store.history_of(id);
    if (!row) {
        return Unexpected{row.error()};
    }
    if (!*row || !call->caller.who.may_read((*row)->enterprise)) {
        return Unexpected{unknown_job(std::to_string(id.value))};
    }
    return view_of(**row);
}

wire::JobView view_of(const HistoryRow& row) {
    const auto archive = wire::from_json_text<ArchiveJob>(row.json, wire::Unknown::Ignore);
    KHU_CHECK(archive.has_value(), "history of job {}", row.job.value);
    return job_view(*archive);
}

}  // namespace khu::daemon
