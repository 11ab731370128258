#include "cli/plan/trace_file.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>

#include <fmt/format.h>

#include "cli/plan/csv_rows.h"
#include "cli/plan/swf_file.h"
#include "cli/plan/trace_bounds.h"
#include "cli/plan/unpack.h"
#include "config/values.h"
#include "core/base/limits.h"

namespace khu::cli {
namespace {

enum Column : std::size_t {
    JobId,
    Submit,
    Duration,
    Nodes,
    Gpus,
    GpuMilli,
    GpuType,
    Cpus,
    MemMib,
    Tenant,
    User,
    Partition,
    Constraint,
    Status,
    Limit,
    Waited,
    ColumnCount
};

constexpr std::array<std::string_view, ColumnCount> kNames{
    "job_id",     "submit_s", "duration_s",     "nodes",      "gpus", "gpu_milli",
    "gpu_type",   "cpus",     "mem_mib",        "tenant",     "user", "partition",
    "constraint", "status",   "req_walltime_s", "orig_wait_s"};

/// The column that says how wide a job is.
Column width_column(Counted counted) {
    switch (counted) {
        case Counted::Gpus:
            return Gpus;
        case Counted::Nodes:
            return Nodes;
        case Counted::Cores:
            return Cpus;
    }
    return Gpus;
}

class CsvTraceReader {
public:
    CsvTraceReader(std::string file, Counted counted, std::vector<Complaint>& complaints)
        : file_(std::move(file)), counted_(counted), complaints_(complaints) {}

    Trace read(std::string_view text) {
        CsvRows rows(text);
        std::vector<CsvCell> cells;
        if (!rows.next(cells) || !read_header(cells)) {
            if (complaints_.empty()) {
                complain("P002", {}, "", "the trace is empty", "tệp vết không có gì");
            }
            return {};
        }
        while (rows.next(cells) && complaints_.size() < config::complaints_max) {
            read_row(cells);
        }
        if (rows.quote_open()) {
            complain("P000", cells.back().place, "", "this quote is never closed",
                     "dấu nháy này không được đóng");
        }
        if (complaints_.empty() && trace_.jobs.empty()) {
            complain("P002", {}, "", "the trace has no job that ran",
                     "tệp vết không có tác vụ nào đã chạy");
        }
        return std::move(trace_);
    }

private:
    void complain(std::string code, config::Place at, std::string_view column, std::string en,
                  std::string vi) {
        complaints_.push_back({std::move(code), Severity::Error, std::string(column), std::move(en),
                               std::move(vi), file_, at.line, at.column});
    }

    bool read_header(const std::vector<CsvCell>& cells) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const auto known = std::ranges::find(kNames, cells[i].text);
            if (known == kNames.end()) {
                unknown_[i] = cells[i].text;
                continue;
            }
            std::optional<std::size_t>& where =
                where_[static_cast<std::size_t>(known - kNames.begin())];
            if (where) {
                complain("P003", cells[i].place, cells[i].text, "this column stands twice",
                         "cột này xuất hiện hai lần");
            }
            where = i;
        }
        columns_ = cells.size();
        for (const Column column : {JobId, Submit, Duration, width_column(counted_)}) {
            if (!where_[column]) {
                complain("P004", {}, kNames[column],
                         "the first line names no such column, and this machine's jobs need it",
                         "dòng đầu không có cột này, mà tác vụ trên máy này cần nó");
            }
        }
        return complaints_.empty();
    }

    void read_row(const std::vector<CsvCell>& cells) {
        if (cells.size() != columns_) {
            complain("P017", cells.front().place, "",
                     fmt::format("{} cells, the first line has {}", cells.size(), columns_),
                     fmt::format("có {} ô, dòng đầu có {}", cells.size(), columns_));
            return;
        }
        const std::size_t before = complaints_.size();
        plan::TraceJob job;
        job.id = text(cells, JobId);
        job.tenant = text(cells, Tenant);
        job.user = text(cells, User);
        job.submit = seconds(number(cells, Submit, trace_bounds::submit_max));
        job.nodes = static_cast<int>(number(cells, Nodes, limits::nodes_max));
        job.gpus = static_cast<int>(number(cells, Gpus, trace_bounds::width_max));
        job.cpus = asks_for_cores(job) ? cores(cells) : 0;
        job.limit = seconds(number(cells, Limit, trace_bounds::submit_max));
        job.duration = seconds(number(cells, Duration, trace_bounds::duration_max));
        check(cells, job);
        if (complaints_.size() == before) {
            last_submit_ = job.submit;
            keep(cells, std::move(job));
        }
    }

