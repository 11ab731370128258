#pragma once

/// \file
/// The truth of a zone as pieces of JSON, and back. The first piece holds everything but the jobs;
/// each further one a thousand jobs, so that no piece is large.

#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/machine/state.h"

namespace khu::daemon {

std::vector<std::string> write_snapshot(const Truth& truth);

/// Takes the pieces in their order.
class SnapshotReader {
public:
    /// Errors: StateDamaged with what does not read.
    Expected<Done, Refusal> take(const std::string& piece);
    [[nodiscard]] bool any() const { return pieces_ > 0; }
    /// Claims: any().
    Truth finish() &&;

private:
    Truth truth_;
    int pieces_{0};
};

}  // namespace khu::daemon
