// What the machine's own services tell on the bus: it woke up (logind), it has a network again (NetworkManager,
// networkd). Only what those services say themselves counts: anybody can send us a signal that looks the same.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "daemon/bus_link_linux.h"
#include "daemon/daemon.h"

namespace entitle {

class MachineEvents {
  public:
    struct Pace {
        // Addresses, routes and name servers follow one another: the first word of a network comes too early.
        std::chrono::milliseconds settling{2'000};
        // A link that comes and goes does not ask the authority each time; what comes meanwhile is done at the end.
        std::chrono::milliseconds restAfter{28'000};
    };

    // Both outlive it.
    MachineEvents(BusLink&, Daemon&, Pace);
    MachineEvents(BusLink& link, Daemon& daemon) : MachineEvents(link, daemon, Pace()) {}
    ~MachineEvents();
    MachineEvents(const MachineEvents&) = delete;
    MachineEvents& operator=(const MachineEvents&) = delete;

  private:
    // A service, and which connection it is now.
    struct Service {
        const char* name;
        std::string owner;  // "": it is not there
        BusLink::Slot ownerChanged, ownerAsked, signal;
    };
    void follow(Service&, const std::string& rule, std::function<void(BusMessage)> heard);
    void sleepChanged(BusMessage);
    void managerState(BusMessage);
    void networkdProperties(BusMessage);
    void networkIsBack();
    void rest(std::chrono::milliseconds, void (MachineEvents::*then)());
    void settled();
    void rested();

    BusLink& link_;
    Daemon& daemon_;
    const Pace pace_;
    Service logind_{"org.freedesktop.login1", {}, {}, {}, {}};
    Service networkManager_{"org.freedesktop.NetworkManager", {}, {}, {}, {}};
    Service networkd_{"org.freedesktop.network1", {}, {}, {}, {}};
    boost::asio::steady_timer timer_;
    bool busy_ = false, again_ = false;
    std::shared_ptr<bool> alive_;
};

}  // namespace entitle
