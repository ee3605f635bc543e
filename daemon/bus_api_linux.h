// The object /org/cryptoorchestrator/Entitled1: who calls is found out, whether they may, then the daemon is asked.
// The interface is described in systemd/org.cryptoorchestrator.Entitled1.xml, which is also what Introspect answers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/access.h"
#include "daemon/bus_admin_linux.h"
#include "daemon/bus_callers_linux.h"
#include "daemon/bus_changes_linux.h"
#include "daemon/bus_link_linux.h"
#include "daemon/bus_places.h"
#include "daemon/bus_properties.h"
#include "daemon/daemon.h"

namespace entitle {

inline constexpr const char* busName = "org.cryptoorchestrator.Entitled1";
inline constexpr const char* busInterface = "org.cryptoorchestrator.Entitled1";
inline constexpr const char* busPath = "/org/cryptoorchestrator/Entitled1";

// As a variant.
void addVariant(BusMessage&, const BusValue&);

class BusApi {
  public:
    // All outlive it.
    BusApi(BusLink&, Daemon&, const AccessPolicy&);
    BusApi(const BusApi&) = delete;
    BusApi& operator=(const BusApi&) = delete;

    void reconfigure(const AccessPolicy&);

  private:
    // A call that is not answered yet.
    struct Call {
        BusMessage message;
        Peer caller;
    };
    struct Method {
        const char* interface;
        const char* name;
        const char* takes;
        void (BusApi::*question)(Call);
        void (BusAdmin::*change)(BusMessage, std::shared_ptr<void> place) = nullptr;  // then it decides who may
    };
    static const Method methods[];

    bool received(BusMessage);
    void decide(const Method&, Call);
    void change(const Method&, BusMessage, const Peer& caller);

    void getProperty(Call);
    void getAllProperties(Call);
    void setProperty(Call);
    void checkFeature(Call);
    void listSlots(Call);

    BusLink& link_;
    Daemon& daemon_;
    AccessPolicy policy_;
    BusPlaces places_;
    BusCallers callers_;
    BusAdmin admin_;
    BusChanges changes_;
    BusLink::Slot object_;
};

}  // namespace entitle
