#include "daemon/stats_view.h"

#include <algorithm>
#include <bit>

#include "core/machine/eta.h"
#include "core/placement/fit.h"

namespace khu::daemon {
namespace {

constexpr std::int64_t kAnySize = -1;

using Group = std::pair<std::string, std::int64_t>;  ///< programme, size

std::string day_text(std::int64_t day) {
    return format_utc(Moment{0} + days(day)).substr(0, 10);
}

std::int64_t mean(std::int64_t sum, std::int64_t of) {
    return of == 0 ? 0 : sum / of;
}

wire::WaitStatsRow row_of(const Group& group, const WaitCounts& counts) {
    wire::WaitStatsRow row;
    row.programme = group.first;
    row.gpus_up_to = group.second;
    row.gpus_from = group.second > 0 ? group.second / 2 + 1 : 0;
    row.jobs = counts.jobs;
    row.wait_mean_s = mean(counts.wait_s, counts.jobs);
    row.wait_p50_s = counts.percentile_s(50);
    row.wait_p90_s = counts.percentile_s(90);
    row.wait_p99_s = counts.percentile_s(99);
    row.wait_max_s = counts.wait_max_s;
    row.eta_given = counts.eta_given();
    row.eta_within = counts.eta_within;
    row.eta_sooner = counts.eta_sooner;
    row.eta_later = counts.eta_later;
    row.eta_hit_permille = mean(1000 * counts.eta_within, counts.eta_given());
    row.eta_width_mean_s = mean(counts.eta_width_s, counts.eta_given());
    row.eta_missed_mean_s = mean(counts.eta_missed_s, counts.eta_sooner + counts.eta_later);
    return row;
}

/// Of those of the partition's model.
int free_on(const NodeState& state, const GpuShare& share) {
    return std::popcount(state.free_gpus() & state.node_class().gpus_of(share.model));
}

/// The largest number of GPUs, with the cores and memory that belong to them, that one job could
/// have on the node now.
int largest_fit(const NodeState& state, const GpuShare& share) {
    for (int gpus = free_on(state, share); gpus > 0; --gpus) {
        const Shape shape{.gpus = gpus,
                          .gpu_model = share.model,
                          .cores = std::max(1, gpus * share.cores),
                          .memory = share.memory * gpus};
        if (can_fit(state, shape, share)) {
            return gpus;
        }
    }
    return 0;
}

std::vector<wire::FragmentRow> fragmentation(const Cluster& cluster) {
    std::vector<wire::FragmentRow> rows;
    for (const PartitionId& partition : cluster.partition_ids()) {
        std::map<int, wire::FragmentRow, std::greater<>> by_fit;
        const GpuShare& share = cluster.partition(partition)->share;
        for (const auto& [id, node] : cluster.members(partition)) {
            const int free = free_on(node->state, share);
            if (node->health != NodeHealth::Up || free == 0) {
                continue;
            }
            const int fits = largest_fit(node->state, share);
            wire::FragmentRow& row = by_fit[fits];
            row.partition = partition;
            row.fits_gpus = fits;
            ++row.nodes;
            row.gpus_free += free;
        }
        for (auto& [fits, row] : by_fit) {
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

}  // namespace

std::map<JobId, JobEta> etas_now(const State& state, Moment now) {
    std::map<JobId, JobEta> all;
    for (const JobEta& eta : etas_of(state, now)) {
        all.emplace(eta.job, eta);
    }
    return all;
}

wire::EtaView eta_view(const JobEta& eta) {
    wire::EtaView view;
    view.early_at = eta.early;
    view.late_at = eta.late;
    return view;
}

std::optional<wire::EtaView> eta_view(const State& state, const Job& job, Moment now) {
    if (!state.scheduler.queue().contains(job.id) || !state.scheduler.queue().ready(job.id)) {
        return std::nullopt;
    }
    const std::optional<JobEta> eta = eta_of(state, job, now);
    return eta ? std::optional(eta_view(*eta)) : std::nullopt;
}

std::optional<wire::FirstEtaView> first_eta_view(const Job& job) {
    if (!job.eta.filled()) {
        return std::nullopt;
    }
    wire::FirstEtaView view;
    view.given_at = job.eta->given_at;
    view.early_at = job.eta->early;
    view.late_at = job.eta->late;
    view.started_at = job.eta->started_at;
    return view;
}

wire::StatsAnswer statistics(const State& state, const StatsAsked& asked) {
    wire::StatsAnswer answer;
    answer.from_day = day_text(asked.from_day);
    answer.to_day = day_text(asked.to_day);
    std::map<Group, WaitCounts> groups;
    groups[{"", kAnySize}];
    const auto& rows = state.truth.waits.rows();
    for (auto at = rows.lower_bound({.day = asked.from_day, .enterprise = {}, .programme = {}});
         at != rows.end() && at->first.day <= asked.to_day; ++at) {
        const auto& [kind, counts] = *at;
        if (!asked.enterprise.empty() && kind.enterprise != asked.enterprise) {
            continue;
        }
        groups[{"", kAnySize}] += counts;
        groups[{kind.programme.value, kAnySize}] += counts;
        groups[{"", kind.gpus_up_to}] += counts;
        groups[{kind.programme.value, kind.gpus_up_to}] += counts;
    }
    for (const auto& [group, counts] : groups) {
        answer.waits.push_back(row_of(group, counts));
    }
    answer.fragmentation = fragmentation(state.scheduler.cluster());
    return answer;
}

}  // namespace khu::daemon
