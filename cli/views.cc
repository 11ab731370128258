#include "cli/views.h"

#include <algorithm>
#include <array>

#include "cli/jobs.h"
#include "core/base/enum_name.h"
#include "core/policy/hostlist.h"

namespace khu::cli {
namespace {

std::string node_list(const wire::JobView& job) {
    std::vector<NodeName> names;
    for (const wire::AllocationView& node : job.nodes) {
        names.emplace_back(node.node);
    }
    return compress_hostlist(names);
}

/// Why it waits, where it runs, or how it ended.
std::string where_or_why(const wire::JobView& job) {
    if (job.reason) {
        return job.reason->code + " " + job.reason->name;
    }
    if (job.phase == "done") {
        return job.exit_code == 0 ? job.cause : job.cause + " " + std::to_string(job.exit_code);
    }
    return node_list(job);
}

/// From taking its resources to now or to its end.
Cell time_used(const wire::JobView& job, Moment now) {
    if (job.taken_at == Moment{0}) {
        return "";
    }
    const Moment end = job.ended_at == Moment{0} ? now : Moment{job.ended_at};
    const Span used = end < job.taken_at ? Span{0} : end - job.taken_at;
    return {format_span(seconds(used.value / 1000)), std::to_string(used.value / 1000)};
}

Cell span_cell(std::int64_t whole_s) {
    return {whole_s == 0 ? "" : format_span(seconds(whole_s)), std::to_string(whole_s)};
}

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& part : parts) {
        out += out.empty() ? part : "," + part;
    }
    return out;
}

std::string free_of(std::int64_t free, std::int64_t all) {
    return std::to_string(free) + "/" + std::to_string(all);
}

/// "2 times, last to job 17 at ..."
std::string gave_way_text(const Session& session, const wire::JobView& job) {
    if (!job.gave_way) {
        return "";
    }
    const wire::GaveWayView& of = *job.gave_way;
    return std::to_string(of.times) + (of.times == 1 ? " time, last" : " times, last") +
           " to job " + std::to_string(of.to.value) + " at " + session.when(of.at).shown;
}

}  // namespace

std::string resources_cell(const std::vector<CountedWish>& resources) {
    std::string text;
    for (const CountedWish& each : resources) {
        text += (text.empty() ? "" : ",") + each.resource.value.str() + "=" +
                std::to_string(each.count);
    }
    return text;
}

Cell gpu_hours_cell(Atoms amount) {
    std::string people = format_gpu_hours_short(amount);
    return {people.substr(0, people.find(' ')), std::to_string(amount.value)};
}

Cell dong_cell(Mvnd amount) {
    const std::int64_t dong = amount.value / 1000;
    std::string digits = std::to_string(dong < 0 ? -dong : dong);
    for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
        digits.insert(static_cast<std::size_t>(at), ",");
    }
    return {(dong < 0 ? "-" : "") + digits + " đ", std::to_string(amount.value)};
}

std::string people_bytes(Bytes bytes) {
    constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
    std::int64_t tenths = bytes.value * 10;
    std::size_t unit = 0;
    while (unit + 1 < units.size() && tenths >= 10240) {
        tenths /= 1024;
        ++unit;
    }
    std::string out = std::to_string(tenths / 10);
    out += tenths % 10 == 0 ? "" : "." + std::to_string(tenths % 10);
    return out + " " + std::string(units[unit]);
}

std::string ranges(const std::vector<int>& numbers) {
    std::string out;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t last = i;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) {
            ++last;
        }
        out += (out.empty() ? "" : ",") + std::to_string(numbers[i]);
        out += last == i ? "" : "-" + std::to_string(numbers[last]);
        i = last + 1;
    }
    return out;
}

