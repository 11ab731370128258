#pragma once

/// \file
/// `khu quote` and `khu submit --quote`: what a job would hold and who would pay, before it is
/// sent.

#include "cli/session.h"
#include "wire/api.h"

namespace khu::cli {

/// Asks and shows. 0 if the job would be admitted, else 1.
Result show_quote(Session& session, const wire::SubmitRequest& request);

}  // namespace khu::cli
