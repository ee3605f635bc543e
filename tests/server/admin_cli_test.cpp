// The administrator's command line, asking a real `entitle-server serve`, and the same commands in its directory.
#include <sys/stat.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/accounts.h"
#include "server/calls.h"
#include "server/columns.h"
#include "server/http/message.h"
#include "server/service.h"
#include "tests/server/program.h"
#include "tests/server/running_server.h"
#include "tests/server/test_certificates.h"

namespace entitle::testing {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::Not;
using Ran = ::entitle::testing::Outcome;

constexpr auto password = "correct horse battery";

class AdminCli : public ::testing::Test {
  protected:
    AdminCli() {
        desk.store().addAccount(makeAccount("root@example.com", password, true, realNow()).value()).value();
        desk.store().addAccount(makeAccount("ada@example.com", password, false, realNow()).value()).value();
    }
    void serve(const e2e::Environment& environment = {}) {
        server = std::make_unique<RunningServer>(desk, "127.0.0.1:0", environment);
        program.environment["ENTITLE_SERVER_URL"] = url();
    }
    std::string url() const { return "http://127.0.0.1:" + std::to_string(server->port()); }
    std::filesystem::path tokenFile() const { return program.directory() / ".config/entitle-server/token"; }

    Ran run(const std::vector<std::string>& arguments, const std::string& input = "") {
        return program.run(arguments, input);
    }
    json::object answer(std::vector<std::string> arguments, int exitCode = 0, const std::string& input = "") {
        arguments.push_back("--json");
        const auto ran = run(arguments, input);
        EXPECT_EQ(ran.exitCode, exitCode) << ran.out << ran.err;
        json::error_code error;
        const auto value = json::parse(ran.out, error);
        EXPECT_FALSE(error) << ran.out;
        return value.is_object() ? value.get_object() : json::object();
    }
    static std::string text(const json::object& from, const char* name) {
        const auto* found = from.if_contains(name);
        return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
    }
    void logIn() { answer({"login", "root@example.com"}, 0, std::string(password) + "\n"); }
    // A machine that holds the license of that key.
    void activate(const std::string& key) {
        EXPECT_EQ(
            server->post("/api/licensing/activate", R"({"license_key":")" + key + R"(","machine_id":"desk-7"})").status,
            200);
    }

