// One line of the audit log: what an administrator did.
#pragma once

#include <cstdint>
#include <string>

#include "license/time.h"

namespace entitle {

// The actor of a command on the authority's own machine: whoever may read its directory.
inline constexpr const char* localActor = "local";

struct AdminAction {
    std::int64_t number = 0;  // 1, 2, …; 0: not stored yet
    Instant at{};
    std::string actor;    // the administrator's account, or localActor
    std::string action;   // a stable word: "license-revoke"
    std::string subject;  // what it was done to: "lic_…", "acc_…", "lic_…/2" (a device); empty: a license it made
    std::string detail;   // what was asked besides, as JSON; at most 500 bytes, without secrets
    std::string requestId;  // of the request; empty for localActor
    bool operator==(const AdminAction&) const = default;
};

}  // namespace entitle
