// The daemon's log: stderr, one line each; with journald's level prefix when the journal reads it.
// debug for developers, info for transitions, warn for degraded, error when someone must act. Never keys or tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <spdlog/logger.h>

namespace entitle {

enum class LogLevel { debug, info, warning, error };
std::string_view toString(LogLevel);  // "debug", "info", "warning", "error"
std::optional<LogLevel> parseLogLevel(std::string_view);
spdlog::level::level_enum spdlogLevel(LogLevel);

// `journal`: lines begin with "<6>" and carry no time of their own (see sd-daemon(3)).
void startLog(LogLevel, bool journal);
void setLogLevel(LogLevel);
bool stderrIsJournal();  // $JOURNAL_STREAM names stderr's device and inode

// The logger, usable before startLog (warnings and errors to stderr). Text that users send must be printed with
// `printable`, or a program could forge log lines.
spdlog::logger& log();
std::string printable(std::string_view, std::size_t most = 200);  // control characters and bad UTF-8 as \x..

}  // namespace entitle
