// entitlectl as a person and a script meet it: the real programs.
#include <csignal>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/authority.h"
#include "tests/e2e/machine.h"

namespace entitle::testing {
namespace {

using e2e::Machine;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

boost::json::object parsed(const std::string& text) {
    boost::system::error_code error;
    auto value = boost::json::parse(text, error);
    EXPECT_FALSE(error) << error.message() << " in: " << text;
    return value.is_object() ? value.as_object() : boost::json::object{};
}

// A machine whose daemon runs in demo mode.
class Entitlectl : public ::testing::Test {
  protected:
    Entitlectl() { machine.start(); }
    Machine machine;
};

// A machine where nothing runs.
class EntitlectlAlone : public ::testing::Test {
  protected:
    Machine machine;
};

TEST_F(Entitlectl, CheckSpeaksByItsExitStatus) {
    EXPECT_EQ(machine.ctl({"check", "paper_trading"}).status, 0);
    const auto denied = machine.ctl({"check", "live_trading"});
    EXPECT_EQ(denied.status, 1);
    EXPECT_THAT(denied.out, HasSubstr("Upgrade to Basic"));
    EXPECT_EQ(machine.ctl({"check"}).status, 2);
    EXPECT_EQ(machine.ctl({"chekc", "x"}).status, 2);
    EXPECT_EQ(machine.ctl({}).status, 2);
    EXPECT_EQ(machine.ctl({"check", "live_trading", "--timeout", "0"}).status, 2);
    EXPECT_EQ(machine.ctl({"--socket", "relative", "check", "live_trading"}).status, 2);
}

TEST_F(Entitlectl, EveryCommandHasHelpWithAnExample) {
    const auto all = machine.ctl({"--help"});
    EXPECT_EQ(all.status, 0);
    EXPECT_THAT(all.out, HasSubstr("Exit status:"));
    for (const char* command : {"status", "check", "features", "quota", "run", "slots", "watch", "fingerprint",
                                "doctor", "version", "request", "import", "deactivate", "audit", "metrics"}) {
        EXPECT_THAT(all.out, HasSubstr(command));
        const auto help = machine.ctl({command, "--help"});
        EXPECT_EQ(help.status, 0) << command;
        EXPECT_THAT(help.out, HasSubstr("Examples:")) << command;
        EXPECT_THAT(help.out, HasSubstr(std::string("entitlectl ") + command)) << command;
    }
}

TEST_F(Entitlectl, MetricsReplaceAFileThatOthersReadAsAWhole) {
    const auto file = machine.directory() + "/entitled.prom";
    EXPECT_EQ(machine.ctl({"metrics", "--out", file}).status, 0);
    const auto first = machine.read(file);
    EXPECT_THAT(first, HasSubstr("# TYPE"));
    EXPECT_EQ(std::filesystem::status(file).permissions(), static_cast<std::filesystem::perms>(0644));
    machine.killDaemon();
    EXPECT_EQ(machine.ctl({"metrics", "--out", file}).status, 3);
    EXPECT_EQ(machine.read(file), first) << "what could not be asked anew stays as it was, with its time";
}

// prometheus.io/docs/instrumenting/exposition_formats: HELP and TYPE once before each metric's sample, counters end in
// _total, every line ends in a newline.
TEST_F(Entitlectl, MetricsKeepTheFormOfTheTextFormat) {
    std::istringstream lines(machine.ctl({"metrics"}).out);
    const std::regex help("# HELP ([a-z_]+) [^\\n]+"), type("# TYPE ([a-z_]+) (counter|gauge)"),
        sample("([a-z_]+)(\\{[a-z_]+=\"[^\"\\\\]*\"\\})? -?[0-9]+(\\.[0-9e+]+)?");
    std::set<std::string> names;
    std::smatch helped, typed, sampled;
    for (std::string a, b, c; std::getline(lines, a);) {
        ASSERT_TRUE(std::getline(lines, b) && std::getline(lines, c)) << a;
        ASSERT_TRUE(std::regex_match(a, helped, help)) << a;
        ASSERT_TRUE(std::regex_match(b, typed, type)) << b;
        ASSERT_TRUE(std::regex_match(c, sampled, sample)) << c;
        EXPECT_EQ(helped[1], typed[1]);
        EXPECT_EQ(helped[1], sampled[1]);
        EXPECT_EQ(typed[2] == "counter", helped[1].str().ends_with("_total")) << a;
        EXPECT_TRUE(names.insert(helped[1]).second) << "twice: " << a;
    }
    EXPECT_GT(names.size(), 15u);
}

TEST_F(Entitlectl, EveryAnswerParsesAsJson) {
    EXPECT_EQ(parsed(machine.ctl({"status", "--json"}).out)["standing"], "demo");
    EXPECT_EQ(parsed(machine.ctl({"--json", "check", "live_trading"}).out)["allowed"], false);
    EXPECT_TRUE(parsed(machine.ctl({"features", "--json"}).out)["features"].is_array());
    EXPECT_EQ(parsed(machine.ctl({"quota", "--json"}).out)["limit"], 3);
    EXPECT_TRUE(parsed(machine.ctl({"slots", "--json"}).out)["slots"].is_array());
    EXPECT_TRUE(parsed(machine.ctl({"slots", "--all", "--json"}).out)["slots"].is_array());
    EXPECT_TRUE(parsed(machine.ctl({"fingerprint", "--json"}).out)["components"].is_array());
    EXPECT_TRUE(parsed(machine.ctl({"doctor", "--json"}).out)["findings"].is_array());
    EXPECT_TRUE(parsed(machine.ctl({"version", "--json"}).out)["daemon"].is_string());
    EXPECT_TRUE(parsed(machine.ctl({"metrics", "--json"}).out)["metrics"].is_array());
    EXPECT_EQ(parsed(machine.ctl({"audit", "--verify", "--json"}).out)["intact"], true);
    std::istringstream entries(machine.ctl({"audit", "--json"}).out);
    int count = 0;
    for (std::string line; std::getline(entries, line); ++count) EXPECT_TRUE(parsed(line)["index"].is_number());
    EXPECT_GT(count, 0);
    const auto refused = machine.ctl({"deactivate", "--yes", "--json"});
    EXPECT_EQ(refused.status, 1);
    EXPECT_TRUE(parsed(refused.out)["error"].is_object());
}

TEST_F(Entitlectl, PlainOutputHasNoColourAndNoControlCharacters) {
    for (const char* command : {"status", "features", "quota", "fingerprint", "doctor", "audit", "version"}) {
        const auto result = machine.ctl({command});
        EXPECT_THAT(result.out, Not(IsEmpty())) << command;
        EXPECT_EQ(result.out.find('\x1b'), std::string::npos) << command;
    }
    EXPECT_NE(machine.ctl({"status", "--color", "always"}).out.find('\x1b'), std::string::npos);
    EXPECT_EQ(machine.ctl({"status", "--color", "always", "--json"}).out.find('\x1b'), std::string::npos);
}

TEST_F(Entitlectl, DevelopmentTrustIsSaidPlainly) {
    EXPECT_THAT(machine.ctl({"status"}).out, HasSubstr("development: not for production"));
    EXPECT_EQ(parsed(machine.ctl({"status", "--json"}).out)["trust"], "development");
    // On a socket named by hand the daemon is believed, with a warning; so is it by `check`.
    const auto checked = machine.ctl({"check", "paper_trading"}, {{"ENTITLED_ALLOW_DEVELOPMENT", ""}});
    EXPECT_EQ(checked.status, 0);
    EXPECT_THAT(checked.err, HasSubstr("development build"));
}

TEST_F(EntitlectlAlone, WithoutADaemonDemoIsAnsweredAndSaid) {
    const auto status = machine.ctl({"status"});
    EXPECT_EQ(status.status, 3);
    EXPECT_THAT(status.out, HasSubstr("demo"));
    EXPECT_THAT(status.err, HasSubstr("not running"));
    EXPECT_THAT(status.err, HasSubstr("systemctl start entitled"));
    const auto checked = machine.ctl({"check", "live_trading", "--json"});
    EXPECT_EQ(checked.status, 3);
    EXPECT_EQ(parsed(checked.out)["source"], "demo");
    EXPECT_EQ(parsed(checked.out)["unavailable"], "not-running");
    EXPECT_EQ(machine.ctl({"run", "--", "/bin/true"}).status, 3);
    EXPECT_EQ(machine.ctl({"slots"}).status, 3);
    EXPECT_EQ(machine.ctl({"request"}).status, 3);
    EXPECT_EQ(machine.ctl({"fingerprint"}).status, 3);
    EXPECT_EQ(parsed(machine.ctl({"audit", "--json"}).out)["error"].at("code"), "not-running");
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_EQ(doctor.status, 3);
    EXPECT_THAT(doctor.out, HasSubstr("problem"));
    const auto version = machine.ctl({"version"});
    EXPECT_EQ(version.status, 0);
    EXPECT_THAT(version.out, HasSubstr("not reached"));
}

TEST_F(Entitlectl, AFakeDaemonOnThePathIsRefused) {
    const auto run = std::filesystem::path(machine.querySocket()).parent_path();
    ASSERT_EQ(::chmod(run.c_str(), 0777), 0);
    auto result = machine.ctl({"check", "paper_trading"});
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.err, HasSubstr("writable by others"));
    result = machine.ctl({"doctor"});
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.out, HasSubstr("identity"));
    EXPECT_EQ(machine.ctl({"slots"}).status, 3);
    ASSERT_EQ(::chmod(run.c_str(), 0700), 0);
    if (::geteuid() != 0) GTEST_SKIP() << "the rest needs root, to give the socket to another user";
    ASSERT_EQ(::chown(machine.querySocket().c_str(), 12'345, 12'345), 0);
    result = machine.ctl({"check", "paper_trading"});
    EXPECT_EQ(result.status, 3);
    EXPECT_THAT(result.err, HasSubstr("belongs to uid 12345"));
}

