// The rules that need no socket: routes, addresses, buckets, problems, pools.
#include <atomic>
#include <future>
#include <set>
#include <stdexcept>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "server/http/wire.h"
#include "server/http/workers.h"
#include "tests/server/http_fixture.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

std::string found(const Router& router, std::string_view method, std::string_view path) {
    const auto result = router.find(method, path);
    if (const auto* match = std::get_if<Router::Match>(&result)) {
        auto text = match->route->method + " " + match->route->pattern;
        for (const auto& [name, value] : match->parameters) text += " " + name + "=" + value;
        return text;
    }
    if (const auto* wrong = std::get_if<Router::WrongMethod>(&result)) return "allow " + wrong->allow;
    return std::holds_alternative<Router::NotFound>(result) ? "none" : "bad path";
}

TEST(HttpRouter, LiteralSegmentsWinOverParametersInWhateverOrderTheyStand) {
    const Router router({says("GET", "/v1/things/{id}", ""), says("GET", "/v1/things/mine", ""),
                         says("GET", "/{a}/{b}/mine", ""), says("GET", "/", "")});
    EXPECT_EQ(found(router, "GET", "/v1/things/mine"), "GET /v1/things/mine");
    EXPECT_EQ(found(router, "GET", "/v1/things/7"), "GET /v1/things/{id} id=7");
    EXPECT_EQ(found(router, "GET", "/x/y/mine"), "GET /{a}/{b}/mine a=x b=y");
    EXPECT_EQ(found(router, "HEAD", "/"), "GET /");
}

TEST(HttpRouter, AnotherMethodIsToldWhichOnesThereAre) {
    const Router router({says("GET", "/a", ""), says("POST", "/a", ""), says("DELETE", "/b/{id}", "")});
    EXPECT_EQ(found(router, "PUT", "/a"), "allow GET, HEAD, POST");
    EXPECT_EQ(found(router, "HEAD", "/b/1"), "allow DELETE");
    EXPECT_EQ(found(router, "BREW", "/a"), "allow GET, HEAD, POST");
}

TEST(HttpRouter, ParametersAreDecodedAndNeverEmpty) {
    const Router router({says("GET", "/a/{id}", "")});
    EXPECT_EQ(found(router, "GET", "/a/x%2Fy%20z"), "GET /a/{id} id=x/y z");
    EXPECT_EQ(found(router, "GET", "/a/"), "none");
    EXPECT_EQ(found(router, "GET", "/a/b/c"), "none");
    for (const auto* bad : {"/a/%", "/a/%4", "/a/%zz", "/a/%00", "/a/%0d%0a", "/a/%7f"})
        EXPECT_EQ(found(router, "GET", bad), "bad path") << bad;
    EXPECT_EQ(found(router, "GET", "a"), "bad path");
}

TEST(HttpRouter, ATableThatCannotBeMeantIsRefused) {
    const auto refused = [](std::vector<Route> routes) {
        try {
            const Router router(std::move(routes));
            return false;
        } catch (const std::invalid_argument&) {
            return true;
        }
    };
    EXPECT_TRUE(refused({says("GET", "/a/{x}", ""), says("GET", "/a/{y}", "")}));
    EXPECT_TRUE(refused({says("get", "/a", "")}));
    EXPECT_TRUE(refused({says("GET", "a", "")}));
    EXPECT_TRUE(refused({says("GET", "/a{x}", "")}));
    EXPECT_TRUE(refused({says("GET", "/{x}/{x}", "")}));
    EXPECT_TRUE(refused({says("GET", "/{}", "")}));
    auto quick = says("GET", "/q", "");
    quick.work = Work::none;
    EXPECT_TRUE(refused({quick}));
    EXPECT_FALSE(refused({says("GET", "/a/{x}", ""), says("POST", "/a/{y}", "")}));
}

