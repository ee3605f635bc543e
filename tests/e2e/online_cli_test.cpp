// What a person types, and what becomes of it when they type it twice, wrong, or not to the end.
#include <csignal>
#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class OnlineCli : public Online {};

TEST_F(OnlineCli, AnActivationIsOneSeatHoweverOftenItIsTyped) {
    const auto license = server.license();
    proxy->plan(activatePath, {Kind::holdAnswer, 0, ""});
    auto first = machine.startCtl({"activate", license.key});
    ASSERT_TRUE(proxy->waitAnswered(activatePath, 1));
    auto second = machine.startCtl({"activate", license.key});
    EXPECT_EQ(standing(), "demo");
    proxy->release();
    EXPECT_EQ(first.wait(), 0);
    EXPECT_EQ(second.wait(), 0);
    EXPECT_EQ(rids(activatePath).size(), 1u);
    ASSERT_NO_FATAL_FAILURE(settled(license));
    // And later: it is here already, which is asked of the authority as any renewal is, not enrolled anew.
    for (int again = 0; again < 5; ++again) activate(license);
    machine.killDaemon();
    machine.start();
    activate(license);
    EXPECT_EQ(rids(activatePath).size(), 1u);
    settled(license);
}

TEST_F(OnlineCli, InterruptedInTheMiddleItGoesOnByItself) {
    const auto license = server.license();
    proxy->plan(activatePath, {Kind::holdAnswer, 0, ""});
    auto typed = machine.startCtl({"activate", license.key});
    ASSERT_TRUE(proxy->waitAnswered(activatePath, 1));
    typed.signal(SIGINT);
    EXPECT_EQ(typed.wait(), 128 + SIGINT);
    EXPECT_TRUE(is(status(), "activating"));
    proxy->release();
    EXPECT_TRUE(eventually([&] { return standing() == "active"; }));
    activate(license);
    EXPECT_EQ(rids(activatePath).size(), 1u);
    settled(license);
}

TEST_F(OnlineCli, ATypingErrorIsFoundWithoutAskingAnybody) {
    auto key = server.license().key;
    auto& letter = key[8];
    letter = letter == '7' ? '8' : '7';
    ASSERT_EQ(machine.stopDaemon(), 0);  // not even the daemon
    const auto typed = machine.ctl({"activate", key});
    EXPECT_EQ(typed.status, 2) << typed.both();
    EXPECT_THAT(typed.err, Not(IsEmpty()));
    EXPECT_EQ(machine.ctl({"activate", "CO-"}).status, 2);
    EXPECT_THAT(proxy->exchanges(activatePath), IsEmpty());
}

TEST_F(OnlineCli, EachEndHasItsExitCode) {
    // Nothing to ask about.
    EXPECT_EQ(machine.ctl({"refresh"}).status, 1);
    EXPECT_EQ(machine.ctl({"deactivate", "--yes"}).status, 1);
    // A no.
    const auto gone = server.license();
    server.decide(gone, "revoke");
    const auto refused = machine.ctl({"activate", gone.key, "--json"});
    EXPECT_EQ(refused.status, 1) << refused.both();
    EXPECT_THAT(refused.out, HasSubstr("license_revoked"));
    const auto nowhere = machine.ctl({"--admin-socket", machine.directory() + "/nowhere", "refresh"});
    EXPECT_EQ(nowhere.status, 3);
    EXPECT_THAT(nowhere.err, HasSubstr("ENTITLED_ADMIN_SOCKET"));
    // Nobody to ask.
    const auto license = server.license();
    ASSERT_EQ(machine.stopDaemon(), 0);
    EXPECT_EQ(machine.ctl({"activate", license.key}).status, 3);
    machine.configure("");
    machine.start();
    const auto alone = machine.ctl({"activate", license.key, "--json"});
    EXPECT_EQ(alone.status, 1);
    EXPECT_THAT(alone.out, HasSubstr("no-authority"));
}

