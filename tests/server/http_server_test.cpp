// The server as its clients meet it: real sockets on loopback.
#include <atomic>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/http_fixture.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Route echo() {
    auto route = says("POST", "/echo", "");
    route.handler = [](Worker&, const Call& call) {
        HttpResponse response;
        response.body = call.request.body;
        return response;
    };
    route.bodyLimit = 1'000;
    return route;
}

// Handlers that stay until they are let go.
struct Gate {
    std::promise<void> open;
    std::shared_future<void> opened = open.get_future().share();
    std::atomic<int> entered{0};
    Route route(std::string pattern = "/slow") {
        auto route = says("GET", std::move(pattern), "");
        route.handler = [this](Worker&, const Call&) {
            ++entered;
            opened.wait();
            HttpResponse response;
            response.body = "done";
            return response;
        };
        return route;
    }
    ~Gate() {
        if (opened.wait_for(0s) != std::future_status::ready) open.set_value();
    }
};

// Routes that wait for news.
struct News {
    std::mutex mutex;
    std::vector<Wake> wakes;
    std::atomic<int> registered{0};
    std::atomic<int> dropped{0};
    std::chrono::milliseconds atMost{30'000};
    Route route() {
        auto route = says("POST", "/wait", "");
        route.handler = [this](Worker&, const Call&) -> Reply {
            Waiting waiting;
            waiting.atMost = atMost;
            waiting.registration = std::shared_ptr<void>(nullptr, [this](void*) { ++dropped; });
            waiting.answer = [](Worker&, bool woken, Instant) {
                HttpResponse response;
                response.body = woken ? "news" : "nothing";
                return response;
            };
            const std::scoped_lock lock(mutex);
            wakes.push_back(waiting.wake);
            ++registered;
            return waiting;
        };
        return route;
    }
    void tell() {
        const std::scoped_lock lock(mutex);
        for (const auto& wake : wakes) wake.fire();
    }
};

TEST(HttpServer, AConnectionServesOneRequestAfterTheOther) {
    HttpFixture http;
    http.start({says("GET", "/a", R"({"a":1})"), echo()});
    Client client(http.port());
    for (int i = 0; i < 3; ++i) {
        const auto got = client.ask(get("/a"));
        EXPECT_EQ(got.status, 200);
        EXPECT_EQ(got.body, R"({"a":1})");
        EXPECT_EQ(got.header("content-type"), "application/json");
        EXPECT_EQ(got.header("connection"), "");
        EXPECT_EQ(got.header("cache-control"), "no-store");
        EXPECT_EQ(got.header("date"), "Sun, 22 Nov 2026 12:00:00 GMT");
    }
    EXPECT_EQ(client.ask(post("/echo", "[1]")).body, "[1]");
    EXPECT_EQ(http.server->connections(), 1u);
}

TEST(HttpServer, PipelinedRequestsAreAnsweredInTheirOrder) {
    HttpFixture http;
    http.start({says("GET", "/a", "A"), says("GET", "/b", "B"), echo()});
    Client client(http.port());
    ASSERT_TRUE(client.send(get("/a") + post("/echo", "middle") + get("/b") + get("/none") + get("/a")));
    EXPECT_EQ(client.receive().body, "A");
    EXPECT_EQ(client.receive().body, "middle");
    EXPECT_EQ(client.receive().body, "B");
    EXPECT_EQ(client.receive().status, 404);
    EXPECT_EQ(client.receive().body, "A");
}

TEST(HttpServer, ARequestArrivingByteByByteIsTheSameRequest) {
    HttpFixture http;
    http.start({echo()});
    Client client(http.port());
    for (const char byte : post("/echo", "{\"slow\":true}")) ASSERT_TRUE(client.send({&byte, 1}));
    EXPECT_EQ(client.receive().body, "{\"slow\":true}");
    for (const char byte :
         std::string("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n"))
        ASSERT_TRUE(client.send({&byte, 1}));
    EXPECT_EQ(client.receive().body, "abcde");
}

TEST(HttpServer, HeadSaysTheLengthAndSendsNoBody) {
    HttpFixture http;
    http.start({says("GET", "/a", "four")});
    Client client(http.port());
    ASSERT_TRUE(client.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + get("/a")));
    const auto head = client.receive(true);
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("content-length"), "4");
    EXPECT_EQ(client.receive().body, "four");
}

