// What online documents promise, and what a license's owner may do without an admin. Source: SECURITY.md.
#pragma once

#include "license/time.h"

namespace entitle {

// However a request comes: online, or as a file.
struct OwnerLimits {
    Seconds window = std::chrono::days{90};  // in which transfers and enrolments are counted
    int ownerTransfers = 3;
    int enrolments = 3;
    Seconds approvalRefused = std::chrono::days{7};  // how long an admin's no stands before it may be asked again
};

struct ExchangePolicy : OwnerLimits {
    Seconds fresh = std::chrono::days{14};  // [documents] in server.toml, to `offline`
    Seconds grace = std::chrono::days{7};
    Seconds windDown = std::chrono::hours{24};
    Seconds check = std::chrono::hours{24};
    Seconds offline = std::chrono::hours{72};
    // After a CONFLICT a device enrols anew by itself only when no other party came with a good token for so long …
    Seconds conflictQuiet = std::chrono::hours{48};
    Seconds conflictForgotten = std::chrono::hours{72};  // … and a conflict nobody enrolled over is forgotten then
    Seconds approvalPoll = std::chrono::minutes{10};     // how often a device that waits for an admin asks
};

}  // namespace entitle
