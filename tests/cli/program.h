#pragma once

/// \file
/// The real `khu`, started as people start it, with an environment that holds nothing of this
/// machine's: what it said and how it ended.

#include <map>
#include <string>
#include <vector>

namespace khu::cli::test {

struct Ran {
    int code{-1};  ///< exit code; 128 + signal
    std::string out;
    std::string err;
};

struct Surroundings {
    std::map<std::string, std::string> env{};
    std::string input{};   ///< standard input
    std::string folder{};  ///< working directory; empty: the test's
};

Ran run_khu(const std::vector<std::string>& words, const Surroundings& around = {});

/// A directory that goes away with it.
class Folder {
public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    [[nodiscard]] std::string path() const { return path_; }
    /// Writes a file in it; its path.
    std::string file(const std::string& name, const std::string& text) const;

private:
    std::string path_;
};

std::string read_text(const std::string& path);

}  // namespace khu::cli::test
