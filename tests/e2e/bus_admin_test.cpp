// Changing something over the bus: who may, who is asked, and what becomes of callers who leave, lie or hand over
// nonsense.
#include <csignal>

#include "tests/e2e/bus_fixture.h"
#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

const std::string activateAction = "org.cryptoorchestrator.entitled.activate";
const std::string deactivateAction = "org.cryptoorchestrator.entitled.deactivate";
const std::string slotsAction = "org.cryptoorchestrator.entitled.manage-slots";

class BusAdmin : public Online {
  protected:
    void SetUp() override {
        if (const auto why = PrivateBus::obstacle(); !why.empty()) GTEST_SKIP() << why;
        bus.start();
        Online::SetUp();
        ASSERT_TRUE(bus.waitNamed(entitledName)) << machine.log();
    }
    // Somebody who is not root: ourselves, or where we are root, another.
    static std::optional<unsigned> commoner() { return mayBecomeAnother() ? std::optional(stranger) : std::nullopt; }
    Output call(const std::string& method, std::vector<std::string> arguments = {}, bool ask = false) {
        return bus.call(method, std::move(arguments), commoner(), ask);
    }
    void polkit() { bus.mock("polkit", "org.freedesktop.PolicyKit1"); }
    void tellPolkit(const std::string& method, std::vector<std::string> arguments) {
        std::vector<std::string> command{"call", "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                         "org.freedesktop.DBus.Mock", method};
        command.insert(command.end(), arguments.begin(), arguments.end());
        const auto done = bus.busctl(command);
        ASSERT_EQ(done.status, 0) << done.both();
    }
    void allow(const std::vector<std::string>& actions) {
        std::vector<std::string> arguments{"as", std::to_string(actions.size())};
        arguments.insert(arguments.end(), actions.begin(), actions.end());
        tellPolkit("SetAllowed", arguments);
    }
    bool polkitIsAsked() {
        return busEventually([&] {
            return bus.busctl({"call", "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                               "org.freedesktop.DBus.Mock", "IsHanging"})
                       .out == "b true\n";
        });
    }
    // Somebody who calls and waits, until the test ends them.
    std::unique_ptr<Process> calling(const std::string& method, std::vector<std::string> arguments) {
        std::vector<std::string> command{"busctl",     "--system",   "--timeout=60", "call",
                                         entitledName, entitledPath, entitledName,   method};
        command.insert(command.end(), arguments.begin(), arguments.end());
        return bus.launch(command, commoner());
    }
    std::string import(const std::string& source) { return bus.importing(source); }
    std::string refusal(const std::string& method, std::vector<std::string> arguments = {}, bool ask = false) {
        return bus.refusal(method, std::move(arguments), commoner(), ask);
    }

    PrivateBus bus{machine};
};

TEST_F(BusAdmin, RootNeedsNobodysLeave) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root";
    const auto license = server.license();
    auto listening = bus.listen();
    const auto done = bus.call("Activate", {"s", license.key});
    EXPECT_EQ(done.status, 0) << done.both();
    EXPECT_EQ(bus.property("Standing"), "s \"active\"");
    EXPECT_EQ(bus.property("LicenseId"), "s \"" + license.id + "\"");
    std::string told;
    while (told.find("'Standing': <'active'>") == std::string::npos) {
        const auto line = listening->readLine();
        ASSERT_TRUE(line) << told;
        told = *line;
    }
    EXPECT_EQ(bus.call("Refresh").status, 0);
    EXPECT_EQ(bus.call("Deactivate").status, 0);
    EXPECT_EQ(bus.property("Standing"), "s \"demo\"");
    EXPECT_THAT(bus.call("Deactivate").err, HasSubstr("No license"));
}

TEST_F(BusAdmin, WithoutPolkitOnlyRootMayAndIsToldSo) {
    for (const auto& [method, arguments] :
         std::vector<std::pair<std::string, std::vector<std::string>>>{{"Activate", {"CO-"}},
                                                                       {"Refresh", {}},
                                                                       {"Deactivate", {}},
                                                                       {"ReleaseSlot", {"1"}},
                                                                       {"ListAllSlots", {}}}) {
        EXPECT_THAT(refusal(method, arguments, true), HasSubstr("Only root may do this here: polkit")) << method;
    }
    EXPECT_EQ(standing(), "demo");
}

TEST_F(BusAdmin, PolkitDecidesActionByAction) {
    if (!mayBecomeAnother() && ::getuid() == 0) GTEST_SKIP() << "needs somebody who is not root";
    polkit();
    const auto license = server.license();
    EXPECT_THAT(refusal("Activate", {license.key}), HasSubstr(activateAction)) << "no, and what was asked";
    allow({activateAction});
    const auto done = call("Activate", {"s", license.key});
    EXPECT_EQ(done.status, 0) << done.both() << machine.log();
    EXPECT_THAT(refusal("Deactivate"), HasSubstr(deactivateAction));
    EXPECT_THAT(refusal("ListAllSlots"), HasSubstr(slotsAction));
    EXPECT_THAT(bus.callsOf("polkit"), HasSubstr("system-bus-name"));

    auto bot = machine.startBot("bot");
    EXPECT_TRUE(busEventually([&] { return bus.property("BotsInUse") == "t 1"; }));
    if (mayBecomeAnother()) {
        EXPECT_EQ(call("ListSlots").out, "a(tsusuitb) 0\n") << "others are not shown";
    }
    allow({slotsAction, deactivateAction});
    const auto slots = call("ListAllSlots").out;
    EXPECT_THAT(slots, HasSubstr("a(tsusuitb) 1 ")) << slots;
    const auto id = slots.substr(14, slots.find(' ', 14) - 14);
    EXPECT_EQ(call("ReleaseSlot", {"t", id}).status, 0);
    EXPECT_THAT(call("ReleaseSlot", {"t", "9999"}).err, HasSubstr("There is no slot 9999"));
    EXPECT_EQ(call("Deactivate").status, 0);
    EXPECT_EQ(standing(), "demo");
}

TEST_F(BusAdmin, APersonIsAskedOnlyWhereTheCallerAllowsIt) {
    polkit();
    tellPolkit("SetChallenged", {"as", "1", activateAction});
    EXPECT_THAT(refusal("Refresh", {}, false), HasSubstr("did not let anybody be asked"));
    EXPECT_THAT(bus.callsOf("polkit"), HasSubstr(activateAction + " flags=0 "));
    EXPECT_THAT(refusal("Refresh", {}, true), HasSubstr("You may not do this"));
    EXPECT_THAT(bus.callsOf("polkit"), HasSubstr(activateAction + " flags=1 "));
}

TEST_F(BusAdmin, WhileAPersonLooksForThePasswordOthersAreServed) {
    polkit();
    tellPolkit("SetHang", {"b", "true"});
    allow({activateAction});
    const auto license = server.license();
    auto waiting = calling("Activate", {"s", license.key});
    ASSERT_TRUE(polkitIsAsked());
    EXPECT_EQ(bus.property("Standing"), "s \"demo\"");
    EXPECT_EQ(machine.ctl({"status"}).status, 0);
    tellPolkit("Release", {});
    EXPECT_EQ(waiting->wait(), 0) << machine.read(machine.directory() + "/clients.log");
    EXPECT_EQ(standing(), "active");
}

TEST_F(BusAdmin, OneUsersDialoguesShutOutNobodyElse) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root, to become other users";
    constexpr unsigned another = 1;  // daemon
    polkit();
    tellPolkit("SetHang", {"b", "true"});
    // Each on a connection of its own.
    std::vector<std::unique_ptr<Process>> waiting;
    for (int i = 0; i < 16; ++i) waiting.push_back(calling("Refresh", {}));
    const auto asked = [&] {
        const auto calls = bus.callsOf("polkit");
        std::size_t count = 0;
        for (auto at = calls.find("CheckAuthorization system-bus-name"); at != std::string::npos;
             at = calls.find("CheckAuthorization system-bus-name", at + 1))
            ++count;
        return count;
    };
    ASSERT_TRUE(eventually([&] { return asked() >= 16; })) << bus.callsOf("polkit");
    EXPECT_THAT(refusal("Refresh"), HasSubstr("org.freedesktop.DBus.Error.LimitsExceeded"));
    EXPECT_EQ(asked(), 16u);
    EXPECT_EQ(call("ListSlots").out, "a(tsusuitb) 0\n") << "a question of the same user";
    tellPolkit("SetHang", {"b", "false"});
    EXPECT_THAT(bus.refusal("Refresh", {}, another), HasSubstr(activateAction)) << "another user is asked about";
    EXPECT_THAT(bus.refusal("Refresh"), HasSubstr("Error.NothingToRenew")) << "root is served";
    // Who leaves makes room.
    waiting.pop_back();
    EXPECT_TRUE(eventually([&] { return refusal("Refresh").find(activateAction) != std::string::npos; }));
}

TEST_F(BusAdmin, WhoLeavesTakesTheDialogueAlong) {
    polkit();
    tellPolkit("SetHang", {"b", "true"});
    allow({activateAction});
    const auto license = server.license();
    auto leaving = calling("Activate", {"s", license.key});
    ASSERT_TRUE(polkitIsAsked());
    leaving->signal(SIGKILL);
    EXPECT_TRUE(busEventually([&] {
        return bus.callsOf("polkit").find("CancelCheckAuthorization entitled-") != std::string::npos;
    })) << bus.callsOf("polkit");
    tellPolkit("Release", {});  // a yes that comes too late
    EXPECT_EQ(standing(), "demo");
    EXPECT_THAT(proxy->exchanges(activatePath), IsEmpty()) << "nothing was asked for somebody who is gone";
}

TEST_F(BusAdmin, WhoLeavesDuringTheActivationStopsNothing) {
    polkit();
    allow({activateAction});
    const auto license = server.license();
    proxy->plan(activatePath, {Kind::holdAnswer, 0, ""});
    auto leaving = calling("Activate", {"s", license.key});
    ASSERT_TRUE(proxy->waitAnswered(activatePath, 1));
    EXPECT_EQ(bus.property("Activating"), "b true");
    leaving->signal(SIGKILL);
    leaving->wait();
    proxy->release();
    EXPECT_TRUE(busEventually([&] { return bus.property("Standing") == "s \"active\""; })) << machine.log();
    settled(license);
}

TEST_F(BusAdmin, PolkitThatDiesInTheMiddleIsANo) {
    polkit();
    tellPolkit("SetHang", {"b", "true"});
    auto waiting = calling("Refresh", {});
    ASSERT_TRUE(polkitIsAsked());
    bus.unmock("polkit");
    EXPECT_NE(waiting->wait(), 0);
    EXPECT_EQ(bus.property("Standing"), "s \"demo\"");
}

TEST_F(BusAdmin, EachRefusalHasItsName) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root, which is not asked about";
    const auto errorOf = [&](const std::string& method, const std::string& argument) {
        return bus.refusal(method, argument.empty() ? std::vector<std::string>() : std::vector{argument});
    };
    EXPECT_THAT(errorOf("Refresh", ""), HasSubstr("org.cryptoorchestrator.Entitled1.Error.NothingToRenew"));
    EXPECT_THAT(errorOf("Deactivate", ""), HasSubstr("Error.NothingToDeactivate"));
    EXPECT_THAT(errorOf("Activate", "CO-"), HasSubstr("org.cryptoorchestrator.Entitled1.Error."));
    EXPECT_THAT(errorOf("ReleaseSlot", "7"), HasSubstr("Error.NoSuchSlot"));
    const auto gone = server.license();
    server.decide(gone, "revoke");
    EXPECT_THAT(errorOf("Activate", gone.key), HasSubstr("Error.LicenseRevoked"));
    // Nobody answers: two minutes are longer than this test has, so the caller goes. It is not the daemon's last word.
    machine.configure("");
    machine.daemon().signal(SIGHUP);
    EXPECT_TRUE(eventually([&] { return errorOf("Refresh", "").find("Error.NoAuthority") != std::string::npos; }));
}

