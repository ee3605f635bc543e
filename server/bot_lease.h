// The block of a license's bots that one device may run by itself, where the license has a total over all its devices.
#pragma once

#include <cstdint>
#include <vector>

#include "license/license.h"
#include "server/exchange_rows.h"

namespace entitle {

// What the row holds of the total now; 0 once its lease has ended.
std::int64_t leaseOf(const DeviceRow&, Instant now);

// What others hold of the total, less what `releases` takes back from them.
std::int64_t leasedToOthers(const ExchangeFacts&, const std::vector<Release>& releases, Instant now);

// Leases `row` its block until the end of the document's grace, and says so in the document: its share, or as many as
// it runs or held, as far as the others leave any. Without a total it leases nothing. Never shrinks while it is held:
// the device may not have heard of the smaller one.
void leaseBots(DeviceRow& row, License& document, const LicenseRow&, std::int64_t leasedToOthers, Instant now);

}  // namespace entitle