TEST(HttpMessage, QueryParametersAreDecodedOnce) {
    HttpRequest request;
    request.query = "a=1&b=x%26y+z&c&a=2&d=%2541&e=%0a";
    EXPECT_EQ(request.parameter("a"), "1");
    EXPECT_EQ(request.parameter("b"), "x&y z");
    EXPECT_EQ(request.parameter("c"), "");
    EXPECT_EQ(request.parameter("d"), "%41");
    EXPECT_EQ(request.parameter("e"), std::nullopt);
    EXPECT_EQ(request.parameter("f"), std::nullopt);
}

TEST(HttpProblem, HasEveryMemberItPromises) {
    auto response = problem(429, "too-many-requests", "Say \"please\".", 7s);
    nameRequest(response, "abc-1");
    EXPECT_EQ(response.contentType, "application/problem+json");
    EXPECT_EQ(boost::json::parse(response.body),
              boost::json::parse(R"({"type":"about:blank","title":"Too Many Requests","status":429,)"
                                 R"("code":"too-many-requests","detail":"Say \"please\".","request_id":"abc-1"})"));
    EXPECT_THAT(response.headers, ::testing::ElementsAre(::testing::Pair("Retry-After", "7")));
}

TEST(HttpWire, AHeaderValueCannotEndItsLine) {
    HttpResponse response;
    response.headers.emplace_back("X-A", "one\r\nX-B: two");
    response.headers.emplace_back("X-C", "three");
    const auto text = serialized(response, {noon, "id", false, true, 11});
    EXPECT_EQ(text.find("X-B"), std::string::npos);
    EXPECT_NE(text.find("X-C: three\r\n"), std::string::npos);
    EXPECT_NE(text.find("Date: Sun, 22 Nov 2026 12:00:00 GMT\r\n"), std::string::npos);
}

TEST(HttpAccessLog, LinesStayLinesWhateverAClientSends) {
    AccessRecord record;
    record.at = noon;
    record.requestId = "r";
    record.peer = "192.0.2.1";
    record.method = "GET\"\n{\x80";
    record.route = "/a";
    record.status = 200;
    record.took = 1500us;
    const auto line = toJsonLine(record);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto json = boost::json::parse(line);
    EXPECT_EQ(json.at("at"), "2026-11-22T12:00:00Z");
    EXPECT_EQ(json.at("method"), "GET\"\n{?");
    EXPECT_DOUBLE_EQ(json.at("ms").as_double(), 1.5);
}

TEST(HttpNetworks, ContainsExactlyTheirAddresses) {
    Networks networks;
    EXPECT_TRUE(networks.add("10.0.0.0/8"));
    EXPECT_TRUE(networks.add("192.0.2.128/25"));
    EXPECT_TRUE(networks.add("2001:db8::/32"));
    EXPECT_TRUE(networks.add("203.0.113.7"));
    for (const auto* wrong : {"", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "host", "::/129"})
        EXPECT_FALSE(networks.add(wrong)) << wrong;
    const auto in = [&](const char* text) { return networks.contains(IpAddress::parse(text).value()); };
    EXPECT_TRUE(in("10.255.0.1"));
    EXPECT_TRUE(in("192.0.2.128"));
    EXPECT_TRUE(in("2001:db8:ffff::1"));
    EXPECT_TRUE(in("203.0.113.7"));
    EXPECT_FALSE(in("11.0.0.1"));
    EXPECT_FALSE(in("192.0.2.127"));
    EXPECT_FALSE(in("2001:db9::1"));
    EXPECT_FALSE(in("203.0.113.8"));
    EXPECT_TRUE(in("::ffff:10.1.2.3")) << "the mapped form is the same address";
}

TEST(HttpNetworks, OnlyAProxyOfOursIsBelieved) {
    Networks proxies;
    proxies.add("10.0.0.0/8");
    const auto client = [&](const char* peer, std::string_view forwarded) {
        return clientAddress(IpAddress::parse(peer).value(), forwarded, proxies).text();
    };
    EXPECT_EQ(client("10.0.0.1", "192.0.2.7"), "192.0.2.7");
    EXPECT_EQ(client("10.0.0.1", "1.1.1.1, 192.0.2.7 , 10.0.0.2"), "192.0.2.7")
        << "what the client wrote is left alone";
    EXPECT_EQ(client("192.0.2.9", "1.1.1.1"), "192.0.2.9");
    EXPECT_EQ(client("10.0.0.1", ""), "10.0.0.1");
    EXPECT_EQ(client("10.0.0.1", "1.1.1.1, junk"), "10.0.0.1");
    EXPECT_EQ(client("10.0.0.1", "2001:db8::1"), "2001:db8::1");
}

