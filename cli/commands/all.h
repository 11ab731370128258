#pragma once

/// \file
/// Every command, one description each; all.cc lists them in the order of the help.

#include <array>

#include "cli/option.h"
#include "cli/session.h"

namespace khu::cli {

extern const Command kSubmit, kQueue, kShow, kWhy, kCancel, kHold, kRelease, kRequeue, kQuote,
    kVersion;

}  // namespace khu::cli