TEST_F(OnlineCli, DeactivationGivesTheSeatBack) {
    const auto license = server.license();
    activate(license);
    const auto done = machine.ctl({"deactivate", "--yes"});
    EXPECT_EQ(done.status, 0) << done.both();
    EXPECT_TRUE(eventually([&] { return !is(status(), "returning_seat"); }));
    EXPECT_THAT(server.seats(license), IsEmpty());
    EXPECT_EQ(standing(), "demo");
}

TEST_F(OnlineCli, DeactivationWithoutAnAuthorityIsInForceAndItsSeatFollows) {
    const auto license = server.license();
    activate(license);
    server.stop();
    const auto done = machine.ctl({"deactivate", "--yes"});
    EXPECT_EQ(done.status, 0) << done.both();
    EXPECT_THAT(done.out, HasSubstr("given back as soon as"));
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 1);
    machine.killDaemon();  // the promise outlives it
    machine.start();
    EXPECT_EQ(standing(), "demo");
    EXPECT_TRUE(is(status(), "returning_seat"));
    server.start();
    EXPECT_EQ(server.seats(license).size(), 1u);
    const auto asked = machine.ctl({"refresh"});
    EXPECT_EQ(asked.status, 0) << asked.both();
    EXPECT_THAT(server.seats(license), IsEmpty());
    EXPECT_FALSE(is(status(), "returning_seat"));
}

TEST_F(OnlineCli, WhoWaitsIsToldWhy) {
    const auto license = server.license();
    server.stop();
    // Somebody at a terminal.
    const Descriptor terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_EQ(::grantpt(terminal.get()), 0);
    ASSERT_EQ(::unlockpt(terminal.get()), 0);
    Process typed({ENTITLE_CTL, "activate", license.key}, machine.environment(), ::ptsname(terminal.get()));
    std::string shown;
    const auto end = std::chrono::steady_clock::now() + patience;
    while (shown.find("no answer yet") == std::string::npos && waitReadable(terminal.get(), end)) {
        std::array<char, 4096> chunk{};
        const auto got = ::read(terminal.get(), chunk.data(), chunk.size());
        if (got <= 0) break;
        shown.append(chunk.data(), static_cast<std::size_t>(got));
    }
    EXPECT_THAT(shown, HasSubstr("asking the authority"));
    EXPECT_THAT(shown, HasSubstr("no answer yet"));
    EXPECT_THAT(shown, HasSubstr("Next attempt"));
    server.start();
    EXPECT_EQ(typed.wait(), 0);
    settled(license);
}

TEST_F(OnlineCli, AScriptIsToldOnceWhyItWaits) {
    const auto license = server.license();
    server.stop();
    auto typed = machine.startCtl({"activate", license.key});
    ASSERT_TRUE(eventually([&] { return is(status(), "activating") && failures() >= 3; }));
    server.start();
    EXPECT_EQ(typed.wait(), 0);
    const auto told = machine.read(machine.directory() + "/ctl.log");
    const auto at = told.find("no answer yet");
    ASSERT_NE(at, std::string::npos) << told;
    EXPECT_EQ(told.find("no answer yet", at + 1), std::string::npos) << told;
    EXPECT_THAT(told, HasSubstr("Ctrl-C leaves it to the daemon"));
}

// The authority answers at once, and the answer is that somebody else has to decide.
TEST_F(OnlineCli, WhereAnAdministratorMustApproveItIsSaidAtOnce) {
    const auto license = server.license();
    activate(license);
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.changeHardware('b');
    machine.start();
    const auto asked = machine.ctl({"refresh"});
    EXPECT_EQ(asked.status, 5) << asked.both();
    EXPECT_THAT(asked.err, HasSubstr("administrator must approve"));
    EXPECT_THAT(asked.err, Not(HasSubstr("cannot be reached")));
}

