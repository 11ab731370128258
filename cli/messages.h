#pragma once

/// \file
/// Every sentence that `khu` itself says, in English and Vietnamese, from one catalogue: words.def
/// for what it says at run time, help.def for its help. The sentences of refusals and reasons are
/// not here but with their codes (core/base/codes.def), which khud and `khu` share.
///
/// A placeholder is the position of an argument, {0}, so that a translation may reorder them.

#include <initializer_list>
#include <string>
#include <string_view>

#include "core/base/refusal.h"

namespace khu::cli {

enum class Message {
#define KHU_MESSAGE(Enumerator, en, vi) Enumerator,
#include "cli/help.def"
#include "cli/words.def"
#undef KHU_MESSAGE
};

/// The text as it stands in the catalogue.
std::string_view words(Message message, Language language);
/// The text with its placeholders filled.
std::string say(Message message, Language language, std::initializer_list<std::string_view> values);

/// How many there are; for the test that reads them all.
int message_count();

/// KHU_LANG if set ("vi", "en"), else the locale's language; English unless it is Vietnamese.
Language language_of_environment();

}  // namespace khu::cli
