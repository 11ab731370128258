#pragma once

/// \file
/// The characters of a text: valid UTF-8, and none that hide what a file says.

#include <string>
#include <string_view>
#include <vector>

#include "config/yaml_tree.h"

namespace khu::config {

struct BadCharacter {
    Place place;
    std::string why_en;
    std::string why_vi;
};

/// Invalid UTF-8, control characters other than tab and line ends, and the characters that turn the
/// direction of writing (they make a line look like another). At most `most` of them.
std::vector<BadCharacter> bad_characters(std::string_view text, std::size_t most);

/// How many characters `text`, which is valid UTF-8, has.
int count_characters(std::string_view text);

}  // namespace khu::config
