#pragma once

/// \file
/// Sending a job so that it is made at most once: every submission carries an idempotency key, the
/// person's own or one made here, and is sent again with the same key when the connection breaks.

#include "cli/session.h"
#include "wire/api.h"

namespace khu::cli {

/// If khud could not be asked to the end, the failure names the key with which the same command
/// line finds out.
Expected<Received<wire::SubmitAnswer>, Failure> submit(Session& session,
                                                       const wire::SubmitRequest& request);

}  // namespace khu::cli