TEST_F(BusAdmin, AnAuthorityThatGoesAwayIsToldThoughNothingWasDue) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root, which is not asked about";
    const auto license = server.license();
    ASSERT_EQ(bus.call("Activate", {"s", license.key}).status, 0);
    ASSERT_TRUE(proxy->waitArrived(waitPath, 1));
    ASSERT_EQ(bus.property("LastFailure"), "s \"\"");
    auto listening = bus.listen();
    proxy->plan(waitPath, {Kind::cutRequest, 0, ""});
    proxy->breakConnections();  // only news was waited for
    std::string told;
    while (told.find("'LastFailure': <'") == std::string::npos) {
        const auto line = listening->readLine();
        ASSERT_TRUE(line) << told << machine.log();
        told = *line;
    }
    EXPECT_THAT(told, Not(HasSubstr("'LastFailure': <''>")));
}

TEST_F(BusAdmin, LimitsOfActivationHoldHereToo) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root, which is not asked about";
    machine.configure("[authority]\nurl = \"" + proxy->url() + "\"\n[limits]\nactivations_per_minute = 1\n");
    machine.daemon().signal(SIGHUP);
    ASSERT_TRUE(machine.waitNotified("READY=1"));
    const auto first = server.license(), second = server.license();
    EXPECT_EQ(bus.call("Activate", {"s", first.key}).status, 0);
    EXPECT_THAT(bus.call("Activate", {"s", second.key}).err, HasSubstr("Too many activations"));
}

