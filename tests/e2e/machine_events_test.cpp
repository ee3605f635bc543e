// What the machine's services tell the daemon: sleep from logind, networks from NetworkManager and networkd.
#include "tests/e2e/bus_fixture.h"
#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// The daemon with an authority, and with a bus before it starts.
class MachineEvents : public Online {
  protected:
    void SetUp() override {
        if (const auto why = PrivateBus::obstacle(); !why.empty()) GTEST_SKIP() << why;
        bus.start();
        Online::SetUp();
        ASSERT_TRUE(bus.waitNamed(entitledName)) << machine.log();
    }
    std::size_t logged(const std::string& words) const {
        const auto log = machine.log();
        std::size_t count = 0;
        for (auto at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) ++count;
        return count;
    }
    void emit(const std::string& service, const std::string& path, const std::string& interface,
              const std::string& signal, const std::string& signature, std::vector<std::string> values) {
        std::vector<std::string> command{
            "call", service, path, "org.freedesktop.DBus.Mock", "EmitSignal", "sssav", interface, signal, signature};
        command.insert(command.end(), values.begin(), values.end());
        const auto done = bus.busctl(command);
        ASSERT_EQ(done.status, 0) << done.both();
    }
    void powerEvent(bool falling) {
        emit("org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForSleep",
             "b", {"1", "b", falling ? "true" : "false"});
    }
    void managerSays(unsigned state) {
        emit("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager",
             "StateChanged", "u", {"1", "u", std::to_string(state)});
    }
    // A seat is to be given back, nobody was there to take it, and the next try is most of a minute away.
    void leaveSomethingWaiting() {
        license = server.license();
        ASSERT_NO_FATAL_FAILURE(activate(license));
        const auto before = failures();
        server.stop();
        ASSERT_EQ(machine.ctl({"deactivate", "--yes"}).status, 0);
        ASSERT_TRUE(noticed(before));
        ASSERT_TRUE(is(status(), "returning_seat"));
        server.start();
        EXPECT_EQ(server.seats(license).size(), 1u);
    }
    bool seatCameBack() {
        return eventually([&] { return server.seats(license).empty(); });
    }

    PrivateBus bus{machine};
    License license;
};

TEST_F(MachineEvents, WakingUpIsALookAtTheClocksAndFallingAsleepIsNothing) {
    bus.mock("logind", "org.freedesktop.login1");
    powerEvent(true);
    powerEvent(false);
    EXPECT_TRUE(eventually([&] { return logged("the machine woke up") == 1; })) << machine.log();
    EXPECT_THAT(bus.callsOf("logind"), Not(HasSubstr("Inhibit"))) << "nothing needs to be done before";
}

TEST_F(MachineEvents, SleepThatSomebodyElseTellsOfIsIgnored) {
    bus.mock("logind", "org.freedesktop.login1");
    const std::vector<std::string> forged{"emit",
                                          std::string("--destination=") + entitledName,
                                          "/org/freedesktop/login1",
                                          "org.freedesktop.login1.Manager",
                                          "PrepareForSleep",
                                          "b",
                                          "false"};
    for (int i = 0; i < 5; ++i) ASSERT_EQ(bus.busctl(forged).status, 0);
    ASSERT_EQ(bus.busctl({"emit", std::string("--destination=") + entitledName, "/org/freedesktop/NetworkManager",
                          "org.freedesktop.NetworkManager", "StateChanged", "u", "70"})
                  .status,
              0);
    powerEvent(false);
    EXPECT_TRUE(eventually([&] { return logged("the machine woke up") > 0; }));
    EXPECT_EQ(logged("the machine woke up"), 1u) << "what came before it, from somebody else, is not among them";
    // A logind that was started anew is known again.
    bus.unmock("logind");
    ASSERT_TRUE(busEventually([&] { return !bus.named("org.freedesktop.login1"); }));
    bus.mock("logind", "org.freedesktop.login1");
    powerEvent(false);
    EXPECT_TRUE(eventually([&] { return logged("the machine woke up") == 2; })) << machine.log();
    EXPECT_EQ(logged("the network is back"), 0u);
}

TEST_F(MachineEvents, NetworkManagersWordSendsWhatWaits) {
    bus.mock("networkmanager", "org.freedesktop.NetworkManager");
    ASSERT_NO_FATAL_FAILURE(leaveSomethingWaiting());
    managerSays(20);  // disconnected
    managerSays(60);  // a portal
    for (int i = 0; i < 5; ++i) managerSays(70);
    EXPECT_TRUE(seatCameBack()) << machine.log();
    EXPECT_EQ(logged("the network is back"), 1u) << "five words, one attempt";
}

TEST_F(MachineEvents, NetworkdsWordSendsWhatWaits) {
    bus.busctl({"status"});
    auto networkd = bus.launch({"/usr/bin/python3", "-m", "dbusmock", "--system", "org.freedesktop.network1",
                                "/org/freedesktop/network1", "org.freedesktop.network1.Manager"});
    ASSERT_TRUE(bus.waitNamed("org.freedesktop.network1"));
    ASSERT_NO_FATAL_FAILURE(leaveSomethingWaiting());
    const auto say = [&](std::vector<std::string> properties) {
        emit("org.freedesktop.network1", "/org/freedesktop/network1", "org.freedesktop.DBus.Properties",
             "PropertiesChanged", "sa{sv}as", [&] {
                 std::vector<std::string> values{"3", "s", "org.freedesktop.network1.Manager", "a{sv}",
                                                 std::to_string(properties.size() / 2)};
                 for (std::size_t i = 0; i < properties.size(); i += 2)
                     values.insert(values.end(), {properties[i], "s", properties[i + 1]});
                 values.insert(values.end(), {"as", "0"});
                 return values;
             }());
    };
    say({"OnlineState", "offline"});
    say({"CarrierState", "carrier", "OnlineState", "online"});
    EXPECT_TRUE(seatCameBack()) << machine.log();
    EXPECT_EQ(logged("the network is back"), 1u);
}

}  // namespace
}  // namespace entitle::e2e
