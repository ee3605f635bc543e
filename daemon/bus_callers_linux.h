// Who calls: user and groups of a connection to the bus, as the bus itself tells them. Never what a caller says.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "daemon/access.h"
#include "daemon/bus_link_linux.h"

namespace entitle {

class BusCallers {
  public:
    using Known = std::function<void(const std::optional<Peer>&)>;  // nothing: the caller is gone

    explicit BusCallers(BusLink& link) : link_(link) {}
    BusCallers(const BusCallers&) = delete;
    BusCallers& operator=(const BusCallers&) = delete;

    // Told at once where it is known already: a unique name is never given to anybody else.
    void identify(const std::string& uniqueName, Known);
    // Asks the bus in any case: the answer is one of now, after everything that was asked of the bus before.
    void identifyAnew(const std::string& uniqueName, Known);

  private:
    BusLink& link_;
    std::map<std::string, Peer> known_;
    std::map<std::uint64_t, BusLink::Slot> asking_;
    std::uint64_t last_ = 0;
};

}  // namespace entitle
