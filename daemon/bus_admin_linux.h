// What changes something, asked over the bus: found out who calls, asked whether they may, done, answered when it has
// ended. A caller who leaves in between takes the question along; what the daemon was told to do goes on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "daemon/bus_callers_linux.h"
#include "daemon/bus_link_linux.h"
#include "daemon/bus_permission_linux.h"
#include "daemon/daemon.h"
#include "daemon/handed_file.h"

namespace entitle {

// As a reply holds them: "(tsusuitb)", 4,096 at most.
void addSlots(BusMessage& reply, const Daemon&, std::optional<std::uint32_t> onlyOf);

class BusAdmin {
  public:
    // All outlive it.
    BusAdmin(BusLink&, BusCallers&, Daemon&);
    ~BusAdmin();
    BusAdmin(const BusAdmin&) = delete;
    BusAdmin& operator=(const BusAdmin&) = delete;

    // The arguments are of the right types already. `place`: held until the answer.
    void activate(BusMessage call, std::shared_ptr<void> place);
    void deactivate(BusMessage call, std::shared_ptr<void> place);
    void refresh(BusMessage call, std::shared_ptr<void> place);
    void import(BusMessage call, std::shared_ptr<void> place);
    void releaseSlot(BusMessage call, std::shared_ptr<void> place);
    void listAllSlots(BusMessage call, std::shared_ptr<void> place);

  private:
    struct Pending;
    using Number = std::uint64_t;
    using Act = std::function<void(Pending&)>;

    void permitted(BusAction, BusMessage call, std::shared_ptr<void> place, Act);
    void identified(Number, BusAction, const std::optional<Peer>&, Act);
    void follow(Pending&, const std::function<boost::system::result<void, AdminRefusal>(ContactWatcher&)>&);
    void settle(Pending&, const ContactEnd&);
    void imported(Number, HandedFiles::Result);
    void done(Pending&);  // nothing to say but that
    void refuse(Pending&, const AdminRefusal&);
    void end(Number);

    BusLink& link_;
    Daemon& daemon_;
    BusCallers& callers_;
    BusPermission permission_;
    HandedFiles files_;
    std::map<Number, std::unique_ptr<Pending>> pending_;
    Number last_ = 0;
    std::shared_ptr<bool> alive_;
};

// "too-many-attempts" → "org.cryptoorchestrator.Entitled1.Error.TooManyAttempts"; "….Refused" where the code is none.
std::string busErrorOf(std::string_view code);

}  // namespace entitle
