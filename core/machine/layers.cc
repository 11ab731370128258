#include "core/machine/layers.h"

#include <algorithm>

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

Moment next_layer(const Truth& truth) {
    Moment next = kNever;
    for (const LayerRecord& record : truth.layers.records) {
        next = waits(record) ? std::min(next, record.rules.effective_from) : next;
    }
    return next;
}

std::vector<Fact> layers_due(const State& state, Moment now) {
    std::vector<const LayerRules*> due;
    for (const LayerRecord& record : state.truth.layers.records) {
        if (waits(record) && record.rules.effective_from <= now) {
            due.push_back(&record.rules);
        }
    }
    std::ranges::stable_sort(due, {}, &LayerRules::effective_from);
    std::vector<Fact> facts;
    for (const LayerRules* rules : due) {
        facts.emplace_back(LayerBinds{rules->id});
    }
    return facts;
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