Table job_table(const Session& session, const std::vector<wire::JobView>& jobs, Moment now) {
    Table table{.columns = {{"JOB", "job", Align::Right},
                            {"NAME", "name", Align::Left, true},
                            {"USER", "user", Align::Left, true},
                            {"ENTERPRISE", "enterprise", Align::Left, false, true},
                            {"PROGRAMME", "programme", Align::Left, false, true},
                            {"PARTITION", "partition", Align::Left, true},
                            {"QOS", "qos", Align::Left, false, true},
                            {"PHASE", "phase"},
                            {"NODES", "nodes", Align::Right},
                            {"GPUS", "gpus", Align::Right},
                            {"TIME", "time_s", Align::Right},
                            {"LIMIT", "time_limit_s", Align::Right},
                            {"STARTS IN", "eta_early_at", Align::Right},
                            {"AT LATEST", "eta_late_at", Align::Left, false, true},
                            {"SUBMITTED", "submitted_at", Align::Left, false, true},
                            {"EXIT", "exit_code", Align::Right, false, true},
                            {"WHERE", "where", Align::Left, true}},
                .rows = {}};
    for (const wire::JobView& job : jobs) {
        const wire::SpecView& spec = job.spec;
        const wire::EtaView eta = job.eta.value_or(wire::EtaView{});
        table.rows.push_back(
            {Cell(label_of(job), std::to_string(job.job.value)), spec.name, spec.user.value,
             spec.enterprise.value, spec.programme.value, spec.partition.value, spec.qos.value,
             job.phase, std::int64_t{spec.nodes}, std::int64_t{spec.nodes} * spec.gpus_per_node,
             time_used(job, now), span_cell(spec.time_limit_s),
             Cell(starts_in(job, now), session.when(eta.early_at).raw), session.when(eta.late_at),
             session.when(job.submitted_at), std::int64_t{job.exit_code}, where_or_why(job)});
    }
    return table;
}

Table factor_table(const Session& session, const std::vector<wire::JobView>& jobs) {
    Table table{.columns = {{"JOB", "job", Align::Right},
                            {"USER", "user", Align::Left, true},
                            {"ENTERPRISE", "enterprise", Align::Left, true},
                            {"PARTITION", "partition", Align::Left, true},
                            {"QOS", "qos"},
                            {"STANDS AS IF", "stands_as_if"},
                            {"SUBMITTED", "submitted_at"},
                            {"- TIER", "tier_s", Align::Right},
                            {"+ SIZE", "size_s", Align::Right},
                            {"+ OVER AGE", "over_age_s", Align::Right, true},
                            {"+ FAIR SHARE", "fair_share_s", Align::Right},
                            {"FLOOR", "at_floor"},
                            {"RANK", "fair_rank", Align::Right},
                            {"OF", "fair_leaves", Align::Right},
                            {"USED", "used_ugs", Align::Right},
                            {"WHY", "why", Align::Left, true}},
                .rows = {}};
    for (const wire::JobView& job : jobs) {
        if (!job.standing) {
            continue;
        }
        const wire::StandingView& at = *job.standing;
        table.rows.push_back(
            {Cell(label_of(job), std::to_string(job.job.value)), job.spec.user.value,
             job.spec.enterprise.value, job.spec.partition.value, job.spec.qos.value,
             session.when(at.stands_as_if), session.when(at.submitted_at), span_cell(at.tier_s),
             span_cell(at.size_s), span_cell(at.over_age_s), span_cell(at.fair_share_s),
             Cell(at.at_floor ? "yes" : "", at.at_floor ? "true" : "false"),
             Cell(std::to_string(at.fair_rank + 1), std::to_string(at.fair_rank)), at.fair_leaves,
             gpu_hours_cell(at.used_ugs), where_or_why(job)});
    }
    return table;
}

std::string starts_in(const wire::JobView& job, Moment now) {
    if (!job.eta) {
        return {};
    }
    const auto whole_minutes = [&](Moment at, Span round) {
        const Span left = std::max(at - now, Span{0}) + round;
        return format_span(minutes(left.value / minutes(1).value));
    };
    return whole_minutes(job.eta->early_at, Span{0}) + "-" +
           whole_minutes(job.eta->late_at, minutes(1) - milliseconds(1));
}

/// "12 (ok), 13 (any)".
std::string after_text(const wire::SpecView& spec) {
    std::string text;
    for (const Dependency& each : spec.after) {
        text += (text.empty() ? "" : ", ") + std::to_string(each.job.value) + " (" +
                enum_name(each.on) + ")";
    }
    return text;
}

std::string words_of(const std::vector<FeatureName>& features) {
    std::string text;
    for (const FeatureName& each : features) {
        text += (text.empty() ? "" : ",") + each.value;
    }
    return text;
}

