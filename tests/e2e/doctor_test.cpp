// What a person is told when something is wrong: each case is made for real, on real programs.
#include <csignal>
#include <filesystem>

#include <sys/stat.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/authority.h"
#include "tests/e2e/machine.h"

namespace entitle::e2e {
namespace {

using testing::AnyOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr int problemsFound = 1;  // entitlectl doctor
constexpr int noDaemon = 3;       // entitlectl
constexpr int badConfig = 3;      // entitled

class Doctor : public testing::Test {
  protected:
    void license(const Authority::Terms& terms = {}) {
        machine.write(machine.rootsFile(), authority.rootsFile());
        machine.start();
        renew(terms);
    }
    void renew(const Authority::Terms& terms) {
        const auto request = machine.ctl({"request"});
        ASSERT_EQ(request.status, 0) << request.err;
        const auto file = machine.directory() + "/machine.license";
        machine.write(file, authority.answer(request.out, wallClock(), terms));
        const auto imported = machine.ctl({"import", file});
        ASSERT_EQ(imported.status, 0) << imported.err << machine.log();
    }
    // Reads what `watch --json` tells, until it tells this standing.
    static bool tells(Process& watch, const std::string& standing) {
        while (const auto line = watch.readLine()) {
            if (line->find("\"" + standing + "\"") != std::string::npos) return true;
        }
        return false;
    }

    Authority authority;
    Machine machine;
};

TEST_F(Doctor, FindsNothingToDoOnAHealthyMachine) {
    license();
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_EQ(doctor.status, 0) << doctor.both();
}

TEST_F(Doctor, NamesTheSocketThatNobodyListensOn) {
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_NE(doctor.status, 0);
    EXPECT_THAT(doctor.both(), HasSubstr(machine.querySocket()));
    EXPECT_EQ(machine.ctl({"check", "paper_trading"}).status, noDaemon);
}

TEST_F(Doctor, SaysThatADirectoryOthersMayWriteProvesNothing) {
    license();
    ASSERT_EQ(::chmod((machine.directory() + "/run").c_str(), 0777), 0);
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_NE(doctor.status, 0);
    EXPECT_THAT(doctor.both(), ContainsRegex("writ(e|able)")) << doctor.both();
    // And nobody believes what is said there.
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, noDaemon);
}

TEST_F(Doctor, SaysWhoMayAdminister) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to ask as another user";
    license();
    // Another user, who may ask but not administer.
    ASSERT_EQ(::chmod(machine.directory().c_str(), 0711), 0);
    ASSERT_EQ(::chmod((machine.directory() + "/run").c_str(), 0711), 0);
    const std::string asNobody = "/usr/bin/setpriv";
    if (::access(asNobody.c_str(), X_OK) != 0) GTEST_SKIP() << "needs setpriv of util-linux, to ask as another user";
    auto as = [&](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(),
                         {asNobody, "--reuid=65534", "--regid=65534", "--clear-groups", ENTITLE_CTL});
        return run(arguments, machine.environment(), machine.directory());
    };
    EXPECT_EQ(as({"check", "live_trading"}).status, 0) << as({"check", "live_trading"}).both();
    const auto import = as({"import", "/dev/null"});
    EXPECT_NE(import.status, 0);
    const auto doctor = as({"doctor"});
    EXPECT_THAT(doctor.both(), AnyOf(HasSubstr("entitle-admin"), HasSubstr("sudo"))) << doctor.both();
}

TEST_F(Doctor, SaysThatTheLicenseEnded) {
    Authority::Terms terms;
    terms.endsAt = wallClock() + Seconds{5};
    license(terms);
    auto watch = machine.startCtl({"watch", "--json"});
    ASSERT_TRUE(tells(watch, "active")) << machine.log();
    ASSERT_TRUE(tells(watch, "expired")) << machine.log();
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_EQ(doctor.status, problemsFound) << doctor.both();
    EXPECT_THAT(doctor.both(), ContainsRegex("(ended|expired)"));
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 1);

    // A newer document puts it right.
    terms.endsAt.reset();
    terms.sequence = 2;
    renew(terms);
    ASSERT_TRUE(tells(watch, "active"));
    EXPECT_EQ(machine.ctl({"doctor"}).status, 0);
}

TEST_F(Doctor, SaysThatTheHardwareIsAnother) {
    license();
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.changeHardware('b');
    machine.start();
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_EQ(doctor.status, problemsFound) << doctor.both();
    EXPECT_THAT(doctor.both(), HasSubstr("hardware"));
    const auto fingerprint = machine.ctl({"fingerprint"});
    EXPECT_THAT(fingerprint.out, HasSubstr("different")) << fingerprint.both();
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 1);

    // Back at home the same state is worth what it was.
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.changeHardware('a');
    machine.start();
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 0);
}

TEST_F(Doctor, AConfigurationThatOthersMayWriteIsRefusedWithWords) {
    ASSERT_EQ(::chmod(machine.configFile().c_str(), 0666), 0);
    EXPECT_EQ(machine.startRefused(), badConfig);
    EXPECT_THAT(machine.log(), HasSubstr(machine.configFile()));
    EXPECT_THAT(machine.log(), ContainsRegex("writ(e|able)"));

    // A running daemon keeps what it has.
    ASSERT_EQ(::chmod(machine.configFile().c_str(), 0600), 0);
    license();
    ASSERT_EQ(::chmod(machine.configFile().c_str(), 0666), 0);
    machine.daemon().signal(SIGHUP);
    ASSERT_TRUE(machine.waitNotified("READY=1"));
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 0);
}

}  // namespace
}  // namespace entitle::e2e
