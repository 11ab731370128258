#pragma once

/// \file
/// What several commands do with jobs: read a job's number, get listings page by page, wait for an
/// end and turn it into an exit code, follow the output.

#include <string>
#include <vector>

#include "cli/session.h"
#include "wire/api.h"

namespace khu::cli {

/// "12" -> 12; "12_3", an element of an array, to its own number. Errors: exit code 2.
Expected<JobId, Failure> parse_job(const Session& session, const std::string& text);
/// All operands, at least one.
Expected<std::vector<JobId>, Failure> job_operands(const Session& session);

/// Asks for `verb` on every job named, with `body`, and says `done` (number, phase); goes on after
/// a refusal, and the last refusal is the result.
Result each_job(Session& session, std::string_view verb, const std::string& body, Message done);

/// "/v1/jobs/12" + `rest`.
std::string job_target(JobId job, std::string_view rest = "");

/// What a listing is asked for; empty: not said.
struct ListingWish {
    std::string state;
    std::string user;
    bool factors{false};
};
/// Every page of a listing as one answer. The body is khud's own if one page was enough.
Expected<Received<wire::JobPage>, Failure> all_pages(Session& session, const std::string& path,
                                                     const ListingWish& wish);

/// Blocks until the job has ended. Errors: as asking; Interrupted with exit code 3.
Expected<Received<wire::JobView>, Failure> wait_until_done(Session& session, JobId job);

/// The job's exit code where it has one. A job that ended otherwise gives, as shells and timeout(1)
/// do: 124 time limit, 130 cancelled, 137 out of memory, 1 anything else that is not success.
int exit_code_of(const wire::JobView& job);

/// "12", or "12_3" for an element of an array.
std::string label_of(const wire::JobView& job);

/// Waits, says on standard error how the job ended if not well, and gives its exit code.
Result report_end(Session& session, JobId job);

/// "job 12 ended by time_limit after 2h, exit code 0: killed by signal 9", for standard error;
/// empty for a job that just completed.
std::string describe_end(const Session& session, const wire::JobView& job);

}  // namespace khu::cli
