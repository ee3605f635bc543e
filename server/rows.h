// What the authority remembers of licenses and devices, as plain values: one struct per table.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "license/key.h"
#include "license/license.h"
#include "license/time.h"

namespace entitle {

// Names an account: "acc_" and 20 letters or digits, or what another system calls its user.
struct AccountId {
    std::string value;
    auto operator<=>(const AccountId&) const = default;
};

enum class LicenseStatus : std::uint8_t { active, suspended, revoked };
std::string_view toString(LicenseStatus);  // "active", …

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
    LicenseStatus status = LicenseStatus::active;
    std::optional<Instant> statusChangedAt;
    std::optional<AccountId> account;       // whose it is
    int deviceLimit = 1;                    // how many devices may hold it at once
    std::optional<std::int64_t> totalBots;  // over all devices, leased in blocks; none: maxBots on each
    int devicesHeld = 0;                    // kept by the store, never above deviceLimit
    std::int64_t bots() const { return totalBots.value_or(maxBots); }  // what its documents say; -1: unlimited
    bool operator==(const LicenseRow&) const = default;
};

// Where a device's rolling token stands. Texts are base64url; the rule is license/exchange's.
struct RollingState {
    std::uint64_t number = 0;  // of the current token; no later one has been given
    std::string random;        // empty: nobody holds a token
    std::uint64_t previousNumber = 0;
    std::string previousRandom;
    std::string previousRid;  // of the request that turned previous into current
    bool operator==(const RollingState&) const = default;
};

// The latest document a device was given online. Its bytes are not kept: a retry is answered anew.
struct DeviceDocument {
    std::uint64_t sequence = 0;
    Instant issuedAt{};
    Instant freshUntil{};
    Seconds grace{};
    bool operator==(const DeviceDocument&) const = default;
};

// A device's hold on a license, from its first document (or token) until it is released. One that comes back after a
// release gets a row of its own.
struct DeviceRow {
    int number = 0;  // 1, 2, … within the license; 0: not stored yet
    DeviceId device;
    std::string deviceKey;  // k4.public.…; empty: a declared device, which only names itself and never gets a document
    std::string hostLabel;  // as the latest request gave it
    Instant takenAt{};
    std::optional<Instant> releasedAt;
    std::string name;         // what its owner calls it; empty: hostLabel
    std::string fingerprint;  // the enrolled template, as JSON; empty when none is known
    std::string keyLevel;     // how its key rests, in the device's own word: "tpm2", "systemd-creds", "file"
    std::string version;      // of its daemon
    RollingState rolling;
    std::string enrolledBy;  // the rid of the request that began its chain; empty when none is known
    std::optional<Instant> lastSeenAt;
    std::optional<Instant> conflictAt;   // since when two parties use its key; none: all is well
    std::int64_t botsInUse = 0;          // as the device said last
    std::int64_t botsLeased = 0;         // of the license's totalBots …
    std::optional<Instant> leasedUntil;  // … until then: the end of its document's grace
    std::optional<DeviceDocument> document;
    bool operator==(const DeviceRow&) const = default;
};

// A document signed for a request that came as a file, and the request it answers.
struct DocumentRow {
    std::uint64_t sequence = 0;
    int seat = 0;             // DeviceRow::number
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
    LicenseId license;  // empty: the key led to none
    DeviceId device;
    std::string outcome;  // "granted", "repeated", or the word of the denial
    bool operator==(const AttemptRow&) const = default;
};

// A seat that was freed for another device. Kinds are stored: never reused for something else.
enum class TransferKind : std::uint8_t {
    owner,   // released by its owner: capped
    admin,   // released by an admin
    device,  // given back by the device itself
    enrol,   // the same machine with a new key: capped
};
std::string_view toString(TransferKind);  // "owner", …

enum class ApprovalState : std::uint8_t { waiting, approved, denied, used };
std::string_view toString(ApprovalState);  // "waiting", …

// What waits for an admin: a device that may not take a seat by itself.
struct ApprovalRow {
    std::int64_t number = 0;
    LicenseId license;
    DeviceId device;
    std::string hostLabel;
    std::string reason;  // the word of the denial it began with
    Instant askedAt{};
    ApprovalState state = ApprovalState::waiting;
    std::optional<Instant> decidedAt;
    std::optional<AccountId> decidedBy;
    bool operator==(const ApprovalRow&) const = default;
};

// Something devices should hear of at once: those of a license, or all. Numbers rise in the order of the commits.
struct EventRow {
    std::int64_t number = 0;
    LicenseId license;  // empty: it concerns everybody
    std::string what;   // "key-set"; of a license: "changed", "suspended", "reinstated", "revoked", "released", or a
                        // decision's own word
    Instant at{};
    bool operator==(const EventRow&) const = default;
};

// One line of the revocation list.
struct RevocationRow {
    std::uint64_t epoch = 0;
    LicenseId license;
    std::string what;  // "revoked", "suspended", "reinstated"
    Instant at{};
    bool operator==(const RevocationRow&) const = default;
};

}  // namespace entitle