TEST(HttpRates, ABurstThenAnEvenFlow) {
    RateLimiter limiter({3, 60s});
    const auto who = IpAddress::parse("192.0.2.1").value();
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.take(who, 0s));
    EXPECT_EQ(limiter.take(who, 0s), 20s);
    EXPECT_EQ(limiter.take(who, 15s), 5s);
    EXPECT_FALSE(limiter.take(who, 20s));
    EXPECT_TRUE(limiter.take(who, 20s));
    EXPECT_FALSE(limiter.take(IpAddress::parse("192.0.2.2").value(), 20s)) << "others are not concerned";
}

TEST(HttpRates, NeverMoreThanTheRateAllowsOverAnyHistory) {
    rc::check([](const std::vector<std::uint16_t>& pauses) {
        RateLimiter limiter({5, 10s});
        const auto who = IpAddress::parse("2001:db8::1").value();
        std::chrono::milliseconds now{0};
        int taken = 0;
        for (const auto pause : pauses) {
            now += std::chrono::milliseconds(pause % 4'000);
            if (!limiter.take(who, now)) ++taken;
            RC_ASSERT(taken <= 5 + now.count() / 2'000.0 + 1e-6);
        }
    });
}

TEST(HttpRates, AWholeIpv6NetworkIsOneParty) {
    RateLimiter limiter({1, 60s});
    EXPECT_FALSE(limiter.take(IpAddress::parse("2001:db8:0:1::1").value(), 0s));
    EXPECT_TRUE(limiter.take(IpAddress::parse("2001:db8:0:1:ffff::2").value(), 0s));
    EXPECT_FALSE(limiter.take(IpAddress::parse("2001:db8:0:2::1").value(), 0s));
}

TEST(HttpRates, MemoryIsBoundedAndTheBusyAreRemembered) {
    RateLimiter limiter({2, 60s}, 100);
    const auto busy = IpAddress::parse("192.0.2.1").value();
    limiter.take(busy, 0s);
    limiter.take(busy, 0s);
    for (int i = 0; i < 1'000; ++i) {
        limiter.take(IpAddress::parse("10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)).value(), 0s);
        EXPECT_TRUE(limiter.take(busy, 0s));
    }
    EXPECT_EQ(limiter.size(), 100u);
}

TEST(HttpWorkers, AFullQueueSaysSoAndWhatWasAdmittedIsStillDone) {
    const auto make = [] { return std::make_shared<Worker>(); };
    std::promise<void> release;
    const auto released = release.get_future().share();
    std::atomic<int> done{0};
    Workers workers(1, 2, make);
    std::promise<void> entered;
    ASSERT_TRUE(workers.post([&](Worker&) {
        entered.set_value();
        released.wait();
    }));
    entered.get_future().wait();
    EXPECT_TRUE(workers.post([&](Worker&) { ++done; }));
    EXPECT_TRUE(workers.post([&](Worker&) { ++done; }));
    EXPECT_FALSE(workers.post([&](Worker&) { ++done; }));
    workers.postAdmitted([&](Worker&) { ++done; });
    EXPECT_EQ(workers.queued(), 3u);
    release.set_value();
    EXPECT_TRUE(eventually([&] { return done == 3; }));
}

TEST(HttpWorkers, WhatMakingAWorkerThrowsIsThrownToTheStarter) {
    std::atomic<int> made{0};
    const auto make = [&]() -> std::shared_ptr<Worker> {
        if (++made == 2) throw std::runtime_error("no database");
        return std::make_shared<Worker>();
    };
    EXPECT_THROW(Workers(3, 1, make), std::runtime_error);
}

}  // namespace
}  // namespace entitle::testing
