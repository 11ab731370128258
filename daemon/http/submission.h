#pragma once

/// \file
/// What a submission says becomes the spec that the machine decides on and the payload that a node
/// will run. Only shapes are checked here; what the zone allows is admission's to say.

#include "core/base/expected.h"
#include "core/base/identity.h"
#include "core/base/refusal.h"
#include "core/jobs/spec.h"
#include "wire/api.h"

namespace khu::daemon {

/// Errors: A130 for a number out of all range; A135.
Expected<JobSpec, Refusal> spec_of(const wire::SubmitRequest& request);
/// Errors: J311; A135 for nothing or two things to run, a directory that is not absolute, NUL
/// bytes, more environment or arguments than the limits.
Expected<Payload, Refusal> payload_of(const wire::SubmitRequest& request, const Identity& who);

}  // namespace khu::daemon
