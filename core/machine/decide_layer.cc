/// Rules of the nation and the province, as the zone's admin brings them, and of an enterprise, as
/// its holders do.

#include <algorithm>

#include "core/base/limits.h"

#include "core/machine/decide.h"
#include "core/machine/layers.h"

namespace khu {
namespace {

Refusal bad_field(const char* field, std::string why) {
    return Refusal(Code::BadField).with("field", field).with("why", std::move(why));
}

/// Those that stay to come beside it: none of those that it takes the place of.
std::int64_t to_come(const State& state, const LayerRules& rules) {
    return std::ranges::count_if(state.truth.layers.records, [&](const LayerRecord& each) {
        return same_level(each.rules, rules) && waits(each) &&
               each.rules.effective_from < rules.effective_from;
    });
}

/// Each follows the newest of its level, and never backwards; one that does not bind yet gives way
/// to what follows it and binds sooner. The first of a level may bind already.
std::optional<Refusal> follows_not(const State& state, const LayerRules& rules, Moment now) {
    const LayerRecord* before = newest_layer(state.truth, rules);
    const PolicyId expected = before == nullptr ? PolicyId{} : before->rules.id;
    if (rules.supersedes != expected) {
        return bad_field("layer.supersedes",
                         before == nullptr ? "it is the first of its level"
                                           : "the newest of its level is " + expected.value.str());
    }
    const LayerRecord* binds = newest_layer(state.truth, rules, now + milliseconds(1));
    const bool backwards = binds != nullptr && rules.effective_from <= binds->rules.effective_from;
    if (backwards || (before != nullptr && rules.effective_from < now)) {
        return bad_field("layer.effective_from",
                         "it is later than that of the one before it, and not in the past");
    }
    return std::nullopt;
}

}  // namespace

std::optional<Refusal> wrong_layer(const State& state, const LayerRules& rules, Moment now) {
    const bool used = std::ranges::any_of(
        state.truth.layers.records, [&](const auto& each) { return each.rules.id == rules.id; });
    if (used) {
        return bad_field("layer.id", rules.id.value.str() + " was used; no id is used again");
    }
    if (!rules.province.empty() && state.truth.policy &&
        rules.province != state.truth.policy->zone.province.code) {
        return bad_field("layer.province",
                         "the zone is in " + state.truth.policy->zone.province.code);
    }
    if (rules.layer == Layer::Enterprise &&
        (!state.truth.policy ||
         find_enterprise(*state.truth.policy, rules.enterprise) == nullptr)) {
        return bad_field("layer.enterprise", "the zone's policy has no such enterprise");
    }
    if (rules.layer == Layer::Enterprise && to_come(state, rules) >= limits::own_rules_to_come) {
        return bad_field("layer.effective_from",
                         std::to_string(limits::own_rules_to_come) + " are to come already");
    }
    return follows_not(state, rules, now);
}

Expected<Done, Refusal> may_bring(const State& state, const Identity& who, const LayerRules& rules,
                                  const std::string& verb) {
    return rules.layer == Layer::Enterprise
               ? decide_detail::need_holder(state, who, rules.enterprise, verb)
               : decide_detail::need_role(who, Role::ZoneAdmin, verb);
}

namespace decide_detail {

/// Errors: N403, H422.
Decided on(State& state, const ApplyLayer& command, Moment now) {
    const LayerRules& rules = command.rules;
    if (auto allowed = may_bring(state, command.who, rules, "policy apply"); !allowed) {
        return Unexpected{std::move(allowed).error()};
    }
    if (std::optional<Refusal> wrong = wrong_layer(state, rules, now)) {
        return Unexpected{*std::move(wrong)};
    }
    Decision decision;
    decision.facts.push_back(
        LayerBrought{.rules = rules, .text = command.text, .by = command.who.user});
    if (rules.effective_from <= now) {
        decision.facts.push_back(LayerBinds{rules.id});
    }
    return decision;
}

}  // namespace decide_detail
}  // namespace khu
