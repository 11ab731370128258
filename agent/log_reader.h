#pragma once

/// \file
/// Reads output files for people who ask khud for a job's log. A file is opened with the rights of
/// the job's account and only if it is a regular file of that account, so that a path which a user
/// chose cannot show what that user may not read. Polled by the supervisor; never blocks for long.

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "agent/fd.h"
#include "agent/output_book.h"
#include "core/protocol/messages.h"

namespace khu::agent {

class LogReader {
public:
    using Say = std::function<void(const OutputChunk&)>;
    LogReader(const OutputBook& outputs, std::string node, Say say)
        : outputs_(outputs), node_(std::move(node)), say_(std::move(say)) {}

    /// `lives`: the attempt still runs here, more may come.
    void start(const ReadOutput& wish, bool lives);
    void stop(std::uint64_t request) { readers_.erase(request); }
    void drop_all() { readers_.clear(); }
    /// Sends what there is to send, a bounded amount for each reader.
    void poll();
    [[nodiscard]] bool follows() const { return !readers_.empty(); }
    [[nodiscard]] std::vector<AttemptKey> followed() const;
    void set_over(AttemptKey key, bool over);

private:
    struct Reader {
        ReadOutput wish;
        std::string path;
        std::int64_t uid{-1};
        Fd file;
        std::int64_t offset{0};
        bool over{false};
    };
    /// True when the reader is done.
    bool read_on(Reader& reader);
    bool end(const Reader& reader, const std::string& error);

    const OutputBook& outputs_;
    std::string node_;
    Say say_;
    std::map<std::uint64_t, Reader> readers_;
};

}  // namespace khu::agent
