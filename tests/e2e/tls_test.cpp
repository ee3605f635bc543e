// Who the daemon believes to be its authority, and by which way it gets there.
#include <filesystem>

#include <unistd.h>

#include "tests/e2e/online_fixture.h"
#include "tests/server/test_certificates.h"

namespace entitle::e2e {
namespace {

using entitle::testing::Pem;
using entitle::testing::TestCa;
using ::testing::HasSubstr;
using ::testing::Not;

class Tls : public Online {
  protected:
    void SetUp() override {
        Online::SetUp();
        license = server.license();
        activate(license);
        machine.write(caFile(), ca.own().certificate);
        server.stop();
    }
    std::string caFile() const { return machine.directory() + "/etc/ca.pem"; }
    std::string url(const std::string& host = "localhost") const {
        return "https://" + host + ":" + std::to_string(server.port());
    }
    std::string believing() const { return "ca_file = \"" + caFile() + "\"\n"; }
    void serveWith(const Pem& pem) {
        machine.write(server.directory() + "/chain.pem", pem.certificate);
        machine.write(server.directory() + "/key.pem", pem.key);
        server.configure("[tls]\ncertificate = \"" + server.directory() + "/chain.pem\"\nkey = \"" +
                         server.directory() + "/key.pem\"\n");
        server.start();
    }
    void daemonWith(const std::string& address, const std::string& more) {
        configure(address, more);
        EXPECT_EQ(machine.stopDaemon(), 0);
        machine.start();
    }
    // Not reached, with words; and nothing is lost by it.
    void distrusted(const std::string& words) {
        auto typed = machine.startCtl({"refresh"});
        ASSERT_TRUE(eventually([&] { return text(status(), "last_failure").find(words) != std::string::npos; }))
            << status();
        EXPECT_EQ(standing(), "active");
        EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 0);
        const auto doctor = machine.ctl({"doctor"});
        EXPECT_THAT(doctor.out, HasSubstr(words));
        EXPECT_THAT(doctor.out, HasSubstr("Its certificate is not believed."));
        EXPECT_THAT(machine.ctl({"status"}).out, HasSubstr("not reached"));
    }
    void trusted() {
        const auto refreshed = machine.ctl({"refresh"});
        EXPECT_EQ(refreshed.status, 0) << refreshed.both() << machine.log();
        EXPECT_TRUE(text(status(), "last_failure").empty());
    }

    TestCa ca, stranger;
    License license;
};

TEST_F(Tls, ACertificateOfTheConfiguredIssuerIsBelieved) {
    serveWith(ca.issue());
    daemonWith(url(), believing());
    trusted();
    daemonWith(url("127.0.0.1"), believing());
    trusted();
}

TEST_F(Tls, AnIssuerNobodyNamedIsNot) {
    serveWith(stranger.issue());
    daemonWith(url(), believing());
    distrusted("TLS connection");  // of the same name: it is the signature that does not fit
    // Nor the right one, as long as only the system's are trusted.
    server.stop();
    serveWith(ca.issue());
    daemonWith(url(), "");
    distrusted("certificate");
    daemonWith(url(), believing());
    trusted();
}

TEST_F(Tls, ACertificateForAnotherNameIsNot) {
    serveWith(ca.issue("licenses.example"));
    daemonWith(url(), believing());
    distrusted("localhost");
}

TEST_F(Tls, ACertificateThatHasRunOutIsNotAndItsSuccessorIs) {
    serveWith(ca.issue("localhost", -30, -1));
    daemonWith(url(), believing());
    distrusted("expired");
    server.stop();
    serveWith(ca.issue());
    trusted();
}

TEST_F(Tls, ACertificateOfTomorrowIsNot) {
    serveWith(ca.issue("localhost", 1, 30));
    daemonWith(url(), believing());
    distrusted("not yet valid");
}

TEST_F(Tls, PlainHttpWhereTlsIsExpectedIsNotTheAuthority) {
    server.configure("");
    server.start();
    configure(url(), believing());
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.start();
    const auto before = failures();
    auto typed = machine.startCtl({"refresh"});
    ASSERT_TRUE(noticed(before));
    EXPECT_EQ(standing(), "active");
}

TEST_F(Tls, TheProxyOfTheConfigurationIsTaken) {
    serveWith(ca.issue());
    daemonWith(url(), believing() + "proxy = \"" + proxy->url() + "\"\n");
    trusted();
    EXPECT_GT(proxy->tunnels(), 0u);
}

TEST_F(Tls, TheProxyOfTheEnvironmentIsTakenUnlessTheConfigurationSaysNone) {
    serveWith(ca.issue());
    machine.daemonEnvironment = {{"https_proxy", proxy->url()}, {"no_proxy", ""}};
    daemonWith(url(), believing());
    trusted();
    const auto tunnels = proxy->tunnels();
    EXPECT_GT(tunnels, 0u);
    daemonWith(url(), believing() + "proxy = \"none\"\n");
    trusted();
    EXPECT_EQ(proxy->tunnels(), tunnels);
}

TEST_F(Tls, AProxyThatIsNotThereIsAnOutage) {
    serveWith(ca.issue());
    const auto gone = std::make_unique<FaultProxy>(server.port())->url();
    daemonWith(url(), believing() + "proxy = \"" + gone + "\"\n");
    const auto before = failures();
    auto typed = machine.startCtl({"refresh"});
    ASSERT_TRUE(noticed(before));
    EXPECT_EQ(standing(), "active");
    EXPECT_THAT(machine.ctl({"doctor"}).out, HasSubstr("proxy"));
}

// Whoever may put files where the daemon is started, or sets OpenSSL's variables, gets no code into it. The loader's
// own variables are another matter: they are obeyed before the daemon's first line runs.
TEST_F(Tls, NoLibraryComesFromTheWorkingDirectoryOrFromOpenSslsEnvironment) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to see what a process that is not dumpable has loaded";
    const auto place = machine.directory() + "/place";
    std::filesystem::create_directory(place);
    for (const char* name : {"libcurl.so.4", "libssl.so.3", "libcrypto.so.3", "libnss_files.so.2", "libz.so.1",
                             "provider.so", "engine.so"}) {
        std::filesystem::copy_file("/proc/self/exe", place + "/" + name);  // a file that the loader would map
    }
    machine.write(place + "/openssl.cnf",
                  "openssl_conf = all\n[all]\nproviders = providers\nengines = engines\n[providers]\nours = ours\n"
                  "[ours]\nmodule = " +
                      place + "/provider.so\nactivate = 1\n[engines]\nours = engine\n[engine]\ndynamic_path = " +
                      place + "/engine.so\ninit = 1\n");
    machine.daemonWrapper = {"/usr/bin/env", "-C", place};
    for (const char* name : {"OPENSSL_MODULES", "OPENSSL_ENGINES"}) machine.daemonEnvironment[name] = place;
    machine.daemonEnvironment["OPENSSL_CONF"] = place + "/openssl.cnf";
    machine.daemonEnvironment["SSLKEYLOGFILE"] = place + "/keys";
    serveWith(ca.issue("localhost"));
    daemonWith(url(), believing());
    trusted();
    const auto maps = machine.read("/proc/" + std::to_string(machine.daemon().pid()) + "/maps");
    EXPECT_THAT(maps, HasSubstr("/libcurl.so.4"));
    EXPECT_THAT(maps, HasSubstr("/libssl.so.3"));
    EXPECT_THAT(maps, Not(HasSubstr(place)));
    EXPECT_FALSE(std::filesystem::exists(place + "/keys"));
}

}  // namespace
}  // namespace entitle::e2e
