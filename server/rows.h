// What the authority remembers, as plain values: one struct per table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "license/key.h"
#include "license/license.h"
#include "license/time.h"

namespace entitle {

// A license as it was sold. What it grants stands here, never in its key.
struct LicenseRow {
    LicenseId id;
    std::string keyIndex;  // 64 hex digits of KeySecrets::index; the key itself is not stored
    int keySecretId = 0;   // the key id of the secret it was sealed with
    KeyPayload payload;    // with that secret, enough to show the key again
    std::string type;
    std::string plan;
    std::vector<std::string> features;  // as sold; what they imply is worked out when a document is signed
    std::int64_t maxBots = 0;
    std::optional<Seconds> duration;  // counts from the first document; set endsAt then
    std::optional<Instant> endsAt;
    std::string note;
    Instant createdAt{};
    std::uint64_t lastSequence = 0;  // of any document of this license; 0 before the first
    bool operator==(const LicenseRow&) const = default;
};

// A device's hold on a license, from its first document until it is released.
struct SeatRow {
    int number = 0;  // 1, 2, … within the license
    DeviceId device;
    std::string deviceKey;  // k4.public.…
    std::string hostLabel;  // as the latest request gave it
    Instant takenAt{};
    std::optional<Instant> releasedAt;
    bool operator==(const SeatRow&) const = default;
};

// A signed document and the request it answers.
struct DocumentRow {
    std::uint64_t sequence = 0;
    int seat = 0;
    std::string requestHash;  // 64 hex digits of BLAKE2b-256 of the request token
    std::string signingKeyId;
    std::uint64_t keySetVersion = 0;
    Instant issuedAt{};
    Instant freshUntil{};
    Seconds grace{};
    std::string hostLabel;  // as this request gave it
    std::string token;
    bool operator==(const DocumentRow&) const = default;
};

struct KeySetRow {
    std::uint64_t version = 0;
    std::string token;
    Instant issuedAt{};
    bool operator==(const KeySetRow&) const = default;
};

// One attempt to get a document, granted or not: support asks for it first.
struct AttemptRow {
    Instant at{};
    DeviceId device;
    std::string outcome;  // "granted", "repeated", or the word of the denial
    bool operator==(const AttemptRow&) const = default;
};

}  // namespace entitle
