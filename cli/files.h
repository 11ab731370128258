#pragma once

/// \file
/// Whole files, read with a bound and written so that nobody sees a half: to a temporary name
/// beside it, synced, then renamed.

#include <cstdint>
#include <string>

#include "core/base/expected.h"

namespace khu::cli {

struct FileFault {
    std::string why{};       ///< "Permission denied"
    std::int64_t bytes{-1};  ///< the size, where it is what is wrong
    bool missing{false};
};

/// At most `bytes_max`; larger ones, directories and devices are refused without being read. "-" is
/// standard input.
Expected<std::string, FileFault> read_file(const std::string& path, std::int64_t bytes_max);

/// A file that appears whole under its name, or not at all: write(), then keep().
class NewFile {
public:
    /// Next to `path`, so that the rename stays in one file system. `mode` as for open(2).
    NewFile(std::string path, unsigned mode);
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    /// All of these give the reason if they fail; the file is then not kept.
    Expected<Done, FileFault> write(std::string_view bytes);
    Expected<Done, FileFault> restart();
    Expected<Done, FileFault> keep();

private:
    std::string path_;
    std::string temporary_;
    int file_{-1};
    int error_{0};
};

}  // namespace khu::cli
