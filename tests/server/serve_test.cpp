// The configuration of `serve`, and whether the API's document says what is served.
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/http/openapi.h"
#include "server/service.h"

namespace entitle::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string wrong(std::string_view text) {
    const auto parsed = parseServeConfig(text, "f");
    if (!parsed) return parsed.error().text();
    const auto checked = checkServeConfig(*parsed);
    return checked ? std::string() : checked.error().text();
}

TEST(ServeConfig, AnEmptyFileIsAServerOnLoopback) {
    const auto config = checkServeConfig(parseServeConfig("", "f").value()).value();
    EXPECT_THAT(config.http.listen, ElementsAre("127.0.0.1:8000"));
    EXPECT_FALSE(config.http.behindProxy);
    EXPECT_TRUE(config.http.proxies.empty());
    EXPECT_TRUE(config.metricsFrom.contains(IpAddress::parse("127.0.0.1").value()));
    EXPECT_EQ(config.demo, (ServeConfig::Demo{true, 3}));
}

TEST(ServeConfig, EveryKeyIsRead) {
    const auto config = parseServeConfig(R"(
listen = ["0.0.0.0:443", "[::]:443"]
behind_proxy = true
trusted_proxies = ["10.0.0.0/8"]
drain_s = 5
[tls]
certificate = "/c"
key = "/k"
[limits]
head_bytes = 8192
head_ms = 1000
body_ms = 1001
write_ms = 1002
idle_ms = 1003
handshake_ms = 1004
requests_per_connection = 7
connections = 8
connections_per_address = 9
[rates]
requests_per_minute = 10
account_requests_per_minute = 11
wrong_secrets_per_minute = 12
exempt = ["192.0.2.1"]
[workers]
network_threads = 2
database = 13
database_queue = 14
password = 15
password_queue = 16
[log]
level = "debug"
requests = false
[metrics]
from = ["192.0.2.2"]
[documents]
fresh_s = 18
grace_s = 19
wind_down_s = 20
check_s = 17
offline_s = 21
[retention]
attempts_days = 22
events_days = 23
[demo]
enabled = false
max_bots = 17
)",
                                         "f")
                            .value();
    const auto& http = config.http;
    EXPECT_THAT(http.listen, ElementsAre("0.0.0.0:443", "[::]:443"));
    EXPECT_TRUE(http.behindProxy);
    EXPECT_TRUE(http.proxies.contains(IpAddress::parse("10.1.1.1").value()));
    EXPECT_EQ(config.drain.count(), 5);
    EXPECT_EQ(config.certificateFile + config.keyFile, "/c/k");
    EXPECT_EQ(http.headBytes, 8192u);
    EXPECT_EQ(http.headTime.count(), 1000);
    EXPECT_EQ(http.bodyTime.count(), 1001);
    EXPECT_EQ(http.writeTime.count(), 1002);
    EXPECT_EQ(http.idleTime.count(), 1003);
    EXPECT_EQ(http.handshakeTime.count(), 1004);
    EXPECT_EQ(http.requestsPerConnection, 7u);
    EXPECT_EQ(http.connections, 8u);
    EXPECT_EQ(http.connectionsPerAddress, 9u);
    EXPECT_EQ(http.rates.general.burst, 10u);
    EXPECT_EQ(http.rates.account.burst, 11u);
    EXPECT_EQ(http.rates.wrongSecrets.burst, 12u);
    EXPECT_TRUE(http.rates.exempt.contains(IpAddress::parse("192.0.2.1").value()));
    EXPECT_EQ(http.networkThreads, 2);
    EXPECT_EQ(config.databaseWorkers, 13);
    EXPECT_EQ(http.databaseQueue, 14u);
    EXPECT_EQ(http.passwordWorkers, 15);
    EXPECT_EQ(http.passwordQueue, 16u);
    EXPECT_EQ(config.logLevel, LogLevel::debug);
    EXPECT_FALSE(config.logRequests);
    EXPECT_FALSE(config.metricsFrom.contains(IpAddress::parse("127.0.0.1").value()));
    EXPECT_EQ(config.policy.fresh.count(), 18);
    EXPECT_EQ(config.policy.grace.count(), 19);
    EXPECT_EQ(config.policy.windDown.count(), 20);
    EXPECT_EQ(config.policy.check.count(), 17);
    EXPECT_EQ(config.policy.offline.count(), 21);
    EXPECT_EQ(config.retention.attempts, std::chrono::days(22));
    EXPECT_EQ(config.retention.events, std::chrono::days(23));
    EXPECT_EQ(config.demo, (ServeConfig::Demo{false, 17}));
}

