#pragma once

/// \file
/// khud's orders as this node keeps them: whole while the attempt lives, so that a restarted agent
/// knows what it has; and of each attempt where its output went, so that it can be read afterwards.
///
///     DIR/orders/JOB.ATTEMPT    the StartAttempt, until khud has stored the end   (0600)
///     DIR/outputs/JOB.ATTEMPT   account and files; the oldest go when there are many

#include <optional>
#include <string>

#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/protocol/messages.h"

namespace khu::agent {

struct OutputFiles {
    std::int64_t uid{-1};
    std::string output;  ///< absolute
    std::string error;   ///< absolute; empty: into output
};
KHU_DESCRIBE(OutputFiles, uid, output, error)

class OrderBook {
public:
    /// `node`: for %N in file names. Errors: SpoolUnusable.
    static Expected<OrderBook, Refusal> open(const std::string& directory, const std::string& node);

    /// Errors: LaunchFailed.
    Expected<Done, Refusal> write(const StartAttempt& order);
    [[nodiscard]] std::optional<StartAttempt> read(AttemptKey key) const;
    void forget(AttemptKey key);
    [[nodiscard]] std::optional<OutputFiles> outputs(AttemptKey key) const;

private:
    OrderBook(std::string directory, std::string node)
        : directory_(std::move(directory)), node_(std::move(node)) {}
    [[nodiscard]] std::string path(const char* kind, AttemptKey key) const;
    void sweep();

    std::string directory_;
    std::string node_;
    int written_{0};
};

}  // namespace khu::agent
