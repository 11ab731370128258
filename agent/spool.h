#pragma once

/// \file
/// The agent's directory of attempts: SPOOL/JOB.ATTEMPT as shepherd_order.h lays it out. What lies
/// here is the truth about this node after a restart of the agent. Bounded: new work is refused
/// while the file system is nearly full or too many attempts lie here. One agent per spool (flock).

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/fd.h"
#include "agent/shepherd_order.h"
#include "agent/shepherd_result.h"
#include "core/base/expected.h"
#include "core/base/ids.h"
#include "core/base/refusal.h"
#include "core/base/units.h"

namespace khu::agent {

struct SpoolLimits {
    Bytes free_min{std::int64_t{64} << 20};  ///< room for results and scripts of what already runs
    std::int64_t files_free_min{1'000};
    std::int64_t attempts_max{10'000};  ///< more than any node has cores for
};

struct SpoolEntry {
    AttemptKey key;
    bool ended{false};  ///< its result is there
};

class Spool {
public:
    /// Makes what is missing, takes the lock, and removes what was never published.
    /// Errors: SpoolUnusable (not a directory of ours, another agent uses it, users cannot pass).
    static Expected<Spool, Refusal> open(const std::string& path, SpoolLimits limits);

    [[nodiscard]] const std::string& path() const { return path_; }
    /// SPOOL/JOB.ATTEMPT/job as the job's processes see it.
    [[nodiscard]] std::string job_dir(AttemptKey key) const;

    /// Errors: LaunchFailed with the numbers when there is no room for another attempt.
    Expected<Done, Refusal> check_room() const;

    /// Writes order and lease below SPOOL/new; the shepherd publishes. Errors: LaunchFailed.
    Expected<Done, Refusal> add(const ShepherdOrder& order, std::int64_t lease_until_boot_ms);

    [[nodiscard]] std::vector<SpoolEntry> list() const;
    [[nodiscard]] bool has_result(AttemptKey key) const;
    /// None if there is none, or what is there cannot be read as one.
    [[nodiscard]] std::optional<ShepherdOrder> read_order(AttemptKey key) const;
    [[nodiscard]] std::optional<ShepherdResult> read_result(AttemptKey key) const;
    /// True while its shepherd lives.
    [[nodiscard]] bool is_tended(AttemptKey key) const;
    /// The captured output, open for reading; empty if there is none.
    [[nodiscard]] Fd open_output(AttemptKey key) const;

    /// False if the attempt is not here any more.
    bool renew_lease(AttemptKey key, std::int64_t until_boot_ms) const;

    /// The attempt's directory, open; empty if it is not there.
    [[nodiscard]] Fd open_attempt(AttemptKey key) const;

    /// Makes everything that lies here last through a loss of power. To be called while results
    /// wait longer than a moment for khud; one call for all of them.
    void sync() const;

    /// Removes everything of an attempt that has ended, and of one that was never published.
    void forget(AttemptKey key);

private:
    /// SPOOL/new/JOB.ATTEMPT, from a spare one if there is one; empty with errno.
    Fd make_incoming(const std::string& name);
    bool keep_as_spare(int dir, const std::string& name);

    std::string path_;
    SpoolLimits limits_;
    Fd dir_;
    std::int64_t attempts_{0};
    std::int64_t spares_{0};  ///< SPOOL/spare/0, /1, ...
};

std::string name_of(AttemptKey key);
/// "42.3" -> {42, 3}; none if it is not the name of an attempt.
std::optional<AttemptKey> key_of(const std::string& name);

}  // namespace khu::agent
