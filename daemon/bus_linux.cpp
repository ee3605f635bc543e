#include "daemon/bus.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include <sys/stat.h>

#include <boost/asio/steady_timer.hpp>

#include "daemon/bus_api_linux.h"
#include "daemon/bus_library_linux.h"
#include "daemon/bus_link_linux.h"
#include "daemon/log.h"
#include "daemon/machine_events_linux.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;

// After a bus that was lost: 1, 2, 4 … seconds. A machine that has none is looked at this seldom from the beginning.
constexpr std::chrono::seconds seldom = 5min;
constexpr const char* usualSocket = "/run/dbus/system_bus_socket";

// Is there anything to connect to? Asked before libsystemd is loaded. Of an address in another form: perhaps.
bool busIsThere(std::string& place) {
    place = usualSocket;
    if (const char* address = std::getenv("DBUS_SYSTEM_BUS_ADDRESS"); address && *address) {
        place = address;
        constexpr std::string_view byPath = "unix:path=";
        if (place.rfind(byPath, 0) != 0 || place.find_first_of(";%") != std::string::npos) return true;
        place = place.substr(byPath.size(), place.find(',') - byPath.size());
    }
    struct stat status {};
    return ::stat(place.c_str(), &status) == 0;
}

}  // namespace

// While a connection stands: the name, and everything that speaks over it. Destroyed from the last to the first.
class SystemBus::Connection {
  public:
    enum class Name { asked, ours, awaited, refused };

    Connection(std::unique_ptr<BusLink> link, Daemon& daemon, const AccessPolicy& policy)
        : link_(std::move(link)), api_(*link_, daemon, policy), events_(*link_, daemon) {
        // Told when the owner before us goes.
        acquired_ = link_->match(std::string("type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop."
                                             "DBus',member='NameAcquired',arg0='") +
                                     busName + "'",
                                 [this](BusMessage signal) {
                                     if (signal.sender() == "org.freedesktop.DBus") owned();
                                 });
        request_ = link_->requestName(busName, [this](BusMessage answer) { answered(answer); });
    }

    BusApi& api() { return api_; }
    Name name() const { return name_; }
    const std::string& why() const { return why_; }

  private:
    void owned() {
        if (std::exchange(name_, Name::ours) != Name::ours) log().info("on the system bus as {}", busName);
    }
    void answered(BusMessage& answer) {
        constexpr std::uint32_t owner = 1, queued = 2, already = 4;
        std::uint32_t result = 0;
        why_ = answer.errorMessage();
        if (!answer.errorName().empty() || !answer.read(result)) {
            name_ = Name::refused;
            log().warn("the system bus does not give us the name {}: {}", busName, why_);
        } else if (result == owner || result == already) {
            owned();
        } else if (result == queued && name_ != Name::ours) {
            name_ = Name::awaited;
            log().warn("another program has the name {} on the system bus; we get it when that program goes", busName);
        }
    }

    std::unique_ptr<BusLink> link_;
    BusApi api_;
    MachineEvents events_;
    Name name_ = Name::asked;
    std::string why_;
    BusLink::Slot acquired_, request_;
};

struct SystemBus::Retry {
    explicit Retry(boost::asio::io_context& context) : timer(context) {}
    bool enabled = false;
    std::uint32_t failures = 0;
    std::string why;  // there is no connection; "" while there is, or none was tried
    boost::asio::steady_timer timer;
};

SystemBus::SystemBus(KjLoop& loop, Daemon& daemon)
    : loop_(loop), daemon_(daemon), retry_(std::make_unique<Retry>(loop.context())) {}

SystemBus::~SystemBus() = default;

void SystemBus::configure(bool enabled, const AccessPolicy& policy) {
    policy_ = policy;
    retry_->enabled = enabled;
    if (!enabled || (connection_ && connection_->name() == Connection::Name::refused)) connection_.reset();
    if (connection_) return connection_->api().reconfigure(policy);
    retry_->timer.cancel();
    retry_->failures = 0;
    if (enabled) connectSoon(0s);
}

void SystemBus::connectSoon(std::chrono::seconds delay) {
    retry_->timer.expires_after(delay);
    retry_->timer.async_wait([this](const boost::system::error_code& error) {
        if (error) return;
        loop_.enter([&] {
            try {
                connect();
            } catch (const std::exception& fault) {
                failed(fault.what());
            }
        });
    });
}

void SystemBus::connect() {
    if (!retry_->enabled || connection_) return;
    std::string place;
    if (!busIsThere(place)) return failed("there is none at " + place, Cause::absent);
    const auto library = BusLibrary::load();
    if (!library) return failed(library.error());
    auto link = BusLink::open(loop_, **library, [this](const std::string& why) {
        loop_.enter([&] {
            // One that stood counts as a new beginning; one that was dropped at once does not.
            if (connection_->name() != Connection::Name::asked) retry_->failures = 0;
            connection_.reset();
            failed(why);
        });
    });
    if (!link) return failed(link.error());
    connection_ = std::make_unique<Connection>(std::move(*link), daemon_, policy_);
    retry_->why.clear();
}

void SystemBus::failed(std::string why, Cause cause) {
    const bool none = cause == Cause::absent && retry_->failures == 0;
    if (std::exchange(retry_->why, why) != why) log().info("no system bus: {}", why);
    const auto delay = none ? seldom : std::min(seldom, std::chrono::seconds(1u << std::min(retry_->failures, 10u)));
    if (!none) ++retry_->failures;
    connectSoon(delay);
}

Finding SystemBus::finding() const {
    using Level = Finding::Level;
    if (!retry_->enabled) return {"bus", Level::ok, "The D-Bus interface is switched off ([bus] enabled).", ""};
    if (!connection_) {
        const std::string why = retry_->why.empty() ? "not connected yet" : retry_->why;
        return {"bus", Level::ok, "The daemon is not on the system bus: " + why + ". Nothing else needs it.", ""};
    }
    switch (connection_->name()) {
        case Connection::Name::ours:
            return {"bus", Level::ok, std::string("On the system bus as ") + busName + ".", ""};
        case Connection::Name::asked:
            return {"bus", Level::ok, "The system bus has not given us our name yet.", ""};
        case Connection::Name::awaited:
            return {"bus", Level::warning, std::string("Another program has the name ") + busName + ".",
                    "Find it (busctl status org.cryptoorchestrator.Entitled1) and stop it."};
        case Connection::Name::refused:
            break;
    }
    return {"bus", Level::warning, "The system bus does not give us our name: " + connection_->why(),
            "Check that its policy is installed (share/dbus-1/system.d/org.cryptoorchestrator.Entitled1.conf), then: "
            "systemctl reload dbus entitled."};
}

}  // namespace entitle
