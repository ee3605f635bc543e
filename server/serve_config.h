// server.toml and the environment → ServeConfig. Strict: an unknown key or a value out of range is an error with its
// line.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/denial.h"
#include "server/exchange_policy.h"
#include "server/http/server.h"
#include "server/log.h"
#include "server/sweeper.h"

namespace entitle {

inline constexpr std::size_t maxServeConfigBytes = 64 * 1024;

struct ServeConfig {
    HttpOptions http;  // listen, behind_proxy, trusted_proxies, [limits], [rates], [workers]; `tls` is read from:
    std::string certificateFile;         // [tls] certificate
    std::string keyFile;                 // [tls] key
    std::optional<int> databaseWorkers;  // [workers] database; none: what suits the storage

    std::chrono::seconds drain{20};  // drain_s: how long requests at work may take after SIGTERM
    LogLevel logLevel = LogLevel::info;
    bool logRequests = true;  // [log] requests
    Networks metricsFrom;     // [metrics] from: who may read /metrics; loopback unless said otherwise

    // [documents]: what the next documents promise; those already given keep theirs.
    ExchangePolicy policy;
    Retention retention;  // [retention]

    // What an account without a license, or nobody at all, may do.
    struct Demo {
        bool enabled = true;       // [demo] enabled; ENABLE_DEMO_MODE
        std::int64_t maxBots = 3;  // [demo] max_bots; DEMO_MODE_MAX_BOTS
        bool operator==(const Demo&) const = default;
    } demo;
};

struct ServeConfigErrors {
    std::vector<std::string> errors;  // "file:line: sentence", at least one; in the order of lines
    std::string text() const;         // one a line
};
[[noreturn]] void throw_exception_from_error(const ServeConfigErrors&, const boost::source_location&);
using ServeConfigResult = boost::system::result<ServeConfig, ServeConfigErrors>;

// Pure: text → configuration. `file` is only for messages.
ServeConfigResult parseServeConfig(std::string_view text, std::string_view file);

// ENTITLE_SERVER_LISTEN (several separated by commas), ENTITLE_SERVER_TLS_CERTIFICATE, ENTITLE_SERVER_TLS_KEY,
// ENTITLE_SERVER_LOG_LEVEL, ENABLE_DEMO_MODE, DEMO_MODE_MAX_BOTS. An empty variable is as good as none.
using Environment = std::function<std::optional<std::string>(const char* name)>;
ServeConfigResult applyServeEnvironment(ServeConfig, const Environment&);

// What no single value can tell; after everything was applied, --listen included.
ServeConfigResult checkServeConfig(ServeConfig);

}  // namespace entitle
