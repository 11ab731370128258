#pragma once

/// \file
/// What stands above a zone's policy: the rules of the nation and of the province. A layer bounds
/// keys of the policy and sets none of them; of several bounds of a key the tightest holds, in
/// whatever order the layers came. A policy that takes effect under a layer must keep its bounds
/// (P073). A layer that takes effect later tightens the policy in force from then on, until the
/// zone brings one that keeps them.
///
/// What stands below it: the rules of an enterprise, written in the same way by its holders for its
/// own jobs (core/machine/own_rules.h). They bound fewer keys, and never loosen one.
///
/// Some keys are bounded, but never tightened: the parts of a split, which must stay whole, what is
/// installed, what it weighs, and what stands of one enterprise.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/rule_source.h"
#include "core/base/units.h"
#include "core/policy/policy.h"

namespace khu {

/// AtMost, AtLeast, Exactly: a number in the unit of its key. OneOf: a word, or every word of a
/// list, must be one of these.
enum class BoundKind { AtMost, AtLeast, Exactly, OneOf };
KHU_DESCRIBE_ENUM(BoundKind, AtMost, AtLeast, Exactly, OneOf)

struct Bound {
    std::vector<std::string> key;  ///< the path's names; "*": whatever is named there
    BoundKind kind{BoundKind::AtMost};
    std::int64_t number{0};          ///< 0 for OneOf; yes is 1, no is 0
    std::vector<std::string> words;  ///< OneOf only
    std::string written;             ///< as the layer's text has it: "20000 GPUh", "[startup, sme]"
    int line{0};                     ///< of that text
    bool operator==(const Bound&) const = default;
};
KHU_DESCRIBE(Bound, key, kind, number, words, written, line)

struct LayerRules {
    PolicyId id;
    Layer layer{Layer::Province};  ///< any but Zone
    PolicyId supersedes;           ///< empty: the first of its layer
    Moment effective_from;
    std::string decision_ref;
    std::string province;  ///< the code of the province that it is for; empty: of all
    int utc_offset_minutes{0};
    std::vector<Bound> bounds;
    EnterpriseId enterprise{};  ///< whose jobs they bind; empty but for Layer::Enterprise
    bool operator==(const LayerRules&) const = default;
};
KHU_DESCRIBE(LayerRules, id, layer, supersedes, effective_from, decision_ref, province,
             utc_offset_minutes, bounds, enterprise)

/// Of one level, and there of one enterprise: one takes the place of the other.
bool same_level(const LayerRules& a, const LayerRules& b);

/// The keys that an enterprise may bound, as patterns: what its own jobs may ask for and use.
const std::vector<std::string>& keys_of_enterprises();
/// Whether it may in that way: only AtMost and OneOf never loosen what the zone says.
bool enterprise_may_bound(const std::vector<std::string>& key);
bool only_tightens(BoundKind kind);

/// Of each layer the one that binds at that moment, if there is one.
std::vector<LayerRules> in_force_at(const std::vector<LayerRules>& layers, Moment at);
/// Those, and all that come later.
std::vector<LayerRules> from_then_on(const std::vector<LayerRules>& layers, Moment at);

/// A value of a policy that is beyond a bound.
struct BeyondBound {
    std::string path;     ///< "programmes.kn-80.grant.max"
    std::string value;    ///< as the policy has it; empty: it sets no limit
    BoundKind kind{};     ///< the bound
    std::string bound;    ///< as the layer has it
    RuleSource source;    ///< where the bound stands
    Moment since;         ///< from when on it binds
    bool tightens{true};  ///< false: it can only be refused
    bool operator==(const BeyondBound&) const = default;
};

/// Every value of `policy` beyond a bound of `layers`, in the order of the policy's sections; one
/// that is beyond several is named once for each.
std::vector<BeyondBound> beyond_bounds(const Policy& policy, const std::vector<LayerRules>& layers);

/// Brings each such value to its bound, where that can be done (BeyondBound::tightens), and says
/// which: the last of several for one path is the tightest. Where two layers leave nothing, the
/// upper one is kept.
std::vector<BeyondBound> tighten(Policy& policy, const std::vector<LayerRules>& layers);

}  // namespace khu
