// The server's log: standard error, one JSON object a line. Never keys, tokens or passwords.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "license/time.h"
#include "server/http/access_log.h"

namespace entitle {

// debug for developers, info for transitions, warning for degraded, error when someone must act.
enum class LogLevel { debug, info, warning, error };
std::string_view toString(LogLevel);
std::optional<LogLevel> parseLogLevel(std::string_view);

// Before the first line; not while other threads log.
void startServerLog(LogLevel, std::function<Instant()> now);

// Any thread. `message`: a sentence; what came from outside is escaped.
void logMessage(LogLevel, std::string_view message);
void logRequest(const AccessRecord&);

}  // namespace entitle
