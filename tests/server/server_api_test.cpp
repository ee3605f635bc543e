// The API's handlers over the real store, without sockets.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

#include "license/exchange.h"
#include "license/fingerprint.h"
#include "server/accounts.h"
#include "server/device_exchange.h"
#include "server/http/openapi.h"
#include "server/rotation.h"
#include "server/service.h"
#include "tests/server/described.h"
#include "tests/server/desk.h"
#include "tests/server/test_device.h"

namespace entitle {
namespace {

using testing::day;
using testing::noon;

class ServerApi : public ::testing::Test {
  protected:
    ServerApi()
        : service(desk.authority(), desk.secrets(), config,
                  {[this] { return now; }, [] { return std::chrono::nanoseconds{}; }}, metrics, [] { return false; }),
          router(service.routes()),
          worker(service.makeWorker()) {}

    // What the session would do: find the route, ask who calls, let it answer.
    Reply call(const std::string& method, const std::string& path, const std::string& body = "",
               const std::string& token = "") {
        HttpRequest request;
        request.method = method;
        request.path = path.substr(0, path.find('?'));
        if (path.find('?') != std::string::npos) request.query = path.substr(path.find('?') + 1);
        request.body = body;
        request.peer = "127.0.0.1";
        request.now = now;
        const auto found = router.find(method, request.path);
        const auto* match = std::get_if<Router::Match>(&found);
        if (match == nullptr) return problem(404, "no-such-route", "");
        Call made{request, match->parameters, std::nullopt, *match->route};
        const auto access = match->route->access;
        if (access == Access::bearer || access == Access::user || access == Access::admin) {
            made.caller = Service::authenticate(*worker, token, access, now);
            if (!made.caller) return problem(401, "token-invalid", "");
            if (access != Access::bearer && made.caller->account.empty()) return problem(403, "account-needed", "");
            if (access == Access::admin && !made.caller->admin) return problem(403, "admin-only", "");
        }
        return match->route->handler(*worker, made);
    }
    HttpResponse ask(const std::string& method, const std::string& path, const std::string& body = "",
                     const std::string& token = "") {
        auto reply = call(method, path, body, token);
        if (auto* response = std::get_if<HttpResponse>(&reply)) {
            const auto found = router.find(method, path.substr(0, path.find('?')));
            if (const auto* match = std::get_if<Router::Match>(&found)) {
                EXPECT_EQ(testing::responseDifferences(*match->route, *response), std::vector<std::string>{});
            }
            return std::move(*response);
        }
        throw std::runtime_error(path + " waits");
    }
    static boost::json::object json(const HttpResponse& response) {
        return boost::json::parse(response.body).as_object();
    }
    static std::string text(const HttpResponse& response, std::string_view name) {
        return std::string(json(response).at(name).as_string());
    }

    std::string logIn(const std::string& email) {
        const auto made = ask("POST", "/v1/tokens", R"({"email":")" + email + R"(","password":"correct horse"})");
        return made.status == 201 ? text(made, "token") : "";
    }
    std::string adminToken() {
        worker->store.addAccount(makeAccount("admin@example.com", "correct horse", true, now).value()).value();
        return logIn("admin@example.com");
    }
    std::string user(const std::string& email) {
        const auto made = ask("POST", "/v1/accounts", R"({"email":")" + email + R"(","password":"correct horse"})");
        EXPECT_EQ(made.status, 201) << made.body;
        return text(made, "user_id");
    }
    HttpResponse generate(const std::string& admin, const std::string& account, const std::string& type = "pro") {
        return ask("POST", "/api/licensing/generate",
                   R"({"user_id":")" + account + R"(","license_type":")" + type + R"(","expires_at":null})", admin);
    }

    using Device = testing::TestDevice;
    static std::string signedRequest(const Device& device, Operation operation, const std::string& rid,
                                     const std::string& licenseKey = "") {
        return device.request(operation, rid, licenseKey);
    }
    OpenedReply read(Device& device, Operation operation, const std::string& rid, const HttpResponse& response) {
        EXPECT_EQ(response.status, 200) << response.body;
        EXPECT_EQ(response.contentType, answerContentType) << "a daemon takes any other for a stranger's";
        return device.take(operation, rid, response.body, desk.authority().roots());
    }
    OpenedReply exchange(Device& device, Operation operation, const std::string& licenseKey = "") {
        const std::string rid = freshNonce();
        return read(device, operation, rid,
                    ask("POST", std::string(routeOf(operation)), signedRequest(device, operation, rid, licenseKey)));
    }

