// The device key between a real daemon and a real authority: how it rests is told, and a new one takes the seat along.
#include <filesystem>

#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

using testing::HasSubstr;

class Keys : public Online {
  protected:
    void giveCredential(char of) {
        const auto directory = machine.directory() + "/credentials";
        std::filesystem::create_directories(directory);
        machine.write(directory + "/entitled.wrap", std::string(32, of));
        machine.daemonEnvironment["CREDENTIALS_DIRECTORY"] = directory;
    }
    std::string seatsKeyLevel(const License& license) {
        const auto seats = server.seats(license);
        return seats.size() == 1 ? text(seats[0], "key_level") : std::to_string(seats.size()) + " seats";
    }
};

TEST_F(Keys, TheAuthorityLearnsHowTheKeyRestsAndOfEveryChange) {
    const auto license = server.license();
    activate(license);
    EXPECT_EQ(seatsKeyLevel(license), "file");
    const auto device = text(status(), "device_id");
    EXPECT_EQ(machine.stopDaemon(), 0);
    giveCredential('w');
    machine.start();
    EXPECT_EQ(text(status(), "key_level"), "systemd-creds");
    EXPECT_EQ(text(status(), "device_id"), device);
    settled(license);
    EXPECT_EQ(seatsKeyLevel(license), "systemd-creds");
    EXPECT_THAT(machine.ctl({"status"}).out, HasSubstr("rests as systemd-creds"));
}

TEST_F(Keys, ALostKeyStopsNothingAndItsSuccessorTakesTheSeatAlong) {
    const auto license = server.license();
    giveCredential('w');
    EXPECT_EQ(machine.stopDaemon(), 0);
    machine.start();
    activate(license);
    const auto device = text(status(), "device_id");
    EXPECT_EQ(machine.stopDaemon(), 0);
    giveCredential('x');  // the machine's means to open it are others now
    machine.start();
    const auto now = status();
    EXPECT_NE(text(now, "device_id"), device);
    EXPECT_EQ(text(now, "standing"), "active") << now;
    EXPECT_EQ(machine.ctl({"check", "live_trading"}).status, 0);
    EXPECT_THAT(machine.ctl({"doctor"}).out, HasSubstr("entitlectl activate"));
    // A renewal is denied, and nothing else: the authority does not know the new key.
    EXPECT_NE(machine.ctl({"refresh"}).status, 0);
    EXPECT_EQ(standing(), "active");
    activate(license);
    settled(license);
}

TEST_F(Keys, ANewKeyOnDemandTakesTheSeatAlong) {
    const auto license = server.license();
    activate(license);
    const auto device = text(status(), "device_id");
    const std::vector<std::string> command{ENTITLE_DAEMON, "--config", machine.configFile(), "--new-key"};
    EXPECT_EQ(run(command, machine.environment(), machine.directory()).status, 4) << "not while a daemon runs";
    EXPECT_EQ(machine.stopDaemon(), 0);
    const auto made = run(command, machine.environment(), machine.directory());
    EXPECT_EQ(made.status, 0) << made.both();
    machine.start();
    EXPECT_THAT(made.out, HasSubstr(text(status(), "device_id")));
    EXPECT_NE(text(status(), "device_id"), device);
    EXPECT_EQ(standing(), "active");
    activate(license);
    settled(license);
}

}  // namespace
}  // namespace entitle::e2e