TEST(HttpServer, AnUnknownPathAMethodAndATypeHaveTheirOwnCodes) {
    HttpFixture http;
    http.start({says("GET", "/a", ""), says("POST", "/a", ""), echo()});
    Client client(http.port());
    const auto none = client.ask(get("/b"));
    EXPECT_EQ(none.status, 404);
    EXPECT_EQ(none.code(), "no-such-route");
    const auto wrong = client.ask("PUT /a HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_EQ(wrong.status, 405);
    EXPECT_EQ(wrong.header("allow"), "GET, HEAD, POST");
    EXPECT_EQ(wrong.code(), "method-not-allowed");
    EXPECT_EQ(client.ask(post("/echo", "{}", "", "application/json; charset=utf-8")).status, 200);
    EXPECT_EQ(client.ask(post("/echo", "", "", "text/plain")).status, 200) << "no body, no type";
    EXPECT_EQ(client.ask(get("/%zz")).code(), "bad-path");
    const auto type = client.ask(post("/echo", "a=b", "", "application/x-www-form-urlencoded"));
    EXPECT_EQ(type.status, 415);
    EXPECT_EQ(type.code(), "wrong-content-type");
    EXPECT_TRUE(client.closedWithin(5s)) << "its body was not read";
}

TEST(HttpServer, ABodyIsAsLargeAsItsRouteAllows) {
    HttpFixture http;
    http.start({echo()});
    EXPECT_EQ(Client(http.port()).ask(post("/echo", std::string(1'000, 'x'))).status, 200);
    const auto large = Client(http.port()).ask(post("/echo", std::string(1'001, 'x')));
    EXPECT_EQ(large.status, 413);
    EXPECT_EQ(large.code(), "body-too-large");
    // Announced, never sent: the answer does not wait for it.
    EXPECT_EQ(Client(http.port())
                  .ask("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                       "Content-Length: 1073741824\r\n\r\n")
                  .status,
              413);
    std::string chunks =
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Transfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 3; ++i) chunks += "190\r\n" + std::string(400, 'x') + "\r\n";
    EXPECT_EQ(Client(http.port()).ask(chunks + "0\r\n\r\n").status, 413);
}

TEST(HttpServer, ARefusalReachesAClientThatIsStillSending) {
    HttpFixture http;
    http.start({echo()});
    Client client(http.port());
    const auto got = client.ask(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
        "Content-Length: 900000\r\n\r\n" +
        std::string(600'000, 'x'));
    EXPECT_EQ(got.status, 413);
}

TEST(HttpServer, WhoExpectsToContinueIsToldTo) {
    HttpFixture http;
    http.start({echo()});
    Client client(http.port());
    ASSERT_TRUE(
        client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                    "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
    EXPECT_EQ(client.receive().status, 100);
    EXPECT_EQ(client.ask("{}").body, "{}");
    EXPECT_EQ(client.ask(get("/echo", "Expect: miracles\r\n")).status, 417);
}

TEST(HttpServer, OldClientsAreAnsweredInTheirVersion) {
    HttpFixture http;
    http.start({says("GET", "/a", "A")});
    Client client(http.port());
    const auto got = client.ask("GET /a HTTP/1.0\r\n\r\n");
    EXPECT_THAT(got.head, HasSubstr("HTTP/1.0 200 OK"));
    EXPECT_EQ(got.header("connection"), "close");
    EXPECT_TRUE(client.closedWithin(5s));
    Client kept(http.port());
    EXPECT_EQ(kept.ask("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").header("connection"), "keep-alive");
    EXPECT_EQ(kept.ask("GET /a HTTP/1.0\r\n\r\n").body, "A");
}

TEST(HttpServer, TheLastRequestOfAConnectionSaysSo) {
    HttpFixture http;
    http.options.requestsPerConnection = 2;
    http.start({says("GET", "/a", "A")});
    Client client(http.port());
    EXPECT_EQ(client.ask(get("/a")).header("connection"), "");
    EXPECT_EQ(client.ask(get("/a")).header("connection"), "close");
    EXPECT_TRUE(client.closedWithin(5s));
}

TEST(HttpServer, EveryRequestHasAnIdOfItsOwnOrItsClients) {
    HttpFixture http;
    http.start({says("GET", "/a", "")});
    Client client(http.port());
    const auto first = client.ask(get("/a")).header("x-request-id");
    EXPECT_EQ(first.size(), 24u);
    EXPECT_NE(client.ask(get("/a")).header("x-request-id"), first);
    EXPECT_EQ(client.ask(get("/a", "X-Request-Id: from-the-proxy.7\r\n")).header("x-request-id"), "from-the-proxy.7");
    EXPECT_EQ(client.ask(get("/a", "X-Request-Id: a b\"c\r\n")).header("x-request-id").size(), 24u);
    const auto problem = client.ask(get("/none", "X-Request-Id: mine\r\n"));
    EXPECT_THAT(problem.body, HasSubstr(R"("request_id":"mine")"));
    ASSERT_TRUE(eventually([&] { return http.records().size() == 5; }));
    EXPECT_EQ(http.records()[0].requestId, first);
}

TEST(HttpServer, TheLogHasALinePerRequestAndNoSecrets) {
    HttpFixture http;
    http.hooks.authenticate = [](Worker&, std::string_view token, Access, Instant) -> std::optional<Caller> {
        if (token != "cot_secret") return std::nullopt;
        Caller caller;
        caller.account = "acc_1";
        return caller;
    };
    auto mine = says("POST", "/mine/{id}", "");
    mine.access = Access::user;
    http.start({mine});
    Client client(http.port());
    EXPECT_EQ(client.ask(post("/mine/CO-SECRET?key=CO-SECRET", "\"CO-SECRET\"", "Authorization: Bearer cot_secret\r\n"))
                  .status,
              200);
    EXPECT_EQ(client.ask(get("/CO-SECRET")).status, 404);
    ASSERT_TRUE(eventually([&] { return http.records().size() == 2; }));
    const auto record = http.records()[0];
    EXPECT_EQ(record.route, "/mine/{id}");
    EXPECT_EQ(record.account, "acc_1");
    EXPECT_EQ(record.status, 200);
    EXPECT_EQ(record.peer, "127.0.0.1");
    EXPECT_EQ(record.bytesIn, 11u);
    EXPECT_EQ(http.records()[1].code, "no-such-route");
    for (const auto& each : http.records()) EXPECT_EQ(toJsonLine(each).find("ecret"), std::string::npos);
    for (const auto& each : http.records()) EXPECT_EQ(toJsonLine(each).find("SECRET"), std::string::npos);
}

TEST(HttpServer, ATokenOpensWhatItsOwnerMay) {
    HttpFixture http;
    http.hooks.authenticate = [](Worker&, std::string_view token, Access, Instant) -> std::optional<Caller> {
        Caller caller;
        if (token == "device") caller.license = "lic_1";
        if (token == "user" || token == "admin") caller.account = "acc_1";
        caller.admin = token == "admin";
        if (caller.account.empty() && caller.license.empty()) return std::nullopt;
        return caller;
    };
    std::vector<Route> routes;
    for (const auto& [path, access] : std::vector<std::pair<std::string, Access>>{
             {"/bearer", Access::bearer}, {"/user", Access::user}, {"/admin", Access::admin}}) {
        routes.push_back(says("GET", path, "in"));
        routes.back().access = access;
    }
    http.start(routes);
    Client client(http.port());
    const auto ask = [&](const char* path, const std::string& token) {
        const auto got = client.ask(get(path, token.empty() ? "" : "Authorization: Bearer " + token + "\r\n"));
        return got.status == 200 ? got.body : got.code();
    };
    EXPECT_EQ(ask("/bearer", ""), "token-missing");
    EXPECT_EQ(ask("/bearer", "stranger"), "token-invalid");
    EXPECT_EQ(ask("/bearer", "bad token"), "token-invalid");
    EXPECT_EQ(ask("/bearer", std::string(600, 'a')), "token-invalid");
    EXPECT_EQ(ask("/bearer", "device"), "in");
    EXPECT_EQ(ask("/user", "device"), "account-needed");
    EXPECT_EQ(ask("/user", "user"), "in");
    EXPECT_EQ(ask("/admin", "user"), "admin-only");
    EXPECT_EQ(ask("/admin", "admin"), "in");
    EXPECT_EQ(client.ask(get("/user")).header("www-authenticate"), "Bearer");
    EXPECT_EQ(client.ask(get("/user", "Authorization: Basic dXNlcg==\r\n")).code(), "token-invalid");
}

TEST(HttpServer, AFaultIsToldByItsIdAndLoggedByItsWords) {
    HttpFixture http;
    auto route = says("GET", "/fault", "");
    route.handler = [](Worker&, const Call&) -> Reply { throw std::runtime_error("disk on fire"); };
    auto odd = says("GET", "/odd", "");
    odd.handler = [](Worker&, const Call&) -> Reply { throw 7; };
    http.start({route, odd});
    Client client(http.port());
    const auto got = client.ask(get("/fault"));
    EXPECT_EQ(got.status, 500);
    EXPECT_EQ(got.code(), "internal");
    EXPECT_EQ(got.body.find("fire"), std::string::npos);
    EXPECT_THAT(http.complaints(), ::testing::ElementsAre(HasSubstr("disk on fire")));
    EXPECT_EQ(client.ask(get("/odd")).status, 500);
}

TEST(HttpServer, AFullQueueIsToldToComeAgain) {
    Gate gate;
    HttpFixture http;
    http.options.databaseWorkers = 1;
    http.options.databaseQueue = 1;
    http.start({gate.route()});
    Client working(http.port());
    Client queued(http.port());
    ASSERT_TRUE(working.send(get("/slow")));
    ASSERT_TRUE(eventually([&] { return gate.entered == 1; }));
    ASSERT_TRUE(queued.send(get("/slow")));
    Client third(http.port());
    Received got;
    ASSERT_TRUE(eventually([&] {
        Client refused(http.port());
        if (!refused.send(get("/slow"))) return false;
        got = refused.receive(false, 100ms);
        return got.status == 503;
    }));
    EXPECT_EQ(got.code(), "overloaded");
    EXPECT_NE(got.header("retry-after"), "");
    gate.open.set_value();
    EXPECT_EQ(working.receive().body, "done");
}

TEST(HttpServer, RequestsBeyondTheRateAreToldWhenToComeAgain) {
    HttpFixture http;
    http.options.rates.general = {5, 60s};
    http.start({says("GET", "/a", "")});
    Client client(http.port());
    for (int i = 0; i < 5; ++i) EXPECT_EQ(client.ask(get("/a")).status, 200);
    const auto got = client.ask(get("/a"));
    EXPECT_EQ(got.status, 429);
    EXPECT_EQ(got.code(), "too-many-requests");
    EXPECT_GE(std::stoi(got.header("retry-after")), 1);
    EXPECT_EQ(Client(http.port(), "127.0.0.2").ask(get("/a")).status, 200);
}

TEST(HttpServer, WrongSecretsOfAnAddressAreCountedAndThenRefusedUnseen) {
    HttpFixture http;
    http.options.rates.wrongSecrets = {3, 60s};
    std::atomic<int> tries{0};
    auto route = says("POST", "/activate", "");
    route.rate = Rate::secret;
    route.handler = [&](Worker&, const Call& call) {
        ++tries;
        if (call.request.body == "\"right\"") return HttpResponse{};
        auto no = problem(404, "bad-key", "No such key.");
        no.wrongSecret = true;
        return no;
    };
    http.start({route, says("GET", "/other", "")});
    Client client(http.port());
    EXPECT_EQ(client.ask(post("/activate", "\"right\"")).status, 200);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(client.ask(post("/activate", "\"wrong\"")).status, 404);
    EXPECT_EQ(client.ask(get("/other")).status, 200) << "the rest of the API is not concerned";
    const auto got = client.ask(post("/activate", "\"right\""));
    EXPECT_EQ(got.status, 429);
    EXPECT_EQ(got.code(), "too-many-wrong-secrets");
    EXPECT_EQ(tries, 4);
}

TEST(HttpServer, BehindAProxyTheClientIsWhoTheProxySaysAndNobodyElse) {
    HttpFixture http;
    ASSERT_TRUE(http.options.proxies.add("127.0.0.1"));
    http.options.rates.general = {1, 60s};
    http.start({says("GET", "/a", "")});
    Client proxy(http.port());
    EXPECT_EQ(proxy.ask(get("/a", "X-Forwarded-For: 6.6.6.6, 192.0.2.1\r\n")).status, 200);
    EXPECT_EQ(proxy.ask(get("/a", "X-Forwarded-For: 192.0.2.2\r\n")).status, 200);
    EXPECT_EQ(proxy.ask(get("/a", "X-Forwarded-For: 7.7.7.7\r\nX-Forwarded-For: 192.0.2.1\r\n")).status, 429);
    Client liar(http.port(), "127.0.0.9");
    EXPECT_EQ(liar.ask(get("/a", "X-Forwarded-For: 192.0.2.50\r\n")).status, 200);
    EXPECT_EQ(liar.ask(get("/a", "X-Forwarded-For: 192.0.2.51\r\n")).status, 429);
    ASSERT_TRUE(eventually([&] { return http.records().size() == 5; }));
    EXPECT_EQ(http.records()[0].peer, "192.0.2.1");
    EXPECT_EQ(http.records()[3].peer, "127.0.0.9");
}

TEST(HttpServer, AnAddressHasItsShareOfConnectionsAndNoMore) {
    HttpFixture http;
    http.options.connectionsPerAddress = 3;
    http.start({says("GET", "/a", "A")});
    std::vector<std::unique_ptr<Client>> held;
    for (int i = 0; i < 3; ++i) {
        held.push_back(std::make_unique<Client>(http.port()));
        EXPECT_EQ(held.back()->ask(get("/a")).body, "A");
    }
    EXPECT_TRUE(Client(http.port()).closedWithin(5s));
    EXPECT_EQ(Client(http.port(), "127.0.0.2").ask(get("/a")).body, "A");
    held.pop_back();
    EXPECT_TRUE(eventually([&] { return Client(http.port()).ask(get("/a")).status == 200; }));
    EXPECT_THAT(http.metrics.text(), HasSubstr("entitle_http_connections_refused_total{reason=\"address-limit\"}"));
}

TEST(HttpServer, ASlowHeadBodyOrReaderIsCutOff) {
    HttpFixture http;
    http.options.headTime = 150ms;
    http.options.bodyTime = 150ms;
    http.options.idleTime = 300ms;
    http.options.writeTime = 150ms;
    http.start({echo(), says("GET", "/large", std::string(64 << 20, 'x'))});

    Client idle(http.port());
    Client head(http.port());
    ASSERT_TRUE(head.send("GET /a HTTP/1.1\r\nHos"));
    EXPECT_EQ(head.receive().status, 408);
    EXPECT_TRUE(head.closedWithin(5s));

    Client body(http.port());
    ASSERT_TRUE(
        body.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                  "Content-Length: 10\r\n\r\nabc"));
    EXPECT_EQ(body.receive().code(), "request-timeout");
    EXPECT_TRUE(body.closedWithin(5s));

    EXPECT_TRUE(idle.closedWithin(5s));

    // It asks and does not read: what the kernel does not take, is not kept for ever.
    Client reader(http.port());
    ASSERT_TRUE(reader.send(get("/large")));
    EXPECT_TRUE(eventually([&] { return http.server->connections() == 0; }));
}

TEST(HttpServer, ADripOfHeaderLinesDoesNotExtendTheTime) {
    HttpFixture http;
    http.options.headTime = 300ms;
    http.start({says("GET", "/a", "")});
    Client drip(http.port());
    ASSERT_TRUE(drip.send("GET /a HTTP/1.1\r\nHost: h\r\n"));
    int lines = 0;
    for (; lines < 1'000 && drip.silentFor(10ms); ++lines) {
        if (!drip.send("X-A: b\r\n")) break;
    }
    EXPECT_LT(lines, 200);
    EXPECT_TRUE(drip.closedWithin(5s));
}

TEST(HttpServer, AWaitingRequestIsAnsweredWhenThereAreNews) {
    News news;
    HttpFixture http;
    http.start({news.route(), says("GET", "/a", "A")});
    Client client(http.port());
    ASSERT_TRUE(client.send(post("/wait", "{}")));
    ASSERT_TRUE(eventually([&] { return news.registered == 1; }));
    EXPECT_EQ(Client(http.port()).ask(get("/a")).body, "A") << "waiting occupies no worker";
    EXPECT_TRUE(client.silentFor(20ms));
    news.tell();
    EXPECT_EQ(client.receive().body, "news");
    EXPECT_EQ(news.dropped, 1);
    EXPECT_EQ(client.ask(get("/a")).body, "A");
    news.tell();
}

TEST(HttpServer, AWaitThatRunsOutOfTimeIsAnsweredWithoutNews) {
    News news;
    news.atMost = 50ms;
    HttpFixture http;
    http.start({news.route()});
    Client client(http.port());
    EXPECT_EQ(client.ask(post("/wait", "{}")).body, "nothing");
    EXPECT_EQ(client.ask(post("/wait", "{}")).body, "nothing");
    EXPECT_EQ(news.dropped, 2);
}

TEST(HttpServer, NewsBetweenRegistrationAndWaitAreNotMissed) {
    News news;
    HttpFixture http;
    auto route = news.route();
    const auto handler = route.handler;
    route.handler = [&news, handler](Worker& worker, const Call& call) {
        auto reply = handler(worker, call);
        news.tell();
        return reply;
    };
    http.start({route});
    EXPECT_EQ(Client(http.port()).ask(post("/wait", "{}")).body, "news");
}

TEST(HttpServer, AWaitingClientThatLeavesIsForgottenAtOnce) {
    News news;
    HttpFixture http;
    http.start({news.route()});
    Client closes(http.port());
    auto resets = std::make_unique<Client>(http.port());
    ASSERT_TRUE(closes.send(post("/wait", "{}")));
    ASSERT_TRUE(resets->send(post("/wait", "{}")));
    ASSERT_TRUE(eventually([&] { return news.registered == 2; }));
    closes.halfClose();
    resets->reset();
    EXPECT_TRUE(eventually([&] { return news.dropped == 2 && http.server->connections() == 0; }));
    news.tell();
    ASSERT_EQ(http.records().size(), 2u);
    EXPECT_EQ(http.records()[0].status, 0);
}

TEST(HttpServer, ARequestPipelinedBehindAWaitingOneComesAfterIt) {
    News news;
    HttpFixture http;
    http.start({news.route(), says("GET", "/a", "A")});
    Client together(http.port());
    Client later(http.port());
    ASSERT_TRUE(together.send(post("/wait", "{}") + get("/a")));
    ASSERT_TRUE(later.send(post("/wait", "{}")));
    ASSERT_TRUE(eventually([&] { return news.registered == 2; }));
    ASSERT_TRUE(later.send(get("/a") + get("/a")));
    EXPECT_TRUE(together.silentFor(20ms));
    EXPECT_TRUE(later.silentFor(20ms));
    news.tell();
    EXPECT_EQ(together.receive().body, "news");
    EXPECT_EQ(together.receive().body, "A");
    EXPECT_EQ(later.receive().body, "news");
    EXPECT_EQ(later.receive().body, "A");
    EXPECT_EQ(later.receive().body, "A");
}

TEST(HttpServer, DrainingFinishesWhatIsAtWorkAndEndsTheRest) {
    Gate gate;
    News news;
    HttpFixture http;
    http.start({gate.route(), news.route(), says("GET", "/a", "A")});
    const auto port = http.port();
    Client idle(port);
    EXPECT_EQ(idle.ask(get("/a")).body, "A");
    Client fresh(port);
    Client working(port);
    Client waiting(port);
    ASSERT_TRUE(working.send(get("/slow")));
    ASSERT_TRUE(waiting.send(post("/wait", "{}")));
    ASSERT_TRUE(eventually([&] { return gate.entered == 1 && news.registered == 1; }));

    auto drained = std::async(std::launch::async, [&] { return http.server->drain(20s); });
    EXPECT_TRUE(idle.closedWithin(5s));
    EXPECT_TRUE(fresh.closedWithin(5s));
    const auto told = waiting.receive();
    EXPECT_EQ(told.status, 503);
    EXPECT_EQ(told.code(), "draining");
    EXPECT_THROW(Client{port}, std::runtime_error) << "nobody listens any more";
    EXPECT_TRUE(http.server->draining());
    gate.open.set_value();
    const auto done = working.receive();
    EXPECT_EQ(done.body, "done");
    EXPECT_EQ(done.header("connection"), "close");
    waiting.halfClose();
    working.halfClose();
    EXPECT_TRUE(drained.get());
}

TEST(HttpServer, DrainingIsBounded) {
    Gate gate;
    HttpFixture http;
    http.start({gate.route()});
    Client working(http.port());
    ASSERT_TRUE(working.send(get("/slow")));
    ASSERT_TRUE(eventually([&] { return gate.entered == 1; }));
    EXPECT_FALSE(http.server->drain(50ms));
    EXPECT_TRUE(working.closedWithin(5s));
    gate.open.set_value();
}

TEST(HttpServer, EndsCleanlyInTheMiddleOfEverything) {
    for (int threads = 1; threads <= 2; ++threads) {
        Gate gate;
        News news;
        HttpFixture http;
        http.options.networkThreads = threads;
        http.start({gate.route(), news.route()});
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 20; ++i) {
            clients.push_back(std::make_unique<Client>(http.port()));
            ASSERT_TRUE(clients.back()->send(i % 2 == 0 ? post("/wait", "{}") : get("/slo")));
        }
        clients.push_back(std::make_unique<Client>(http.port()));
        ASSERT_TRUE(clients.back()->send(get("/slow")));
        ASSERT_TRUE(eventually([&] { return news.registered == 10 && gate.entered == 1; }));
        std::thread teller([&] { news.tell(); });
        gate.open.set_value();
        http.server.reset();
        teller.join();
        EXPECT_TRUE(eventually([&] { return news.dropped == 10; }));
        news.tell();
        for (auto& client : clients) EXPECT_TRUE(client->closedWithin(5s));
    }
}

TEST(HttpServer, PlainHttpStaysOnLoopbackUnlessAProxyIsThere) {
    HttpFixture http;
    http.options.listen = {"0.0.0.0:0"};
    EXPECT_THROW(http.start({}), std::runtime_error);
    http.options.behindProxy = true;
    http.start({});
    for (const auto* wrong : {"", "8000", "host:80", "127.0.0.1", "127.0.0.1:99999", "::1:80", "[127.0.0.1]:80"}) {
        HttpFixture other;
        other.options.listen = {wrong};
        EXPECT_THROW(other.start({}), std::runtime_error) << wrong;
    }
    HttpFixture taken;
    taken.options.listen = {"127.0.0.1:" + std::to_string(http.port())};
    EXPECT_THROW(taken.start({}), std::runtime_error);
}

TEST(HttpServer, MetricsCountByRouteNotByPath) {
    HttpFixture http;
    http.metrics.sample("entitle_test_depth", "For the test", false, [] { return 3.0; });
    http.start({says("GET", "/a/{id}", "A")});
    Client client(http.port());
    for (const auto* path : {"/a/1", "/a/2", "/b/3", "/b/4"}) client.ask(get(path));
    ASSERT_TRUE(eventually([&] { return http.records().size() == 4; }));
    const auto text = http.metrics.text();
    EXPECT_THAT(text, HasSubstr("entitle_http_requests_total{method=\"GET\",route=\"/a/{id}\",status=\"200\"} 2"));
    EXPECT_THAT(text, HasSubstr("entitle_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 2"));
    EXPECT_THAT(text, HasSubstr("entitle_http_connections 1"));
    EXPECT_THAT(text, HasSubstr("entitle_test_depth 3"));
}

}  // namespace
}  // namespace entitle::testing