TEST_F(Entitlectl, TheAdminSocketsPermissionsAreExplained) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root, to run entitlectl as another user";
    // The daemon's files stay root's; the caller becomes nobody, for whom a path of its own would have to be its own.
    for (const char* part : {"", "/run", "/run-admin"})
        ASSERT_EQ(::chmod((machine.directory() + part).c_str(), 0755), 0);
    ASSERT_EQ(::chmod((machine.directory() + "/run-admin").c_str(), 0700), 0);
    const auto result =
        e2e::run({"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", ENTITLE_CTL, "audit"},
                 machine.environment(), machine.directory());
    EXPECT_EQ(result.status, 3) << result.both();
    EXPECT_THAT(result.err, HasSubstr("entitle-admin")) << result.both();
}

TEST_F(Entitlectl, RunGivesTheCommandsExitStatus) {
    EXPECT_EQ(machine.ctl({"run", "--", "/bin/true"}).status, 0);
    EXPECT_EQ(machine.ctl({"run", "--", "/bin/sh", "-c", "exit 7"}).status, 7);
    EXPECT_EQ(machine.ctl({"run", "--", "/bin/sh", "-c", "kill -USR1 $$"}).status, 128 + SIGUSR1);
    EXPECT_EQ(machine.ctl({"run", "--", "/nonexistent/bot"}).status, 127);
    EXPECT_EQ(machine.ctl({"run", "--", "/"}).status, 126);
    EXPECT_EQ(machine.ctl({"run"}).status, 2);
    const auto arguments = machine.ctl({"run", "--", "/bin/echo", "--json", "-x", "--", "a b"});
    EXPECT_EQ(arguments.out, "--json -x -- a b\n") << "what follows -- is the command's alone";
}