    void check(const std::vector<CsvCell>& cells, const plan::TraceJob& job) {
        const config::Place id_place = cells[*where_[JobId]].place;
        if (job.id.empty()) {
            complain("P004", id_place, kNames[JobId], "every job has one",
                     "tác vụ nào cũng phải có");
        } else if (!ids_.insert(job.id).second) {
            complain("P003", id_place, kNames[JobId],
                     fmt::format("'{}' stands above already", job.id),
                     fmt::format("'{}' đã có ở trên", job.id));
        }
        const CsvCell& submit = cells[*where_[Submit]];
        if (submit.text.empty()) {
            complain("P004", submit.place, kNames[Submit], "every job has one",
                     "tác vụ nào cũng phải có");
        } else if (job.submit < last_submit_) {
            complain("P015", submit.place, kNames[Submit],
                     fmt::format("submitted at {}, the job above at {}: sort the trace by submit_s",
                                 submit.text, last_submit_.value / 1000),
                     fmt::format("gửi lúc {}, tác vụ ở trên lúc {}: hãy sắp xếp theo submit_s",
                                 submit.text, last_submit_.value / 1000));
        }
        if (trace_.jobs.size() >= trace_bounds::jobs_max) {
            complain("P006", submit.place, "", trace_bounds::too_many_jobs_en(),
                     trace_bounds::too_many_jobs_vi());
        }
    }

    void keep(const std::vector<CsvCell>& cells, plan::TraceJob job) {
        if (text(cells, Duration).empty()) {
            ++trace_.never_ran;
            return;
        }
        note_ignored(cells, job);
        trace_.jobs.push_back(std::move(job));
    }

    /// On a machine of cores; among GPUs, those that take none.
    [[nodiscard]] bool asks_for_cores(const plan::TraceJob& job) const {
        return where_[Cpus] &&
               (counted_ == Counted::Cores || (counted_ == Counted::Gpus && job.gpus == 0));
    }

    void note_ignored(const std::vector<CsvCell>& cells, const plan::TraceJob& job) {
        for (const Column column : {Gpus, Nodes, GpuType, Cpus, MemMib, Partition, Constraint}) {
            const bool obeyed =
                column == width_column(counted_) || (column == Cpus && asks_for_cores(job));
            const std::string said = text(cells, column);
            const bool nothing = said.empty() || said == "0" || (column == Nodes && said == "1");
            if (!obeyed && !nothing) {
                ++trace_.ignored[std::string(kNames[column])];
            }
        }
        const std::string milli = text(cells, GpuMilli);
        if (!milli.empty() && milli != "0" && milli != "1000") {
            ++trace_.ignored[std::string(kNames[GpuMilli])];
        }
        for (const auto& [at, name] : unknown_) {
            if (!cells[at].text.empty()) {
                ++trace_.ignored[name];
            }
        }
    }

    [[nodiscard]] std::string text(const std::vector<CsvCell>& cells, Column column) const {
        return where_[column] ? cells[*where_[column]].text : std::string{};
    }

    /// 0 for an empty cell, and after a complaint.
    std::int64_t number(const std::vector<CsvCell>& cells, Column column, std::int64_t high) {
        const std::string written = text(cells, column);
        if (written.empty()) {
            return 0;
        }
        const config::Value<std::int64_t> read = config::parse_whole(written, 0, high);
        if (!read) {
            complain(read.error().code, cells[*where_[column]].place, kNames[column],
                     read.error().why_en, read.error().why_vi);
            return 0;
        }
        return *read;
    }

    /// Traces of containers give thousandths of a core; a job gets whole ones.
    int cores(const std::vector<CsvCell>& cells) {
        std::vector<CsvCell> whole = cells;
        CsvCell& cell = whole[*where_[Cpus]];
        const std::size_t point = cell.text.find('.');
        const std::string part = point == std::string::npos ? "" : cell.text.substr(point + 1);
        const bool digits = part.find_first_not_of("0123456789") == std::string::npos;
        const bool more = digits && part.find_first_not_of('0') != std::string::npos;
        if (digits && !part.empty()) {
            cell.text.resize(point);
        }
        return static_cast<int>(number(whole, Cpus, trace_bounds::width_max)) + (more ? 1 : 0);
    }

    std::string file_;
    Counted counted_;
    std::vector<Complaint>& complaints_;
    Trace trace_;
    std::array<std::optional<std::size_t>, ColumnCount> where_{};
    std::map<std::size_t, std::string> unknown_;
    std::size_t columns_{0};
    Span last_submit_;
    std::unordered_set<std::string> ids_;
};

/// "Times are spans from the first submission", whatever the file counted from.
void begin_at_zero(Trace& trace) {
    const Span first = trace.jobs.front().submit;
    for (plan::TraceJob& job : trace.jobs) {
        job.submit = job.submit - first;
    }
}

/// ".swf" of "kth.swf", "kth.swf.gz".
bool is_swf(const std::string& path) {
    const std::size_t packed = path.ends_with(".gz") || path.ends_with(".xz") ? 3 : 0;
    return path.size() > packed && path.substr(0, path.size() - packed).ends_with(".swf");
}

}  // namespace

Expected<Trace, std::vector<Complaint>> read_trace(const std::string& path, Counted counted) {
    std::vector<Complaint> complaints;
    const std::optional<std::string> text =
        read_unpacked(path, trace_bounds::text_bytes_max, complaints);
    if (!text) {
        return Unexpected{std::move(complaints)};
    }
    Trace trace = is_swf(path) ? read_swf(*text, path, complaints)
                               : CsvTraceReader(path, counted, complaints).read(*text);
    if (!complaints.empty()) {
        return Unexpected{std::move(complaints)};
    }
    begin_at_zero(trace);
    return trace;
}

}  // namespace khu::cli
