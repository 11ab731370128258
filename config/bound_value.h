#pragma once

/// \file
/// Inside the reader of layers: what kind of value a key of the policy has, and a bound's text read
/// as that kind. It asks the schema of the policy itself, so that a new key can be bounded at once.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/values.h"
#include "config/yaml_tree.h"

namespace khu::config {

struct BoundedKey {
    bool is_number{false};
};

/// The key of these names, "*" for what a policy names itself; none if no policy has such a key, or
/// one that says who or when, not how much: a name, a text, a day.
std::optional<BoundedKey> find_key(const std::vector<std::string>& names);

struct BoundValue {
    std::int64_t number{0};  ///< 0 for a word
    std::string written;     ///< as the policy would be printed with it
};

/// Claims: find_key() found it. Errors: those of the key's values.
Value<BoundValue> read_bound(const std::vector<std::string>& names, const Node& node,
                             int utc_offset_minutes);

}  // namespace khu::config