// A configuration in words, with what one key changes left recognisable.
std::string told(const ServeConfig& config) {
    std::ostringstream out;
    const auto& http = config.http;
    for (const auto& each : http.listen) out << each << ' ';
    out << http.behindProxy << ' ' << config.drain.count() << ' ' << config.policy.check.count() << ' '
        << config.policy.fresh.count() << ' ' << config.policy.grace.count() << ' ' << config.policy.windDown.count()
        << ' ' << config.policy.offline.count() << ' ' << config.retention.attempts.count() << ' '
        << config.retention.events.count() << ' ' << http.connections << ' ' << http.connectionsPerAddress << ' '
        << http.requestsPerConnection << ' ' << http.headBytes << ' ' << http.handshakeTime.count() << ' '
        << http.idleTime.count() << ' ' << http.headTime.count() << ' ' << http.bodyTime.count() << ' '
        << http.writeTime.count() << ' ' << http.rates.general.burst << ' ' << http.rates.account.burst << ' '
        << http.rates.wrongSecrets.burst << ' ' << http.networkThreads << ' ' << config.databaseWorkers.value_or(8)
        << ' ' << http.databaseQueue << ' ' << http.passwordWorkers << ' ' << http.passwordQueue << ' '
        << static_cast<int>(config.logLevel) << ' ' << config.logRequests << ' '
        << config.metricsFrom.contains(IpAddress::parse("127.0.0.1").value()) << ' '
        << config.metricsFrom.contains(IpAddress::parse("::1").value()) << ' ' << config.demo.enabled << ' '
        << config.demo.maxBots;
    return out.str();
}

TEST(ServeConfig, TheSampleSaysTheDefaults) {
    std::ifstream file(ENTITLE_SOURCE_DIR "/packaging/server.toml");
    ASSERT_TRUE(file);
    std::ostringstream plain, spoken;
    std::vector<std::string> keys;
    for (std::string line; std::getline(file, line);) {
        plain << line << '\n';
        // `#key = value` is a default written out, `# words` are words.
        const bool key = line.size() > 1 && line[0] == '#' && line[1] != ' ';
        if (key) keys.push_back(line.substr(1, line.find(' ') - 1));
        spoken << (key ? line.substr(1) : line) << '\n';
    }
    EXPECT_GT(keys.size(), 30u);
    const auto defaults = told(checkServeConfig(ServeConfig{}).value());
    EXPECT_EQ(told(checkServeConfig(parseServeConfig(plain.str(), "server.toml").value()).value()), defaults);
    const auto all = parseServeConfig(spoken.str(), "server.toml");
    ASSERT_TRUE(all) << all.error().text();
    EXPECT_EQ(told(checkServeConfig(*all).value()), defaults);

    std::ifstream page(ENTITLE_SOURCE_DIR "/packaging/man/entitle-server.toml.5");
    const std::string manual{std::istreambuf_iterator<char>(page), {}};
    for (const auto& key : keys) EXPECT_THAT(manual, HasSubstr(key));
}

