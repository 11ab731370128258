#include "core/plan/measures.h"

#include <algorithm>
#include <numeric>

namespace khu::plan {
namespace {

constexpr std::int64_t kSlowdownFloor = 10;

std::int64_t nearest_rank(const std::vector<std::int64_t>& sorted, int percent) {
    const std::size_t rank = (sorted.size() * static_cast<std::size_t>(percent) + 99) / 100;
    return sorted[std::max<std::size_t>(rank, 1) - 1];
}

Spread spread_of(std::vector<std::int64_t> values, std::int64_t mean_times) {
    if (values.empty()) {
        return {};
    }
    std::ranges::sort(values);
    const std::int64_t sum = std::accumulate(values.begin(), values.end(), std::int64_t{0});
    return {.mean_milli = sum * mean_times / static_cast<std::int64_t>(values.size()),
            .p50 = nearest_rank(values, 50),
            .p90 = nearest_rank(values, 90),
            .p99 = nearest_rank(values, 99),
            .max = values.back()};
}

std::int64_t seconds_of(Span span) {
    return span.value / 1000;
}

/// One job that ran, in numbers.
struct Ran {
    const TraceJob* job{nullptr};
    std::int64_t submit{0};
    std::int64_t start{0};
    std::int64_t end{0};
    std::int64_t width{0};
    [[nodiscard]] std::int64_t wait() const { return start - submit; }
    [[nodiscard]] std::int64_t jct() const { return end - submit; }
    [[nodiscard]] std::int64_t slowdown_milli() const {
        return std::max<std::int64_t>(1000, 1000 * jct() / std::max(end - start, kSlowdownFloor));
    }
};

std::int64_t width_of(const PlannedZone& zone, const TraceJob& job) {
    const JobSpec spec = spec_of(zone, job, Runtimes::Known);
    if (zone.cores_only) {
        return spec.shape.cores;
    }
    return zone.gpus_per_node == 0 ? spec.nodes : std::int64_t{spec.nodes} * spec.shape.gpus;
}

std::vector<Ran> those_that_ran(const PlannedZone& zone, const std::vector<TraceJob>& jobs,
                                const ReplayResult& result) {
    std::vector<Ran> ran;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        if (const Replayed& each = result.jobs[i]; each.start) {
            ran.push_back({.job = &jobs[i],
                           .submit = seconds_of(jobs[i].submit),
                           .start = seconds_of(*each.start),
                           .end = seconds_of(each.end),
                           .width = width_of(zone, jobs[i])});
        }
    }
    return ran;
}

template <class Of>
std::vector<std::int64_t> each(const std::vector<Ran>& ran, const Of& of) {
    std::vector<std::int64_t> values;
    values.reserve(ran.size());
    for (const Ran& one : ran) {
        values.push_back(of(one));
    }
    return values;
}

Spread wide_wait(std::vector<Ran> ran) {
    const auto wider = [](const Ran& a, const Ran& b) { return a.width > b.width; };
    std::ranges::stable_sort(ran, wider);
    ran.resize(ran.empty() ? 0 : std::max<std::size_t>(1, ran.size() / 100));
    return spread_of(each(ran, [](const Ran& one) { return one.wait(); }), 1000);
}

/// What was used between the first submission and the last start.
struct Used {
    std::int64_t first{0};
    std::int64_t last{0};
    std::int64_t seconds{0};  ///< of GPUs
    [[nodiscard]] std::int64_t permille(const PlannedZone& zone) const {
        return last == first ? 0 : 1000 * seconds / (installed(zone) * (last - first));
    }
};

Used used_by(const std::vector<Ran>& ran) {
    Used used;
    if (ran.empty()) {
        return used;
    }
    used.first = ran.front().submit;
    for (const Ran& one : ran) {
        used.first = std::min(used.first, one.submit);
        used.last = std::max(used.last, one.start);
    }
    for (const Ran& one : ran) {
        used.seconds += one.width * (std::min(one.end, used.last) - one.start);
    }
    return used;
}

IdleMeasures measure_idle(const PlannedZone& zone, const IdleResult& idle, Used used) {
    IdleMeasures of{.made_way = idle.made_way, .longest_way_s = seconds_of(idle.longest_way)};
    for (const IdleRun& run : idle.runs) {
        ++(run.told ? of.told : of.completed);
        const std::int64_t from = seconds_of(run.start);
        const std::int64_t to = seconds_of(run.end);
        of.gpu_seconds += to - from;
        of.lost_gpu_seconds += run.told ? to - from : 0;
        used.seconds += std::max<std::int64_t>(0, std::min(to, used.last) - from);
    }
    of.utilisation_permille = used.permille(zone);
    return of;
}

/// Gini coefficient of the tenants' mean waits, in thousandths.
std::int64_t gini(const std::vector<EnterpriseMeasures>& enterprises) {
    std::vector<std::int64_t> waits;
    for (const EnterpriseMeasures& each : enterprises) {
        waits.push_back(each.wait_s.mean_milli / 1000);
    }
    std::ranges::sort(waits);
    std::int64_t sum = 0;
    std::int64_t weighted = 0;
    for (std::size_t i = 0; i < waits.size(); ++i) {
        sum += waits[i];
        weighted += static_cast<std::int64_t>(2 * (i + 1)) * waits[i];
    }
    const auto n = static_cast<std::int64_t>(waits.size());
    return sum == 0 ? 0 : 1000 * (weighted - (n + 1) * sum) / (n * sum);
}

std::vector<EnterpriseMeasures> by_enterprise(const std::vector<Ran>& ran) {
    std::map<std::string, std::vector<Ran>> tenants;
    for (const Ran& one : ran) {
        tenants[one.job->tenant].push_back(one);
    }
    std::vector<EnterpriseMeasures> all;
    for (const auto& [name, of] : tenants) {
        EnterpriseMeasures made{.name = name, .jobs = static_cast<std::int64_t>(of.size())};
        made.wait_s = spread_of(each(of, [](const Ran& one) { return one.wait(); }), 1000);
        for (const Ran& one : of) {
            made.gpu_seconds += one.width * (one.end - one.start);
            made.mean_jct_milli += 1000 * one.jct();
        }
        made.mean_jct_milli /= made.jobs;
        all.push_back(std::move(made));
    }
    return all;
}

}  // namespace

