#pragma once

/// \file
/// What was asked: immutable from submission to the end of the job. The spec is what scheduling
/// needs and stays in memory while the job lives; the payload (command, script, environment) is
/// only needed at launch, may be large, and lives in the store, so that a pending job costs less
/// than 1 KB.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/boxed.h"
#include "core/base/describe.h"
#include "core/base/ids.h"
#include "core/base/units.h"
#include "core/jobs/rules.h"
#include "core/jobs/shape.h"

namespace khu {

/// How a job's ranks are started; plugins/ has one planner for each.
enum class Launcher : std::uint8_t { Script, Mpi, Torch, Fork };
KHU_DESCRIBE_ENUM(Launcher, Script, Mpi, Torch, Fork)

struct JobSpec {
    std::string name;
    EnterpriseId enterprise;
    UserId user;
    ProgrammeId programme;
    PartitionId partition;
    QosId qos;
    Text project;
    int nodes{1};
    int tasks_per_node{1};
    Shape shape;
    Span time_limit;
    Launcher launcher{Launcher::Script};
    bool requeue{true};    ///< start again after a failure of the infrastructure
    bool held{false};      ///< waits until somebody releases it
    bool or_idle{false};   ///< runs in the idle class while its hours do not fit
    Moment not_before;     ///< 0: at once
    Text within;           ///< level of the zone tree that must hold all nodes: "rack"
    Text prefer;           ///< the same as a wish
    int notice_signal{0};  ///< --signal USR1@120: number and seconds before the limit; 0: TERM only
    int notice_seconds{0};
    Boxed<NodeRules> where;  ///< beyond the partition
    Boxed<TimeRules> when;   ///< beyond the begin time
    Boxed<ArrayRules> array;
    Boxed<AnyOf> any_of{};  ///< see alternatives.h
    Boxed<CountedWishes> counted{};
    bool operator==(const JobSpec&) const = default;
};
KHU_DESCRIBE(JobSpec, name, enterprise, user, programme, partition, qos, project, nodes, shape,
             tasks_per_node, time_limit, launcher, requeue, held, or_idle, not_before, within,
             prefer, notice_signal, notice_seconds, where, when, array, any_of, counted)

/// What the node needs to start the job. Exactly one of argv and script is filled.
struct Payload {
    std::vector<std::string> argv;
    std::string script;
    std::map<std::string, std::string> env;  ///< set on top of a clean environment
    std::string chdir;                       ///< absolute
    std::string output;    ///< %j job, %N node, %t rank; empty: khu-%j.out in chdir
    std::string error;     ///< empty: into output
    std::int64_t uid{-1};  ///< from the identity, never from the request; -1: the agent's own
    std::int64_t gid{-1};
    bool operator==(const Payload&) const = default;
};
KHU_DESCRIBE(Payload, argv, script, env, chdir, output, error, uid, gid)

}  // namespace khu
