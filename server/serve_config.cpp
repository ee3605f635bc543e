#include "server/serve_config.h"

#include <charconv>
#include <limits>
#include <stdexcept>

#include <boost/throw_exception.hpp>

#include "server/toml_section.h"

namespace entitle {

namespace {

constexpr std::int64_t maxBots = std::numeric_limits<std::int32_t>::max();

std::string absolutePath(const std::string& value, std::string& into) {
    if (!value.starts_with('/')) return "must be an absolute path";
    into = value;
    return {};
}

std::string network(const std::string& value, Networks& into) {
    return into.add(value) ? std::string() : "is no address or network (10.0.0.0/8): \"" + value.substr(0, 64) + "\"";
}

void addLoopback(Networks& to) {
    to.add("127.0.0.0/8");
    to.add("::1");
}

std::string printed(std::string_view file, const TomlComplaint& complaint) {
    std::string place(file);
    if (complaint.line != 0) place += ":" + std::to_string(complaint.line);
    std::string out = place + ": ";
    for (const char c : complaint.message) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
    return out;
}

// The first line, from 1, that is no comment and holds anything but printable ASCII; 0 if there is none. toml++ 3.3 has
// undefined behaviour for letters where a blank may stand, and an assertion for control characters in a section's name;
// daemon/config.cpp guards itself alike. In a comment a control character is toml++'s to refuse.
std::uint32_t lineBeyondAscii(std::string_view text) {
    std::uint32_t line = 1;
    for (std::size_t start = 0; start < text.size(); ++line) {
        const auto end = std::min(text.find('\n', start), text.size());
        const auto content = text.substr(start, end - start);
        const auto first = content.find_first_not_of(" \t");
        const bool comment = first != std::string_view::npos && content[first] == '#';
        const auto foreign = [](unsigned char c) { return (c < 0x20 && c != '\t' && c != '\r') || c > 0x7e; };
        if (!comment && std::ranges::any_of(content, foreign)) return line;
        start = end + 1;
    }
    return 0;
}

void readLimits(TomlSection section, HttpOptions& http) {
    section.number("head_bytes", http.headBytes, 4'096, 65'536);
    section.duration("head_ms", http.headTime, 100, 600'000);
    section.duration("body_ms", http.bodyTime, 100, 600'000);
    section.duration("write_ms", http.writeTime, 100, 600'000);
    section.duration("idle_ms", http.idleTime, 100, 3'600'000);
    section.duration("handshake_ms", http.handshakeTime, 100, 600'000);
    section.number("requests_per_connection", http.requestsPerConnection, 1, 1'000'000'000);
    section.number("connections", http.connections, 1, 1'000'000);
    section.number("connections_per_address", http.connectionsPerAddress, 1, 1'000'000);
    section.complainOfUnknown();
}

void readRates(TomlSection section, RateLimits& rates) {
    section.number("requests_per_minute", rates.general.burst, 0, 100'000'000);
    section.number("account_requests_per_minute", rates.account.burst, 0, 100'000'000);
    section.number("wrong_secrets_per_minute", rates.wrongSecrets.burst, 0, 100'000'000);
    section.texts("exempt", [&](const std::string& value) { return network(value, rates.exempt); });
    section.complainOfUnknown();
}

void readWorkers(TomlSection section, ServeConfig& config) {
    auto& http = config.http;
    section.number("network_threads", http.networkThreads, 1, 64);
    section.number("database", config.databaseWorkers, 1, 256);
    section.number("database_queue", http.databaseQueue, 1, 1'000'000);
    section.number("password", http.passwordWorkers, 1, 64);
    section.number("password_queue", http.passwordQueue, 1, 100'000);
    section.complainOfUnknown();
}

void readRetention(TomlSection section, Retention& retention) {
    const auto days = [&](std::string_view key, Seconds& into) {
        auto whole = std::chrono::floor<std::chrono::days>(into);
        section.duration(key, whole, 1, 36'500);
        into = whole;
    };
    days("attempts_days", retention.attempts);
    days("events_days", retention.events);
    section.complainOfUnknown();
}

// Short ones are for trials of outages: the least is a second, and 0 of those that may be missing.
void readDocuments(TomlSection section, ExchangePolicy& policy) {
    constexpr std::int64_t year = 366 * 86'400;
    section.duration("fresh_s", policy.fresh, 1, year);
    section.duration("grace_s", policy.grace, 0, year);
    section.duration("wind_down_s", policy.windDown, 0, year);
    section.duration("check_s", policy.check, 1, year);
    section.duration("offline_s", policy.offline, 0, year);
    section.complainOfUnknown();
}

}  // namespace

std::string ServeConfigErrors::text() const {
    std::string out;
    for (const auto& error : errors) out.append(out.empty() ? "" : "\n").append(error);
    return out;
}

void throw_exception_from_error(const ServeConfigErrors& errors, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(errors.text()), where);
}

ServeConfigResult parseServeConfig(std::string_view text, std::string_view file) {
    const std::string name(file);
    if (text.size() > maxServeConfigBytes)
        return ServeConfigErrors{{name + ": is larger than " + std::to_string(maxServeConfigBytes) + " bytes"}};
    if (const auto line = lineBeyondAscii(text)) {
        return ServeConfigErrors{{printed(name, {line,
                                                 "holds a character that is not printable ASCII: such letters may "
                                                 "stand in lines of comment, and in a text as \\u00E9"})}};
    }
    const auto parsed = toml::parse(text);
    if (!parsed) {
        const auto& error = parsed.error();
        return ServeConfigErrors{{printed(name, {error.source().begin.line, std::string(error.description())})}};
    }

    ServeConfig config;
    std::vector<TomlComplaint> complaints;
    TomlSection top(&parsed.table(), "", complaints);
    const auto section = [&](const char* key) { return TomlSection(top.table(key), key, complaints); };

    std::vector<std::string> listen;
    if (top.texts("listen", [&](const std::string& value) {
            listen.push_back(value);
            return std::string();
        }))
        config.http.listen = listen;
    top.flag("behind_proxy", config.http.behindProxy);
    top.texts("trusted_proxies", [&](const std::string& value) { return network(value, config.http.proxies); });
    top.duration("drain_s", config.drain, 0, 600);

    auto tls = section("tls");
    tls.text("certificate", [&](const std::string& value) { return absolutePath(value, config.certificateFile); });
    tls.text("key", [&](const std::string& value) { return absolutePath(value, config.keyFile); });
    tls.complainOfUnknown();
    readLimits(section("limits"), config.http);
    readRates(section("rates"), config.http.rates);
    readWorkers(section("workers"), config);
    auto log = section("log");
    log.text("level", [&](const std::string& word) -> std::string {
        const auto level = parseLogLevel(word);
        if (!level) return "must be \"debug\", \"info\", \"warning\" or \"error\"";
        config.logLevel = *level;
        return {};
    });
    log.flag("requests", config.logRequests);
    log.complainOfUnknown();
    auto metrics = section("metrics");
    metrics.texts("from", [&](const std::string& value) { return network(value, config.metricsFrom); });
    metrics.complainOfUnknown();
    readDocuments(section("documents"), config.policy);
    readRetention(section("retention"), config.retention);
    auto demo = section("demo");
    demo.flag("enabled", config.demo.enabled);
    demo.number("max_bots", config.demo.maxBots, 0, maxBots);
    demo.complainOfUnknown();
    top.complainOfUnknown();

    if (complaints.empty()) return config;
    std::ranges::stable_sort(complaints, {}, &TomlComplaint::line);
    ServeConfigErrors errors;
    for (const auto& complaint : complaints) errors.errors.push_back(printed(name, complaint));
    if (errors.errors.size() > 50) errors.errors.resize(50);
    return errors;
}

ServeConfigResult applyServeEnvironment(ServeConfig config, const Environment& lookup) {
    ServeConfigErrors wrong;
    const auto with = [&](const char* name, auto accept) {
        const auto value = lookup(name);
        if (!value || value->empty()) return;
        const std::string what = accept(*value);
        if (!what.empty()) wrong.errors.push_back("environment: " + std::string(name) + " " + what);
    };
    with("ENTITLE_SERVER_LISTEN", [&](const std::string& value) {
        config.http.listen.clear();
        for (std::size_t at = 0; at <= value.size();) {
            const auto end = std::min(value.find(',', at), value.size());
            config.http.listen.push_back(value.substr(at, end - at));
            at = end + 1;
        }
        return std::string();
    });
    with("ENTITLE_SERVER_TLS_CERTIFICATE",
         [&](const std::string& value) { return absolutePath(value, config.certificateFile); });
    with("ENTITLE_SERVER_TLS_KEY", [&](const std::string& value) { return absolutePath(value, config.keyFile); });
    with("ENTITLE_SERVER_LOG_LEVEL", [&](const std::string& value) -> std::string {
        const auto level = parseLogLevel(value);
        if (!level) return "must be debug, info, warning or error";
        config.logLevel = *level;
        return {};
    });
    with("ENABLE_DEMO_MODE", [&](const std::string& value) -> std::string {
        if (value != "true" && value != "false" && value != "1" && value != "0") return "must be true or false";
        config.demo.enabled = value == "true" || value == "1";
        return {};
    });
    with("DEMO_MODE_MAX_BOTS", [&](const std::string& value) -> std::string {
        std::int64_t bots = -1;
        const auto* end = value.data() + value.size();
        const auto [rest, bad] = std::from_chars(value.data(), end, bots);
        if (bad != std::errc() || rest != end || bots < 0 || bots > maxBots)
            return "must be a whole number, 0 to " + std::to_string(maxBots);
        config.demo.maxBots = bots;
        return {};
    });
    if (!wrong.errors.empty()) return wrong;
    return config;
}

ServeConfigResult checkServeConfig(ServeConfig config) {
    ServeConfigErrors wrong;
    if (config.certificateFile.empty() != config.keyFile.empty())
        wrong.errors.emplace_back("tls: a certificate needs its key, and a key its certificate");
    if (config.http.behindProxy && !config.certificateFile.empty() && config.http.proxies.empty())
        wrong.errors.emplace_back("behind_proxy: with a certificate it only says whom to believe: set trusted_proxies");
    if (!config.http.proxies.empty() && !config.http.behindProxy)
        wrong.errors.emplace_back("trusted_proxies has no effect without behind_proxy = true");
    if (config.policy.check >= config.policy.fresh)
        wrong.errors.emplace_back("documents: check_s must be less than fresh_s, or no renewal is ever in time");
    if (config.http.listen.empty()) wrong.errors.emplace_back("listen: there must be an address to listen on");
    if (!wrong.errors.empty()) return wrong;
    // The usual proxy runs on the same machine.
    if (config.http.behindProxy && config.http.proxies.empty()) addLoopback(config.http.proxies);
    if (config.metricsFrom.empty()) addLoopback(config.metricsFrom);
    return config;
}

}  // namespace entitle