Measures measure(const PlannedZone& zone, const std::vector<TraceJob>& jobs,
                 const ReplayResult& result) {
    const std::vector<Ran> ran = those_that_ran(zone, jobs, result);
    Measures all;
    all.jobs = static_cast<std::int64_t>(ran.size());
    all.rejected = static_cast<std::int64_t>(jobs.size()) - all.jobs;
    for (const Replayed& one : result.jobs) {
        if (!one.start) {
            ++all.rejected_by_code[one.refused.empty() ? "never started" : one.refused];
        }
    }
    all.wait_s = spread_of(each(ran, [](const Ran& one) { return one.wait(); }), 1000);
    all.jct_s = spread_of(each(ran, [](const Ran& one) { return one.jct(); }), 1000);
    all.slowdown_milli =
        spread_of(each(ran, [](const Ran& one) { return one.slowdown_milli(); }), 1);
    all.wide_wait_s = wide_wait(ran);
    const Used used = used_by(ran);
    all.utilisation_permille = used.permille(zone);
    all.reclaimed = result.reclaimed;
    if (zone.idle) {
        all.idle = measure_idle(zone, result.idle, used);
    }
    for (const Ran& one : ran) {
        all.makespan_s = std::max(all.makespan_s, one.end);
    }
    all.enterprises = by_enterprise(ran);
    all.gini_permille = gini(all.enterprises);
    all.etas = result.waits;
    return all;
}

std::int64_t eta_hit_permille(const WaitCounts& etas) {
    return etas.eta_given() == 0 ? 0 : 1000 * etas.eta_within / etas.eta_given();
}

std::int64_t eta_width_milli(const WaitCounts& etas) {
    return etas.eta_given() == 0 ? 0 : 1000 * etas.eta_width_s / etas.eta_given();
}

std::vector<Sample> sample(const PlannedZone& zone, const std::vector<TraceJob>& jobs,
                           const ReplayResult& result, std::size_t points) {
    const std::vector<Ran> ran = those_that_ran(zone, jobs, result);
    std::int64_t end = 1;
    for (const Ran& one : ran) {
        end = std::max(end, one.end);
    }
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(points, 1));
    const std::int64_t step = (end + count - 1) / count;
    std::vector<std::int64_t> used(static_cast<std::size_t>(count));
    std::vector<std::int64_t> waiting(static_cast<std::size_t>(count) + 1);
    for (const Ran& one : ran) {
        for (std::int64_t at = one.start / step; at * step < one.end && at < count; ++at) {
            const std::int64_t from = std::max(one.start, at * step);
            const std::int64_t to = std::min(one.end, (at + 1) * step);
            used[static_cast<std::size_t>(at)] += one.width * (to - from);
        }
        ++waiting[static_cast<std::size_t>(std::min(count, one.submit / step))];
        --waiting[static_cast<std::size_t>(std::min(count, one.start / step))];
    }
    std::vector<Sample> samples;
    std::int64_t queue = 0;
    for (std::int64_t at = 0; at < count; ++at) {
        queue += waiting[static_cast<std::size_t>(at)];
        samples.push_back(
            {.at_s = at * step,
             .used_permille = 1000 * used[static_cast<std::size_t>(at)] / (installed(zone) * step),
             .waiting = queue});
    }
    return samples;
}

}  // namespace khu::plan
