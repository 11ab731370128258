#pragma once

/// \file
/// The rules above the zone and of enterprises, as the machine keeps them: each is brought once and
/// binds from its moment on. The policy in force is always the one that the zone wrote, held to
/// those above it that bind; attempts that run keep the terms of their start. What an enterprise
/// says for itself: own_rules.h.

#include <optional>
#include <vector>

#include "core/base/identity.h"
#include "core/machine/events.h"
#include "core/machine/state.h"

namespace khu {

/// They bind later.
bool waits(const LayerRecord& record);

/// Of those of the level of `rules` that bind, or will, before `until` the one that is the last to
/// do so; null if there is none.
const LayerRecord* newest_layer(const Truth& truth, const LayerRules& rules, Moment until = kNever);

/// Of the nation and the province: all that ever bound and that bind later.
std::vector<LayerRules> rules_above(const Truth& truth);

/// The policy in force as the zone wrote it. Claims: there is one.
const Policy& written_policy(const Truth& truth);

/// Why these cannot be brought now. H422: an id that was used, rules that do not follow those
/// before them, of another province, or of an enterprise that the policy does not have.
std::optional<Refusal> wrong_layer(const State& state, const LayerRules& rules, Moment now);

/// N403 if that is not for `who`: the zone's admin brings rules from above, an enterprise's holders
/// its own.
Expected<Done, Refusal> may_bring(const State& state, const Identity& who, const LayerRules& rules,
                                  const std::string& verb);

/// When the next of them binds; kNever if none is to come.
Moment next_layer(const State& state);
/// LayerBinds of each whose moment has come, in the order of their moments.
std::vector<Fact> layers_due(const State& state, Moment now);

/// Of an enterprise only the newest are kept (limits::own_rules_kept), what binds among them.
void forget_old_rules(Truth& truth, const LayerRules& of_level, Moment at);

/// `written`, held to the rules that bind at `at`; notes what it was and which keys were held.
Policy held_to_layers(Truth& truth, Policy written, Moment at);

}  // namespace khu
