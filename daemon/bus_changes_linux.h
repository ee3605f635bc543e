// Tells the bus what changed: PropertiesChanged, with those values that are no longer what was last said.
#pragma once

#include <memory>
#include <vector>

#include <boost/asio/steady_timer.hpp>

#include "daemon/bus_link_linux.h"
#include "daemon/bus_properties.h"
#include "daemon/daemon.h"

namespace entitle {

// At most one signal a second, the first at once. A slot taken or freed costs a look at a flag; what changed and
// changed back in between is not told; nothing runs while nothing changes.
class BusChanges final : ChangeWatcher {
  public:
    // `secret`: whoever may not ask may hear a signal all the same, so it names what changed and does not say it.
    BusChanges(BusLink&, Daemon&, bool secret);
    ~BusChanges();
    BusChanges(const BusChanges&) = delete;
    BusChanges& operator=(const BusChanges&) = delete;

    void setSecret(bool secret) { secret_ = secret; }

  private:
    void answersChanged() override { tellSoon(); }
    void tellSoon();
    void tell();

    BusLink& link_;
    Daemon& daemon_;
    bool secret_;
    std::vector<BusProperty> told_;
    boost::asio::steady_timer timer_;
    bool waiting_ = false;
    std::shared_ptr<bool> alive_;
};

}  // namespace entitle
