#pragma once

/// \file
/// A small zone in domain words, for tests of the machine: four nodes of eight GPUs, one enterprise
/// with a free and one with a subsidised grant, and an agent for each node that does what it is
/// told.

#include <string>
#include <vector>

#include "core/machine/machine.h"

namespace khu::testing {

inline const EnterpriseId sao_mai{"0401000001"};
inline const EnterpriseId song_han{"0401000002"};

Policy small_policy();
/// The same with grants that pay for whatever its nodes can do, and no limit of what runs.
Policy rich_policy();
Inventory eight_gpus(const std::string& name);
Identity member_of(const EnterpriseId& enterprise);
Identity admin();
/// A job of `gpus` GPUs on each of `nodes` nodes for two hours.
JobSpec job_of(int nodes, int gpus);

class Zone {
public:
    explicit Zone(int nodes = 4) : Zone(small_policy(), nodes) {}
    explicit Zone(const Policy& policy, int nodes = 4);

    Outcome tell(const Command& command);
    void pass(Span span) { now = now + span; }

    /// Submits and runs rounds until nothing starts. Claims: accepted.
    JobId submit(const JobSpec& spec, const EnterpriseId& owner = sao_mai);
    void round();
    void join(int node, const std::string& model = "h100");
    void join(const Inventory& inventory);
    void report(NodeId node, JobId job, AgentStage stage, AttemptResult result = {});
    /// Every node of the job's attempt prepares, runs, and ends with `result` after `ran`.
    void run_to_end(JobId job, Span ran, AttemptResult result = {});
    void start_running(JobId job);

    const Job* job(JobId id) const { return machine.state().find_job(id); }
    const Grant& grant(const std::string& id) const {
        return *machine.state().truth.ledger.find(GrantId{id});
    }

    Machine machine{ZoneId{"test"}};
    Moment now{1'775'000'000'000};
    std::vector<Stamped> history;
    Effects effects;  ///< of everything so far
};

}  // namespace khu::testing
