#include "core/machine/layers.h"

#include <algorithm>

#include "core/base/limits.h"

namespace khu {

bool waits(const LayerRecord& record) {
    return !record.binds && record.replaced_by.empty();
}

const LayerRecord* newest_layer(const Truth& truth, const LayerRules& rules, Moment until) {
    const LayerRecord* newest = nullptr;
    for (const LayerRecord& record : truth.layers.records) {
        const Moment from = record.rules.effective_from;
        const bool counts =
            same_level(record.rules, rules) && record.replaced_by.empty() && from < until;
        if (counts && (newest == nullptr || from > newest->rules.effective_from)) {
            newest = &record;
        }
    }
    return newest;
}

std::vector<LayerRules> rules_above(const Truth& truth) {
    std::vector<LayerRules> rules;
    for (const LayerRecord& record : truth.layers.records) {
        if (record.replaced_by.empty() && record.rules.layer != Layer::Enterprise) {
            rules.push_back(record.rules);
        }
    }
    return rules;
}

const Policy& written_policy(const Truth& truth) {
    return truth.layers.written ? *truth.layers.written : *truth.policy;
}

Moment next_layer(const State& state) {
    return state.layers_to_come.empty() ? kNever : state.layers_to_come.begin()->first;
}

std::vector<Fact> layers_due(const State& state, Moment now) {
    std::vector<Fact> facts;
    for (const auto& [at, id] : state.layers_to_come) {
        if (at > now) {
            break;
        }
        facts.emplace_back(LayerBinds{id});
    }
    return facts;
}

void forget_old_rules(Truth& truth, const LayerRules& of_level, Moment at) {
    const LayerRecord* in_force = newest_layer(truth, of_level, at + milliseconds(1));
    const PolicyId stays = in_force == nullptr ? PolicyId{} : in_force->rules.id;
    std::vector<LayerRecord>& records = truth.layers.records;
    std::int64_t kept = std::ranges::count_if(
        records, [&](const LayerRecord& each) { return same_level(each.rules, of_level); });
    std::erase_if(records, [&](const LayerRecord& each) {
        const bool goes = kept > limits::own_rules_kept && same_level(each.rules, of_level) &&
                          !waits(each) && each.rules.id != stays;
        kept -= goes ? 1 : 0;
        return goes;
    });
}

Policy held_to_layers(Truth& truth, Policy written, Moment at) {
    std::vector<LayerRules> binding;
    for (const LayerRecord& record : truth.layers.records) {
        if (record.binds && record.rules.layer != Layer::Enterprise) {
            binding.push_back(record.rules);
        }
    }
    Policy held = written;
    truth.layers.held.clear();
    for (BeyondBound& beyond : tighten(held, in_force_at(binding, at))) {
        if (beyond.tightens) {
            truth.layers.held.push_back({std::move(beyond.path), std::move(beyond.source)});
        }
    }
    truth.layers.written.reset();
    if (!truth.layers.held.empty()) {
        truth.layers.written = std::move(written);
    }
    return held;
}

}  // namespace khu
