#pragma once

/// \file
/// khud's log, on standard error: one line an event, with the time in UTC. Nothing secret and
/// nothing an enterprise wrote goes into it unescaped.

#include <fmt/format.h>

#include <string>

namespace khu::daemon {

void start_log(bool verbose);
void log_line(const std::string& line);

template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
    log_line(fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace khu::daemon
