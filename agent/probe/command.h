#pragma once

/// \file
/// Runs a program of the machine and takes what it prints, for a bounded time: a driver that hangs
/// must not keep a node from joining.

#include <string>
#include <vector>

#include "core/base/expected.h"
#include "core/base/units.h"

namespace khu::agent {

struct CommandFault {
    bool absent{false};  ///< there is no such program
    std::string why;     ///< "nvidia-smi: exit code 9", "nvidia-smi: no end after 20 s"
};

/// Standard output of `program` with those arguments; what it says of errors is not kept. It has
/// its own process group, which is killed when the time is over or more than 4 MiB came.
/// Errors: CommandFault, also for an exit code that is not 0.
Expected<std::string, CommandFault> output_of(const std::string& program,
                                              const std::vector<std::string>& arguments,
                                              Span timeout);

}  // namespace khu::agent
