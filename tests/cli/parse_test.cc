#include "cli/parse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "cli/help.h"
#include "cli/job_options.h"
#include "config/job_options.h"

namespace khu::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Typed typed(const std::vector<std::string>& words) {
    Expected<Typed, Failure> result = parse(words, Language::English);
    EXPECT_TRUE(result.has_value());
    return result ? *std::move(result) : Typed{};
}

Failure wrong(const std::vector<std::string>& words) {
    const Expected<Typed, Failure> result = parse(words, Language::English);
    EXPECT_FALSE(result.has_value());
    return result ? Failure{} : result.error();
}

TEST(Parse, EverythingAfterTheFirstOperandBelongsToTheJob) {
    const Typed out = typed({"submit", "-n", "2", "--env", "A=1", "--env", "B=2", "python",
                             "train.py", "-n", "9", "--nodes", "7", "--", "--hold"});

    EXPECT_EQ(out.arguments.text("--nodes"), "2");
    EXPECT_THAT(out.arguments.all("--env"), ElementsAre("A=1", "B=2"));
    EXPECT_THAT(out.arguments.operands,
                ElementsAre("python", "train.py", "-n", "9", "--nodes", "7", "--", "--hold"));
    EXPECT_FALSE(out.arguments.has("--hold"));
    EXPECT_FALSE(out.arguments.after_dashes);
}

TEST(Parse, DashesEndTheOptions) {
    const Typed out = typed({"submit", "--hold", "--", "--hold", "x"});

    EXPECT_TRUE(out.arguments.has("--hold"));
    EXPECT_TRUE(out.arguments.after_dashes);
    EXPECT_THAT(out.arguments.operands, ElementsAre("--hold", "x"));
}

TEST(Parse, OptionsMayStandBeforeTheCommandAndAfterItsOperands) {
    const Typed out = typed({"--endpoint", "unix:/x", "--utc", "show", "7", "--format=json"});

    EXPECT_EQ(out.command->name, "show");
    EXPECT_EQ(out.arguments.text("--endpoint"), "unix:/x");
    EXPECT_TRUE(out.arguments.has("--utc"));
    EXPECT_EQ(out.arguments.text("--format"), "json");
    EXPECT_THAT(out.arguments.operands, ElementsAre("7"));
}

TEST(Parse, ShortOptionsTakeTheirValueEitherWay) {
    EXPECT_EQ(typed({"submit", "-n4", "x"}).arguments.text("--nodes"), "4");
    EXPECT_EQ(typed({"submit", "-n", "4", "x"}).arguments.text("--nodes"), "4");
    EXPECT_EQ(typed({"submit", "--nodes=4", "x"}).arguments.text("--nodes"), "4");
}

TEST(Parse, UnknownWordsNameTheNearestKnownOne) {
    EXPECT_THAT(wrong({"sumbit", "x"}).remedy, HasSubstr("khu submit"));
    EXPECT_THAT(wrong({"submit", "--tiem", "2h", "x"}).remedy, HasSubstr("--time"));
    EXPECT_THAT(wrong({"show", "7", "--fromat", "json"}).remedy, HasSubstr("--format"));
    EXPECT_EQ(wrong({"show", "7", "--fromat", "json"}).exit, ExitCode::Usage);
}

TEST(Parse, OptionsOfLaterReleasesAreRefusedByName) {
    for (const char* option : {"--container"}) {
        const Failure failure = wrong({"submit", option, "1", "x"});

        EXPECT_EQ(failure.exit, ExitCode::Refused) << option;
        EXPECT_THAT(failure.text, HasSubstr(option));
        EXPECT_EQ(failure.code, "A137 not_yet");
    }
    EXPECT_EQ(wrong({"shell"}).code, "A137 not_yet");
}

TEST(Parse, MissingAndSurplusWordsAreUsageErrors) {
    EXPECT_EQ(wrong({"show"}).exit, ExitCode::Usage);
    EXPECT_EQ(wrong({"show", "1", "2"}).exit, ExitCode::Usage);
    EXPECT_THAT(wrong({"submit", "--nodes"}).text, HasSubstr("--nodes"));
    EXPECT_THAT(wrong({"queue", "--format", "xml"}).text, HasSubstr("table|wide|json|csv"));
}

TEST(Parse, EveryCommandHasHelpThatNamesEachOfItsOptions) {
    for (const Command* command : all_commands()) {
        for (const Language language : {Language::English, Language::Vietnamese}) {
            const std::string help = help_of(*command, language);

            EXPECT_THAT(help, HasSubstr(std::string(command->name)));
            for (const Option* option : options_of(*command)) {
                EXPECT_EQ(help.find(long_name(*option)) != std::string::npos, !option->later)
                    << command->name << " " << option->names;
            }
        }
        EXPECT_NE(command->run, nullptr);
    }
}

TEST(Parse, TheOptionsOfAJobAreThoseOfScriptsAndJobFiles) {
    std::map<std::string, const Option*> ours;
    for (const Option& option : kJobOptions) {
        ours[std::string(long_name(option).substr(2))] = &option;
    }
    ASSERT_EQ(ours.size(), config::all_job_options().size());
    for (const config::JobOptionInfo& theirs : config::all_job_options()) {
        const Option* option = ours[std::string(theirs.name)];
        ASSERT_NE(option, nullptr) << theirs.name;
        EXPECT_EQ(option->later, theirs.later) << theirs.name;
        EXPECT_EQ(option->takes == Takes::Nothing, theirs.takes == config::OptionTakes::Nothing);
        EXPECT_EQ(short_name(*option), theirs.letter == 0 ? "" : std::string("-") + theirs.letter);
    }
}

TEST(Parse, NoCommandHasAnOptionTwice) {
    for (const Command* command : all_commands()) {
        std::set<std::string_view> names;
        for (const Option* option : options_of(*command)) {
            EXPECT_TRUE(names.insert(long_name(*option)).second) << option->names;
            const std::string_view brief = short_name(*option);
            EXPECT_TRUE(brief.empty() || names.insert(brief).second) << option->names;
        }
    }
}

}  // namespace
}  // namespace khu::cli
