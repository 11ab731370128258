#pragma once

/// \file
/// The options that describe a job: those of submit, run and quote. Short names are Slurm's where
/// Slurm has them. Those marked later are known, so that they are refused by name and never
/// ignored.

#include <array>

#include "cli/option.h"

namespace khu::cli {

inline constexpr auto kJobOptions = std::to_array<Option>({
    {"-n,--nodes", "N", Message::HelpNodes},
    {"-g,--gpus-per-node", "N[:MODEL]", Message::HelpGpus},
    {"-c,--cores-per-task", "N", Message::HelpCores},
    {"--tasks-per-node", "N", Message::HelpTasks},
    {"--mem", "SIZE", Message::HelpMem},
    {"-t,--time", "TIME", Message::HelpTime},
    {"-p,--partition", "NAME", Message::HelpPartition},
    {"-q,--qos", "NAME", Message::HelpQos},
    {"--programme", "NAME", Message::HelpProgramme},
    {"--project", "NAME", Message::HelpProject},
    {"--enterprise", "ID", Message::HelpEnterprise},
    {"-J,--name", "NAME", Message::HelpName},
    {"--launcher", "HOW", Message::HelpLauncher, Takes::One, "mpi|torch|fork|script"},
    {"--within", "LEVEL", Message::HelpWithin},
    {"--prefer", "LEVEL", Message::HelpPrefer},
    {"--exclusive", "", Message::HelpExclusive, Takes::Nothing},
    {"--signal", "SIGNAL[@SECONDS]", Message::HelpSignal},
    {"--requeue", "", Message::HelpRequeue, Takes::Nothing},
    {"--no-requeue", "", Message::HelpNoRequeue, Takes::Nothing},
    {"--hold", "", Message::HelpHold, Takes::Nothing},
    {"--begin", "TIME", Message::HelpBegin},
    {"-o,--output", "FILE", Message::HelpOutput},
    {"-e,--error", "FILE", Message::HelpError},
    {"-C,--chdir", "DIR", Message::HelpChdir},
    {"--env", "NAME[=VALUE]", Message::HelpEnv, Takes::Many},
    {"-a,--array", "LIST", Message::HelpLater, Takes::One, "", true},
    {"--after", "JOB", Message::HelpLater, Takes::Many, "", true},
    {"--after-any", "JOB", Message::HelpLater, Takes::Many, "", true},
    {"--after-notok", "JOB", Message::HelpLater, Takes::Many, "", true},
    {"--segment", "N@LEVEL", Message::HelpLater, Takes::One, "", true},
    {"--any-of", "FILE", Message::HelpLater, Takes::One, "", true},
    {"--container", "IMAGE", Message::HelpLater, Takes::One, "", true},
    {"--or-idle", "", Message::HelpLater, Takes::Nothing, "", true},
});

}  // namespace khu::cli
