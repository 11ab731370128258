#include "core/machine/offers.h"

#include <algorithm>

#include "core/jobs/alternatives.h"
#include "core/machine/own_rules.h"

namespace khu {
namespace {

/// What the books lack, not the policy.
bool is_shortage(Code code) {
    return code == Code::HoldDoesNotFit || code == Code::ProjectShort || code == Code::WalletShort;
}

bool takes(const Qos& qos, const JobSpec& spec) {
    const std::int64_t gpus = std::int64_t{spec.nodes} * spec.shape.gpus;
    const auto fits = [&](int limit) { return limit == 0 || gpus <= limit; };
    return is_idle_class(qos) && fits(qos.max_gpus_per_job) && fits(qos.max_gpus_per_enterprise) &&
           (qos.time_limit == Span{0} || spec.time_limit <= qos.time_limit);
}

}  // namespace

std::optional<QosId> idle_offer(const State& state, const Job& job, const Reason& lacks) {
    const Policy& policy = policy_for(state, job.spec.enterprise);
    const Programme* programme = find_programme(policy, job.spec.programme);
    if (!job.spec.or_idle || !job.asked_qos.empty() || job.others_gave_way ||
        !is_shortage(lacks.code) || programme == nullptr ||
        programme->exhausted != Exhausted::IdleOnly) {
        return std::nullopt;
    }
    const auto found = std::ranges::find_if(programme->qos, [&](const QosId& id) {
        const Qos* qos = find_qos(policy, id);
        bool takes_all = qos != nullptr;
        for (int way = 0; way < ways_of(job.spec); ++way) {
            takes_all = takes_all && takes(*qos, in_way(job.spec, way));
        }
        return takes_all;
    });
    return found == programme->qos.end() ? std::nullopt : std::optional(*found);
}

}  // namespace khu
