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

}  // namespace
}  // namespace khu::config
