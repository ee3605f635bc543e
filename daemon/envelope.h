// Questions to the authority, signed by this device, and its replies, verified: the device's end of license/exchange.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/authority.h"
#include "daemon/record.h"
#include "license/exchange.h"

namespace entitle {

// Who asks, as far as the record does not say it.
struct Asker {
    const Roots& roots;
    const SecretKey& deviceKey;
    const FingerprintTemplate& present;  // the hardware as it is now
    std::string hostLabel;
    std::string version;
    std::string keyLevel;
    std::uint64_t bots = 0;  // in use
};

// A waiting request is held by the authority for most of this time, unless something happens.
inline constexpr std::chrono::milliseconds waitLimit{110'000};

// The same attempt at another time gives another envelope of the same rid.
Question writeQuestion(const Attempt&, const Record&, const Asker&, Instant now);

// What is read against is the record as it is now, not as it was when the question was sent.
DocumentResult<OpenedReply> readReply(std::string_view body, const Attempt&, const Record&, const Roots&,
                                      const DeviceId&);

}  // namespace entitle
