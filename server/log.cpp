#include "server/log.h"

#include <memory>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

namespace entitle {

namespace {

struct ServerLog {
    spdlog::logger logger{"entitle-server", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
    std::function<Instant()> now = [] { return Instant{}; };
    ServerLog() { logger.set_pattern("%v"); }
};

ServerLog& serverLog() {
    static ServerLog log;
    return log;
}

spdlog::level::level_enum spdlogLevel(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return spdlog::level::debug;
        case LogLevel::info:
            return spdlog::level::info;
        case LogLevel::warning:
            return spdlog::level::warn;
        case LogLevel::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}

}  // namespace

std::string_view toString(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "debug";
        case LogLevel::info:
            return "info";
        case LogLevel::warning:
            return "warning";
        case LogLevel::error:
            return "error";
    }
    return "info";
}

std::optional<LogLevel> parseLogLevel(std::string_view word) {
    for (const auto level : {LogLevel::debug, LogLevel::info, LogLevel::warning, LogLevel::error})
        if (word == toString(level)) return level;
    return std::nullopt;
}

void startServerLog(LogLevel level, std::function<Instant()> now) {
    serverLog().logger.set_level(spdlogLevel(level));
    serverLog().now = std::move(now);
}

void logMessage(LogLevel level, std::string_view message) {
    auto& log = serverLog();
    if (!log.logger.should_log(spdlogLevel(level))) return;
    const boost::json::object line{
        {"at", toRfc3339(log.now())}, {"level", toString(level)}, {"message", message.substr(0, 4'000)}};
    log.logger.log(spdlogLevel(level), boost::json::serialize(line));
}

void logRequest(const AccessRecord& record) {
    const auto level = record.status >= 500 ? spdlog::level::warn : spdlog::level::info;
    auto& log = serverLog();
    if (log.logger.should_log(level)) log.logger.log(level, toJsonLine(record));
}

}  // namespace entitle
