#include "core/sim/claims.h"

#include <fmt/format.h>

#include "core/jobs/alternatives.h"
#include "core/machine/arrays.h"
#include "core/machine/counted.h"
#include "core/machine/dependencies.h"

namespace khu::sim {
namespace {

using Hosts = std::vector<std::unique_ptr<Host>>;

std::optional<std::string> one_copy(const Hosts& hosts) {
    std::map<JobId, AttemptNumber> running;
    for (const auto& host : hosts) {
        for (const auto& [key, process] : host->processes()) {
            if (!process.running) {
                continue;
            }
            const auto [at, fresh] = running.emplace(key.job, key.attempt);
            if (!fresh && at->second != key.attempt) {
                return fmt::format("I4 job {} runs as attempts {} and {} at once", key.job.value,
                                   at->second.value, key.attempt.value);
            }
        }
    }
    return std::nullopt;
}

std::optional<std::string> no_double_use(const Host& host) {
    std::set<int> gpus;
    std::set<int> cores;
    for (const auto& [key, process] : host.processes()) {
        if (!process.running) {
            continue;
        }
        const auto rank = static_cast<std::size_t>(process.order.node_rank);
        const NodeAllocation& has = process.order.nodes.at(rank).allocation;
        for (const int gpu : has.gpus) {
            if (!gpus.insert(gpu).second) {
                return fmt::format("I5 GPU {} of {} is used twice", gpu, host.name());
            }
        }
        for (const int core : has.cores) {
            if (!cores.insert(core).second) {
                return fmt::format("I5 core {} of {} is used twice", core, host.name());
            }
        }
    }
    return std::nullopt;
}

/// A job with alternatives waits as the first of them, and runs as the one that its receipt names.
std::optional<std::string> one_alternative(const State& state) {
    for (const auto& [id, job] : state.truth.jobs) {
        const Attempt* attempt = live_attempt(job);
        const int way = attempt == nullptr ? 0 : way_taken(attempt->placement.receipt);
        if (in_way(job.spec, way) != job.spec) {
            return fmt::format("I12 job {} is not what its alternative {} says", id.value, way + 1);
        }
        const int taken = attempt == nullptr ? 0 : static_cast<int>(attempt->stages.size());
        if (attempt != nullptr && (taken != job.spec.nodes ||
                                   attempt->deadline > attempt->taken_at + job.spec.time_limit)) {
            return fmt::format("I12 job {} has {} nodes, alternative {} is of {}", id.value, taken,
                               way + 1, job.spec.nodes);
        }
    }
    return std::nullopt;
}

/// A blocked job waits for one that lives, and no array has more live elements than its cap.
std::optional<std::string> rules_kept(const State& state) {
    for (const auto& [id, job] : state.truth.jobs) {
        if (job.blocked && (live_attempt(job) != nullptr || waits_for(state, job) == nullptr)) {
            return fmt::format("I10 job {} is blocked and nothing blocks it", id.value);
        }
        const int cap = job.spec.array->running_max;
        const auto live = static_cast<int>(live_elements(state, job).size());
        if (job.progress->live != live || (cap > 0 && live > cap)) {
            return fmt::format("I11 array {} has {} live elements, says {}, cap {}", id.value, live,
                               job.progress->live, cap);
        }
    }
    return std::nullopt;
}

/// The policy of a simulation is never changed, so that nobody has what it gives no more.
std::optional<std::string> counted_kept(const State& state) {
    std::map<ResourceId, std::int64_t> used;
    std::map<std::pair<ResourceId, EnterpriseId>, std::int64_t> used_by;
    if (!state.truth.policy) {
        return std::nullopt;
    }
    for (const auto& [id, job] : state.truth.jobs) {
        for (const CountedWish& wish : job.spec.counted->all) {
            const int count = live_attempt(job) == nullptr ? 0 : wish.count;
            used[wish.resource] += count;
            used_by[{wish.resource, job.spec.enterprise}] += count;
        }
    }
    for (const auto& [whose, count] : used_by) {
        const int most = find_resource(*state.truth.policy, whose.first)->max_per_enterprise;
        if (most > 0 && count > most) {
            return fmt::format("I18 {} uses {} of {}, at most {}", whose.second.value.str(), count,
                               whose.first.value.str(), most);
        }
    }
    for (const CountedResource& resource : state.truth.policy->resources) {
        const std::int64_t counted = counted_in_use(state, resource.id);
        const std::int64_t live = used[resource.id];
        if (live > resource.count || live != counted) {
            return fmt::format("I18 {} of {} {} are in use, says {}", live, resource.count,
                               resource.id.value.str(), counted);
        }
    }
    return std::nullopt;
}

std::optional<std::string> promises_kept(const Controller& controller, const Promises& promises) {
    const State& state = controller.machine()->state();
    for (const auto& [key, job] : promises.job_of_key) {
        const bool lives = state.find_job(job) != nullptr;
        const bool ended = promises.archived.contains(job);
        if (!lives && !ended && !controller.leaving().contains(job)) {
            return fmt::format("I1 acknowledged job {} is nowhere", job.value);
        }
        if (lives && ended) {
            return fmt::format("I7 job {} has ended and lives", job.value);
        }
        if (job >= state.truth.next_job) {
            return fmt::format("I3 job id {} would be given again", job.value);
        }
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::string> broken_claim(const Controller& controller, const Hosts& hosts,
                                        const Promises& promises) {
    if (auto broken = one_copy(hosts)) {
        return broken;
    }
    for (const auto& host : hosts) {
        if (auto broken = no_double_use(*host)) {
            return broken;
        }
    }
    if (!controller.up()) {
        return std::nullopt;
    }
    if (auto broken = promises_kept(controller, promises)) {
        return broken;
    }
    if (auto broken = one_alternative(controller.machine()->state())) {
        return broken;
    }
    if (auto broken = rules_kept(controller.machine()->state())) {
        return broken;
    }
    if (auto broken = counted_kept(controller.machine()->state())) {
        return broken;
    }
    const std::vector<std::string> books = controller.machine()->state().truth.ledger.audit();
    return books.empty() ? std::nullopt : std::optional("I9 " + books.front());
}

}  // namespace khu::sim
