// What outlives what: programs, the daemon, the license, and the record of it all.
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/authority.h"
#include "tests/e2e/machine.h"

namespace entitle::e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

class Story : public testing::Test {
  protected:
    void SetUp() override {
        machine.write(machine.rootsFile(), authority.rootsFile());
        machine.start();
        import(1);
    }
    void import(std::uint64_t sequence) {
        const auto request = machine.ctl({"request"});
        ASSERT_EQ(request.status, 0) << request.err;
        Authority::Terms terms;
        terms.sequence = sequence;
        terms.maxBots = 5;
        machine.write(file(), authority.answer(request.out, wallClock(), terms));
        ASSERT_EQ(machine.ctl({"import", file()}).status, 0) << machine.log();
    }
    std::string file() const { return machine.directory() + "/machine.license"; }
    // Asks until the answer contains `text`. Each asking is a program that runs and ends, so this is no busy loop.
    bool quotaTells(const std::string& text) {
        const auto end = std::chrono::steady_clock::now() + patience;
        do {
            if (machine.ctl({"quota", "bots", "--json"}).out.find(text) != std::string::npos) return true;
        } while (std::chrono::steady_clock::now() < end);
        return false;
    }

    Authority authority;
    Machine machine;
};

TEST_F(Story, TheAuditChainHoldsThroughCrashesAndRefusals) {
    EXPECT_NE(machine.ctl({"import", machine.configFile()}).status, 0);  // not a license at all
    machine.killDaemon();
    machine.start();
    import(2);
    EXPECT_EQ(machine.ctl({"deactivate", "--yes"}).status, 0);
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 1);
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.start();
    const auto verified = machine.ctl({"audit", "--verify"});
    EXPECT_EQ(verified.status, 0) << verified.both();
    EXPECT_THAT(verified.out, HasSubstr("intact"));
    const auto entries = machine.ctl({"audit"});
    EXPECT_THAT(entries.out, HasSubstr("imported"));
}

TEST_F(Story, ALicenseIsNotGivenUpByAScriptThatDoesNotSayYes) {
    const auto silent = machine.ctl({"deactivate"});
    EXPECT_EQ(silent.status, 2) << silent.both();
    EXPECT_THAT(silent.err, HasSubstr("--yes"));
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 0) << "nothing was changed";
    EXPECT_EQ(machine.ctl({"deactivate", "--yes"}).status, 0);
}

TEST_F(Story, ADocumentOnceGivenUpCannotBeImportedAgain) {
    ASSERT_EQ(machine.ctl({"deactivate", "--yes"}).status, 0);
    const auto again = machine.ctl({"import", file()});
    EXPECT_EQ(again.status, 1) << again.both();
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 1);
}

TEST_F(Story, ACommandHoldsItsSlotsForItsLifeAndGivesItsExitCode) {
    auto command = machine.startCtl({"run", "--bots", "3", "--", "/bin/sh", "-c",
                                     "echo holding; read -r line < \"$0\"; exit 7", machine.pipe("end")});
    ASSERT_EQ(command.readLine(), "holding");
    EXPECT_TRUE(quotaTells("\"in_use\":3"));
    machine.write(machine.pipe("end"), "now\n");
    EXPECT_EQ(command.wait(), 7);
    EXPECT_TRUE(quotaTells("\"in_use\":0"));
}

TEST_F(Story, TheQuotaIsNeverExceededThroughKillsAndRestarts) {
    auto first = machine.startBot("first");
    auto second = machine.startBot("second");
    for (auto* bot : {&first, &second}) {
        const auto line = bot->readLine();
        ASSERT_TRUE(line);
        EXPECT_THAT(*line, HasSubstr("is held"));
    }
    for (int round = 0; round < 3; ++round) {
        machine.killDaemon();
        machine.start();
        // Held or awaiting, two of five are taken from the first moment on.
        EXPECT_THAT(machine.ctl({"quota", "bots", "--json"}).out, HasSubstr("\"in_use\":2"));
        const auto tooMany = machine.ctl({"run", "--bots", "4", "--", "/bin/true"});
        EXPECT_EQ(tooMany.status, 1) << tooMany.both();
        EXPECT_TRUE(quotaTells("\"awaiting\":0"));
    }
    EXPECT_TRUE(quotaTells("\"in_use\":2"));
    second.signal(SIGKILL);
    EXPECT_TRUE(quotaTells("\"in_use\":1"));
    // The place is free for another at once.
    EXPECT_EQ(machine.ctl({"run", "--bots", "4", "--", "/bin/true"}).status, 0);
}

TEST_F(Story, TheSampleConfigurationSaysTheDefaults) {
    // Every line commented out, then every default written out: both are in order.
    const auto sample = machine.read(ENTITLE_SOURCE_DIR "/packaging/entitled.toml");
    std::string spoken;
    for (std::size_t at = 0; at < sample.size();) {
        const auto end = sample.find('\n', at);
        auto line = sample.substr(at, end - at);
        if (line.size() > 1 && line[0] == '#' && line[1] != ' ') line.erase(0, 1);
        spoken += line + "\n";
        at = end + 1;
    }
    EXPECT_THAT(spoken, HasSubstr("\nstate_dir = "));
    for (const auto& text : {sample, spoken}) {
        const auto path = machine.directory() + "/etc/sample.toml";
        machine.write(path, text);
        const auto checked = run({ENTITLE_DAEMON, "--check-config", "--config", path}, {}, machine.directory());
        EXPECT_EQ(checked.status, 0) << checked.both();
    }
    // And the manual page names every key.
    const auto manual = machine.read(ENTITLE_SOURCE_DIR "/packaging/man/entitled.toml.5");
    for (std::size_t at = spoken.find(" = "); at != std::string::npos; at = spoken.find(" = ", at + 1)) {
        const auto begin = spoken.rfind('\n', at) + 1;
        EXPECT_THAT(manual, HasSubstr(spoken.substr(begin, at - begin)));
    }
}

}  // namespace
}  // namespace entitle::e2e
