#pragma once

/// \file
/// Values of options, read by config/values.h, so that the command line, job files and policies
/// accept and refuse the same. A value that is not of its form is a usage error that says which
/// form it is.

#include <cstdint>
#include <string>

#include "cli/session.h"
#include "config/job_options.h"
#include "config/values.h"

namespace khu::cli {

/// "khu: --mem "64" is not understood", and the reason as the remedy.
Failure bad_value(const Session& session, std::string_view option, std::string_view value,
                  const config::BadValue& why);

/// 0 for each if the option was not given.
Expected<Span, Failure> given_duration(const Session& session, std::string_view option);
/// "5000 GPUh", "5000h".
Expected<Atoms, Failure> given_gpu_hours(const Session& session, std::string_view option);
/// "50000000 VND", more than 0.
Expected<Mvnd, Failure> given_dong(const Session& session, std::string_view option);
/// A local date or time, an instant with its offset, "now+2h".
Expected<Moment, Failure> given_moment(const Session& session, std::string_view option);
/// `otherwise` if the option was not given.
Expected<std::int64_t, Failure> given_number(const Session& session, std::string_view option,
                                             std::int64_t otherwise);

/// Counted resources, "eda-licence=2"; empty if the option was not given.
Expected<std::vector<CountedWish>, Failure> given_resources(const Session& session);

/// The command cannot do without that option (or one of those).
Failure missing_option(const Session& session, std::string_view option);

/// What is in a file that is sent or read as a whole. Errors: usage, if it cannot be read or is
/// larger.
Expected<std::string, Failure> given_file(const Session& session, const std::string& path,
                                          std::int64_t bytes_max);

/// This machine's time, for what is relative to it.
config::JobClock clock_here();

}  // namespace khu::cli
