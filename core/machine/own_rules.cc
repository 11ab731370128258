#include "core/machine/own_rules.h"

#include <algorithm>
#include <set>

namespace khu {
namespace {

/// What of the policy concerns one enterprise alone is not copied for the others.
Policy without_enterprises(const Policy& policy) {
    Policy bare = policy;
    bare.enterprises.clear();
    return bare;
}

/// None: they bind to nothing that the policy has.
std::optional<OwnRules> held_to(const Policy& bare, const Enterprise& enterprise,
                                const std::vector<LayerRules>& binding) {
    OwnRules own{.policy = bare, .held = {}};
    own.policy.enterprises = {enterprise};
    for (BeyondBound& beyond : tighten(own.policy, binding)) {
        own.held.push_back({std::move(beyond.path), std::move(beyond.source)});
    }
    return own.held.empty() ? std::nullopt : std::optional(std::move(own));
}

/// Those that bind at `at`.
std::vector<LayerRules> binding_at(const Truth& truth, const EnterpriseId& enterprise, Moment at) {
    std::vector<LayerRules> binding;
    for (const LayerRecord& record : truth.layers.records) {
        if (record.binds && record.rules.layer == Layer::Enterprise &&
            record.rules.enterprise == enterprise) {
            binding.push_back(record.rules);
        }
    }
    return in_force_at(binding, at);
}

void use(State& state, const Policy& bare, const EnterpriseId& id, Moment at) {
    state.own_rules.erase(id);
    const Enterprise* enterprise = find_enterprise(*state.truth.policy, id);
    if (enterprise == nullptr) {
        return;
    }
    const std::vector<LayerRules> binding = binding_at(state.truth, id, at);
    if (auto own = binding.empty() ? std::nullopt : held_to(bare, *enterprise, binding)) {
        state.own_rules.emplace(id, *std::move(own));
    }
}

}  // namespace

const Policy& policy_for(const State& state, const EnterpriseId& enterprise) {
    if (state.own_rules.empty()) {
        return *state.truth.policy;
    }
    const auto own = state.own_rules.find(enterprise);
    return own == state.own_rules.end() ? *state.truth.policy : own->second.policy;
}

Refusal cited_own(const State& state, const EnterpriseId& enterprise, Refusal refusal) {
    const auto own = state.own_rules.find(enterprise);
    const std::string* key = own == state.own_rules.end() ? nullptr : limit_key(refusal);
    if (key == nullptr || cited_source(refusal)) {
        return refusal;
    }
    const std::vector<HeldKey>& held = own->second.held;
    // The last of several is the tightest.
    const auto found = std::find_if(held.rbegin(), held.rend(),
                                    [&](const HeldKey& each) { return each.key == *key; });
    return found == held.rend() ? refusal : std::move(refusal).citing(found->source);
}

std::vector<LayerRules> rules_at(const Truth& truth, Layer level, const EnterpriseId& enterprise) {
    std::vector<LayerRules> rules;
    for (const LayerRecord& record : truth.layers.records) {
        if (record.replaced_by.empty() && record.rules.layer == level &&
            record.rules.enterprise == enterprise) {
            rules.push_back(record.rules);
        }
    }
    return rules;
}

namespace apply_detail {

void use_own_rules(State& state, Moment at) {
    std::set<EnterpriseId> all;
    for (const LayerRecord& record : state.truth.layers.records) {
        if (record.binds && record.rules.layer == Layer::Enterprise) {
            all.insert(record.rules.enterprise);
        }
    }
    state.own_rules.clear();
    if (all.empty() || !state.truth.policy) {
        return;
    }
    const Policy bare = without_enterprises(*state.truth.policy);
    for (const EnterpriseId& enterprise : all) {
        use(state, bare, enterprise, at);
    }
}

void use_own_rules(State& state, const EnterpriseId& enterprise, Moment at) {
    if (state.truth.policy) {
        use(state, without_enterprises(*state.truth.policy), enterprise, at);
        state.scheduler.admission_changed(enterprise);
    }
}

}  // namespace apply_detail
}  // namespace khu
