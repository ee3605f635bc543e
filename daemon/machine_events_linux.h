// What the machine's own services tell on the bus: it woke up (logind), it has a network again (NetworkManager,
// networkd). Only what those services say themselves counts: anybody can send us a signal that looks the same.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/steady_timer.hpp>

#include "daemon/bus_link_linux.h"
#include "daemon/daemon.h"

namespace entitle {

class MachineEvents {
  public:
    // Both outlive it.
    MachineEvents(BusLink&, Daemon&);
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
    void rest(std::chrono::seconds, void (MachineEvents::*then)());
    void settled();
    void rested();

    BusLink& link_;
    Daemon& daemon_;
    Service logind_{"org.freedesktop.login1", {}, {}, {}, {}};
    Service networkManager_{"org.freedesktop.NetworkManager", {}, {}, {}, {}};
    Service networkd_{"org.freedesktop.network1", {}, {}, {}, {}};
    boost::asio::steady_timer timer_;
    bool busy_ = false, again_ = false;
    std::shared_ptr<bool> alive_;
};

}  // namespace entitle