// --- files -----------------------------------------------------------------------------------------------------------

TEST_F(BusAdmin, AFileComesInByDescriptor) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root, which is not asked about";
    const auto update = machine.directory() + "/update";
    server.decide(server.license(), "revoke");  // something to tell
    const auto written = server.command({"update-file", "--out", update});
    ASSERT_EQ(written.status, 0) << written.both();
    EXPECT_THAT(import("<" + update), HasSubstr("changed: "));
    EXPECT_THAT(import("<" + update), HasSubstr("changed: Nothing in the file is new"));
    // And from a pipe.
    const auto pipe = machine.pipe("update.pipe");
    auto writer = bus.launch({"/bin/sh", "-c", "exec cat " + update + " >" + pipe});
    EXPECT_THAT(import("<" + pipe), HasSubstr("changed: Nothing in the file is new"));
}

TEST_F(BusAdmin, WhatIsNoFileIsRefusedWithWordsAndStopsNobody) {
    if (!mayBecomeAnother()) GTEST_SKIP() << "needs root, which is not asked about";
    EXPECT_THAT(import("</dev/null"), HasSubstr("regular file or a pipe"));
    EXPECT_THAT(import("<" + machine.directory()), HasSubstr("regular file or a pipe"));
    EXPECT_THAT(import(">" + machine.directory() + "/written"), HasSubstr("without the right to read"));
    machine.write(machine.directory() + "/large", std::string(65'537, 'x'));
    EXPECT_THAT(import("<" + machine.directory() + "/large"), HasSubstr("larger than any license file"));
    machine.write(machine.directory() + "/nonsense", "not a license\n");
    EXPECT_THAT(import("<" + machine.directory() + "/nonsense"), HasSubstr("Entitled1.Error."));
    machine.write(machine.directory() + "/empty", "");
    EXPECT_THAT(import("<" + machine.directory() + "/empty"), HasSubstr("Entitled1.Error."));
    // Pipes that never end: nobody else is held up by them, until there are as many as are read at once.
    const auto pipe = machine.pipe("endless");
    const auto endless = [&] {
        return bus.launch({"/bin/sh", "-c",
                           "exec /usr/bin/python3 " ENTITLE_SOURCE_DIR "/tests/e2e/bus_import.py patient 3<>" + pipe});
    };
    std::vector<std::unique_ptr<Process>> reading;
    for (int i = 0; i < 4; ++i) reading.push_back(endless());
    EXPECT_TRUE(busEventually([&] { return import("</dev/null").find("Other files") != std::string::npos; }));
    EXPECT_EQ(bus.property("Standing"), "s \"demo\"");
    for (auto& each : reading) EXPECT_THAT(each->readLine().value_or(""), HasSubstr("within ten seconds"));
    EXPECT_THAT(import("</dev/null"), HasSubstr("regular file or a pipe")) << "and the next one is read";
}

}  // namespace
}  // namespace entitle::e2e
