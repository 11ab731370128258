#include "daemon/http/visible_job.h"

#include "core/base/limits.h"
#include "core/machine/arrays.h"
#include "daemon/views.h"

namespace khu::daemon {
namespace {

Refusal unknown_job(const std::string& name) {
    return Refusal(Code::UnknownJob).with("job", name.substr(0, 40));
}

}  // namespace

std::optional<JobId> job_in_path(const Call& call) {
    const std::string& text = call->parts.at(0);
    const std::size_t line = text.find('_');
    const std::optional<std::int64_t> number = whole_number(text.substr(0, line));
    const std::optional<std::int64_t> index =
        line == std::string::npos ? 0 : whole_number(text.substr(line + 1));
    if (!number || !index || *index > limits::array_index_max) {
        refuse(call, unknown_job(text));
        return std::nullopt;
    }
    const JobId job{static_cast<std::uint64_t>(*number)};
    return line == std::string::npos ? job : element_id(job, static_cast<int>(*index));
}

Expected<wire::JobView, Refusal> visible_job(const Call& call, State& state, JobId id, Moment now) {
    if (const Job* job = state.find_job(id)) {
        if (!call->caller.who.may_read(job->spec.enterprise)) {
            return Unexpected{unknown_job(std::to_string(id.value))};
        }
        return job_view(state, *job, now, call->language);
    }
    const Job* array = array_with(state, id);
    if (array != nullptr && call->caller.who.may_read(array->spec.enterprise)) {
        return job_view(state, element_of(*array, id, now), now, call->language);
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
