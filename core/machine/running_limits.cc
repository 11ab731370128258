/// Limits of what runs at a time: an admitted job waits until it is below all of them.

#include "core/machine/admission.h"
#include "core/machine/citing.h"
#include "core/machine/own_rules.h"

namespace khu {
namespace {

std::optional<Reason> over_qos_limit(const State& state, const JobSpec& spec, std::int64_t also) {
    const Qos* qos = find_qos(policy_for(state, spec.enterprise), spec.qos);
    const int limit = qos == nullptr ? 0 : qos->max_gpus_per_enterprise;
    const auto use = state.qos_gpus.find({spec.enterprise, spec.qos});
    const std::int64_t running = also + (use == state.qos_gpus.end() ? 0 : use->second);
    const std::int64_t asked = gpus_asked(spec);
    if (limit == 0 || asked == 0 || running + asked <= limit) {
        return std::nullopt;
    }
    return Reason(Code::QosLimit)
        .with("enterprise", spec.enterprise.value)
        .with("running", running)
        .with("qos", spec.qos.value)
        .with("limit", limit)
        .with("asked", asked)
        .limited_by(key_of(spec.qos, "max_gpus_per_enterprise"));
}

std::optional<Reason> over_user_limit(const State& state, const JobSpec& spec, std::int64_t also) {
    const Qos* qos = find_qos(policy_for(state, spec.enterprise), spec.qos);
    const int limit = qos == nullptr ? 0 : qos->max_jobs_per_user;
    const auto use = state.qos_jobs.find({spec.enterprise, spec.user, spec.qos});
    const std::int64_t running = also + (use == state.qos_jobs.end() ? 0 : use->second);
    if (limit == 0 || running < limit) {
        return std::nullopt;
    }
    return Reason(Code::UserLimit)
        .with("user", spec.user.value)
        .with("running", running)
        .with("qos", spec.qos.value)
        .with("limit", limit)
        .limited_by(key_of(spec.qos, "max_jobs_per_user"));
}

std::optional<Reason> over_any_limit(const State& state, const JobSpec& spec,
                                     const AlsoRunning& also) {
    const Programme* programme = find_programme(policy_for(state, spec.enterprise), spec.programme);
    const int limit = programme == nullptr ? 0 : programme->limits.max_gpus_running;
    const auto use = state.usage.find({spec.enterprise, spec.programme});
    const std::int64_t running =
        also.in_programme + (use == state.usage.end() ? 0 : use->second.running_gpus);
    const std::int64_t asked = gpus_asked(spec);
    if (limit == 0 || running + asked <= limit) {
        std::optional<Reason> over = over_qos_limit(state, spec, also.at_qos);
        return over ? over : over_user_limit(state, spec, also.of_user);
    }
    return Reason(Code::EnterpriseLimit)
        .with("enterprise", spec.enterprise.value)
        .with("running", running)
        .with("programme", spec.programme.value)
        .with("limit", limit)
        .with("asked", asked)
        .limited_by(key_of(spec.programme, "limits.max_gpus_running"));
}

}  // namespace

std::optional<Reason> over_running_limit(const State& state, const JobSpec& spec,
                                         const AlsoRunning& also) {
    std::optional<Reason> over = over_any_limit(state, spec, also);
    return over ? cited_own(state, spec.enterprise, *std::move(over)) : over;
}

}  // namespace khu