TEST_F(OnlineCli, StatusTellsOfTheAuthorityOverARestart) {
    const auto license = server.license();
    activate(license);
    const auto before = status();
    EXPECT_EQ(text(before, "authority_url"), proxy->url());
    EXPECT_EQ(text(before, "clock"), "good");
    EXPECT_TRUE(before.at("clock_budget_s").is_null());
    EXPECT_FALSE(text(before, "grace_until").empty());
    ASSERT_FALSE(text(before, "last_contact").empty());
    ASSERT_FALSE(text(before, "next_contact").empty());
    server.stop();
    machine.killDaemon();
    machine.start();
    const auto after = status();
    EXPECT_EQ(text(after, "last_contact"), text(before, "last_contact"));
    EXPECT_EQ(text(after, "next_contact"), text(before, "next_contact"));
    ASSERT_TRUE(eventually([&] { return !text(status(), "last_failure").empty(); }));
    const auto shown = machine.ctl({"status"});
    for (const auto* words : {"Authority", "not reached", "Next contact", "Grace until"})
        EXPECT_THAT(shown.out, HasSubstr(words));
    const auto doctor = machine.ctl({"doctor"});
    EXPECT_EQ(doctor.status, 0) << doctor.out;  // an outage is no problem of this machine's
    EXPECT_THAT(doctor.out, HasSubstr("was not reached"));
    EXPECT_THAT(doctor.out, HasSubstr("entitlectl refresh"));
}

// --- for a machine that is never online
// --------------------------------------------------------------------------------

TEST_F(OnlineCli, AnUpdateFileBringsTheDecisionsToAMachineThatIsNotAsked) {
    const auto license = server.license();
    activate(license);
    const auto file = machine.directory() + "/update.txt";
    const auto none = server.command({"update-file", "--out", file});
    EXPECT_EQ(none.status, 1) << none.both();
    EXPECT_THAT(none.err, HasSubstr("nothing that such a file could tell"));
    // From here on the machine hears nothing by itself.
    machine.configure("");
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.start();
    server.decide(license, "suspend");
    ASSERT_EQ(server.command({"update-file", "--out", file}).status, 0);
    const auto suspended = machine.read(file);
    EXPECT_EQ(standing(), "active");
    const auto imported = machine.ctl({"import", file});
    EXPECT_EQ(imported.status, 0) << imported.both();
    EXPECT_THAT(imported.out, HasSubstr("Of this machine's license they say: suspended"));
    EXPECT_EQ(standing(), "suspended");
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 1);
    EXPECT_THAT(machine.ctl({"import", file}).out, HasSubstr("Nothing in the file is new"));

    server.decide(license, "reinstate");
    ASSERT_EQ(server.command({"update-file", "--out", file}).status, 0);
    EXPECT_EQ(machine.ctl({"import", file}).status, 0);
    EXPECT_EQ(standing(), "active");
    // The older file is a lie by now.
    machine.write(file, suspended);
    const auto old = machine.ctl({"import", file, "--json"});
    EXPECT_EQ(old.status, 1) << old.both();
    EXPECT_THAT(old.out, HasSubstr("rollback"));
    EXPECT_THAT(old.out, HasSubstr("an older list of revocations"));
    EXPECT_EQ(standing(), "active");
    // One letter of it is too.
    auto forged = suspended;
    forged[forged.find("revocations: ") + 60] ^= 1;
    machine.write(file, forged);
    EXPECT_EQ(machine.ctl({"import", file}).status, 1);
    EXPECT_EQ(standing(), "active");
    // Newer keys with the decisions that are known: what they say is said again.
    ASSERT_EQ(server.command({"keys", "rotate", "--roots", server.rootsAway()}).status, 0);
    ASSERT_EQ(server.command({"update-file", "--out", file}).status, 0);
    const auto rotated = machine.ctl({"import", file});
    EXPECT_THAT(rotated.out, HasSubstr("Key set 2 is stored"));
    EXPECT_THAT(rotated.out, HasSubstr("Of this machine's license they say: reinstated"));
}

}  // namespace
}  // namespace entitle::e2e
