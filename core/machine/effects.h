#pragma once

/// \file
/// What must now be done in the world. Effects of the books and the history are stored in the same
/// transaction as the facts that caused them; the others are performed only after that commit, and
/// are idempotent, because a crash in between makes them happen again.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/jobs/job.h"
#include "core/ledger/entry.h"
#include "core/ledger/meter.h"
#include "core/ledger/usage.h"
#include "core/protocol/messages.h"

namespace khu {

/// To the agent of `node`, if it is connected at `epoch`; else nothing: it is said again when the
/// agent registers. A StartAttempt leaves here without payload and token, which the performer adds.
struct SendToAgent {
    NodeId node;
    Epoch epoch;
    ToAgent message;
};

/// Into the ledger, in this order.
struct PostEntries {
    std::vector<Entry> entries;
};

struct PostUsage {
    UsageRow row;
};

/// Rows of other meters, for their report; and what they were made of, for their corrections.
struct PostReadings {
    std::vector<MeterRow> rows;
    std::vector<MeterCharge> charges;  ///< as `rows`
};

/// The job has ended: into the history, out of memory; its payload is dropped.
struct ArchiveJob {
    Job job;
    std::optional<Attempt> last_attempt;
    std::vector<NodeName> node_names;  ///< of its last attempt, in rank order
    std::vector<UsageRow> usage;       ///< of its last attempt
};
KHU_DESCRIBE(ArchiveJob, job, last_attempt, node_names, usage)

using Effect = std::variant<SendToAgent, PostEntries, PostUsage, ArchiveJob, PostReadings>;
using Effects = std::vector<Effect>;

}  // namespace khu
