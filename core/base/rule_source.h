#pragma once

/// \file
/// Where a limit stands: whose rule it is, in which text and on which line. Whoever is refused can
/// look it up, and knows whom to ask for another one.

#include <string>
#include <string_view>

#include "core/base/describe.h"

namespace khu {

/// Whose rules bind whom: each may only tighten what those before it allow.
enum class Layer { National, Province, Zone, Enterprise };
KHU_DESCRIBE_ENUM(Layer, National, Province, Zone, Enterprise)

enum class Language { English, Vietnamese };

struct RuleSource {
    Layer layer{Layer::Zone};
    std::string policy;  ///< the id of the text; of an enterprise's own rules its tax code
    int line{0};         ///< from 1; 0: unknown, or it was not written in a text
    bool operator==(const RuleSource&) const = default;
};
KHU_DESCRIBE(RuleSource, layer, policy, line)

/// "zone": as the API and the files write it, and as the reader's language has it.
std::string word_of(Layer layer);
std::string word_of(Layer layer, Language language);

/// "zone dn-cvpm2-2026.2, line 88"; without the line where it is not known.
std::string show(const RuleSource& source, Language language);

}  // namespace khu
