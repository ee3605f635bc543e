// What is known of one machine from outside: what it was given, what was done to it, how far its clock was off. Kept by
// the simulation, never read from the daemon's own memory: the rules are checked against it.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "license/license.h"
#include "license/time.h"

namespace entitle::simulation {

struct Account {
    std::optional<License> document;      // as the daemon last showed it
    std::optional<Instant> excusedSince;  // somebody's deed may have ended it: a newer document says that it is over
    std::optional<Instant> saidNoAt;      // a signed no of the authority reached it, of that time
    std::optional<Instant> conflictSince;
    std::optional<Instant> driftSince;
    std::optional<Instant> windsDownSince;  // the signed no came
    Seconds aheadThen{};                    // this machine's clock, at that moment
    std::optional<Instant> newestSeen;      // when the newest document it was ever seen with was issued

    bool copied = false;        // another machine has this one's state, or it was put back to an older one
    bool clockIsHonest = true;  // never more than 12 hours off since the last contact, nor put back
    Seconds ahead{};            // the most its wall clock was ahead of the true time since then
    bool saveWasLost = false;   // the disk holds another state than the daemon had

    // Uptime since the document was issued, as far as the machine itself could see it.
    Seconds uptime{};
    Instant countedSince{};
    bool uptimeCounts = true;

    std::optional<Instant> believed;
    bool mayGoBack = false;  // something happened that may set back what it takes the time to be
    std::optional<Instant> lower;
};

}  // namespace entitle::simulation
