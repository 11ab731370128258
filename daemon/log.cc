#include "daemon/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace khu::daemon {

void start_log(bool verbose) {
    auto logger = spdlog::stderr_logger_mt("khud");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc);
    logger->set_level(verbose ? spdlog::level::debug : spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

void log_line(const std::string& line) {
    spdlog::info("{}", line);
}

}  // namespace khu::daemon
