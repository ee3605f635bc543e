// Is there something to tell a device that waits? Pure; it decides and writes nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "server/device_exchange.h"

namespace entitle {

// The license may have changed at `changedAt`. Outcome::retry: nothing yet, go on waiting. What happened to other
// licenses is no news: the revocation list comes along with whatever is answered next.
ExchangeDecision decideWait(const LicenseRow&, const std::optional<DeviceRow>&, const ExchangeRequest&,
                            std::uint64_t keySetVersion, std::optional<Instant> changedAt);

}  // namespace entitle
