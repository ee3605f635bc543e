#include "server/declared_device.h"

#include <array>

#include <sodium.h>

#include "license/base64url.h"
#include "server/in_force.h"

namespace entitle {

Granted<Exchange> decideDeclared(const ExchangeFacts& facts, const std::string& label, const std::string& tokenHash,
                                 const ExchangeQuery& query) {
    const LicenseRow& license = facts.license;
    if (auto no = whyNotInForce(license, query.now)) return std::move(*no);
    Exchange made;
    made.attempt = "granted";
    if (facts.holds()) {
        made.device = facts.device;
    } else {
        if (license.type == "trial" && !facts.otherTrials.empty())
            return Denial{DenialReason::trialUsed, "This machine had its trial already: a trial is given once."};
        if (facts.full())
            return Denial{DenialReason::deviceLimit,
                          "As many devices as the license is for hold it: release one of them first."};
        made.device.emplace();
        made.device->device = query.device;
        made.device->takenAt = query.now;
        made.event = "activated";
        if (license.type == "trial") made.trialMarks = query.trialMarks;
    }
    made.device->hostLabel = label;
    made.device->lastSeenAt = query.now;
    if (!license.endsAt && license.duration) made.endsAt = query.now + *license.duration;
    made.token.emplace();
    made.token->hash = tokenHash;
    made.token->createdAt = query.now;
    return made;
}

DeviceId declaredDevice(std::string_view machineId) {
    const std::string named = "co.declared.1:" + std::string(machineId);
    std::array<std::uint8_t, 16> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(named.data()), named.size(),
                       nullptr, 0);
    return DeviceId{toBase64url(hash)};
}

}  // namespace entitle
