#pragma once

/// \file
/// A page as a PDF, made on this machine by a program of Debian, which is not always there. khud
/// gives pages; it neither has that program nor starts it.

#include <string>

#include "core/base/expected.h"
#include "core/base/refusal.h"

namespace khu::cli {

/// The PDF of a page that needs nothing from elsewhere. Errors: R305 where the program is not
/// installed, R306 where it fails.
Expected<std::string, Refusal> pdf_of(const std::string& page);

}  // namespace khu::cli