    Instant now = noon;
    testing::Desk desk;
    ServeConfig config;
    HttpMetrics metrics;
    Service service;
    Router router;
    std::shared_ptr<Worker> worker;
};

TEST_F(ServerApi, IsDescribedByItsOpenApiDocument) {
    EXPECT_EQ(openApiDifferences(openApiDocument(), service.routes()), std::vector<std::string>{});
    EXPECT_EQ(openApiCodeDifferences(openApiDocument()), std::vector<std::string>{});
}

// Every answer of these tests is held against the document; here is that the document says something of it.
TEST_F(ServerApi, TheAnswersOfTheSeedsRoutesAndOfTheDeviceListAreDescribedMemberByMember) {
    for (const auto* pattern : {"/api/licensing/validate", "/api/licensing/features", "/v1/licenses",
                                "/v1/licenses/{license}/devices", "/v1/admin/licenses"})
        EXPECT_FALSE(testing::describedMembers("GET", pattern).empty()) << pattern;
    for (const auto* pattern : {"/api/licensing/generate", "/api/licensing/activate", "/v1/accounts", "/v1/tokens"})
        EXPECT_FALSE(testing::describedMembers("POST", pattern).empty()) << pattern;
}

TEST_F(ServerApi, ADocumentThatSaysSomethingElseIsFoundOut) {
    const auto without = [&](const std::string& what, const std::string& with) {
        std::string document(openApiDocument());
        const auto at = document.find(what);
        EXPECT_NE(at, std::string::npos) << what;
        document.replace(at, what.size(), with);
        return openApiDifferences(document, service.routes());
    };
    EXPECT_EQ(without("\"machine_id\": {\n          \"type\"", "\"machine\": {\n          \"type\"").size(), 1u);
    EXPECT_EQ(without("\"name\": \"state\"", "\"name\": \"status\"").size(), 1u);
    EXPECT_EQ(without("\"201\": {", "\"202\": {").size(), 1u);
    EXPECT_EQ(without("\"additionalProperties\": false", "\"additionalProperties\": true").size(), 1u);
    // And an answer that is another than it says.
    const auto found = router.find("GET", "/api/licensing/validate");
    const auto& route = *std::get<Router::Match>(found).route;
    EXPECT_GT(testing::responseDifferences(route, jsonResponse({{"valid", "yes"}, {"more", 1}})).size(), 2u);
}

TEST_F(ServerApi, AMemberThatIsDescribedIsTakenAndAnotherIsNot) {
    const auto admin = adminToken();
    for (const auto& route : service.routes()) {
        if (route.members.empty()) continue;
        auto path = route.pattern;
        for (auto open = path.find('{'); open != std::string::npos; open = path.find('{'))
            path.replace(open, path.find('}', open) - open + 1, "1");
        if (path == "/v1/licenses/1/devices/1") continue;  // the license is looked for first
        for (const auto& member : route.members)
            EXPECT_NE(ask(route.method, path, R"({")" + member + R"(":"x"})", admin).code, "unknown-field") << path;
        EXPECT_EQ(ask(route.method, path, R"({"nobody_knows":1})", admin).code, "unknown-field") << path;
    }
}

TEST_F(ServerApi, TheSeedsFourRoutesWorkInARow) {
    const auto admin = adminToken();
    const auto account = user("User@Example.com");
    const auto made = generate(admin, account);
    ASSERT_EQ(made.status, 201) << made.body;
    const auto key = text(made, "license_key");
    const auto seat =
        ask("POST", "/api/licensing/activate", R"({"license_key":")" + key + R"(","machine_id":"machine-1"})");
    ASSERT_EQ(seat.status, 200) << seat.body;
    const auto token = text(seat, "token");
    const auto valid = ask("GET", "/api/licensing/validate", "", token);
    EXPECT_EQ(json(valid).at("valid"), true) << valid.body;
    EXPECT_EQ(json(valid).at("max_bots"), 100);
    const auto features = json(ask("GET", "/api/licensing/features", "", token));
    EXPECT_EQ(features.at("features").at("live_trading").at("enabled"), true);
    EXPECT_EQ(features.at("features").at("basic_trading").at("enabled"), true) << "demo has it, and a daemon allows it";
    EXPECT_EQ(features.at("features").at("dedicated_support").at("enabled"), false);
    EXPECT_EQ(
        ask("POST", "/api/licensing/activate", R"({"license_key":")" + key + R"(","machine_id":"machine-2"})").code,
        "device-limit");
    const auto owner = logIn("user@example.com");
    EXPECT_EQ(ask("DELETE", "/v1/licenses/" + text(made, "license_id") + "/devices/1", "", owner).status, 200);
    EXPECT_EQ(ask("GET", "/api/licensing/validate", "", token).status, 401) << "a released device's token is gone";
}

TEST_F(ServerApi, BadWishesAreToldApart) {
    const auto admin = adminToken();
    const auto account = user("user@example.com");
    const auto ask422 = [&](const std::string& ends) {
        return ask("POST", "/api/licensing/generate",
                   R"({"user_id":")" + account + R"(","license_type":"pro","expires_at":)" + ends + "}", admin)
            .status;
    };
    EXPECT_EQ(ask422(R"("2020-01-01")"), 422);
    EXPECT_EQ(ask422(R"("9999-01-01")"), 422);
    EXPECT_EQ(ask422("7"), 422);
    EXPECT_EQ(ask422(R"("2027-12-31")"), 201);
    EXPECT_EQ(generate(admin, "acc_nobody").code, "unknown-account");
    EXPECT_EQ(generate(admin, account, "gold").code, "invalid-field");
    const auto noted = R"({"user_id":")" + account + R"(","license_type":"pro","expires_at":null,"note":)";
    EXPECT_EQ(ask("POST", "/api/licensing/generate", noted + R"("a\u0000b"})", admin).code, "invalid-field");
    EXPECT_EQ(ask("POST", "/api/licensing/generate", noted + "5}", admin).code, "invalid-field");
    EXPECT_EQ(generate(admin, account, "trial").status, 201);
    EXPECT_EQ(generate(admin, account, "trial").code, "trial-used");
    EXPECT_EQ(ask("POST", "/v1/accounts", "[1").code, "bad-json");
    EXPECT_EQ(ask("POST", "/v1/accounts", R"({"email":"a@b","password":"correct horse","admin":true})").code,
              "unknown-field");
    EXPECT_EQ(ask("POST", "/v1/accounts", R"({"email":"user@EXAMPLE.com","password":"correct horse"})").code,
              "email-taken");
    EXPECT_EQ(ask("POST", "/v1/accounts", R"({"email":"b@example.com","password":"short"})").code, "invalid-field");
    const auto wrong = ask("POST", "/api/licensing/activate",
                           R"({"license_key":"CO-00000000-00000000-00000000-00000000","machine_id":"m"})");
    EXPECT_EQ(wrong.code, "bad-key");
    EXPECT_TRUE(wrong.wrongSecret);
}

TEST_F(ServerApi, AUserIsNoAdminAndSeesNobodyElsesLicense) {
    const auto admin = adminToken();
    const auto mine = user("a@example.com");
    user("b@example.com");
    const auto id = text(generate(admin, mine), "license_id");
    const auto other = logIn("b@example.com");
    EXPECT_EQ(generate(other, mine).status, 403);
    EXPECT_EQ(ask("GET", "/v1/licenses/" + id + "/devices", "", other).status, 404);
    EXPECT_EQ(ask("GET", "/v1/licenses/" + id + "/devices", "", logIn("a@example.com")).status, 200);
}

TEST_F(ServerApi, AChangedPasswordEndsEveryOtherToken) {
    user("a@example.com");
    const auto first = logIn("a@example.com");
    const auto second = logIn("a@example.com");
    EXPECT_EQ(ask("POST", "/v1/tokens", R"({"email":"a@example.com","password":"wrong horse"})").code,
              "wrong-credentials");
    EXPECT_EQ(ask("POST", "/v1/tokens", R"({"email":"nobody@example.com","password":"wrong horse"})").code,
              "wrong-credentials");
    EXPECT_EQ(ask("PUT", "/v1/accounts/me/password",
                  R"({"current_password":"correct horse","new_password":"battery staple"})", first)
                  .status,
              204);
    EXPECT_EQ(ask("GET", "/v1/accounts/me", "", first).status, 200);
    EXPECT_EQ(ask("GET", "/v1/accounts/me", "", second).status, 401);
    EXPECT_EQ(logIn("a@example.com"), "");
    EXPECT_EQ(ask("DELETE", "/v1/tokens/current", "", first).status, 204);
    EXPECT_EQ(ask("GET", "/v1/accounts/me", "", first).status, 401);
}

TEST_F(ServerApi, ADeviceActivatesRenewsHearsOfItsRevocationAndItsRightsEnd) {
    const auto admin = adminToken();
    const auto made = generate(admin, user("a@example.com"));
    Device device;
    const auto activated = exchange(device, Operation::activate, text(made, "license_key"));
    ASSERT_EQ(activated.answer.outcome, Outcome::granted) << activated.answer.message;
    ASSERT_TRUE(activated.license);
    EXPECT_EQ(activated.license->maxBots, 100);
    now += day;
    const auto renewed = exchange(device, Operation::renew);
    EXPECT_EQ(renewed.answer.outcome, Outcome::granted);
    EXPECT_EQ(renewed.license->sequence, activated.license->sequence + 1);
    EXPECT_TRUE(renewed.keySetToken.empty()) << "it has this key set";

    const std::string rid = freshNonce();
    auto reply = call("POST", std::string(routeOf(Operation::wait)), signedRequest(device, Operation::wait, rid));
    auto* waiting = std::get_if<Waiting>(&reply);
    ASSERT_NE(waiting, nullptr);
    EXPECT_FALSE(waiting->wake.fired());
    now += Seconds{1};
    EXPECT_EQ(ask("POST", "/v1/admin/licenses/" + device.license.value + "/revoke", "", admin).status, 200);
    EXPECT_TRUE(waiting->wake.fired());
    const auto heard = read(device, Operation::wait, rid, waiting->answer(*worker, true, now));
    EXPECT_EQ(heard.answer.outcome, Outcome::denied);
    EXPECT_EQ(heard.answer.ended, SignedEnd::revoked);
    ASSERT_TRUE(heard.revocations);
    EXPECT_NE(heard.revocations->find(device.license), nullptr);
    EXPECT_EQ(exchange(device, Operation::renew).answer.ended, SignedEnd::revoked);
    EXPECT_EQ(ask("POST", "/v1/admin/licenses/" + device.license.value + "/reinstate", "", admin).code,
              "license-revoked");
}

TEST_F(ServerApi, WhoWasToldOfASuspensionHearsAtOnceThatItIsOver) {
    const auto admin = adminToken();
    const auto made = generate(admin, user("a@example.com"));
    Device device;
    exchange(device, Operation::activate, text(made, "license_key"));
    const auto path = "/v1/admin/licenses/" + device.license.value;
    now += day;
    ASSERT_EQ(ask("POST", path + "/suspend", "", admin).status, 200);
    const std::string first = freshNonce(), second = freshNonce(), route(routeOf(Operation::wait));
    const auto told = read(device, Operation::wait, first, ask("POST", route, device.request(Operation::wait, first)));
    EXPECT_EQ(told.answer.ended, SignedEnd::suspended);

    now += day;
    auto reply = call("POST", route, device.request(Operation::wait, second));
    auto* waiting = std::get_if<Waiting>(&reply);
    ASSERT_NE(waiting, nullptr) << "it was told, and waits";
    EXPECT_FALSE(waiting->wake.fired());
    ASSERT_EQ(ask("POST", path + "/reinstate", "", admin).status, 200);
    EXPECT_TRUE(waiting->wake.fired());
    const auto heard = read(device, Operation::wait, second, waiting->answer(*worker, true, now));
    EXPECT_EQ(heard.answer.outcome, Outcome::granted) << "renew now";
    EXPECT_EQ(exchange(device, Operation::renew).answer.outcome, Outcome::granted);

    // And that it is over for good.
    ASSERT_EQ(ask("POST", path + "/suspend", "", admin).status, 200);
    const std::string third = freshNonce();
    EXPECT_EQ(
        read(device, Operation::wait, third, ask("POST", route, device.request(Operation::wait, third))).answer.ended,
        SignedEnd::suspended);
    ASSERT_EQ(ask("POST", path + "/revoke", "", admin).status, 200);
    const std::string last = freshNonce();
    EXPECT_EQ(
        read(device, Operation::wait, last, ask("POST", route, device.request(Operation::wait, last))).answer.ended,
        SignedEnd::revoked);
}

TEST_F(ServerApi, AnActivationThatArrivesAgainLaterAccusesNobody) {
    const auto made = generate(adminToken(), user("a@example.com"));
    Device device;
    const std::string rid = freshNonce(), path(routeOf(Operation::activate));
    const auto activation = device.request(Operation::activate, rid, text(made, "license_key"));
    const auto first = read(device, Operation::activate, rid, std::get<HttpResponse>(call("POST", path, activation)));
    ASSERT_EQ(first.answer.outcome, Outcome::granted);
    now += day;
    ASSERT_EQ(exchange(device, Operation::renew).answer.outcome, Outcome::granted);
    Device nobody = device;  // who sends it again holds no more than the request
    const auto again = read(nobody, Operation::activate, rid, std::get<HttpResponse>(call("POST", path, activation)));
    EXPECT_EQ(again.answer.code, exchange_code::requestUsed);
    now += day;
    EXPECT_EQ(exchange(device, Operation::renew).answer.outcome, Outcome::granted);
}

TEST_F(ServerApi, AWaitThatNothingInterruptsSaysSo) {
    Device device;
    exchange(device, Operation::activate, text(generate(adminToken(), user("a@example.com")), "license_key"));
    const std::string rid = freshNonce();
    auto reply = call("POST", std::string(routeOf(Operation::wait)), signedRequest(device, Operation::wait, rid));
    auto* waiting = std::get_if<Waiting>(&reply);
    ASSERT_NE(waiting, nullptr);
    const auto nothing = read(device, Operation::wait, rid, waiting->answer(*worker, false, now));
    EXPECT_EQ(nothing.answer.outcome, Outcome::retry);
    EXPECT_EQ(nothing.answer.code, exchange_code::noNews);
}

TEST_F(ServerApi, AnEventIsNewsOnceAndATakenSeatIsNone) {
    Device device;
    exchange(device, Operation::activate, text(generate(adminToken(), user("a@example.com")), "license_key"));
    const auto events = worker->store.events(0, 10);
    ASSERT_EQ(events.size(), 1u);
    ASSERT_EQ(events[0].what, "activated");
    const Wake first, second;
    const auto one = service.push()->listen(device.license, first);
    service.push()->tell(events[0]);
    EXPECT_FALSE(first.fired()) << "its own seat, as the feed of another server tells of it";
    const EventRow changed{events[0].number + 1, device.license, "changed", now};
    service.push()->tell(changed);
    EXPECT_TRUE(first.fired());
    const auto two = service.push()->listen(device.license, second);
    service.push()->tell(changed);
    EXPECT_FALSE(second.fired()) << "told with its commit, and again by the feed";
}

TEST_F(ServerApi, ANewKeySetReachesWhoeverWaitsAtOnce) {
    Device device;
    exchange(device, Operation::activate, text(generate(adminToken(), user("a@example.com")), "license_key"));
    const std::string rid = freshNonce();
    auto reply = call("POST", std::string(routeOf(Operation::wait)), signedRequest(device, Operation::wait, rid));
    auto* waiting = std::get_if<Waiting>(&reply);
    ASSERT_NE(waiting, nullptr);
    // As `keys rotate` does, in a process of its own: its news come by the feed.
    const auto before = worker->store.lastEvent();
    ASSERT_TRUE(rotateSigningKey(desk.authority(), desk.roots(), day, now));
    EXPECT_FALSE(waiting->wake.fired());
    for (const auto& event : worker->store.events(before, 10)) service.push()->tell(event);
    ASSERT_TRUE(waiting->wake.fired());
    const auto heard = read(device, Operation::wait, rid, waiting->answer(*worker, true, now));
    EXPECT_EQ(heard.keySet.version, 2u);
    EXPECT_FALSE(heard.keySetToken.empty());
    EXPECT_EQ(heard.answer.outcome, Outcome::retry)
        << "no news of its license: every device's document waits like its own";
    EXPECT_EQ(exchange(device, Operation::renew).answer.outcome, Outcome::granted);
}

// All of a fleet were woken in one moment, and all of them renewed in the next.
TEST_F(ServerApi, ANewKeySetWakesAFewAndTheOthersHearOfItWhenTheirWaitIsOver) {
    Device device;
    exchange(device, Operation::activate, text(generate(adminToken(), user("a@example.com")), "license_key"));
    const std::string rid = freshNonce();
    auto reply = call("POST", std::string(routeOf(Operation::wait)), signedRequest(device, Operation::wait, rid));
    auto* waiting = std::get_if<Waiting>(&reply);
    ASSERT_NE(waiting, nullptr);
    std::vector<Wake> fleet(2'000);
    std::vector<std::shared_ptr<void>> registrations;
    for (std::size_t i = 0; i < fleet.size(); ++i)
        registrations.push_back(service.push()->listen(LicenseId{"lic_" + std::to_string(i % 500)}, fleet[i]));
    ASSERT_TRUE(rotateSigningKey(desk.authority(), desk.roots(), day, now));
    for (const auto& event : worker->store.events(0, 10)) service.push()->tell(event);
    EXPECT_LE(std::count_if(fleet.begin(), fleet.end(), [](const Wake& wake) { return wake.fired(); }), 500);
    const auto heard = read(device, Operation::wait, rid, waiting->answer(*worker, false, now));
    EXPECT_EQ(heard.keySet.version, 2u) << "whoever was not woken";
    EXPECT_EQ(heard.answer.outcome, Outcome::retry);
}

// Two changes within one second: the second one is news though the clock says nothing of it.
TEST_F(ServerApi, AChangeInTheVerySecondOfTheDocumentIsNewsToWhoeverWaits) {
    const auto admin = adminToken();
    Device device;
    exchange(device, Operation::activate, text(generate(admin, user("a@example.com")), "license_key"));
    const auto path = "/v1/admin/licenses/" + device.license.value;
    EXPECT_EQ(ask("PATCH", path, R"({"total_bots":7})", admin).status, 200);
    exchange(device, Operation::renew);
    const std::string rid = freshNonce();
    auto reply = call("POST", std::string(routeOf(Operation::wait)), signedRequest(device, Operation::wait, rid));
    auto* waiting = std::get_if<Waiting>(&reply);
    ASSERT_NE(waiting, nullptr);
    EXPECT_EQ(ask("PATCH", path, R"({"total_bots":8})", admin).status, 200);
    EXPECT_TRUE(waiting->wake.fired());
    EXPECT_EQ(read(device, Operation::wait, rid, waiting->answer(*worker, true, now)).answer.outcome, Outcome::granted);
}

TEST_F(ServerApi, ARequestFileIsAnsweredWithALicenseFileForWhoeverOwnsTheLicense) {
    const auto admin = adminToken();
    const auto made = generate(admin, user("a@example.com"));
    const auto path = "/v1/device/offline?license=" + text(made, "license_id");
    const testing::Machine machine;
    const auto file = machine.file("desk");
    const auto owner = logIn("a@example.com");
    const auto answered = ask("POST", path, file, owner);
    ASSERT_EQ(answered.status, 200) << answered.body;
    EXPECT_TRUE(answered.contentType.starts_with("text/plain"));
    const auto license = testing::importFile(answered.body, desk.authority().roots(), machine.device());
    ASSERT_TRUE(license);
    EXPECT_EQ(license->maxBots, 100);
    EXPECT_EQ(ask("POST", path, file, owner).body, answered.body) << "the same file, byte for byte";
    EXPECT_EQ(ask("POST", path, file, admin).body, answered.body);
    EXPECT_EQ(ask("GET", "/v1/licenses/" + text(made, "license_id") + "/devices", "", owner).status, 200);

    user("b@example.com");
    EXPECT_EQ(ask("POST", path, file, logIn("b@example.com")).code, "unknown-license");
    EXPECT_EQ(ask("POST", path, file, "").status, 401);
    EXPECT_EQ(ask("POST", path, testing::Machine("other", "0f3c5d7e9a1b2c4d6e8f0a1b2c3d4e5f").file("desk"), owner).code,
              "seat-taken");
    EXPECT_EQ(ask("POST", path, machine.file("another-desk"), owner).code, "wrong-authority");
    EXPECT_EQ(ask("POST", path, answered.body, owner).code, "bad-request") << "a license is no request";
    EXPECT_EQ(ask("POST", path, "", owner).code, "bad-request");
    EXPECT_EQ(ask("POST", "/v1/device/offline", file, owner).code, "invalid-field");
    EXPECT_EQ(ask("POST", "/v1/device/offline?license=lic_none", file, owner).code, "unknown-license");
    EXPECT_EQ(ask("POST", "/v1/admin/licenses/" + text(made, "license_id") + "/revoke", "", admin).status, 200);
    EXPECT_EQ(ask("POST", path, machine.file("desk"), owner).code, "license-revoked");
}

TEST_F(ServerApi, AnOfflineDocumentLeasesItsBlockOfTheTotal) {
    NewLicense wish;
    wish.type = "pro";
    wish.deviceLimit = 2;
    wish.totalBots = 10;
    const auto minted = desk.mint(wish);
    const testing::Machine machine;
    const auto file = desk.answer(minted.row.id, machine.file("desk"));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->license.maxBots, 10);
    EXPECT_EQ(file->license.botsLeased, 5);
    // What it may run for a year is nobody else's, though it is never heard from.
    now += 100 * day;
    Device device;
    const auto online = exchange(device, Operation::activate, minted.key.text());
    ASSERT_EQ(online.answer.outcome, Outcome::granted) << online.answer.message;
    EXPECT_EQ(online.license->botsLeased, 5);
    EXPECT_EQ(online.license->botsHere() + file->license.botsHere(), 10);
}

// Activated, copied, released, licensed by file, activated again: the seat of the file had begun a chain at 1 once
// more, in which the copy's token was as good as the machine's own.
TEST_F(ServerApi, ASeatTakenByFileKeepsTheTokensOfTheChainBeforeBehind) {
    const auto admin = adminToken();
    const auto made = generate(admin, user("a@example.com"));
    Device device;
    ASSERT_EQ(exchange(device, Operation::activate, text(made, "license_key")).answer.outcome, Outcome::granted);
    Device copy = device;
    ASSERT_TRUE(desk.store().release(device.license, device.id(), now));

    OfflineRequest byFile = testing::Machine().request("desk");
    byFile.deviceKey = device.key->verifyKey();
    byFile.fingerprint = enroll({false, false, {{"product_uuid", {device.uuid}}}});
    byFile.keySetVersion = device.keySet.version;
    byFile.highestSequence = device.sequence;
    const auto file = desk.answer(device.license, printRequestFile(signOfflineRequest(*device.key, byFile), ""));
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(exchange(copy, Operation::deactivate).answer.outcome, Outcome::conflict);
    Device online = device;
    online.sequence = file->license.sequence;
    ASSERT_EQ(exchange(online, Operation::activate, text(made, "license_key")).answer.outcome, Outcome::granted);
    EXPECT_EQ(exchange(copy, Operation::renew).answer.outcome, Outcome::conflict);
    EXPECT_EQ(exchange(online, Operation::renew).answer.outcome, Outcome::granted);
}

TEST_F(ServerApi, ATrialByFileCountsForTheMachineAlsoOnline) {
    const auto first = desk.mint("trial"), second = desk.mint("trial");
    Device device;
    OfflineRequest request = testing::Machine().request("desk");
    request.deviceKey = device.key->verifyKey();
    request.fingerprint = enroll({false, false, {{"product_uuid", {device.uuid}}, {"cpu", {"intel/6/158"}}}});
    ASSERT_TRUE(desk.answer(first.row.id, printRequestFile(signOfflineRequest(*device.key, request), "")));
    Device reinstalled;
    EXPECT_EQ(exchange(reinstalled, Operation::activate, second.key.text()).answer.code, exchange_code::trialUsed);

    // One that was seated before files left marks leaves them when it comes online.
    desk.execute("DELETE FROM trial_marks");
    ASSERT_EQ(exchange(device, Operation::activate, first.key.text()).answer.outcome, Outcome::granted);
    EXPECT_EQ(exchange(reinstalled, Operation::activate, second.key.text()).answer.code, exchange_code::trialUsed);
}

TEST_F(ServerApi, ACopiedMachinesRequestFileWaitsForAnAdmin) {
    const auto admin = adminToken();
    const auto id = text(generate(admin, user("a@example.com")), "license_id");
    const auto owner = logIn("a@example.com");
    const testing::Machine machine, elsewhere;
    auto request = machine.request("desk");
    const auto path = "/v1/device/offline?license=" + id;
    ASSERT_EQ(ask("POST", path, machine.file(request), owner).status, 200);
    request = machine.request("desk");
    request.fingerprint = elsewhere.request("desk").fingerprint;
    const auto copied = machine.file(request);
    for (const auto& caller : {owner, admin}) {
        const auto answered = ask("POST", path, copied, caller);
        EXPECT_EQ(answered.status, 409);
        EXPECT_EQ(answered.code, "approval-waits");
    }
    EXPECT_EQ(json(ask("GET", "/v1/approvals", "", owner)).at("approvals").as_array().size(), 1u);
    EXPECT_EQ(ask("POST", "/v1/admin/approvals/1/approve", "", admin).status, 200);
    EXPECT_EQ(ask("POST", path, copied, owner).status, 200);
}

TEST_F(ServerApi, ATrialThatBecomesProDoesNotEndWithItsTrial) {
    const auto admin = adminToken();
    const auto made = generate(admin, user("a@example.com"), "trial");
    Device device;
    ASSERT_EQ(exchange(device, Operation::activate, text(made, "license_key")).license->endsAt, now + 14 * day);
    const auto path = "/v1/admin/licenses/" + text(made, "license_id");
    const auto pro = json(ask("PATCH", path, R"({"license_type":"pro"})", admin));
    EXPECT_TRUE(pro.at("expires_at").is_null());
    EXPECT_TRUE(pro.at("duration_s").is_null());
    now += 20 * day;
    const auto renewed = exchange(device, Operation::renew);
    ASSERT_EQ(renewed.answer.outcome, Outcome::granted) << renewed.answer.message;
    EXPECT_EQ(renewed.license->endsAt, std::nullopt);
    EXPECT_EQ(ask("PATCH", path, R"({"license_type":"trial"})", admin).status, 422) << "a second trial, uncounted";
    const auto given =
        json(ask("PATCH", path, R"({"license_type":"basic","expires_at":"2027-06-30T00:00:00Z"})", admin));
    EXPECT_EQ(given.at("expires_at"), "2027-06-30T00:00:00Z");
}

TEST_F(ServerApi, AnAccountWithoutALicenseInForceIsFreeAndAMachineIsDemo) {
    const auto admin = adminToken();
    const auto made = generate(admin, user("a@example.com"), "trial");
    const auto owner = logIn("a@example.com");
    const auto seat = ask("POST", "/api/licensing/activate",
                          R"({"license_key":")" + text(made, "license_key") + R"(","machine_id":"machine-1"})");
    EXPECT_EQ(json(ask("GET", "/api/licensing/validate", "", owner)).at("valid"), true);
    user("b@example.com");
    const auto never = json(ask("GET", "/api/licensing/validate", "", logIn("b@example.com")));
    now += 14 * day;
    const auto ended = json(ask("GET", "/api/licensing/validate", "", owner));
    EXPECT_EQ(ended.at("valid"), false);
    EXPECT_EQ(ended.at("reason"), "license-ended");
    for (const auto* name : {"plan", "max_bots", "features"})
        EXPECT_EQ(ended.at(name), never.at(name))
            << name << ": one that had a license was given less than one that never had";
    EXPECT_EQ(ended.at("plan"), "free");
    EXPECT_EQ(ended.at("max_bots"), 5);
    EXPECT_EQ(json(ask("GET", "/api/licensing/validate", "", text(seat, "token"))).at("max_bots"), 3);
}

TEST_F(ServerApi, ATotalOfBotsCountsAlsoWhereNoDocumentIsSigned) {
    const auto admin = adminToken();
    const auto account = user("a@example.com");
    const auto made = ask("POST", "/api/licensing/generate",
                          R"({"user_id":")" + account + R"(","license_type":"enterprise","total_bots":7})", admin);
    ASSERT_EQ(made.status, 201) << made.body;
    const auto owner = logIn("a@example.com");
    EXPECT_EQ(json(ask("GET", "/api/licensing/validate", "", owner)).at("max_bots"), 7);
    const auto features = json(ask("GET", "/api/licensing/features", "", owner));
    EXPECT_EQ(features.at("max_bots"), 7);
    EXPECT_EQ(features.at("features").at("unlimited_bots").at("enabled"), false);
    generate(admin, account, "pro");  // a hundred
    EXPECT_EQ(json(ask("GET", "/api/licensing/validate", "", owner)).at("max_bots"), 100) << "the one with most bots";
}

TEST_F(ServerApi, AMachineThatActivatesForEverKeepsItsLatestTokens) {
    const auto key = text(generate(adminToken(), user("a@example.com")), "license_key");
    const auto activate = [&] {
        now += Seconds{1};
        return text(
            ask("POST", "/api/licensing/activate", R"({"license_key":")" + key + R"(","machine_id":"machine-1"})"),
            "token");
    };
    const auto first = activate(), second = activate();
    EXPECT_EQ(ask("GET", "/api/licensing/validate", "", first).status, 200);
    std::string latest;
    for (int i = 0; i < 8; ++i) latest = activate();
    EXPECT_EQ(ask("GET", "/api/licensing/validate", "", first).status, 401);
    EXPECT_EQ(ask("GET", "/api/licensing/validate", "", second).status, 401);
    EXPECT_EQ(ask("GET", "/api/licensing/validate", "", latest).status, 200);
}

TEST_F(ServerApi, OtherHardwareWaitsForAnAdminWhoApproves) {
    const auto admin = adminToken();
    Device device;
    exchange(device, Operation::activate, text(generate(admin, user("a@example.com")), "license_key"));
    device.uuid = "03000200-0400-0500-0006-000700080009";
    const std::string rid = freshNonce();
    const auto renew = [&] {
        return read(device, Operation::renew, rid,
                    ask("POST", "/v1/device/renew", signedRequest(device, Operation::renew, rid)));
    };
    EXPECT_EQ(renew().answer.code, exchange_code::approvalWaits);
    const auto waiting = json(ask("GET", "/v1/admin/approvals", "", admin)).at("approvals").as_array();
    ASSERT_EQ(waiting.size(), 1u);
    const auto number = boost::json::serialize(waiting.front().at("number"));
    EXPECT_EQ(ask("POST", "/v1/admin/approvals/" + number + "/approve", "", admin).status, 200);
    EXPECT_EQ(ask("POST", "/v1/admin/approvals/" + number + "/deny", "", admin).code, "already-decided");
    EXPECT_EQ(renew().answer.outcome, Outcome::granted);
}

TEST_F(ServerApi, AUserSeesWhatWaitsOfTheOwnLicensesOnly) {
    const auto made = json(generate(adminToken(), user("a@example.com")));
    user("b@example.com");
    ExchangeQuery query;
    query.license = LicenseId{std::string(made.at("license_id").as_string())};
    query.device = DeviceId{"device"};
    query.now = now;
    ASSERT_TRUE(worker->store.exchange(query, [](const ExchangeFacts&) -> Granted<Exchange> {
        Exchange out;
        out.askApproval = "hardware-changed";
        return out;
    }));
    const auto mine = json(ask("GET", "/v1/approvals", "", logIn("a@example.com"))).at("approvals").as_array();
    ASSERT_EQ(mine.size(), 1u);
    EXPECT_EQ(mine[0].at("state"), "waiting");
    EXPECT_FALSE(mine[0].as_object().contains("decided_by")) << "who decides is the administrators' own affair";
    const auto other = logIn("b@example.com");
    EXPECT_TRUE(json(ask("GET", "/v1/approvals?state=all", "", other)).at("approvals").as_array().empty());
    EXPECT_EQ(ask("GET", "/v1/approvals?state=perhaps", "", other).code, "invalid-field");
    EXPECT_EQ(ask("GET", "/v1/admin/audit", "", other).status, 403);
    EXPECT_EQ(ask("POST", "/v1/admin/accounts/acc_x/promote", "", other).status, 403);
}

TEST_F(ServerApi, TheAuditLogIsReadInPagesAndARefusalIsNotInIt) {
    const auto admin = adminToken();
    const auto account = user("a@example.com");
    for (int i = 0; i < 3; ++i) generate(admin, account);
    EXPECT_EQ(generate(admin, account, "gold").status, 422);
    EXPECT_EQ(ask("GET", "/v1/admin/licenses", "", admin).status, 200);
    const auto first = json(ask("GET", "/v1/admin/audit?limit=2", "", admin));
    ASSERT_EQ(first.at("actions").as_array().size(), 2u);
    const auto next = boost::json::serialize(first.at("next"));
    const auto rest = json(ask("GET", "/v1/admin/audit?limit=2&after=" + next, "", admin));
    ASSERT_EQ(rest.at("actions").as_array().size(), 1u);
    EXPECT_TRUE(rest.at("next").is_null());
    const auto& oldest = rest.at("actions").at(0);
    EXPECT_EQ(oldest.at("number"), 1);
    EXPECT_EQ(oldest.at("action"), "license-generate");
    EXPECT_EQ(oldest.at("actor_email"), "admin@example.com");
    EXPECT_TRUE(oldest.at("subject").as_string().starts_with("lic_"));
}

TEST_F(ServerApi, EveryDenialHasACodeOfTheList) {
    for (int i = 0; i <= static_cast<int>(DenialReason::approvalDenied); ++i) {
        const auto told = problemOf({static_cast<DenialReason>(i), "words"});
        EXPECT_TRUE(ProblemCode::find(told.code)) << told.code;
        EXPECT_GE(told.status, 400);
    }
    EXPECT_FALSE(ProblemCode::find("no-such-code"));
    EXPECT_EQ(openApiCodeDifferences(
                  R"({"components":{"schemas":{"Problem":{"properties":{"code":{"enum":["never-told"]}}}}}})")
                  .size(),
              problemCodes.size() + 1);
}

TEST_F(ServerApi, WhatNobodySignedIsNoQuestion) {
    EXPECT_EQ(ask("POST", "/v1/device/renew", "v4.public.AAAA.BBBB").code, "bad-envelope");
    Device device;
    const auto wrongRoute = signedRequest(device, Operation::activate, freshNonce(), desk.mint("pro").key.text());
    EXPECT_EQ(ask("POST", "/v1/device/reenrol", wrongRoute).code, "bad-envelope");
    const auto forged = exchange(device, Operation::activate, "CO-00000000-00000000-00000000-00000000");
    EXPECT_EQ(forged.answer.code, exchange_code::badKey);
}

}  // namespace
}  // namespace entitle