TEST(ServeConfig, WhatCannotBeMeantIsNamedWithItsLine) {
    EXPECT_EQ(wrong("drain_s = 1\n[limits]\nhead_ms = 1"), "f:3: limits.head_ms must be 100 to 600000, not 1");
    EXPECT_THAT(wrong("\nlistn = []"), HasSubstr("f:2: unknown key \"listn\""));
    EXPECT_THAT(wrong("[lmits]"), HasSubstr("unknown key \"lmits\""));
    EXPECT_THAT(wrong("[tls]\ncertificate = \"c\""), HasSubstr("absolute path"));
    EXPECT_THAT(wrong("[tls]\ncertificate = \"/c\""), HasSubstr("needs its key"));
    EXPECT_THAT(wrong("trusted_proxies = [\"10.0.0.1/8\"]"), HasSubstr("is no address or network"));
    EXPECT_THAT(wrong("trusted_proxies = [\"10.0.0.1\"]"), HasSubstr("no effect without behind_proxy"));
    EXPECT_THAT(wrong("listen = []"), HasSubstr("must be an address"));
    EXPECT_THAT(wrong("listen = \"a\""), HasSubstr("must be a list"));
    EXPECT_THAT(wrong("[documents]\nfresh_s = 86400"), HasSubstr("check_s must be less than fresh_s"));
    EXPECT_THAT(wrong("limits = 1"), HasSubstr("is a section"));
    EXPECT_THAT(wrong("[demo]\nenabled = 1"), HasSubstr("true or false"));
    EXPECT_THAT(wrong("a = "), HasSubstr("f:1: "));
    EXPECT_THAT(wrong("[\x01]"), HasSubstr("f:1: holds a character that is not printable ASCII"));
    EXPECT_THAT(wrong("# caf\xc3\xa9\ndrain_s\xc2\xa0= 1"), HasSubstr("f:2: holds a character"));
    EXPECT_THAT(wrong("[a]\nb = \"caf\xc3\xa9\""), HasSubstr("f:2: holds a character"));
    EXPECT_EQ(wrong("  # caf\xc3\xa9\ndrain_s = 1"), "");
    EXPECT_THAT(wrong(std::string(70'000, '#')), HasSubstr("larger than"));
}

TEST(ServeConfig, TheEnvironmentWinsOverTheFile) {
    std::map<std::string, std::string> variables{{"ENTITLE_SERVER_LISTEN", "127.0.0.1:1,[::1]:2"},
                                                 {"ENABLE_DEMO_MODE", "false"},
                                                 {"DEMO_MODE_MAX_BOTS", "9"},
                                                 {"ENTITLE_SERVER_LOG_LEVEL", ""}};
    const Environment lookup = [&](const char* name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional(found->second);
    };
    const auto config = applyServeEnvironment(ServeConfig{}, lookup).value();
    EXPECT_THAT(config.http.listen, ElementsAre("127.0.0.1:1", "[::1]:2"));
    EXPECT_EQ(config.demo, (ServeConfig::Demo{false, 9}));
    for (const auto* bad : {"-1", "x", "9999999999", "3 "}) {
        variables["DEMO_MODE_MAX_BOTS"] = bad;
        EXPECT_THAT(applyServeEnvironment(ServeConfig{}, lookup).error().text(), HasSubstr("DEMO_MODE_MAX_BOTS"));
    }
}

TEST(OpenApi, DifferencesAreFoundBothWays) {
    HttpMetrics metrics;
    auto routes = healthRoutes(metrics, {}, [] { return false; });
    const auto only = [](std::string_view word, const std::vector<std::string>& differences) {
        return differences.size() == 1 && differences[0].find(word) != std::string::npos;
    };
    const std::string document =
        R"({"openapi":"3.1.0","paths":{"/a/{id}":{"get":{"operationId":"a","responses":{"200":{}},
        "parameters":[{"in":"path","name":"id"}]}}}})";
    Route route;
    route.method = "GET";
    route.pattern = "/a/{id}";
    EXPECT_TRUE(openApiDifferences(document, {route}).empty());
    EXPECT_TRUE(only("described and not served", openApiDifferences(document, {})));
    auto other = route;
    other.method = "PUT";
    EXPECT_TRUE(only("PUT /a/{id} is served and not described", openApiDifferences(document, {route, other})));
    route.access = Access::admin;
    EXPECT_TRUE(only("needs a token", openApiDifferences(document, {route})));
}

}  // namespace
}  // namespace entitle::testing
