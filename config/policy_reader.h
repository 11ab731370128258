#pragma once

/// \file
/// A zone's policy from its YAML text: the typed Policy, or every complaint at once, each with
/// file, line, column, key path and P-code (docs/formats/policy.md). Nothing is guessed and nothing
/// ignored: an unknown key, a key twice, a number without its unit are errors.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_tree.h"
#include "core/base/expected.h"
#include "core/policy/complaint.h"
#include "core/policy/key_lines.h"
#include "core/policy/policy.h"
#include "core/policy/review.h"

namespace khu::config {

/// What the text says, each key well-formed; whether it makes sense is review()'s. Never throws.
Expected<Policy, std::vector<Complaint>> read_policy(std::string_view text, std::string file_name);

struct PolicyCheck {
    std::optional<Policy> policy;         ///< none where a complaint is an error
    std::vector<Complaint> complaints;    ///< errors and warnings, in the order of the file
    std::map<std::string, Place> places;  ///< of each key path that is written
};

/// Reads and reviews: what khud does before it applies a policy, and `khu policy check`. Where the
/// text has errors the rest is reviewed all the same; only a finding made from a value that could
/// not be read is left out, because it may be no more than that value's shadow. With `strict` a
/// warning refuses too.
PolicyCheck check_policy(std::string_view text, std::string file_name, const ReviewContext& context,
                         bool strict = false);

/// Where each limit stands that a refusal may cite; of enterprises their grants and wallets alone.
KeyLines key_lines(const std::map<std::string, Place>& places);
/// The same, of a text that was read before; empty where it no longer reads.
KeyLines key_lines(std::string_view text);

/// Adds what was found by somebody who knows more than the text, each at the place of its key.
void add_complaints(PolicyCheck& check, std::vector<Complaint> more, const std::string& file_name,
                    bool strict = false);

}  // namespace khu::config
