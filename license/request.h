// The air-gapped request: a machine's device key and fingerprint, carried by hand to the authority.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "license/license.h"
#include "license/token.h"

namespace entitle {

DeviceId deviceIdOf(const VerifyKey&);

// Signed by the device key it carries: proof of possession, nothing more. Who may have a license, the operator decides.
struct OfflineRequest {
    std::string authority;  // whose license is asked for
    VerifyKey deviceKey;
    FingerprintTemplate fingerprint;
    std::string nonce;                  // base64url of 16 random bytes
    Instant issuedAt{};                 // the machine's own clock: information, not proof
    std::string hostLabel;              // a name for people, 0 to 64 bytes of printable UTF-8
    std::string productVersion;         // 1 to 32 of [A-Za-z0-9.+~-]
    std::uint64_t highestSequence = 0;  // the highest seq this device has seen of any license
    std::uint64_t keySetVersion = 0;    // the highest key set it holds
    bool operator==(const OfflineRequest&) const = default;
    DeviceId device() const;
};

// `deviceKey` is filled in from the secret key. Throws std::invalid_argument for a request that verifyOfflineRequest
// would refuse: a fault of the caller, who passes a host name through hostLabelFrom first.
std::string signOfflineRequest(const SecretKey& deviceKey, const OfflineRequest&);
DocumentResult<OfflineRequest> verifyOfflineRequest(std::string_view token);

// Any text made fit for OfflineRequest::hostLabel: what is not printable UTF-8 is left out, the rest cut at 64 bytes.
std::string hostLabelFrom(std::string_view);

// base64url of 16 random bytes.
std::string freshNonce();

}  // namespace entitle