TEST_F(Entitlectl, RunHoldsItsSlotsForTheCommandsLifeAndFreesThem) {
    auto running =
        machine.startCtl({"run", "--bots", "2", "--label", "evil\x1b[2J", "--", "/bin/sh", "-c", "echo up; read x"});
    // The label holds a control character: the daemon refuses it, and says so.
    EXPECT_EQ(running.wait(), 1);
    auto fine =
        machine.startCtl({"run", "--bots", "2", "--label", "fine", "--", "/bin/sh", "-c", "echo up; exec sleep 60"});
    ASSERT_EQ(fine.readLine(), "up");
    EXPECT_EQ(parsed(machine.ctl({"quota", "--json"}).out)["in_use"], 2);
    EXPECT_THAT(machine.ctl({"slots"}).out, HasSubstr("fine"));
    const auto denied = machine.ctl({"run", "--bots", "2", "--", "/bin/true"});
    EXPECT_EQ(denied.status, 1);
    EXPECT_THAT(denied.err, Not(IsEmpty()));
    fine.signal(SIGTERM);
    EXPECT_EQ(fine.wait(), 128 + SIGTERM);
    EXPECT_EQ(parsed(machine.ctl({"quota", "--json"}).out)["in_use"], 0);
}

TEST_F(Entitlectl, RunPassesSignalsOn) {
    auto running = machine.startCtl(
        {"run", "--", "/bin/sh", "-c",
         "trap 'echo usr1' USR1; trap 'echo hup' HUP; trap 'echo int' INT; trap 'kill $!; exit 9' TERM; "
         "sleep 60 & echo up; while :; do wait; done"});
    ASSERT_EQ(running.readLine(), "up");
    running.signal(SIGUSR1);
    EXPECT_EQ(running.readLine(), "usr1");
    running.signal(SIGHUP);
    EXPECT_EQ(running.readLine(), "hup");
    running.signal(SIGINT);
    EXPECT_EQ(running.readLine(), "int");
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait(), 9);
}

