// Is there something to tell a device that waits? Pure; it decides and writes nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "server/device_exchange.h"

namespace entitle {

// The license may have changed at `changedAt`. Outcome::retry: nothing yet, go on waiting. What concerns every license
// is no news: the revocation list and a new key set come along with whatever is answered next, and a key set with every
// wait that ends.
// `heardAll`: it has seen this authority's newest revocation list; what it says of this license is no news either.
ExchangeDecision decideWait(const LicenseRow&, const std::optional<DeviceRow>&, std::optional<Instant> changedAt,
                            bool heardAll);

}  // namespace entitle