    ServedAuthority desk;
    Program program;
    std::unique_ptr<RunningServer> server;
};

TEST_F(AdminCli, LogsInKeepsItsTokenPrivateAndLogsOut) {
    serve();
    const auto before = answer({"audit"}, 1);
    EXPECT_THAT(text(before, "message"), HasSubstr("entitle-server login --server " + url()));
    const auto wrong = answer({"login", "root@example.com"}, 1, "wrong horse battery\n");
    EXPECT_EQ(text(wrong, "error"), "wrong-credentials");
    EXPECT_EQ(text(wrong, "request_id").size(), 24u);
    EXPECT_FALSE(std::filesystem::exists(tokenFile()));

    const auto made = answer({"login", "root@example.com"}, 0, std::string(password) + "\n");
    EXPECT_EQ(text(made, "token_file"), tokenFile().string());
    EXPECT_EQ(json::serialize(made).find("cot_"), std::string::npos) << "the token is in its file, and nowhere else";
    struct stat facts {};
    ASSERT_EQ(::stat(tokenFile().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777, 0600u);
    answer({"audit"});

    const auto saved = readFile(tokenFile());
    EXPECT_THAT(run({"logout"}).out, HasSubstr("Logged out"));
    EXPECT_FALSE(std::filesystem::exists(tokenFile()));
    writeFile(tokenFile(), saved);
    std::filesystem::permissions(tokenFile(), std::filesystem::perms(0600));
    const auto gone = answer({"audit"}, 1);
    EXPECT_EQ(text(gone, "error"), "token-invalid");
    EXPECT_THAT(text(gone, "message"), HasSubstr("log in again: entitle-server login"));
    EXPECT_EQ(run({"logout"}).exitCode, 0) << "one that is gone already is logged out";
}

TEST_F(AdminCli, ATokenThatExpiredSaysToLogInAgain) {
    serve();
    TokenRow row;
    row.hash = hashOfToken("cot_old");
    row.account = desk.store().accountByEmail("root@example.com")->id;
    row.createdAt = realNow() - day;
    row.expiresAt = realNow() - Seconds{1};
    desk.store().addToken(row);
    const auto file = program.directory() / "token";
    writeFile(file, url() + "\ncot_old\n");
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    EXPECT_EQ(text(answer({"audit", "--token-file", file.string()}, 1), "error"), "token-invalid");
    // Only the server that gave a token gets it.
    const auto elsewhere = answer({"audit", "--token-file", file.string(), "--server", "http://127.0.0.1:1"}, 2);
    EXPECT_THAT(text(elsewhere, "message"), HasSubstr("is for " + url()));
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    EXPECT_EQ(text(answer({"audit", "--token-file", file.string()}, 1), "error"), "unsafe-file");
}

TEST_F(AdminCli, LicensesAreGeneratedShownChangedAndRevoked) {
    serve();
    logIn();
    const auto made = answer({"license", "generate", "--account", "ada@example.com", "--type", "pro", "--note", "Ada",
                              "--expires", "2090-12-31", "--device-limit", "2", "--total-bots", "60"});
    const auto id = text(made, "license_id");
    EXPECT_EQ(made.at("device_limit"), 2);
    EXPECT_EQ(made.at("total_bots"), 60);
    EXPECT_EQ(text(made, "expires_at"), "2091-01-01T00:00:00Z");
    const auto all = answer({"license", "list"}).at("licenses").as_array();
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(text(all[0].as_object(), "license_id"), id);
    EXPECT_THAT(run({"license", "list"}).out, HasSubstr(id + "  pro   active"));
    EXPECT_EQ(text(answer({"license", "show", id, "--key"}), "license_key"), text(made, "license_key"));
    EXPECT_FALSE(answer({"license", "show", id}).contains("license_key"));

    EXPECT_EQ(text(answer({"license", "extend", id, "--until", "2091-12-31"}), "expires_at"), "2092-01-01T00:00:00Z");
    EXPECT_TRUE(answer({"license", "extend", id, "--never"}).at("expires_at").is_null());
    EXPECT_EQ(text(answer({"license", "extend", id, "--until", "2001-01-01"}, 1), "error"), "invalid-field");
    EXPECT_EQ(run({"license", "extend", id}).exitCode, 2);
    const auto changed = answer({"license", "change", id, "--type", "enterprise", "--total-bots", "none"});
    EXPECT_EQ(text(changed, "license_type"), "enterprise");
    EXPECT_EQ(changed.at("max_bots"), -1);
    EXPECT_TRUE(changed.at("total_bots").is_null());
    EXPECT_EQ(run({"license", "change", id}).exitCode, 2);

    EXPECT_EQ(text(answer({"license", "suspend", id}), "status"), "suspended");
    EXPECT_EQ(text(answer({"license", "reinstate", id}), "status"), "active");
    EXPECT_EQ(text(answer({"license", "revoke", id}), "status"), "revoked");
    EXPECT_EQ(text(answer({"license", "reinstate", id}, 1), "error"), "license-revoked");
    const auto unknown = answer({"license", "revoke", "lic_00000000000000000000"}, 1);
    EXPECT_EQ(text(unknown, "error"), "unknown-license");
    EXPECT_EQ(unknown.at("status"), 404);
    EXPECT_EQ(run({"license", "new", "--type", "pro", "--server", url()}).exitCode, 2)
        << "minting is for the directory";
}

TEST_F(AdminCli, DevicesAreListedAndReleased) {
    serve();
    logIn();
    const auto made = answer({"license", "generate", "--account", "ada@example.com", "--type", "pro", "--device-limit",
                              "2", "--total-bots", "60"});
    const auto id = text(made, "license_id");
    EXPECT_THAT(run({"license", "show", id}).out, HasSubstr("60, 0 of them leased"));
    activate(text(made, "license_key"));
    const auto devices = answer({"device", "list", id}).at("devices").as_array();
    ASSERT_EQ(devices.size(), 1u);
    EXPECT_EQ(text(devices[0].as_object(), "host"), "desk-7");
    EXPECT_THAT(run({"license", "show", id}).out, HasSubstr("desk-7"));
    const auto tried = answer({"attempts"}).at("attempts").as_array();
    ASSERT_EQ(tried.size(), 1u);
    EXPECT_EQ(text(tried[0].as_object(), "license_id"), id);
    EXPECT_THAT(run({"attempts", "--limit", "1"}).out, HasSubstr(id));
    EXPECT_FALSE(text(answer({"device", "release", id, "1"}), "released_at").empty());
    EXPECT_EQ(text(answer({"device", "release", id, "1"}, 1), "error"), "unknown-device");
    // A daemon leases its block of the total; a name that was declared has none.
    EXPECT_EQ(server->ask(TestDevice(), Operation::activate, freshNonce(), text(made, "license_key"))->status, 200);
    EXPECT_THAT(run({"license", "show", id}).out, HasSubstr("60, 30 of them leased"));
}

TEST_F(AdminCli, ApprovalsAreListedAndDecidedOnce) {
    serve();
    logIn();
    const auto made = desk.mint();
    const auto ask = [&](const char* device) {
        ExchangeQuery query;
        query.license = made.row.id;
        query.device = DeviceId{device};
        query.now = realNow();
        return desk.store().exchange(query, [](const ExchangeFacts&) -> Granted<Exchange> {
            Exchange out;
            out.askApproval = "hardware-changed";
            out.approvalLabel = "desk-8";
            return out;
        });
    };
    ASSERT_TRUE(ask("one") && ask("two"));
    const auto waiting = answer({"approval", "list"}).at("approvals").as_array();
    ASSERT_EQ(waiting.size(), 2u);
    EXPECT_EQ(text(waiting[0].as_object(), "host"), "desk-8");
    EXPECT_EQ(text(answer({"approval", "approve", "1"}), "state"), "approved");
    EXPECT_EQ(text(answer({"approval", "deny", "2"}), "state"), "denied");
    EXPECT_EQ(text(answer({"approval", "deny", "1"}, 1), "error"), "already-decided");
    EXPECT_EQ(text(answer({"approval", "deny", "77"}, 1), "error"), "unknown-approval");
    EXPECT_EQ(run({"approval", "list"}).out, "Nothing waits.\n");
    EXPECT_EQ(answer({"approval", "list", "--state", "all"}).at("approvals").as_array().size(), 2u);
}

TEST_F(AdminCli, AccountsArePromotedDemotedAndLoggedOutAndEverythingIsWrittenDown) {
    serve();
    logIn();
    EXPECT_EQ(answer({"account", "list"}).at("accounts").as_array().size(), 2u);
    EXPECT_EQ(answer({"account", "list", "--limit", "1"}).at("accounts").as_array().size(), 1u);
    const auto ada = text(answer({"account", "show", "ada@example.com"}), "user_id");
    EXPECT_EQ(text(answer({"account", "demote", "root@example.com"}, 1), "error"), "last-admin");
    EXPECT_EQ(text(answer({"account", "promote", "nobody@example.com"}, 1), "error"), "unknown-account");
    EXPECT_EQ(text(answer({"account", "promote", ada}), "role"), "admin");
    EXPECT_EQ(text(answer({"account", "demote", ada}), "role"), "user");
    const auto keys = answer({"keys", "list"});
    EXPECT_EQ(keys.at("keys").as_array().size(), 1u);

    const auto done = answer({"audit"}).at("actions").as_array();
    ASSERT_EQ(done.size(), 2u) << "what was refused changed nothing";
    EXPECT_EQ(text(done[0].as_object(), "action"), "account-demote");
    EXPECT_EQ(text(done[1].as_object(), "action"), "account-promote");
    EXPECT_EQ(text(done[0].as_object(), "actor_email"), "root@example.com");
    EXPECT_EQ(text(done[0].as_object(), "subject"), ada);
    EXPECT_EQ(text(done[0].as_object(), "request_id").size(), 24u);

    EXPECT_EQ(answer({"account", "end-sessions", "root@example.com"}).at("ended"), 1);
    EXPECT_EQ(text(answer({"audit"}, 1), "error"), "token-invalid");
    // Somebody who is no administrator is told so.
    EXPECT_THAT(run({"login", "ada@example.com"}, std::string(password) + "\n").err, HasSubstr("no administrator"));
    EXPECT_EQ(text(answer({"account", "list"}, 1), "error"), "admin-only");
}

TEST_F(AdminCli, TheSameCommandsWorkInTheDirectoryItself) {
    desk.close();
    const auto in = [&](std::vector<std::string> arguments, int exitCode = 0) {
        arguments.insert(arguments.begin(), {"--dir", desk.directory().string()});
        return answer(std::move(arguments), exitCode);
    };
    const auto made = in({"license", "generate", "--account", "ada@example.com", "--type", "basic"});
    const auto id = text(made, "license_id");
    EXPECT_EQ(text(in({"license", "suspend", id}), "status"), "suspended");
    EXPECT_EQ(text(in({"license", "show", id}), "status"), "suspended");
    EXPECT_EQ(text(in({"license", "list"}).at("licenses").as_array().at(0).as_object(), "license_id"), id);
    EXPECT_EQ(text(in({"account", "promote", "ada@example.com"}), "role"), "admin");
    EXPECT_EQ(in({"device", "list", id}).at("devices").as_array().size(), 0u);
    in({"license", "new", "--type", "pro"});
    const auto done = in({"audit"}).at("actions").as_array();
    ASSERT_EQ(done.size(), 4u);
    EXPECT_EQ(text(done[0].as_object(), "action"), "license-generate");
    EXPECT_EQ(text(done[3].as_object(), "subject"), id);
    for (const auto& each : done) EXPECT_EQ(text(each.as_object(), "actor"), "local");
    EXPECT_EQ(text(in({"license", "revoke", "lic_no"}, 1), "error"), "unknown-license");
}

TEST_F(AdminCli, AServerThatIsNotThereHasAnExitCodeOfItsOwn) {
    serve();
    logIn();
    server.reset();
    const auto gone = answer({"license", "list"}, 4);
    EXPECT_EQ(text(gone, "error"), "unreachable");
    EXPECT_THAT(text(gone, "message"), HasSubstr("does `entitle-server serve` run there?"));
    EXPECT_THAT(run({"license", "list"}).err, HasSubstr("cannot reach http://127.0.0.1:"));
    EXPECT_EQ(text(answer({"audit", "--server", "http://license.example.com"}, 2), "error"), "usage");
}

TEST_F(AdminCli, ACertificateIsTrustedByItsAuthorityOnly) {
    const TestCa authority, other;
    const auto pem = authority.issue();
    const auto keep = [&](const char* name, const std::string& bytes) {
        const auto path = desk.scratch(name);
        writeFile(path, bytes);
        std::filesystem::permissions(path, std::filesystem::perms(0600));
        return path.string();
    };
    const auto own = keep("ca.pem", authority.own().certificate), strange = keep("other.pem", other.own().certificate);
    desk.configure("[tls]\ncertificate = \"" + keep("c.pem", pem.certificate) + "\"\nkey = \"" +
                   keep("k.pem", pem.key) + "\"\n");
    serve();
    const auto secure = "https://127.0.0.1:" + std::to_string(server->port());
    const auto line = std::string(password) + "\n";
    EXPECT_EQ(text(answer({"login", "--server", secure, "root@example.com"}, 4, line), "error"), "untrusted");
    EXPECT_EQ(text(answer({"login", "--server", secure, "--ca", strange, "root@example.com"}, 4, line), "error"),
              "untrusted");
    answer({"login", "--server", secure, "--ca", own, "root@example.com"}, 0, line);
    EXPECT_EQ(answer({"account", "list", "--server", secure, "--ca", own}).at("accounts").as_array().size(), 2u);
}

TEST(AdminCliWords, EveryCommandHasHelpWithAnExample) {
    const Program program;
    for (const auto* command : {"login", "logout", "attempts", "audit"}) {
        const auto ran = program.run({command, "--help"});
        EXPECT_EQ(ran.exitCode, 0);
        EXPECT_THAT(ran.out, HasSubstr("Example")) << command;
    }
    const std::vector<std::pair<std::string, std::vector<std::string>>> groups{
        {"account", {"list", "show", "promote", "demote", "end-sessions"}},
        {"license", {"generate", "suspend", "reinstate", "revoke", "extend", "change"}},
        {"device", {"list", "release"}},
        {"approval", {"list", "approve", "deny"}}};
    for (const auto& [group, commands] : groups)
        for (const auto& command : commands)
            EXPECT_THAT(program.run({group, command, "--help"}).out, HasSubstr("Example")) << group << " " << command;
}

TEST(AdminCliAddress, IsHttpsOrThisVeryMachine) {
    for (const auto* good : {"https://license.example.com", "https://a:8443/", "http://127.0.0.1:8000",
                             "http://localhost", "http://[::1]:8000", "https://[2001:db8::1]:443"})
        EXPECT_FALSE(checkServerUrl(good)) << good;
    for (const auto* bad :
         {"", "license.example.com", "ftp://a", "http://license.example.com", "https://", "https://:1",
          "https://user@host", "https://host/path", "https://host?q", "https://host#f", "https://a:b",
          "https://a:", "http://127.0.0.1.evil.com", "https://a b", "file:///etc/passwd"})
        EXPECT_TRUE(checkServerUrl(bad)) << bad;
}

TEST(AdminCliAnswer, WhatIsNotOfThisApiIsToldAsSuch) {
    const auto fault = [](int status, const char* type, const char* body) {
        const auto answer = readAnswer(status, type, body);
        return answer ? -1 : static_cast<int>(answer.error().fault);
    };
    const auto stranger = static_cast<int>(CallFault::notAuthority);
    EXPECT_EQ(fault(200, "application/json", "{}"), -1);
    EXPECT_EQ(fault(204, "", ""), -1);
    EXPECT_EQ(fault(200, "text/html", "<html>"), stranger);
    EXPECT_EQ(fault(200, "application/json", "[]"), stranger);
    EXPECT_EQ(fault(302, "", ""), stranger);
    EXPECT_EQ(fault(404, "application/json", R"({"code":"unknown-license"})"), stranger);
    EXPECT_EQ(fault(404, "application/problem+json", "{}"), stranger);
    EXPECT_EQ(fault(404, "application/problem+json", R"({"code":"unknown-license"})"),
              static_cast<int>(CallFault::refused));
}

TEST(AdminCliColumns, CellsFromAnywhereStayCells) {
    Columns columns({"A", "B"});
    columns.add({"\x1b[31mred\n", "caf\xc3\xa9"});
    columns.add({"", "x"});
    EXPECT_EQ(columns.text(), "A        B\n[31mred  caf\xc3\xa9\n-        x\n");
}

}  // namespace
}  // namespace entitle::testing