/// "90 waiting, 8 running, 2 ended, 0 failed".
std::string elements_text(const wire::JobView& job) {
    if (!job.elements) {
        return {};
    }
    const wire::ArrayView& of = *job.elements;
    return std::to_string(of.waiting) + " waiting, " + std::to_string(of.running) + " running, " +
           std::to_string(of.ended) + " ended, " + std::to_string(of.failed) + " failed";
}

namespace {

/// Which of its alternatives a job was placed as, and all of them.
template <class Add>
void add_alternatives(const wire::JobView& job, const Add& add) {
    std::string all;
    for (const wire::AlternativeView& way : job.spec.any_of) {
        all += (all.empty() ? "" : " | ") + way.what;
    }
    const int taken = job.receipt.alternative;
    add("Alternatives", "any_of", all);
    add("Alternative", "alternative",
        {taken == 0 ? "" : std::to_string(taken), std::to_string(taken)});
}

/// When it starts: as things stand now, and what was said first.
template <class Add>
void add_eta(const Session& session, const wire::JobView& job, const Add& add) {
    const wire::EtaView eta = job.eta.value_or(wire::EtaView{});
    const wire::FirstEtaView first = job.first_eta.value_or(wire::FirstEtaView{});
    add("Starts from", "eta_early_at", session.when(eta.early_at));
    add("Starts by", "eta_late_at", session.when(eta.late_at));
    add("First told", "first_eta_given_at", session.when(first.given_at));
    add("Then from", "first_eta_early_at", session.when(first.early_at));
    add("Then by", "first_eta_late_at", session.when(first.late_at));
}

}  // namespace

Table job_sheet(const Session& session, const wire::JobView& job, Moment now) {
    Table table;
    table.rows.emplace_back();
    const auto add = [&table](const char* title, const char* csv, Cell cell) {
        table.columns.push_back({title, csv});
        table.rows.front().push_back(std::move(cell));
    };
    const wire::SpecView& spec = job.spec;
    add("Job", "job", {label_of(job), std::to_string(job.job.value)});
    add("Array", "array", spec.array);
    add("Elements", "elements", elements_text(job));
    add("Name", "name", spec.name);
    add("Phase", "phase", job.phase);
    add("Why", "reason", job.reason ? job.reason->code + " " + job.reason->text : "");
    add("User", "user", spec.user.value);
    add("Enterprise", "enterprise", spec.enterprise.value);
    add("Programme", "programme", spec.programme.value);
    add("Project", "project", spec.project);
    add("Partition", "partition", spec.partition.value);
    add("QOS", "qos", spec.qos.value);
    add("Or idle", "or_idle", spec.or_idle ? "yes" : "");
    add("Nodes", "nodes", std::int64_t{spec.nodes});
    add("GPUs per node", "gpus_per_node", std::int64_t{spec.gpus_per_node});
    add("GPU model", "gpu_model", spec.gpu_model.value);
    add("Cores per node", "cores_per_node", std::int64_t{spec.cores_per_node});
    add("Memory per node", "mem_bytes_per_node",
        {spec.mem_bytes == Bytes{0} ? "" : people_bytes(spec.mem_bytes),
         std::to_string(spec.mem_bytes.value)});
    add("Tasks per node", "tasks_per_node", std::int64_t{spec.tasks_per_node});
    add("Time limit", "time_limit_s", span_cell(spec.time_limit_s));
    add("Submitted", "submitted_at", session.when(job.submitted_at));
    add("Begins after", "begin_at", session.when(spec.begin_at));
    add("After", "after", after_text(spec));
    add("Must end by", "end_by_at", session.when(spec.deadline_at));
    add("Only on", "include", compress_hostlist(spec.include));
    add("Not on", "exclude", compress_hostlist(spec.exclude));
    add("Features", "features", words_of(spec.features));
    add("Segments", "segment",
        spec.segment == 0 ? "" : std::to_string(spec.segment) + "@" + spec.segment_level);
    add_alternatives(job, add);
    add("Reservation", "reservation", spec.reservation);
    add("Resources", "resources", resources_cell(spec.resources));
    add_eta(session, job, add);
    add("Placed", "taken_at", session.when(job.taken_at));
    add("Started", "started_at", session.when(job.started_at));
    add("Deadline", "deadline_at", session.when(job.deadline_at));
    add("Ended", "ended_at", session.when(job.ended_at));
    add("Time used", "time_s", time_used(job, now));
    add("Checkpoint", "checkpoint", job.checkpoint ? job.checkpoint->path : "");
    add("Saved", "saved_at", session.when(job.checkpoint ? job.checkpoint->at : wire::Timestamp{}));
    add("Attempt", "attempt",
        {job.attempt == 0 ? "" : std::to_string(job.attempt), std::to_string(job.attempt)});
    add("Ended by", "cause", job.cause);
    add("Exit code", "exit_code",
        {job.phase == "done" ? std::to_string(job.exit_code) : "", std::to_string(job.exit_code)});
    add("Detail", "detail", job.detail);
    add("Must leave by", "stop_by_at", session.when(job.stop_by_at));
    add("Gave way", "gave_way", gave_way_text(session, job));
    add("Where", "where", node_list(job));
    add("Span", "span", job.receipt.span);
    add("Worst GPU link", "link", job.receipt.link);
    add("Grants", "grants", joined(job.grants));
    add("Held GPU-hours", "held_ugs", gpu_hours_cell(job.held_ugs));
    add("Metered GPU-hours", "metered_ugs", gpu_hours_cell(job.metered_ugs));
    add("Charged GPU-hours", "charged_ugs", gpu_hours_cell(job.charged_ugs));
    add("Waived GPU-hours", "waived_ugs", gpu_hours_cell(job.waived_ugs));
    return table;
}

