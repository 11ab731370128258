#pragma once

/// \file
/// A job that may run in one of several ways, in the order in which they are wanted ("4 GPUs of
/// A100, else 8 of L40"). Its spec says what its attempt takes: of the way that was taken while it
/// has one, and of the first while it waits. A requeued job chooses again.
///
/// Ways are counted from 0 here and from 1 for people.

#include <string>

#include "core/jobs/placement.h"
#include "core/jobs/spec.h"

namespace khu {

/// 1 for a job that is asked for in one way only.
int ways_of(const JobSpec& spec);

/// The spec of that way. Claims: the job has it.
JobSpec in_way(const JobSpec& spec, int way);
/// The same as the spec of a job without alternatives.
JobSpec only_way(const JobSpec& spec, int way);

/// That way becomes what `spec` says of itself.
void keep_way(JobSpec& spec, int way);

/// "gpu-l4: 2 x 4 l4, 5h", for people.
std::string format_way(const Alternative& way);

/// Which way a placement took.
int way_taken(const Receipt& receipt);

}  // namespace khu
