#include "cli/plan/swf_file.h"

#include <array>
#include <unordered_set>

#include <fmt/format.h>

#include "cli/plan/trace_bounds.h"
#include "config/values.h"
#include "config/yaml_tree.h"

namespace khu::cli {
namespace {

/// Fields by their number in the format, from 1.
enum Field : std::size_t {
    JobNumber = 1,
    SubmitTime = 2,
    RunTime = 4,
    AllocatedProcessors = 5,
    RequestedProcessors = 8,
    RequestedTime = 9,
    RequestedMemory = 10,
    Status = 11,
    User = 12,
    Group = 13,
    Queue = 15,
    PartitionNumber = 16,
    PrecedingJob = 17,
    FieldCount = 18
};

constexpr std::int64_t kCancelled = 5;
constexpr std::string_view kWhite = " \t\r";

struct SwfField {
    std::string_view text;
    int column{1};
};

class SwfReader {
public:
    SwfReader(const std::string& file, std::vector<Complaint>& complaints)
        : file_(file), complaints_(complaints) {}

    Trace read(std::string_view text) {
        while (!text.empty() && complaints_.size() < config::complaints_max) {
            const std::size_t end = text.find('\n');
            ++line_;
            read_line(text.substr(0, end));
            text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
        }
        if (complaints_.empty() && trace_.jobs.empty()) {
            line_ = 0;
            complain("P002", 0, "", "the trace has no job that ran",
                     "tệp vết không có tác vụ nào đã chạy");
        }
        return std::move(trace_);
    }

private:
    void complain(std::string code, int column, std::string what, std::string en, std::string vi) {
        complaints_.push_back({std::move(code), Severity::Error, std::move(what), std::move(en),
                               std::move(vi), file_, line_, column});
    }

    void read_line(std::string_view line) {
        fields_.clear();
        const std::string_view said = line.substr(0, line.find(';'));
        std::size_t at = said.find_first_not_of(kWhite);
        while (at != std::string_view::npos) {
            const std::size_t end = std::min(said.find_first_of(kWhite, at), said.size());
            fields_.push_back({said.substr(at, end - at), static_cast<int>(at) + 1});
            at = said.find_first_not_of(kWhite, end);
        }
        if (fields_.empty()) {
            return;
        }
        if (fields_.size() != FieldCount) {
            complain("P017", 1, "", fmt::format("{} fields, a job has 18", fields_.size()),
                     fmt::format("có {} trường, mỗi tác vụ có 18", fields_.size()));
            return;
        }
        read_job();
    }

    void read_job() {
        const std::size_t before = complaints_.size();
        const std::int64_t run = number(RunTime, trace_bounds::duration_max);
        const std::int64_t asked = number(RequestedProcessors, trace_bounds::width_max);
        const std::int64_t got = number(AllocatedProcessors, trace_bounds::width_max);
        const std::int64_t submit = number(SubmitTime, trace_bounds::submit_max);
        plan::TraceJob job;
        job.id = std::string(fields_[JobNumber - 1].text);
        job.submit = seconds(std::max<std::int64_t>(submit, 0));
        job.duration = seconds(std::max<std::int64_t>(run, 0));
        job.nodes = job.gpus = job.cpus = static_cast<int>(asked > 0 ? asked : got);
        job.limit =
            seconds(std::max<std::int64_t>(number(RequestedTime, trace_bounds::submit_max), 0));
        job.user = named("u", User);
        job.tenant = named("g", Group);
        if (job.tenant.empty()) {
            job.tenant = job.user;
        }
        check(job, submit);
        if (complaints_.size() == before) {
            last_submit_ = job.submit;
            keep(std::move(job), run);
        }
    }

    void check(const plan::TraceJob& job, std::int64_t submit) {
        if (!ids_.insert(job.id).second) {
            complain("P003", column(JobNumber), "job_number",
                     fmt::format("'{}' stands above already", job.id),
                     fmt::format("'{}' đã có ở trên", job.id));
        }
        if (submit < 0) {
            complain("P004", column(SubmitTime), "submit_time", "every job has one",
                     "tác vụ nào cũng phải có");
        } else if (job.submit < last_submit_) {
            complain("P015", column(SubmitTime), "submit_time",
                     fmt::format("submitted at {}, the job above at {}: sort the trace by it",
                                 submit, last_submit_.value / 1000),
                     fmt::format("gửi lúc {}, tác vụ ở trên lúc {}: hãy sắp xếp theo nó", submit,
                                 last_submit_.value / 1000));
        }
        if (trace_.jobs.size() >= trace_bounds::jobs_max) {
            complain("P006", 1, "", trace_bounds::too_many_jobs_en(),
                     trace_bounds::too_many_jobs_vi());
        }
    }

    void keep(plan::TraceJob job, std::int64_t run) {
        const bool cancelled = number(Status, trace_bounds::width_max) == kCancelled && run <= 0;
        if (run < 0 || cancelled || job.nodes <= 0) {
            ++trace_.never_ran;
            return;
        }
        constexpr auto unheeded = std::to_array<std::pair<Field, std::string_view>>(
            {{RequestedMemory, "requested_memory"},
             {Queue, "queue"},
             {PartitionNumber, "partition"},
             {PrecedingJob, "preceding_job"}});
        for (const auto& [field, name] : unheeded) {
            if (!fields_[field - 1].text.starts_with('-') && fields_[field - 1].text != "0") {
                ++trace_.ignored[std::string(name)];
            }
        }
        trace_.jobs.push_back(std::move(job));
    }

    [[nodiscard]] int column(Field field) const { return fields_[field - 1].column; }

    /// -1 where unknown.
    std::int64_t number(Field field, std::int64_t high) {
        const std::string_view text = fields_[field - 1].text;
        if (text == "-1") {
            return -1;
        }
        const config::Value<std::int64_t> read = config::parse_whole(text, 0, high);
        if (!read) {
            complain(read.error().code, column(field),
                     fmt::format("field {}", static_cast<std::size_t>(field)), read.error().why_en,
                     read.error().why_vi);
        }
        return read ? *read : -1;
    }

    [[nodiscard]] std::string named(std::string_view prefix, Field field) const {
        const std::string_view text = fields_[field - 1].text;
        return text == "-1" ? "" : std::string(prefix) + std::string(text);
    }

    const std::string& file_;
    std::vector<Complaint>& complaints_;
    Trace trace_;
    std::vector<SwfField> fields_;
    int line_{0};
    Span last_submit_;
    std::unordered_set<std::string> ids_;
};

}  // namespace

Trace read_swf(std::string_view text, const std::string& file, std::vector<Complaint>& complaints) {
    return SwfReader(file, complaints).read(text);
}

}  // namespace khu::cli
