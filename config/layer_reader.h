#pragma once

/// \file
/// The rules of the nation, of a province or of an enterprise from their YAML text, or every
/// complaint at once with its place: as strict as the reader of policies, whose keys they bound
/// (docs/formats/layers.md).

#include <string>
#include <string_view>
#include <vector>

#include "core/base/expected.h"
#include "core/policy/complaint.h"
#include "core/policy/layer_rules.h"

namespace khu::config {

/// Errors: P000 to P018 as of a policy; P075 for a key that no rule can bound, or a bound that does
/// not go with its key, or is not the enterprise's to set. Never throws.
Expected<LayerRules, std::vector<Complaint>> read_layer(std::string_view text,
                                                        const std::string& file_name);
/// The same of the nation and of provinces only: under an enterprise's own rules stands no policy
/// (P018).
Expected<LayerRules, std::vector<Complaint>> read_layer_above(std::string_view text,
                                                              const std::string& file_name);

}  // namespace khu::config
