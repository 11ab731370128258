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
    {"--or-idle", "", Message::HelpOrIdle, Takes::Nothing},
    {"--hold", "", Message::HelpHold, Takes::Nothing},
    {"--begin", "TIME", Message::HelpBegin},
    {"-o,--output", "FILE", Message::HelpOutput},
    {"-e,--error", "FILE", Message::HelpError},
    {"-C,--chdir", "DIR", Message::HelpChdir},
    {"--env", "NAME[=VALUE]", Message::HelpEnv, Takes::Many},
    {"--deadline", "TIME", Message::HelpDeadline},
    {"--after", "JOB[,JOB]", Message::HelpAfter, Takes::Many},
    {"--after-any", "JOB[,JOB]", Message::HelpAfterAny, Takes::Many},
    {"--after-notok", "JOB[,JOB]", Message::HelpAfterNotOk, Takes::Many},
    {"--after-start", "JOB[,JOB]", Message::HelpAfterStart, Takes::Many},
    {"--singleton", "", Message::HelpSingleton, Takes::Nothing},
    {"--include", "NODES", Message::HelpInclude},
    {"-x,--exclude", "NODES", Message::HelpExclude},
    {"--features", "NAME[,NAME]", Message::HelpFeatures},
    {"--segment", "N@LEVEL", Message::HelpSegment},
    {"--reservation", "NAME", Message::HelpInReservation},
    {"-L,--resource", "NAME[=N]", Message::HelpResource, Takes::Many},
    {"-a,--array", "LIST[%N]", Message::HelpArray},
    {"--any-of", "FILE", Message::HelpAnyOf},
    {"--container", "IMAGE", Message::HelpLater, Takes::One, "", true},
});

}  // namespace khu::cli
