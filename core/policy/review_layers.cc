// The policy against the rules above it: P073, P074.

#include "core/policy/findings.h"

namespace khu::reviewing {
namespace {

struct Words {
    std::string en;
    std::string vi;
};

/// "30000 GPUh, at most 20000 GPUh is allowed".
Words words_of(const BeyondBound& beyond) {
    const bool open = beyond.value.empty();
    const std::string en = open ? "no limit is set" : beyond.value;
    const std::string vi = open ? "chưa đặt giới hạn" : beyond.value;
    switch (beyond.kind) {
        case BoundKind::AtMost:
            return {fmt::format("{}, at most {} is allowed", en, beyond.bound),
                    fmt::format("{}, chỉ được phép tối đa {}", vi, beyond.bound)};
        case BoundKind::AtLeast:
            return {fmt::format("{}, at least {} is required", en, beyond.bound),
                    fmt::format("{}, cần ít nhất {}", vi, beyond.bound)};
        case BoundKind::Exactly:
            return {fmt::format("{}, it must be {}", en, beyond.bound),
                    fmt::format("{}, phải là {}", vi, beyond.bound)};
        case BoundKind::OneOf:
            break;
    }
    return {fmt::format("{}, only {} is allowed", en, beyond.bound),
            fmt::format("{}, chỉ được phép {}", vi, beyond.bound)};
}

}  // namespace

/// What binds already when the policy takes effect refuses it; what comes later is warned of.
void review_layers(const Policy& policy, const ReviewContext& context, Findings& out) {
    const std::vector<LayerRules> above = from_then_on(context.above, policy.effective_from);
    for (const BeyondBound& beyond : beyond_bounds(policy, above)) {
        Words words = words_of(beyond);
        const bool later = beyond.since > policy.effective_from;
        if (later) {
            const std::string when = format_local(beyond.since, policy.utc_offset_minutes);
            words.en += fmt::format("; that binds from {} on", when);
            words.vi += fmt::format("; quy định có hiệu lực từ {}", when);
        }
        Finding& finding =
            later ? out.warning("P074", beyond.path, std::move(words.en), std::move(words.vi))
                  : out.error("P073", beyond.path, std::move(words.en), std::move(words.vi));
        finding.looks_at.emplace_back("policy.effective_from");
        finding.complaint.limit = beyond.source;
    }
}

}  // namespace khu::reviewing
