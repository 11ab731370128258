#include "cli/jobs.h"

#include <limits>
#include <unordered_map>

#include "config/values.h"
#include "core/base/limits.h"
#include "core/jobs/array.h"

namespace khu::cli {
namespace {

constexpr int kWaitSeconds = 30;

/// The rows of all pages. A job that ends while the pages are read may come again among those that
/// have ended: then its later row counts.
class JobRows {
public:
    explicit JobRows(std::vector<wire::JobView>& rows) : rows_(rows) {
        for (std::size_t at = 0; at < rows_.size(); ++at) {
            places_.emplace(rows_[at].job, at);
        }
    }
    void add(std::vector<wire::JobView> more) {
        for (wire::JobView& row : more) {
            const auto [place, is_new] = places_.emplace(row.job, rows_.size());
            if (is_new) {
                rows_.push_back(std::move(row));
            } else {
                rows_[place->second] = std::move(row);
            }
        }
    }

private:
    std::vector<wire::JobView>& rows_;
    std::unordered_map<JobId, std::size_t> places_;
};

}  // namespace

Expected<JobId, Failure> parse_job(const Session& session, const std::string& text) {
    const std::size_t line = text.find('_');
    const config::Value<std::int64_t> number =
        config::parse_whole(text.substr(0, line), 1, std::numeric_limits<std::int64_t>::max() / 2);
    const config::Value<std::int64_t> index =
        line == std::string::npos
            ? config::Value<std::int64_t>(0)
            : config::parse_whole(text.substr(line + 1), 0, limits::array_index_max);
    if (!number || !index) {
        return Unexpected{
            usage(session.say(Message::NotAJob, {text}), session.say(Message::NotAJobRemedy))};
    }
    const JobId job{static_cast<std::uint64_t>(*number)};
    return line == std::string::npos ? job : element_id(job, static_cast<int>(*index));
}

Expected<std::vector<JobId>, Failure> job_operands(const Session& session) {
    std::vector<JobId> jobs;
    for (const std::string& text : session.arguments.operands) {
        const Expected<JobId, Failure> job = parse_job(session, text);
        if (!job) {
            return Unexpected{job.error()};
        }
        jobs.push_back(*job);
    }
    return jobs;
}

Result each_job(Session& session, std::string_view verb, const std::string& body, Message done) {
    const Expected<std::vector<JobId>, Failure> jobs = job_operands(session);
    if (!jobs) {
        return Unexpected{jobs.error()};
    }
    Result result = 0;
    for (const JobId job : *jobs) {
        const Expected<Received<wire::JobView>, Failure> view =
            session.post<wire::JobView>(job_target(job, verb), body);
        if (view) {
            session.print(session.say(done, {label_of(view->answer), view->answer.phase}) + "\n");
            continue;
        }
        if (!result) {
            session.report(result.error());
        }
        result = Unexpected{view.error()};
    }
    return result;
}

std::string job_target(JobId job, std::string_view rest) {
    return "/v1/jobs/" + std::to_string(job.value) + std::string(rest);
}

Expected<Received<wire::JobPage>, Failure> all_pages(Session& session, const std::string& path,
                                                     const ListingWish& wish) {
    const auto target = [&](const std::string& after) {
        return path + query({{"state", wish.state},
                             {"user", wish.user},
                             {"factors", wish.factors ? "true" : ""},
                             {"after", after}});
    };
    Expected<Received<wire::JobPage>, Failure> all = session.get<wire::JobPage>(target(""));
    if (!all || all->answer.next.empty()) {
        return all;
    }
    JobRows rows(all->answer.jobs);
    while (!all->answer.next.empty()) {
        session.progress(session.say(Message::Listing, {std::to_string(all->answer.jobs.size())}));
        Expected<Received<wire::JobPage>, Failure> page =
            session.get<wire::JobPage>(target(all->answer.next));
        if (!page) {
            return page;
        }
        rows.add(std::move(page->answer.jobs));
        all->answer.next = std::move(page->answer.next);
    }
    session.progress("");
    all->body = encode(all->answer);  // It is no longer khud's own.
    return all;
}

Expected<Received<wire::JobView>, Failure> wait_until_done(Session& session, JobId job) {
    Expected<Connection*, Failure> khud = session.zone();
    if (!khud) {
        return Unexpected{std::move(khud).error()};
    }
    const std::string target = job_target(job, "/wait?timeout_s=" + std::to_string(kWaitSeconds));
    for (;;) {
        Expected<Received<wire::JobView>, Failure> view = understood<wire::JobView>(
            (*khud)->get(target, seconds(2 * kWaitSeconds)), session.language);
        if (!view || view->answer.phase == "done") {
            return view;
        }
        session.progress(
            session.say(Message::Waiting, {std::to_string(job.value), view->answer.phase}));
    }
}

int exit_code_of(const wire::JobView& job) {
    if (job.exit_code != 0) {
        return job.exit_code & 0xff ? job.exit_code & 0xff : 1;
    }
    if (job.cause == "time_limit") {
        return 124;
    }
    if (job.cause == "user_cancel") {
        return 130;
    }
    if (job.cause == "oom") {
        return 137;
    }
    return job.cause == "completed" ? 0 : 1;
}

Result report_end(Session& session, JobId job) {
    const Expected<Received<wire::JobView>, Failure> end = wait_until_done(session, job);
    session.progress("");
    if (!end) {
        return Unexpected{end.error()};
    }
    const std::string how = describe_end(session, end->answer);
    if (!how.empty()) {
        session.note(how);
    }
    return exit_code_of(end->answer);
}

std::string label_of(const wire::JobView& job) {
    return job.label.empty() ? std::to_string(job.job.value) : job.label;
}

std::string describe_end(const Session& session, const wire::JobView& job) {
    if (job.cause == "completed") {
        return {};
    }
    std::string text =
        session.say(Message::JobEnded, {label_of(job), job.cause, std::to_string(job.exit_code)});
    return job.detail.empty() ? text : text + ": " + job.detail;
}

}  // namespace khu::cli
