#include "core/machine/own_rules.h"

#include <algorithm>
#include <map>
#include <utility>

namespace khu {
namespace {

/// Without what concerns one enterprise alone, which is not even looked at: there are thousands.
Policy without_enterprises(Policy& policy) {
    std::vector<Enterprise> all = std::exchange(policy.enterprises, {});
    Policy bare = policy;
    policy.enterprises = std::move(all);
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

bool is_own(const LayerRecord& record) {
    return record.binds && record.rules.layer == Layer::Enterprise;
}

void use(State& state, const Policy& bare, const EnterpriseId& id,
         const std::vector<LayerRules>& binding) {
    state.own_rules.erase(id);
    const Enterprise* enterprise = find_enterprise(*state.truth.policy, id);
    auto own = enterprise == nullptr ? std::nullopt : held_to(bare, *enterprise, binding);
    if (own) {
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
    state.own_rules.clear();
    std::map<EnterpriseId, std::vector<LayerRules>> all;
    for (const LayerRecord& record : state.truth.layers.records) {
        if (is_own(record)) {
            all[record.rules.enterprise].push_back(record.rules);
        }
    }
    if (all.empty() || !state.truth.policy) {
        return;
    }
    const Policy bare = without_enterprises(*state.truth.policy);
    for (const auto& [enterprise, rules] : all) {
        use(state, bare, enterprise, in_force_at(rules, at));
    }
}

void use_own_rules(State& state, const EnterpriseId& enterprise, Moment at) {
    if (!state.truth.policy) {
        return;
    }
    std::vector<LayerRules> rules;
    for (const LayerRecord& record : state.truth.layers.records) {
        if (is_own(record) && record.rules.enterprise == enterprise) {
            rules.push_back(record.rules);
        }
    }
    use(state, without_enterprises(*state.truth.policy), enterprise, in_force_at(rules, at));
    state.scheduler.admission_changed(enterprise);
}

}  // namespace apply_detail
}  // namespace khu
