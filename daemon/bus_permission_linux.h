// May this caller change something here? Root may; of anybody else polkit is asked, which may ask a person.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "daemon/access.h"
#include "daemon/bus_link_linux.h"

namespace entitle {

// The actions of systemd/org.cryptoorchestrator.entitled.policy.
enum class BusAction { activate, deactivate, manageSlots };
const char* toString(BusAction);  // "org.cryptoorchestrator.entitled.activate", …

class BusPermission {
  public:
    // Why not: an error's name and a sentence. An empty name: it is allowed.
    struct Answer {
        std::string error;
        std::string message;
    };
    using Told = std::function<void(Answer)>;

    // A question under way. Dropped before its answer it is withdrawn, and a dialogue on a screen with it.
    class Asking;

    explicit BusPermission(BusLink& link) : link_(link) {}
    BusPermission(const BusPermission&) = delete;
    BusPermission& operator=(const BusPermission&) = delete;

    // `told` is called once; at once for root, with null returned then.
    [[nodiscard]] std::unique_ptr<Asking> ask(BusAction, const BusMessage& call, const Peer& caller, Told told);

  private:
    BusLink& link_;
    std::uint64_t asked_ = 0;
};

class BusPermission::Asking {
  public:
    Asking(BusLink& link, std::string number) : link_(link), number_(std::move(number)) {}
    ~Asking();
    Asking(const Asking&) = delete;
    Asking& operator=(const Asking&) = delete;

  private:
    friend class BusPermission;
    BusLink& link_;
    std::string number_;  // names it to polkit
    bool answered_ = false;
    BusLink::Slot call_;
};

}  // namespace entitle
