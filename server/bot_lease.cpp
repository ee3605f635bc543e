#include "server/bot_lease.h"

#include <algorithm>

namespace entitle {

std::int64_t leaseOf(const DeviceRow& row, Instant now) {
    return row.leasedUntil && *row.leasedUntil > now ? row.botsLeased : 0;
}

std::int64_t leasedToOthers(const ExchangeFacts& facts, const std::vector<Release>& releases, Instant now) {
    std::int64_t leased = facts.leasedToOthers;
    for (const auto& release : releases)
        for (const auto& other : facts.others)
            if (other.number == release.number && release.endsLease) leased -= leaseOf(other, now);
    return leased;
}

void leaseBots(DeviceRow& row, License& document, const LicenseRow& license, std::int64_t leasedToOthers, Instant now) {
    if (!license.totalBots || *license.totalBots < 0) {
        row.botsLeased = 0;
        row.leasedUntil.reset();
        return;
    }
    const std::int64_t total = *license.totalBots;
    const std::int64_t share = std::max<std::int64_t>(1, total / std::max(1, license.deviceLimit));
    row.botsLeased = std::clamp<std::int64_t>(std::max({share, leaseOf(row, now), row.botsInUse}), 0,
                                              std::max<std::int64_t>(0, total - leasedToOthers));
    row.leasedUntil = document.freshUntil + document.grace;
    if (document.endsAt) row.leasedUntil = std::min(*row.leasedUntil, *document.endsAt + document.windDown);
    document.botsLeased = row.botsLeased;
}

}  // namespace entitle
