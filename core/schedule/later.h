#pragma once

/// \file
/// Refusals of admission (round.h) that pass by themselves at a moment that is known: others give
/// back what the job lacks.

#include <optional>

#include "core/base/refusal.h"
#include "core/base/units.h"

namespace khu {

/// When what the job was refused for will be there at the latest; none if that is not known.
inline std::optional<Moment> there_by(const Reason& reason) {
    if (reason.code != Code::CountedInUse && reason.code != Code::CountedLimit &&
        reason.code != Code::CountedSetAside && reason.code != Code::CountedKept) {
        return std::nullopt;
    }
    for (const Datum& datum : reason.data) {
        if (datum.key == "expected_at") {
            const Moment at{std::get<std::int64_t>(datum.value)};
            return at == kNever ? std::nullopt : std::optional(at);
        }
    }
    return std::nullopt;
}

}  // namespace khu
