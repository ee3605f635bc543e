// `entitle-server serve` as an administrator meets it: a process, signals, a certificate, and the real curl.
#include <csignal>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "tests/server/running_server.h"
#include "tests/server/test_certificates.h"

namespace entitle::testing {
namespace {

namespace fs = std::filesystem;

class Serve : public ::testing::Test {
  protected:
    e2e::Output curl(std::vector<std::string> words) const {
        words.insert(words.begin(), {"/usr/bin/curl", "--silent", "--show-error", "--max-time", "20"});
        return e2e::run(words, {{"http_proxy", ""}, {"https_proxy", ""}}, desk.scratch("").string());
    }
    // What `serve` says when it refuses.
    e2e::Output refusal(const std::vector<std::string>& more, const e2e::Environment& environment = {}) const {
        std::vector<std::string> words{ENTITLE_SERVER_PROGRAM, "--dir", desk.directory().string(), "serve"};
        words.insert(words.end(), more.begin(), more.end());
        return e2e::run(words, environment, desk.scratch("").string());
    }
    void certify(const Pem& pem) const {
        writeFile(desk.scratch("chain.pem"), pem.certificate);
        writeFile(desk.scratch("key.pem"), pem.key);
        fs::permissions(desk.scratch("key.pem"), fs::perms::owner_read | fs::perms::owner_write);
    }
    std::string trust(const std::string& name, const TestCa& ca) const {
        writeFile(desk.scratch(name), ca.own().certificate);
        return desk.scratch(name).string();
    }
    std::string tls() const {
        return "[tls]\ncertificate = \"" + desk.scratch("chain.pem").string() + "\"\nkey = \"" +
               desk.scratch("key.pem").string() + "\"\n";
    }
    static boost::json::object json(const e2e::Output& output) {
        if (output.status != 0) throw std::runtime_error("curl: " + output.both());
        return boost::json::parse(output.out).as_object();
    }