Table allocation_table(const wire::JobView& job) {
    Table table{.columns = {{"NODE", "node"},
                            {"STAGE", "stage"},
                            {"GPUS", "gpus"},
                            {"CORES", "cores"},
                            {"MEMORY", "mem_bytes", Align::Right}},
                .rows = {}};
    for (const wire::AllocationView& node : job.nodes) {
        table.rows.push_back(
            {node.node,
             node.stage,
             ranges(node.gpus),
             ranges(node.cores),
             {people_bytes(node.mem_bytes), std::to_string(node.mem_bytes.value)}});
    }
    return table;
}

namespace {

/// "h100, 14 h100-1g-10gb": what is whole, and how many slices of which model.
std::string models_of(const wire::NodeView& node) {
    std::vector<std::pair<std::string, std::int64_t>> slices;
    std::int64_t whole = node.gpus;
    for (const wire::SlicesView& row : node.slices) {
        const auto same =
            std::ranges::find(slices, row.model, [](const auto& one) { return one.first; });
        (same != slices.end() ? *same : slices.emplace_back(row.model, 0)).second += row.slices;
        whole -= row.slices;
    }
    std::vector<std::string> models;
    if (whole > 0 || node.slices.empty()) {
        models.push_back(node.gpu_model);
    }
    for (const auto& [model, count] : slices) {
        models.push_back(fmt::format("{} {}", count, model));
    }
    return fmt::format("{}", fmt::join(models, ", "));
}

}  // namespace

Table node_table(const Session& session, const std::vector<wire::NodeView>& nodes) {
    Table table{.columns = {{"NODE", "node"},
                            {"STATE", "state"},
                            {"PARTITIONS", "partitions", Align::Left, true},
                            {"MODEL", "gpu_model"},
                            {"GPUS FREE", "gpus_free", Align::Right},
                            {"GPUS", "gpus", Align::Right, false, true},
                            {"CORES FREE", "cores_free", Align::Right},
                            {"CORES", "cores", Align::Right, false, true},
                            {"MEMORY FREE", "mem_free_bytes", Align::Right},
                            {"MEMORY", "mem_bytes", Align::Right, false, true},
                            {"JOBS", "jobs", Align::Left, true},
                            {"ADDRESS", "address", Align::Left, false, true},
                            {"VERSION", "version", Align::Left, false, true},
                            {"HEARD", "heard_at", Align::Left, false, true},
                            {"REASON", "reason", Align::Left, true}},
                .rows = {}};
    for (const wire::NodeView& node : nodes) {
        std::vector<std::string> jobs;
        for (const JobId job : node.jobs) {
            jobs.push_back(std::to_string(job.value));
        }
        const auto memory = [](Bytes bytes) {
            return Cell{people_bytes(bytes), std::to_string(bytes.value)};
        };
        table.rows.push_back(
            {node.name,
             node.state,
             joined(node.partitions),
             {models_of(node), node.gpu_model},
             {free_of(node.gpus_free, node.gpus), std::to_string(node.gpus_free)},
             node.gpus,
             {free_of(node.cores_free, node.cores), std::to_string(node.cores_free)},
             node.cores,
             memory(node.mem_free_bytes),
             memory(node.mem_bytes),
             joined(jobs),
             node.address,
             node.version,
             session.when(node.heard_at),
             node.reason});
    }
    return table;
}

