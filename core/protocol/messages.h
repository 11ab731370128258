#pragma once

/// \file
/// What an agent and khud say to one another. On the real wire it is JSON by reflection over one
/// WebSocket; the simulator passes the same structs. Every message may
/// be lost with its connection, repeated or late; each is idempotent by (job, attempt) and fenced
/// by the epoch that khud gave the agent at its last Hello.
///
/// The lease: the agent may run attempts until `lease_ms` after it *sent* the last heartbeat that
/// was acknowledged; then it kills them. khud gives the node up only `lease + skew` after it
/// *answered* one, so that no two copies of a job ever run.
///
/// Start of a gang: StartAttempt to every node -> AttemptReport prepared from each -> RunAttempt to
/// every node. A gang of one node gets `run_at_once`, which saves a round trip.
///
/// Loss: the agent repeats `prepared` until RunAttempt or StopAttempt comes, `running` and `ended`
/// until their ReportAck (a new checkpoint is said as `running` again); khud repeats StartAttempt
/// and StopAttempt at heartbeats until a report answers them.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/spec.h"
#include "core/topology/devices.h"
#include "core/topology/inventory.h"

namespace khu {

enum class AgentStage { Prepared, Running, Ended };
KHU_DESCRIBE_ENUM(AgentStage, Prepared, Running, Ended)

/// What ended the attempt on this node. Only the node knows: an exit code or a signal says the same
/// of a program that failed and of one that was killed because its node's lease was over.
enum class NodeEnd {
    Itself,     ///< its processes ended; the exit code, signal or fault says how
    Asked,      ///< khud's StopAttempt
    LeaseOver,  ///< the node was not heard by khud for a whole lease, and killed it
    Lost,       ///< nobody here knows: the shepherd, or the whole node, died under it
};
KHU_DESCRIBE_ENUM(NodeEnd, Itself, Asked, LeaseOver, Lost)

/// How the attempt ended on this node.
struct AttemptResult {
    int exit_code{0};
    int signal{0};  ///< 0: it exited by itself
    bool oom{false};
    bool rank_ran{true};     ///< false: nothing of the user's ever ran here
    std::string fault_code;  ///< "T700" and the like when the launch failed
    std::string fault_text;
    Span duration;  ///< on the agent's monotonic clock
    NodeEnd end{NodeEnd::Itself};
};
KHU_DESCRIBE(AttemptResult, exit_code, signal, oom, rank_ran, fault_code, fault_text, duration, end)

/// The job's last `khu checkpoint`.
struct CheckpointReport {
    std::uint64_t stamp{0};  ///< rises with each declaration of an attempt
    Span age;                ///< since it was declared, on the agent's clock
    std::string path;        ///< as the job said it
};
KHU_DESCRIBE(CheckpointReport, stamp, age, path)

struct AttemptReport {
    JobId job;
    AttemptNumber attempt;
    AgentStage stage{};
    std::optional<AttemptResult> result;         ///< with Ended
    std::optional<CheckpointReport> checkpoint;  ///< of the first node; none declared yet
};
KHU_DESCRIBE(AttemptReport, job, attempt, stage, result, checkpoint)

// --- Agent to khud ----------------------------------------------------------------------

/// First message of every connection.
struct Hello {
    std::uint64_t run{0};     ///< of the agent process: another one after each start
    std::uint64_t number{0};  ///< counts the Hellos of this run; Welcome gives it back
    std::string node;
    std::string zone;  ///< empty: any
    std::string version;
    std::string address;   ///< host:port where this agent takes remote steps (khu-rsh)
    std::string instance;  ///< random per agent process: tells a restart from a second agent
    Inventory inventory;
    std::vector<AttemptReport> attempts;  ///< all it has, ended ones that were not acknowledged too
};
KHU_DESCRIBE(Hello, run, number, node, zone, version, address, instance, inventory, attempts)

struct Heartbeat {
    std::uint64_t number{0};
};
KHU_DESCRIBE(Heartbeat, number)

/// A piece of an output file, in answer to ReadOutput.
struct OutputChunk {
    std::uint64_t request{0};
    std::int64_t offset{0};
    std::string data_base64;
    bool end{false};  ///< no more will come: end of file and the attempt is over, or an error
    std::string error;
};
KHU_DESCRIBE(OutputChunk, request, offset, data_base64, end, error)

using FromAgent = std::variant<Hello, Heartbeat, AttemptReport, OutputChunk>;

// --- khud to agent ----------------------------------------------------------------------

/// Grants a lease as a heartbeat's answer does, from the sending of the Hello that it answers.
struct Welcome {
    std::uint64_t hello{0};
    std::string zone;
    std::string name;  ///< of the node, as its Hello said
    NodeId node;
    Epoch epoch;
    Span lease;
    Span heartbeat_every;
};
KHU_DESCRIBE(Welcome, hello, zone, name, node, epoch, lease, heartbeat_every)

/// The agent is not wanted; it says so to its admin and tries again later.
struct Refused {
    std::string code, text;
};
KHU_DESCRIBE(Refused, code, text)

struct HeartbeatAck {
    std::uint64_t number{0};
};
KHU_DESCRIBE(HeartbeatAck, number)

/// One node of the gang as the others see it.
struct PeerNode {
    std::string name;
    std::string address;  ///< host:port of its agent
    NodeAllocation allocation;
    std::vector<int> pus;  ///< os_index of every hardware thread of the allocation's cores
    std::vector<std::string> gpu_uuids;  ///< of the allocation's GPUs; empty where not known
};
KHU_DESCRIBE(PeerNode, name, address, allocation, pus, gpu_uuids)

struct StartAttempt {
    JobId job;
    AttemptNumber attempt;
    Epoch epoch;
    JobSpec spec;
    Payload payload;
    std::vector<PeerNode> nodes;  ///< rank order
    int node_rank{0};
    Moment deadline;  ///< khud's clock, for KHU_DEADLINE
    Span time_left;   ///< from now to the deadline, for the agent's own clock
    int restart_count{0};
    std::string checkpoint;  ///< the last that an earlier attempt declared; empty: none
    std::string token;       ///< lets khu-rsh of this attempt start steps on its other nodes
    bool run_at_once{false};
};
KHU_DESCRIBE(StartAttempt, job, attempt, epoch, spec, payload, nodes, node_rank, deadline,
             time_left, restart_count, checkpoint, token, run_at_once)

struct RunAttempt {
    JobId job;
    AttemptNumber attempt;
};
KHU_DESCRIBE(RunAttempt, job, attempt)

struct StopAttempt {
    JobId job;
    AttemptNumber attempt;
    std::string reason;  ///< end cause in words, for the stop file
    int signal{15};
    Span grace;  ///< between the signal and KILL
};
KHU_DESCRIBE(StopAttempt, job, attempt, reason, signal, grace)

/// The report is stored. After Ended the agent may forget the attempt.
struct ReportAck {
    JobId job;
    AttemptNumber attempt;
    AgentStage stage{};
};
KHU_DESCRIBE(ReportAck, job, attempt, stage)

struct ReadOutput {
    std::uint64_t request{0};
    JobId job;
    AttemptNumber attempt;
    std::string stream;  ///< "output" or "error"
    std::int64_t offset{0};
    bool follow{false};
};
KHU_DESCRIBE(ReadOutput, request, job, attempt, stream, offset, follow)

struct StopReading {
    std::uint64_t request{0};
};
KHU_DESCRIBE(StopReading, request)

using ToAgent = std::variant<Welcome, Refused, HeartbeatAck, StartAttempt, RunAttempt, StopAttempt,
                             ReportAck, ReadOutput, StopReading>;

}  // namespace khu
