#pragma once

/// \file
/// From JSON to the API's structs and back, for the commands. The reflection codec (wire/json.h) is
/// instantiated in decode.cc alone, so that each command compiles in a second.

#include <string>
#include <string_view>

#include "cli/failure.h"
#include "wire/api.h"

namespace khu::cli {

/// An answer of khud; keys that a newer khud adds are ignored. Errors: exit code 4.
template <class Answer>
Expected<Answer, Failure> decode(std::string_view body, Language language);

/// On one line, without spaces.
template <class Value>
std::string encode(const Value& value);

}  // namespace khu::cli
