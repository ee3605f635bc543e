#include "daemon/machine_events_linux.h"

#include <exception>

#include "daemon/log.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t connectedGlobally = 70;  // NM_STATE_CONNECTED_GLOBAL

}  // namespace

MachineEvents::MachineEvents(BusLink& link, Daemon& daemon, Pace pace)
    : link_(link), daemon_(daemon), pace_(pace), timer_(link.loop().context()), alive_(std::make_shared<bool>(true)) {
    follow(logind_,
           "path='/org/freedesktop/login1',interface='org.freedesktop.login1.Manager',member='PrepareForSleep'",
           [this](BusMessage signal) { sleepChanged(std::move(signal)); });
    follow(networkManager_,
           "path='/org/freedesktop/NetworkManager',interface='org.freedesktop.NetworkManager',member='StateChanged'",
           [this](BusMessage signal) { managerState(std::move(signal)); });
    follow(networkd_,
           "path='/org/freedesktop/network1',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
           "arg0='org.freedesktop.network1.Manager'",
           [this](BusMessage signal) { networkdProperties(std::move(signal)); });
}

MachineEvents::~MachineEvents() {
    *alive_ = false;
}

void MachineEvents::follow(Service& service, const std::string& rule, std::function<void(BusMessage)> heard) {
    service.ownerChanged =
        link_.match(std::string("type='signal',sender='org.freedesktop.DBus',path='/org/freedesktop/DBus',"
                                "interface='org.freedesktop.DBus',member='NameOwnerChanged',arg0='") +
                        service.name + "'",
                    [&service](BusMessage signal) {
                        std::string name, before, now;
                        if (signal.sender() != "org.freedesktop.DBus" || !signal.read(name) || name != service.name)
                            return;
                        if (signal.read(before) && signal.read(now)) service.owner = now;
                    });
    service.signal = link_.match(std::string("type='signal',sender='") + service.name + "'," + rule,
                                 [&service, heard = std::move(heard)](BusMessage signal) {
                                     if (!service.owner.empty() && signal.sender() == service.owner)
                                         heard(std::move(signal));
                                 });
    auto question =
        link_.newCall("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner");
    question.add(service.name);
    service.ownerAsked = link_.call(question, 25s, [&service](BusMessage answer) {
        std::string owner;
        if (answer.errorName().empty() && answer.read(owner)) service.owner = owner;
    });
}

// Nothing is done before the machine sleeps, so nothing delays it: whatever was promised is on the disk already.
void MachineEvents::sleepChanged(BusMessage signal) {
    bool falling = true;
    if (!signal.read(falling) || falling) return;
    log().debug("the machine woke up");
    daemon_.wake();
}

void MachineEvents::managerState(BusMessage signal) {
    std::uint32_t state = 0;
    if (signal.read(state) && state == connectedGlobally) networkIsBack();
}

void MachineEvents::networkdProperties(BusMessage signal) {
    std::string interface;
    if (!signal.read(interface) || !signal.enter(SD_BUS_TYPE_ARRAY, "{sv}")) return;
    while (signal.enter(SD_BUS_TYPE_DICT_ENTRY, "sv")) {
        std::string key, value;
        if (!signal.read(key)) return;
        if (key == "OnlineState" && signal.variantType() == "s") {
            if (signal.enter(SD_BUS_TYPE_VARIANT, "s") && signal.read(value) &&
                (value == "online" || value == "partial"))
                networkIsBack();
            return;
        }
        if (!signal.skip("v") || !signal.leave()) return;
    }
}

void MachineEvents::networkIsBack() {
    again_ = true;
    if (!std::exchange(busy_, true)) rest(pace_.settling, &MachineEvents::settled);
}

void MachineEvents::rest(std::chrono::milliseconds span, void (MachineEvents::*then)()) {
    timer_.expires_after(span);
    timer_.async_wait([this, then, alive = alive_](const boost::system::error_code& error) {
        if (error || !*alive) return;
        link_.loop().enter([&] {
            try {
                (this->*then)();
            } catch (const std::exception& fault) {
                log().error("the network's return could not be dealt with: {}", fault.what());
                busy_ = false;
            }
        });
    });
}

void MachineEvents::settled() {
    again_ = false;
    log().debug("the network is back");
    daemon_.networkBack();
    rest(pace_.restAfter, &MachineEvents::rested);
}

void MachineEvents::rested() {
    busy_ = false;
    if (again_) networkIsBack();
}

}  // namespace entitle
