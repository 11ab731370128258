#pragma once

/// \file
/// Texts for tests of the policy reader: the shipped example, and the example with a few words
/// changed.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

namespace khu::config {

inline std::string file_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    EXPECT_TRUE(in.good()) << path;
    return {std::istreambuf_iterator<char>(in), {}};
}

inline std::string example_text() {
    return file_text(KHU_SOURCE_DIR "/config/examples/dn-cvpm2.yaml");
}

/// `text` with `from`, which must stand there exactly once, replaced.
inline std::string changed(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    if (at == std::string::npos || text.find(from, at + 1) != std::string::npos) {
        ADD_FAILURE() << "not exactly once in the text: " << from;
        return text;
    }
    return text.replace(at, from.size(), to);
}

}  // namespace khu::config
