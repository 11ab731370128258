#pragma once

/// \file
/// What a new policy changes: one line for each key path whose text differs, in the words of the
/// file, and what it means where that is known. For `khu policy diff`.

#include <string>
#include <vector>

#include "core/base/describe.h"
#include "core/base/refusal.h"
#include "core/policy/policy.h"

namespace khu {

struct PolicyChange {
    std::string path;        ///< "enterprises.0401000001.grants.DN-2026-0107.amount"
    std::string old_value;   ///< empty: new
    std::string new_value;   ///< empty: gone
    std::string meaning_en;  ///< empty where nothing is to be said
    std::string meaning_vi;
    bool operator==(const PolicyChange&) const = default;
};
KHU_DESCRIBE(PolicyChange, path, old_value, new_value, meaning_en, meaning_vi)

/// The path of every key that a policy sets to something else than the usual, in the file's order.
std::vector<std::string> key_paths(const Policy& policy);

/// In the order of the new policy, then what is gone.
std::vector<PolicyChange> diff(const Policy& running, const Policy& next);

/// "  qos.gap.factor: 150% -> 200%", "+ path: new", "- path: gone".
std::string show(const PolicyChange& change);
/// The same with what it means, in brackets, where that is known.
std::string explained(const PolicyChange& change, Language language);

}  // namespace khu
