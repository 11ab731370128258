#include "cli/messages.h"

#include <gtest/gtest.h>

#include <set>

namespace khu::cli {
namespace {

std::set<std::string> placeholders(std::string_view text) {
    std::set<std::string> out;
    for (std::size_t at = text.find('{'); at != std::string_view::npos;
         at = text.find('{', at + 1)) {
        out.insert(std::string(text.substr(at, 3)));
    }
    return out;
}

TEST(Messages, EveryOneIsThereInBothLanguagesWithTheSameArguments) {
    for (int i = 0; i < message_count(); ++i) {
        const auto message = static_cast<Message>(i);
        const std::string_view en = words(message, Language::English);
        const std::string_view vi = words(message, Language::Vietnamese);

        EXPECT_FALSE(en.empty()) << i;
        EXPECT_FALSE(vi.empty()) << en;
        EXPECT_EQ(placeholders(en), placeholders(vi)) << en;
    }
}

TEST(Messages, ArgumentsGoWhereTheTranslationWantsThem) {
    EXPECT_EQ(say(Message::UnknownOption, Language::English, {"--x", "khu y"}),
              "khu y has no option --x");
}

TEST(Messages, TextOfAnArgumentIsNotReadForPlaceholders) {
    EXPECT_EQ(say(Message::SeeHelp, Language::English, {"{0}"}), "See {0}");
}

}  // namespace
}  // namespace khu::cli
