// What the daemon does about each word of the machine's services: in process, with a clock and an authority of the
// test's, on a real bus.
#include <cstdlib>

#include <boost/asio/post.hpp>

#include "daemon/machine_events_linux.h"
#include "tests/daemon/online_fixture.h"
#include "tests/e2e/private_bus.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;

class MachineWords : public OnlineTest {
  protected:
    void SetUp() override {
        if (const auto why = e2e::PrivateBus::obstacle(); !why.empty()) GTEST_SKIP() << why;
        bus.start();
        ::setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address().c_str(), 1);
        OnlineTest::SetUp();
        library = must(BusLibrary::load());
        services = must(BusLink::open(loop, *library, [](const std::string& why) { ADD_FAILURE() << why; }));
        for (const char* name :
             {"org.freedesktop.login1", "org.freedesktop.NetworkManager", "org.freedesktop.network1"}) {
            bool answered = false;
            const auto owned = services->requestName(name, [&](BusMessage) { answered = true; });
            ASSERT_TRUE(runUntil([&] { return answered; }));
        }
        link = must(BusLink::open(loop, *library, [](const std::string& why) { ADD_FAILURE() << why; }));
    }
    void TearDown() override {
        loop.enter([&] {
            events.reset();
            link.reset();
            services.reset();
        });
        OnlineTest::TearDown();
    }

    void follow(MachineEvents::Pace pace) {
        loop.enter([&] { events = std::make_unique<MachineEvents>(*link, *daemon, pace); });
        answered(*link);  // the bus answers in order: it knows by now what we listen to
    }
    // To its end where it is so; the test fails by the caller's hand where it never is.
    bool runUntil(const std::function<bool()>& so) {
        const auto end = std::chrono::steady_clock::now() + e2e::patience;
        boost::asio::steady_timer look(io);
        std::function<void()> again = [&] {
            if (so() || std::chrono::steady_clock::now() > end) return io.stop();
            look.expires_after(1ms);
            look.async_wait([&](const boost::system::error_code& error) {
                if (!error) again();
            });
        };
        boost::asio::post(io, again);
        io.restart();
        loop.run();
        return so();
    }
    void answered(BusLink& by) {
        bool done = false;
        BusLink::Slot slot;
        loop.enter([&] {
            const auto question =
                by.newCall("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetId");
            slot = by.call(question, 20s, [&](BusMessage) { done = true; });
        });
        ASSERT_TRUE(runUntil([&] { return done; }));
    }
    // Returns when the daemon has heard it, and done what follows at once.
    void say(const char* path, const char* interface, const char* member,
             const std::function<void(BusMessage&)>& words) {
        loop.enter([&] {
            auto signal = services->newSignal(path, interface, member);
            words(signal);
            services->send(signal);
        });
        answered(*services);
        for (int i = 0; i < 2; ++i) answered(*link);
    }
    void logindSays(bool falling) {
        say("/org/freedesktop/login1", "org.freedesktop.login1.Manager", "PrepareForSleep",
            [&](BusMessage& signal) { signal.add(falling); });
    }
    void managerSays(std::uint32_t state) {
        say("/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager", "StateChanged",
            [&](BusMessage& signal) { signal.add(state); });
    }
    void networkdSays(const char* property, const char* value,
                      const char* interface = "org.freedesktop.network1.Manager") {
        say("/org/freedesktop/network1", "org.freedesktop.DBus.Properties", "PropertiesChanged",
            [&](BusMessage& signal) {
                signal.add(interface).open(SD_BUS_TYPE_ARRAY, "{sv}").open(SD_BUS_TYPE_DICT_ENTRY, "sv").add(property);
                signal.open(SD_BUS_TYPE_VARIANT, "s").add(value).close().close().close();
                signal.open(SD_BUS_TYPE_ARRAY, "s").close();
            });
    }
    // A renewal that nobody answered and that is sent again much later, unless the network comes back.
    void leaveARenewalWaiting() {
        activated();
        wakeAfter(27h);
        fail(Operation::renew);
        ASSERT_EQ(renewals(), 1u);
    }
    std::size_t renewals() const { return authority.sent(Operation::renew); }

    e2e::Machine machine;
    e2e::PrivateBus bus{machine};
    boost::asio::io_context io{oneIoThread};
    KjLoop loop{io};
    const BusLibrary* library = nullptr;
    std::unique_ptr<BusLink> services, link;
    std::unique_ptr<MachineEvents> events;
};

constexpr MachineEvents::Pace atOnce{0ms, 0ms};

TEST_F(MachineWords, WhatEndedDuringTheSleepHasEndedWhenTheMachineWakes) {
    follow(atOnce);
    activated();
    clock.pass(pro().freshUntil - pro().issuedAt);
    logindSays(true);
    ASSERT_EQ(daemon->status().standing, Standing::active) << "falling asleep is nothing";
    logindSays(false);
    EXPECT_EQ(daemon->status().standing, Standing::grace);
}

TEST_F(MachineWords, NetworkManagerSendsWhatWaitsOnlyWhenTheWorldIsThere) {
    follow(atOnce);
    ASSERT_NO_FATAL_FAILURE(leaveARenewalWaiting());
    for (const std::uint32_t state : {0u, 10u, 20u, 30u, 40u, 50u, 60u}) {
        managerSays(state);
        EXPECT_EQ(renewals(), 1u) << state;
    }
    managerSays(70);
    EXPECT_TRUE(runUntil([&] { return renewals() == 2; }));
}

TEST_F(MachineWords, NetworkdSendsWhatWaitsOnlyWhenItIsOnline) {
    follow(atOnce);
    ASSERT_NO_FATAL_FAILURE(leaveARenewalWaiting());
    for (const char* state : {"offline", "unknown", ""}) {
        networkdSays("OnlineState", state);
        EXPECT_EQ(renewals(), 1u) << state;
    }
    networkdSays("CarrierState", "online");
    networkdSays("OnlineState", "online", "org.freedesktop.network1.Link");
    EXPECT_EQ(renewals(), 1u) << "another property, another interface";
    networkdSays("OnlineState", "partial");
    EXPECT_TRUE(runUntil([&] { return renewals() == 2; }));
    fail(Operation::renew);
    networkdSays("OnlineState", "online");
    EXPECT_TRUE(runUntil([&] { return renewals() == 3; }));
}

TEST_F(MachineWords, ANetworkThatComesAgainDuringTheRestIsFollowedAtItsEnd) {
    follow({0ms, 2s});
    ASSERT_NO_FATAL_FAILURE(leaveARenewalWaiting());
    managerSays(70);
    ASSERT_TRUE(runUntil([&] { return renewals() == 2; }));
    fail(Operation::renew);
    const auto rests = std::chrono::steady_clock::now();
    managerSays(70);
    managerSays(70);
    if (std::chrono::steady_clock::now() < rests + 1s) {
        EXPECT_EQ(renewals(), 2u) << "not each time";
    }
    EXPECT_TRUE(runUntil([&] { return renewals() == 3; }));
}

}  // namespace
}  // namespace entitle::testing