    ServedAuthority desk;
};

TEST_F(Serve, TheFourRoutesAnswerPlainCurlAsTheyAreDocumented) {
    const RunningServer server(desk);
    const auto url = "http://127.0.0.1:" + std::to_string(server.port());
    const std::string type = "Content-Type: application/json";
    const auto made = json(curl({"-X", "POST", url + "/v1/accounts", "-H", type, "-d",
                                 R"({"email":"trader@example.com","password":"another long password"})"}));
    const std::string user(made.at("user_id").as_string());

    const auto generated = json(
        curl({"-X", "POST", url + "/api/licensing/generate", "-H", type, "-H", "Authorization: Bearer " + desk.admin(),
              "-d", R"({"user_id": ")" + user + R"(", "license_type": "pro", "expires_at": null})"}));
    const std::string key(generated.at("license_key").as_string());
    EXPECT_EQ(key.size(), 38u);
    EXPECT_EQ(key.substr(0, 3), "CO-");

    // No token: whoever has the key may activate.
    const auto activated = json(curl({"-X", "POST", url + "/api/licensing/activate", "-H", type, "-d",
                                      R"({"license_key": ")" + key + R"(", "machine_id": "rack 7"})"}));
    const auto bearer = "Authorization: Bearer " + std::string(activated.at("token").as_string());
    const auto valid = json(curl({url + "/api/licensing/validate", "-H", bearer}));
    EXPECT_EQ(valid.at("valid"), true);
    EXPECT_EQ(valid.at("license_type"), "pro");
    const auto features = json(curl({url + "/api/licensing/features", "-H", bearer}));
    EXPECT_EQ(features.at("features").at("advanced_ml").at("enabled"), true);

    const auto trial = json(
        curl({"-X", "POST", url + "/api/licensing/generate", "-H", type, "-H", "Authorization: Bearer " + desk.admin(),
              "-d", R"({"user_id":")" + user + R"(","license_type":"trial"})"}));
    EXPECT_EQ(trial.at("duration_s"), 14 * 86'400);

    const auto code = [&](std::vector<std::string> words) {
        words.insert(words.end(), {"-o", "/dev/null", "-w", "%{http_code}"});
        return curl(words).out;
    };
    EXPECT_EQ(code({url + "/api/licensing/validate"}), "401");
    EXPECT_EQ(code({"-X", "POST", url + "/api/licensing/generate", "-H", type, "-H", bearer, "-d", "{}"}), "403");
    EXPECT_EQ(code({"-X", "POST", url + "/api/licensing/activate", "-H", type, "-d",
                    R"({"license_key":"CO-00000000-00000000-00000000-00000000","machine_id":"m"})"}),
              "404");
}

TEST_F(Serve, DemoModeIsWhatTheEnvironmentSays) {
    const auto made = desk.mint();
    const RunningServer server(desk, "127.0.0.1:0", {{"ENABLE_DEMO_MODE", "true"}, {"DEMO_MODE_MAX_BOTS", "2"}});
    const auto seat = boost::json::parse(
        server.post("/api/licensing/activate", R"({"license_key":")" + made.key.text() + R"(","machine_id":"m"})")
            .body);
    const std::string token(seat.at("token").as_string());
    EXPECT_EQ(server.post("/v1/admin/licenses/" + made.row.id.value + "/suspend", "{}", desk.admin()).status, 200);
    const auto told = boost::json::parse(server.get("/api/licensing/validate", token).body);
    EXPECT_EQ(told.at("valid"), false);
    EXPECT_EQ(told.at("reason"), "license-suspended");
    EXPECT_EQ(told.at("max_bots"), 2);
}

TEST_F(Serve, SigtermAnswersWhatIsAtWorkTellsWhoeverWaitsAndEnds) {
    RunningServer server(desk);
    const auto made = desk.mint(2);
    auto first = TestDevice::number(1), second = TestDevice::number(2);
    auto rid = freshNonce();
    first.take(Operation::activate, rid, server.ask(first, Operation::activate, rid, made.key.text()).value().body,
               desk.pinned());
    Client waiter(server.port());
    rid = freshNonce();
    ASSERT_TRUE(
        waiter.send(post(routeOf(Operation::wait), first.request(Operation::wait, rid), "", requestContentType)));
    ASSERT_TRUE(eventually([&] { return server.waiting() == 1; }));
    // Half of a request is there when the signal comes, the other half after it.
    Client idle(server.port()), working(server.port());
    rid = freshNonce();
    const auto whole = post(routeOf(Operation::activate), second.request(Operation::activate, rid, made.key.text()), "",
                            requestContentType);
    ASSERT_TRUE(working.send(whole.substr(0, whole.size() - 100)));
    ASSERT_EQ(idle.ask(get("/healthz")).status, 200);
    server.process().signal(SIGTERM);
    ASSERT_TRUE(server.waitLog("stopping"));

    const auto told = waiter.receive();
    EXPECT_EQ(told.status, 503);
    EXPECT_EQ(told.code(), "draining");
    EXPECT_EQ(told.header("retry-after"), "1");
    EXPECT_TRUE(idle.closedWithin(std::chrono::seconds(5)));
    EXPECT_THROW(Client{server.port()}, std::runtime_error) << "nobody listens any more";
    ASSERT_TRUE(working.send(whole.substr(whole.size() - 100)));
    const auto answer = working.receive();
    ASSERT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.header("connection"), "close");
    EXPECT_EQ(second.take(Operation::activate, rid, answer.body, desk.pinned()).answer.outcome, Outcome::granted);
    EXPECT_EQ(server.process().wait(std::chrono::seconds(10)), 0);
    EXPECT_EQ(desk.held(made.row.id), 2);
}

TEST_F(Serve, SigtermIsBoundedByWhatIsConfigured) {
    desk.configure("drain_s = 0");
    RunningServer server(desk);
    Client slow(server.port());
    ASSERT_TRUE(slow.send(
        "POST /v1/tokens HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"));
    ASSERT_TRUE(eventually([&] { return server.get("/healthz").status == 200; }));
    server.process().signal(SIGTERM);
    EXPECT_EQ(server.process().wait(std::chrono::seconds(10)), 0);
    EXPECT_TRUE(slow.closedWithin(std::chrono::seconds(5)));
}

TEST_F(Serve, SighupTakesANewCertificateAndDropsNobody) {
    const TestCa before, after;
    const auto oldCa = trust("old.pem", before), newCa = trust("new.pem", after);
    certify(before.issue());
    desk.configure(tls());
    RunningServer server(desk);
    const auto url = "https://127.0.0.1:" + std::to_string(server.port());
    const auto made = desk.mint();
    auto device = TestDevice::number(1);
    const auto asked = [&](Operation operation, const std::string& rid, const std::string& ca) {
        writeFile(desk.scratch("request"),
                  device.request(operation, rid, operation == Operation::activate ? made.key.text() : ""));
        return std::vector<std::string>{"/usr/bin/curl",
                                        "--silent",
                                        "--cacert",
                                        ca,
                                        "--max-time",
                                        "20",
                                        "-H",
                                        "Content-Type: " + std::string(requestContentType),
                                        "--data-binary",
                                        "@" + desk.scratch("request").string(),
                                        url + std::string(routeOf(operation))};
    };
    const e2e::Environment plain{{"http_proxy", ""}, {"https_proxy", ""}};
    auto rid = freshNonce();
    const auto first = e2e::run(asked(Operation::activate, rid, oldCa), plain, desk.scratch("").string());
    ASSERT_EQ(first.status, 0) << first.err;
    device.take(Operation::activate, rid, first.out, desk.pinned());

    rid = freshNonce();
    e2e::Process waiter(asked(Operation::wait, rid, oldCa), plain, desk.scratch("waiter.err").string());
    ASSERT_TRUE(eventually([&] {
        return curl({"--cacert", oldCa, url + "/metrics"}).out.find("\nentitle_http_waiting 1") != std::string::npos;
    }));
    certify(after.issue());
    server.process().signal(SIGHUP);
    ASSERT_TRUE(server.waitLog("new certificate"));
    EXPECT_EQ(curl({"--cacert", newCa, url + "/healthz"}).status, 0);
    EXPECT_NE(curl({"--cacert", oldCa, url + "/healthz"}).status, 0) << "new connections get the new one";

    ASSERT_TRUE(desk.store().changeLicense(made.row.id, realNow(), [](LicenseRow row) -> Granted<LicenseRow> {
        row.status = LicenseStatus::revoked;
        return row;
    }));
    const auto heard = waiter.readAll();
    ASSERT_EQ(waiter.wait(), 0) << "the connection from before lives on";
    EXPECT_EQ(device.take(Operation::wait, rid, heard, desk.pinned()).answer.ended, SignedEnd::revoked);

    writeFile(desk.scratch("chain.pem"), "no certificate");
    server.process().signal(SIGHUP);
    ASSERT_TRUE(server.waitLog("the certificate stays as it was"));
    EXPECT_EQ(curl({"--cacert", newCa, url + "/healthz"}).status, 0);
}

TEST_F(Serve, SpeaksTls12And13AndNothingOlder) {
    const TestCa ca;
    const auto trusted = trust("ca.pem", ca);
    certify(ca.issue());
    desk.configure(tls());
    const RunningServer server(desk);
    const auto url = "https://127.0.0.1:" + std::to_string(server.port()) + "/healthz";
    const auto with = [&](std::vector<std::string> words) {
        words.insert(words.end(), {"--cacert", trusted, url});
        return curl(words).status;
    };
    EXPECT_EQ(with({"--tlsv1.3"}), 0);
    EXPECT_EQ(with({"--tlsv1.2", "--tls-max", "1.2"}), 0);
    // The client would speak anything: it is the server that refuses.
    EXPECT_EQ(with({"--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"}), 35);
    EXPECT_EQ(with({"--tlsv1.0", "--tls-max", "1.0", "--ciphers", "DEFAULT@SECLEVEL=0"}), 35);
    EXPECT_NE(curl({"http" + url.substr(5)}).status, 0);
}

TEST_F(Serve, RefusesWithWordsWhereItMustNotServe) {
    const auto open = refusal({"--listen", "0.0.0.0:0"});
    EXPECT_EQ(open.status, 2) << open.both();
    EXPECT_NE(open.err.find("would show license keys and passwords"), std::string::npos) << open.err;

    RunningServer other(desk);
    const auto address = "127.0.0.1:" + std::to_string(other.port());
    const auto taken = refusal({"--listen", address});
    EXPECT_EQ(taken.status, 1) << "systemd starts it again: an address may be free later";
    EXPECT_NE(taken.err.find("cannot listen on " + address), std::string::npos) << taken.err;
    EXPECT_NE(taken.err.find("in use"), std::string::npos) << taken.err;
    EXPECT_NE(taken.err.find("ss -ltnp"), std::string::npos) << "how to find who has it: " << taken.err;
    EXPECT_EQ(other.get("/healthz").status, 200) << "the one that serves is not disturbed";

    const auto elsewhere = refusal({"--listen", "127.0.0.1:0"}, {{"ENTITLE_SERVER_ROOTS", desk.roots().string()}});
    EXPECT_EQ(elsewhere.status, 1) << elsewhere.both();
    EXPECT_NE(elsewhere.err.find("is a root key of this authority"), std::string::npos) << elsewhere.err;
    fs::copy(desk.roots(), desk.directory() / "usb", fs::copy_options::recursive);
    const auto beside = refusal({"--listen", "127.0.0.1:0"});
    EXPECT_EQ(beside.status, 1) << beside.both();
    EXPECT_NE(beside.err.find("is a root key of this authority"), std::string::npos) << beside.err;
    EXPECT_NE(beside.err.find("usb"), std::string::npos) << "the file is named: " << beside.err;
    fs::remove_all(desk.directory() / "usb");

    const auto secret = refusal({"--listen", "127.0.0.1:0"}, {{"LICENSE_SECRET_KEY", "beef"}});
    EXPECT_EQ(secret.status, 1) << secret.both();
    EXPECT_EQ(secret.both().find("beef"), std::string::npos) << "a secret is never shown";
}

TEST_F(Serve, PlainHttpBeyondLoopbackIsForAProxy) {
    desk.configure("behind_proxy = true\n");
    const RunningServer server(desk, "0.0.0.0:0");
    EXPECT_EQ(server.get("/healthz").status, 200);
}

}  // namespace
}  // namespace entitle::testing