TEST_F(Entitlectl, RunKeepsItsSlotsThroughAKilledDaemon) {
    auto running = machine.startCtl({"run", "--bots", "3", "--", "/bin/sh", "-c", "echo up; exec sleep 60"});
    ASSERT_EQ(running.readLine(), "up");
    auto watch = machine.startCtl({"watch", "--json"});
    ASSERT_EQ(parsed(watch.readLine().value_or("")).at("connected"), true);
    machine.killDaemon();
    while (parsed(watch.readLine().value_or("{\"connected\":false}")).at("connected") == true) {
    }
    machine.start();
    const auto connected = [&] { return machine.ctl({"quota", "--json"}); };
    boost::json::object quota;
    do {
        quota = parsed(connected().out);
    } while (quota.at("awaiting") != 0);  // the reclaim window would free them: then in_use is 0
    EXPECT_EQ(quota.at("in_use"), 3);
    watch.signal(SIGINT);
    EXPECT_EQ(watch.wait(), 0) << "Ctrl-C ends it cleanly";
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait(), 128 + SIGTERM);
}

TEST_F(Entitlectl, RunSaysWhenItsSlotsAreTakenAndGoesOn) {
    auto running = machine.startCtl({"run", "--", "/bin/sh", "-c", "echo up; exec sleep 60"});
    ASSERT_EQ(running.readLine(), "up");
    const auto slots = parsed(machine.ctl({"slots", "--json"}).out);
    const auto id = std::to_string(slots.at("slots").at(0).at("id").to_number<std::uint64_t>());
    EXPECT_EQ(machine.ctl({"slots", "--release", id}).status, 0);
    EXPECT_EQ(machine.ctl({"slots", "--release", id}).status, 1) << "it is gone already";
    const auto said = [&] { return machine.read(machine.directory() + "/ctl.log"); };
    const auto deadline = std::chrono::steady_clock::now() + e2e::patience;
    while (said().find("the slots are lost") == std::string::npos && std::chrono::steady_clock::now() < deadline) {
    }
    EXPECT_THAT(said(), HasSubstr("the command goes on"));
    running.signal(SIGTERM);
    EXPECT_EQ(running.wait(), 128 + SIGTERM);
}

TEST_F(Entitlectl, RequestWritesAFileAsAWholeAndFollowsNoLink) {
    machine.write(machine.rootsFile(), e2e::Authority().rootsFile());
    ASSERT_EQ(machine.stopDaemon(), 0);
    machine.start();
    const auto file = machine.directory() + "/request.txt";
    const auto written = machine.ctl({"request", "--out", file, "--label", "test"});
    ASSERT_EQ(written.status, 0) << written.both();
    EXPECT_THAT(machine.read(file), Not(IsEmpty()));
    EXPECT_EQ(machine.ctl({"request", "--label", "test"}).out, machine.read(file))
        << "the same request again while it waits";
    EXPECT_NE(machine.ctl({"request", "--label", "test", "--fresh"}).out, machine.read(file));

    const auto precious = machine.directory() + "/precious";
    machine.write(precious, "precious");
    const auto link = machine.directory() + "/link.txt";
    std::filesystem::create_symlink(precious, link);
    const auto refused = machine.ctl({"request", "--out", link});
    EXPECT_EQ(refused.status, 4);
    EXPECT_EQ(machine.read(precious), "precious");
    EXPECT_EQ(machine.ctl({"request", "--out", "/nonexistent/request.txt"}).status, 4);
}

TEST_F(Entitlectl, ImportExplainsWhatIsNoLicense) {
    const auto file = machine.directory() + "/no-license.txt";
    machine.write(file, "no license\n");
    const auto refused = machine.ctl({"import", file});
    EXPECT_EQ(refused.status, 1);
    EXPECT_THAT(refused.err, HasSubstr("entitlectl: "));
    EXPECT_EQ(machine.ctl({"import", "-"}).status, 1) << "an empty standard input";
    EXPECT_EQ(machine.ctl({"import", "/nonexistent"}).status, 4);
    machine.write(file, std::string(70'000, 'x'));
    EXPECT_EQ(machine.ctl({"import", file}).status, 4);
}

TEST_F(Entitlectl, WatchEndsWhenNobodyReads) {
    const auto result = e2e::run({"/bin/sh", "-c", "\"$0\" watch | head -n 1", ENTITLE_CTL}, machine.environment(),
                                 machine.directory());
    EXPECT_THAT(result.out, HasSubstr("demo"));
}

}  // namespace
}  // namespace entitle::testing
