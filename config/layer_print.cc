#include "config/layer_print.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/print.h"
#include "core/policy/schema.h"

namespace khu::config {
namespace {

std::string head(const LayerRules& rules) {
    const schema::Writing how{rules.utc_offset_minutes};
    std::string out = fmt::format(
        "khu_layer: 1\n"
        "layer:\n"
        "  utc_offset: {}\n"
        "  id: {}\n"
        "  level: {}\n",
        quoted(schema::write(schema::Offset{}, rules.utc_offset_minutes, how)),
        quoted(rules.id.value), word_of(rules.layer));
    out += rules.province.empty() ? "" : "  province: " + quoted(rules.province) + "\n";
    out += rules.enterprise.empty() ? "" : "  enterprise: " + quoted(rules.enterprise.value) + "\n";
    out += rules.supersedes.empty() ? "" : "  supersedes: " + quoted(rules.supersedes.value) + "\n";
    return out + fmt::format("  effective_from: {}\n  decision_ref: {}\n",
                             quoted(schema::write(schema::Instant{}, rules.effective_from, how)),
                             quoted(rules.decision_ref));
}

std::string key_of(const Bound& bound) {
    return fmt::format("{}", fmt::join(bound.key, "."));
}

/// "max: \"20000 GPUh\"".
std::string one(const Bound& bound) {
    switch (bound.kind) {
        case BoundKind::AtMost:
            return "max: " + quoted(bound.written);
        case BoundKind::AtLeast:
            return "min: " + quoted(bound.written);
        case BoundKind::Exactly:
            return "is: " + quoted(bound.written);
        case BoundKind::OneOf:
            return fmt::format("one_of: [\"{}\"]", fmt::join(bound.words, "\", \""));
    }
    KHU_CHECK(false);
}

}  // namespace

std::string print(const LayerRules& rules) {
    std::string out = head(rules);
    if (rules.bounds.empty()) {
        return out + "bounds: {}\n";
    }
    out += "bounds:\n";
    // The bounds of one key stand together, for it may stand there once only.
    for (auto at = rules.bounds.begin(); at != rules.bounds.end();) {
        const auto next = std::find_if(at, rules.bounds.end(),
                                       [&](const Bound& each) { return each.key != at->key; });
        std::string all;
        for (auto each = at; each != next; ++each) {
            all += (all.empty() ? "" : ", ") + one(*each);
        }
        out += fmt::format("  {}: {{{}}}\n", quoted(key_of(*at)), all);
        at = next;
    }
    return out;
}

}  // namespace khu::config
