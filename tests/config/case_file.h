#pragma once

/// \file
/// Files that change a few words of a text and say what must be complained about, exactly: code,
/// key path, and the place, which a ^ in the new words marks.
///
///     of FILE               the text that is changed, if it is not the usual one
///     under FILE            rules above the policy; once or more
///     expect CODE PATH      one for each complaint, in the order of the marks ("." is the whole
///                           text)
///     say WORDS             once or more: the message of one of them contains these words
///     limit WORDS           one for each complaint that cites a limit: its line has these words
///     replace / OLD / with / NEW     once or more; lines

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "config/utf8.h"
#include "core/policy/complaint.h"
#include "tests/config/policy_texts.h"

namespace khu::config {

struct Case {
    std::string of;
    std::vector<std::string> under;
    std::vector<std::string> expects;  ///< "P030 path"
    std::vector<std::string> says;
    std::vector<std::string> limits;
    std::vector<std::pair<std::string, std::string>> replacements;
};

inline Case read_case(const std::string& path) {
    Case made;
    std::istringstream in(file_text(path));
    std::string* part = nullptr;
    for (std::string line; std::getline(in, line);) {
        const auto value = [&](std::string_view word) {
            return line.starts_with(word) ? std::optional(line.substr(word.size())) : std::nullopt;
        };
        if (line == "replace") {
            part = &made.replacements.emplace_back().first;
        } else if (line == "with") {
            part = &made.replacements.back().second;
        } else if (part != nullptr) {
            *part += (part->empty() ? "" : "\n") + line;
        } else if (auto expect = value("expect ")) {
            made.expects.push_back(*std::move(expect));
        } else if (auto say = value("say ")) {
            made.says.push_back(*std::move(say));
        } else if (auto limit = value("limit ")) {
            made.limits.push_back(*std::move(limit));
        } else if (auto of = value("of ")) {
            made.of = *std::move(of);
        } else if (auto under = value("under ")) {
            made.under.push_back(*std::move(under));
        }
    }
    return made;
}

inline std::string source_text(const std::string& path) {
    return file_text(std::string(KHU_SOURCE_DIR "/") + path);
}

/// Takes the marks out of `text` and gives their places, "line:column".
inline std::vector<std::string> take_marks(std::string& text) {
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

inline std::string line_of(const Complaint& complaint) {
    return fmt::format("{} {} {}:{}", complaint.code, complaint.path.empty() ? "." : complaint.path,
                       complaint.line, complaint.column);
}

/// `text` as the case changes it, and what must be found in it: "P030 path 12:5".
inline std::multiset<std::string> change(const Case& fixture, std::string& text) {
    for (const auto& [from, to] : fixture.replacements) {
        text = changed(text, from, to);
    }
    const std::vector<std::string> places = take_marks(text);
    EXPECT_EQ(places.size(), fixture.expects.size());
    std::multiset<std::string> expected;
    for (std::size_t i = 0; i < std::min(places.size(), fixture.expects.size()); ++i) {
        expected.insert(fixture.expects[i] + " " + places[i]);
    }
    return expected;
}

/// Each of them as it must be, of the file `file`, with what the case wants said.
inline void expect_complaints(const Case& fixture, const std::multiset<std::string>& expected,
                              const std::vector<Complaint>& complaints, const std::string& file) {
    std::multiset<std::string> found;
    std::string said;
    for (const Complaint& complaint : complaints) {
        found.insert(line_of(complaint));
        said += show(complaint, Language::English) + "\n";
        EXPECT_FALSE(complaint.text_vi.empty());
        EXPECT_EQ(complaint.file, file);
    }
    EXPECT_EQ(found, expected) << said;
    for (const std::string& words : fixture.says) {
        EXPECT_NE(said.find(words), std::string::npos) << words << "\n" << said;
    }
}

inline std::vector<std::string> case_files(const std::string& folder) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::string(KHU_SOURCE_DIR "/tests/fixtures/") + folder)) {
        if (entry.path().extension() == ".case") {
            files.push_back(entry.path().string());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

inline std::string case_name(const testing::TestParamInfo<std::string>& file) {
    return std::filesystem::path(file.param).stem().string();
}

}  // namespace khu::config
