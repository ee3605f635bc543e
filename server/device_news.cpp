#include "server/device_news.h"

#include <string_view>

namespace entitle {

namespace code = exchange_code;

ExchangeDecision decideWait(const LicenseRow& license, const std::optional<DeviceRow>& device,
                            std::optional<Instant> changedAt, bool heardAll) {
    const auto say = [](Outcome outcome, std::string_view word, SignedEnd ended) {
        ExchangeDecision out;
        out.outcome = outcome;
        out.code = word;
        out.ended = ended;
        return out;
    };
    // Who was told waits for what comes after it: an account that is settled is not to stand idle for that.
    if (license.status != LicenseStatus::active && heardAll) return say(Outcome::retry, code::noNews, SignedEnd::none);
    if (license.status == LicenseStatus::revoked) return say(Outcome::denied, code::licenseRevoked, SignedEnd::revoked);
    if (license.status == LicenseStatus::suspended)
        return say(Outcome::denied, code::licenseSuspended, SignedEnd::suspended);
    // Whether the seat is really gone is for a renewal to say, which presents a token: this database may be restored.
    const bool away = !device || device->releasedAt;
    const bool changed = !away && changedAt && (!device->document || *changedAt > device->document->issuedAt);
    if (away || changed) return say(Outcome::granted, "", SignedEnd::none);
    return say(Outcome::retry, code::noNews, SignedEnd::none);
}

}  // namespace entitle
