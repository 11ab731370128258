#pragma once

/// \file
/// "Did you mean ...?": the known word nearest to a mistyped one, for messages about keys, options
/// and names. Distance: Damerau-Levenshtein (optimal string alignment: a swap of neighbours is one
/// edit), in bytes.

#include <optional>
#include <span>
#include <string_view>

namespace khu {

/// The fewest insertions, deletions, replacements and swaps that turn `a` into `b`.
int edit_distance(std::string_view a, std::string_view b);

/// The word of `known` nearest to `word`, the first of equals; none if all are further than a third
/// of `word` (at least 1 edit), since a far guess misleads.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> known);

}  // namespace khu
