#include "cli/plan/outcome_json.h"

#include <fmt/format.h>

#include "wire/json.h"

namespace khu::cli {
namespace {

/// The members of one object, in the order in which they are added.
class Members {
public:
    void add(std::string_view key, std::string_view json) {
        text_ += fmt::format("{}\"{}\":{}", text_.empty() ? "" : ",", key, json);
    }
    void add(std::string_view key, std::int64_t number) { add(key, std::to_string(number)); }
    /// Thousandths.
    void milli(std::string_view key, std::int64_t thousandths) {
        add(key, format_milli(thousandths));
    }
    [[nodiscard]] std::string object() const { return "{" + text_ + "}"; }

private:
    std::string text_;
};

std::string counts(const std::map<std::string, std::int64_t>& numbers) {
    return wire::to_json_text(numbers);
}

std::string spread(const plan::Spread& of) {
    Members all;
    all.milli("mean", of.mean_milli);
    all.add("p50", of.p50);
    all.add("p90", of.p90);
    all.add("p99", of.p99);
    all.add("max", of.max);
    return all.object();
}

/// One whose percentiles are thousandths too.
std::string spread_of_ratios(const plan::Spread& of) {
    Members all;
    all.milli("mean", of.mean_milli);
    all.milli("p50", of.p50);
    all.milli("p90", of.p90);
    all.milli("p99", of.p99);
    all.milli("max", of.max);
    return all.object();
}

std::string rejected(const PlanOutcome& outcome) {
    std::string out;
    for (const Rejected& one : outcome.rejected) {
        Members all;
        all.add("code", wire::to_json_text(one.code));
        all.add("jobs", one.jobs);
        all.add("text", wire::to_json_text(one.text));
        out += (out.empty() ? "" : ",") + all.object();
    }
    return "[" + out + "]";
}

/// Null unless it was asked for.
std::string ratio(const PlanOutcome& outcome, const std::string& enterprise) {
    const auto found = outcome.finish_time_ratio.find(enterprise);
    return found == outcome.finish_time_ratio.end() ? "null" : format_milli(found->second);
}

std::string enterprises(const PlanOutcome& outcome) {
    std::string out;
    for (const plan::EnterpriseMeasures& one : outcome.measures.enterprises) {
        Members all;
        all.add("name", wire::to_json_text(one.name));
        all.add("jobs", one.jobs);
        all.add("wait_s", spread(one.wait_s));
        all.milli("mean_jct_s", one.mean_jct_milli);
        all.milli(hours_key(outcome.counted), one.gpu_seconds * 1000 / 3600);
        all.add("finish_time_ratio", ratio(outcome, one.name));
        out += (out.empty() ? "" : ",") + all.object();
    }
    return "[" + out + "]";
}

/// Null unless it was asked for.
std::string etas(const WaitCounts& of) {
    if (of.eta_given() == 0) {
        return "null";
    }
    Members all;
    all.add("given", of.eta_given());
    all.add("within", of.eta_within);
    all.add("sooner", of.eta_sooner);
    all.add("later", of.eta_later);
    all.milli("hit_rate", plan::eta_hit_permille(of));
    all.milli("width_mean_s", plan::eta_width_milli(of));
    return all.object();
}

std::string idle(const plan::IdleMeasures& of, Counted counted) {
    Members all;
    all.add("completed", of.completed);
    all.add("told", of.told);
    all.milli(hours_key(counted), of.gpu_seconds * 1000 / 3600);
    all.milli("lost_hours", of.lost_gpu_seconds * 1000 / 3600);
    all.milli("utilisation", of.utilisation_permille);
    all.add("made_way", of.made_way);
    all.add("longest_way_s", of.longest_way_s);
    return all.object();
}

/// Null unless the policy has rules of borrowing that were not obeyed.
std::string not_lent(const std::optional<plan::NotLent>& why) {
    if (!why) {
        return "null";
    }
    Members all;
    all.add("nominal_gpus", why->nominal);
    all.add("gpus", why->gpus);
    all.add("partitions", why->partitions);
    return all.object();
}

Members members(const PlanOutcome& outcome) {
    const plan::Measures& of = outcome.measures;
    Members all;
    all.add("name", wire::to_json_text(outcome.name));
    all.add("jobs", of.jobs);
    all.add("rejected", of.rejected);
    all.add("rejected_by", rejected(outcome));
    all.add("wait_s", spread(of.wait_s));
    all.add("jct_s", spread(of.jct_s));
    all.add("bounded_slowdown", spread_of_ratios(of.slowdown_milli));
    all.add("wide_wait_s", spread(of.wide_wait_s));
    all.milli("utilisation", of.utilisation_permille);
    if (of.idle) {
        all.add("idle", idle(*of.idle, outcome.counted));
    }
    all.add("makespan_s", of.makespan_s);
    all.milli("gini", of.gini_permille);
    all.add("eta", etas(of.etas));
    all.add("reclaimed", of.reclaimed);
    all.add("not_lent", not_lent(outcome.not_lent));
    all.add("enterprises", enterprises(outcome));
    all.milli("wall_s", outcome.wall_ms);
    return all;
}

}  // namespace

std::string plan_json(const PlanReport& report) {
    Members all = members(report.outcomes.front());
    all.add("trace", wire::to_json_text(report.trace));
    all.add("never_ran", report.never_ran);
    all.add("ignored", counts(report.ignored));
    if (report.outcomes.size() > 1) {
        all.add("against", members(report.outcomes.back()).object());
    }
    return all.object();
}

}  // namespace khu::cli
