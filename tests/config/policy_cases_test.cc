// Each file of tests/fixtures/policy changes a few words of the shipped example and says what must
// be complained about, exactly: code, key path, and the place, which a ^ in the new words marks.
//
//     expect CODE PATH      one for each complaint, in the order of the marks ("." is the whole
//     text) say WORDS             optional: the message of one of them contains these words replace
//     / OLD / with / NEW     once or more; lines
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "config/policy_reader.h"
#include "config/utf8.h"
#include "tests/config/policy_texts.h"

namespace khu::config {
namespace {

struct Case {
    std::vector<std::string> expects;  ///< "P030 path"
    std::string say;
    std::vector<std::pair<std::string, std::string>> replacements;
};

Case read_case(const std::string& path) {
    Case made;
    std::istringstream in(file_text(path));
    std::string* part = nullptr;
    for (std::string line; std::getline(in, line);) {
        if (line == "replace") {
            part = &made.replacements.emplace_back().first;
        } else if (line == "with") {
            part = &made.replacements.back().second;
        } else if (part != nullptr) {
            *part += (part->empty() ? "" : "\n") + line;
        } else if (line.rfind("expect ", 0) == 0) {
            made.expects.push_back(line.substr(7));
        } else if (line.rfind("say ", 0) == 0) {
            made.say = line.substr(4);
        }
    }
    return made;
}

/// Takes the marks out of `text` and gives their places, "line:column".
std::vector<std::string> take_marks(std::string& text) {
    std::vector<std::string> places;
    for (std::size_t at = text.find('^'); at != std::string::npos; at = text.find('^')) {
        text.erase(at, 1);
        const std::size_t begin = text.rfind('\n', at == 0 ? 0 : at - 1) + 1;
        const auto line = std::count(text.begin(), text.begin() + static_cast<long>(at), '\n') + 1;
        places.push_back(
            fmt::format("{}:{}", line, count_characters(text.substr(begin, at - begin)) + 1));
    }
    return places;
}

std::string line_of(const Complaint& complaint) {
    return fmt::format("{} {} {}:{}", complaint.code, complaint.path.empty() ? "." : complaint.path,
                       complaint.line, complaint.column);
}

/// The example's own warning: its provincial funder ends before a grant that it pays for.
bool is_of_the_example(const Complaint& complaint) {
    return complaint.code == "P043" &&
           complaint.path == "enterprises.0401000001.grants.DN-2026-0107.to";
}

class PolicyCase : public testing::TestWithParam<std::string> {};

TEST_P(PolicyCase, IsComplainedAboutExactly) {
    const Case fixture = read_case(GetParam());
    std::string text = example_text();
    for (const auto& [from, to] : fixture.replacements) {
        text = changed(text, from, to);
    }
    const std::vector<std::string> places = take_marks(text);
    ASSERT_EQ(places.size(), fixture.expects.size());

    const PolicyCheck check = check_policy(text, "p.yaml", {});

    std::multiset<std::string> expected;
    for (std::size_t i = 0; i < places.size(); ++i) {
        expected.insert(fixture.expects[i] + " " + places[i]);
    }
    std::multiset<std::string> found;
    std::string said;
    for (const Complaint& complaint : check.complaints) {
        if (!is_of_the_example(complaint)) {
            found.insert(line_of(complaint));
            said += show(complaint, Language::English) + "\n";
            EXPECT_FALSE(complaint.text_vi.empty());
            EXPECT_EQ(complaint.file, "p.yaml");
        }
    }
    EXPECT_EQ(found, expected) << said;
    EXPECT_NE(said.find(fixture.say), std::string::npos) << said;
    EXPECT_EQ(check.policy.has_value(), !refuses(check.complaints));
}

std::vector<std::string> case_files() {
    std::vector<std::string> files;
    for (const auto& entry :
         std::filesystem::directory_iterator(KHU_SOURCE_DIR "/tests/fixtures/policy")) {
        if (entry.path().extension() == ".case") {
            files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

INSTANTIATE_TEST_SUITE_P(Files, PolicyCase, testing::ValuesIn(case_files()), [](const auto& file) {
    return std::filesystem::path(file.param).stem().string();
});

// Two faults in one text: both are complained about. Only a fault of the whole text hides others,
// and what cannot be read hides what would have been made from it.
bool is_of_the_whole_text(const Case& fixture) {
    return std::any_of(fixture.expects.begin(), fixture.expects.end(), [](const auto& expect) {
        return expect.substr(expect.find(' ') + 1) == "." || expect.rfind("P001", 0) == 0;
    });
}

/// Pairs (hidden, by) in which the second fault takes away what the first is about.
bool is_excused(const std::string& hidden, const std::string& by) {
    static const std::vector<std::pair<std::string, std::vector<std::string>>> by_code{
        // A value that cannot be read is not summed, compared or counted.
        {"P041", {"P013_"}},
        {"P050",
         {"P031_b", "P015_empty", "P012_zero_amount", "P012_neg", "P011_amount", "P010_unit"}},
        {"P054_charged", {"P013_factor", "P007_unknown_key"}},
        {"P051_nominal", {"P031_b"}},
        {"P031_shared", {"P031_b"}},
        {"P033_no_price", {"P015_no_offset"}},
        {"P061_second", {"P015_empty"}},
        {"P030_unknown_zone", {"P005_"}},
        // The section itself has another name, or any name in it may be the one meant.
        {"P053_idle_charged", {"P007_unknown_section"}},
        {"P054_charged", {"P007_unknown_section"}},
        {"P030_", {"P007_unknown_section", "P008_bad_identifier"}},
        // The second changes what the first is about: its key, its nodes, its row.
        {"P043_", {"P062_", "P009_digit"}},
        {"P061_class", {"P062_", "P009_digit"}},
        {"P062_", {"P009_digit"}},
        {"P051_", {"P052_", "P030_unknown_in_later"}},
        {"P031_shared", {"P052_"}},
        {"P055_over", {"P055_outside"}},
        {"P033_two", {"P033_no_price"}},
        {"P016_scale", {"P016_currency"}},
        {"P008_voucher", {"P009_digit"}},
        {"P065_", {"P009_digit"}},
        {"P071_free", {"P053_idle_charged"}},
        // A reservation whose enterprise or times are not known may be another one.
        {"P030_unknown_enterprise", {"P009_"}},
        {"P070_over", {"P009_reservation"}},
        {"P071_no_gpus", {"P009_reservation"}},
        {"P071_too_far", {"P015_no_offset"}},
    };
    return std::any_of(by_code.begin(), by_code.end(), [&](const auto& row) {
        return hidden.rfind(row.first, 0) == 0 &&
               std::any_of(row.second.begin(), row.second.end(),
                           [&](const auto& each) { return by.rfind(each, 0) == 0; });
    });
}

std::optional<std::string> with_both(const Case& one, const Case& other) {
    std::string text = example_text();
    for (const Case* fixture : {&one, &other}) {
        for (const auto& [from, to] : fixture->replacements) {
            const std::size_t at = text.find(from);
            if (at == std::string::npos) {
                return std::nullopt;  // Both change the same words.
            }
            text.replace(at, from.size(), to);
        }
    }
    take_marks(text);
    return text;
}

TEST(PolicyPairs, NoFaultHidesAnother) {
    std::vector<std::pair<std::string, Case>> cases;
    for (const std::string& file : case_files()) {
        Case fixture = read_case(file);
        if (!is_of_the_whole_text(fixture)) {
            cases.emplace_back(std::filesystem::path(file).stem().string(), std::move(fixture));
        }
    }
    int pairs = 0;
    for (const auto& [name, one] : cases) {
        for (const auto& [other_name, other] : cases) {
            const auto text = name == other_name ? std::nullopt : with_both(one, other);
            if (!text || is_excused(name, other_name)) {
                continue;
            }
            ++pairs;
            std::set<std::string> found;
            for (const Complaint& complaint : check_policy(*text, "p.yaml", {}).complaints) {
                found.insert(complaint.code + " " + complaint.path);
            }
            for (const std::string& expect : one.expects) {
                EXPECT_TRUE(found.contains(expect))
                    << expect << " is hidden: " << name << " by " << other_name;
            }
        }
    }
    EXPECT_GT(pairs, 2000);
}

}  // namespace
}  // namespace khu::config