/// "late, 12 days", "due before 2026-05-30 ...", "delivered".
Cell report_cell(const Session& session, const wire::GrantReportView& report) {
    const std::string shown =
        report.state == "late"  ? fmt::format("late, {} days", report.days_late)
        : report.state == "due" ? "due before " + session.when(report.due_at).shown
                                : report.state;
    return {shown, report.state};
}

Table grant_table(const Session& session, const std::vector<wire::GrantView>& grants) {
    Table table{.columns = {{"GRANT", "grant"},
                            {"ENTERPRISE", "enterprise", Align::Left, true},
                            {"PROGRAMME", "programme", Align::Left, true},
                            {"TIER", "tier"},
                            {"STATE", "state"},
                            {"GRANTED", "granted_ugs", Align::Right},
                            {"FREE", "free_ugs", Align::Right},
                            {"HELD", "held_ugs", Align::Right},
                            {"SPENT", "spent_ugs", Align::Right},
                            {"EXPIRED", "expired_ugs", Align::Right, false, true},
                            {"FROM", "from_at", Align::Left, false, true},
                            {"TO", "to_at"},
                            {"DECISION", "decision_ref", Align::Left, false, true},
                            {"VOUCHER", "voucher", Align::Left, true},
                            {"WHY", "state_reason", Align::Left, true},
                            {"REPORT", "report", Align::Left, true}},
                .rows = {}};
    for (const wire::GrantView& grant : grants) {
        table.rows.push_back({grant.grant.value, grant.enterprise, grant.programme, grant.tier,
                              grant.state, gpu_hours_cell(grant.granted_ugs),
                              gpu_hours_cell(grant.free_ugs), gpu_hours_cell(grant.held_ugs),
                              gpu_hours_cell(grant.spent_ugs), gpu_hours_cell(grant.expired_ugs),
                              session.when(grant.from_at), session.when(grant.to_at),
                              grant.decision_ref, grant.voucher, grant.state_reason,
                              grant.report ? report_cell(session, *grant.report) : Cell("")});
    }
    return table;
}

std::string ahead_line(const Session& session, const wire::GrantAhead& ahead) {
    const std::string grant = ahead.grant.value;
    const std::string at = session.when(ahead.happens_at).shown;
    const std::string lost = gpu_hours_cell(ahead.lost_ugs).shown;
    if (ahead.event == "tranche") {
        return session.say(Message::AheadTranche,
                           {grant, at, gpu_hours_cell(ahead.gained_ugs).shown, lost});
    }
    if (ahead.event == "pullback") {
        return session.say(Message::AheadPullback,
                           {grant, at, lost, fmt::format("{} %", ahead.unless_used_permille / 10)});
    }
    if (ahead.event == "report") {
        return session.say(Message::AheadReport, {grant, at});
    }
    return session.say(Message::AheadEnd, {grant, at, lost});
}

Table purse_table(const Session& session, const std::vector<wire::PurseView>& purses) {
    Table table{.columns = {{"OWNER", "owner"},
                            {"NAME", "name", Align::Left, true},
                            {"KIND", "kind"},
                            {"BUDGET", "budget_mvnd", Align::Right},
                            {"PAID IN", "paid_in_mvnd", Align::Right},
                            {"SPENT", "spent_mvnd", Align::Right},
                            {"HELD", "held_mvnd", Align::Right},
                            {"LEFT", "available_mvnd", Align::Right},
                            {"FROM", "from_at"},
                            {"TO", "to_at"}},
                .rows = {}};
    for (const wire::PurseView& purse : purses) {
        table.rows.push_back({purse.owner, purse.name, purse.kind, dong_cell(purse.budget_mvnd),
                              dong_cell(purse.paid_in_mvnd), dong_cell(purse.spent_mvnd),
                              dong_cell(purse.held_mvnd), dong_cell(purse.available_mvnd),
                              session.when(purse.from_at), session.when(purse.to_at)});
    }
    return table;
}

}  // namespace khu::cli
