// The envelopes of the device protocol: what a device asks the authority, and what it is answered. Both are tokens, so
// whatever lies between the two ends is believed nothing. Byte-exact description: DOCUMENT.md, "Exchange".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "license/contact.h"
#include "license/license.h"
#include "license/revocation.h"
#include "license/token.h"

namespace entitle {

// The media types of a question and of a reply over HTTP. Any other comes from somebody in between: a portal, a proxy.
inline constexpr std::string_view requestContentType = "application/vnd.entitled.request+paseto";
inline constexpr std::string_view answerContentType = "application/vnd.entitled.answer+json";

// What a device asks, signed by its own key: proof that it holds the key, nothing more.
struct ExchangeRequest {
    std::string authority;  // whom it asks
    Operation operation = Operation::renew;
    VerifyKey deviceKey;
    LicenseId license;                  // which license; empty exactly in activate
    std::string key;                    // the license key in its canonical text; empty in all but activate
    std::string token;                  // the rolling token in its text; empty exactly in activate and reenrol
    std::string rid;                    // base64url of 16 random bytes; the same in every retry of one question
    Instant sentAt{};                   // the machine's own clock: information, not proof
    FingerprintTemplate fingerprint;    // of the present hardware
    std::string hostLabel;              // a name for people: hostLabelFrom
    std::string productVersion;         // 1 to 32 of [A-Za-z0-9.+~-]
    std::uint64_t highestSequence = 0;  // the highest seq seen of this license; of any, in activate
    std::uint64_t keySetVersion = 0;    // the key set held
    std::uint64_t revocationEpoch = 0;  // of the highest revocation list seen; 0: none
    std::string keyLevel;               // how the device key rests: "file", "systemd-creds", "tpm2"
    std::int64_t bots = 0;              // bots in use, or wanted as a lease; 0 … maxBotsLimit
    bool operator==(const ExchangeRequest&) const = default;
    DeviceId device() const;
};

// `deviceKey` is filled in from the secret key. Throws std::invalid_argument for a request that verifyRequest would
// refuse: a fault of the caller.
std::string signRequest(const SecretKey& deviceKey, const ExchangeRequest&);
// For the authority `authority` at the route of `operation`; badSignature also means another of either.
DocumentResult<ExchangeRequest> verifyRequest(std::string_view token, std::string_view authority, Operation);

enum class Outcome : std::uint8_t {
    granted,   // it was done. In wait: something changed; renew now
    denied,    // a decision against it, for the reason `code`
    conflict,  // the rolling token is neither the current one nor the last: a copy, or a backup that was restored
    retry,     // not now: ask again after `after`. In wait: nothing changed
};
std::string_view toString(Outcome);  // "granted", "denied", "conflict", "retry"

inline constexpr std::size_t maxAnswerMessage = 400;  // bytes

// The one code that a device acts upon: an enrolment with this rid was granted before, and its chain has gone on since
// or its seat was given back. It may be asked anew, with another rid.
inline constexpr std::string_view requestUsed = "request_used";

// What the authority answers, signed by a signing key for one device, one operation and one rid.
struct ExchangeAnswer {
    std::string authority;
    std::string rid;  // of the request
    Instant time{};   // the authority's clock when it signed: what the device's clock is measured against
    Outcome outcome = Outcome::retry;
    std::string code;                   // a name; empty exactly when granted
    std::string message;                // for people, printable UTF-8, at most maxAnswerMessage bytes
    std::string token;                  // the next rolling token; only when granted
    LicenseId license;                  // which license; empty only when denied or retry
    std::uint64_t sequence = 0;         // of the document that comes with it; 0: none comes
    Seconds after{};                    // until the next contact is wanted; 0: as the document's check_s says
    SignedEnd ended = SignedEnd::none;  // none when granted, except released: the answer to deactivate
    Seconds windDown{};                 // of the last document, for information; 0 without `ended`
    bool operator==(const ExchangeAnswer&) const = default;
};

// Throws std::invalid_argument for an answer that verifyAnswer would refuse: a fault of the caller.
std::string signAnswer(const SecretKey& signingKey, Operation, const DeviceId&, const ExchangeAnswer&);
// Signature, device, operation, rid, and the signing key's times against the answer's own.
DocumentResult<ExchangeAnswer> verifyAnswer(std::string_view token, const KeySet&, Operation, const DeviceId&,
                                            std::string_view rid);

// The body of a reply: tokens, each of which is verified on its own. Not signed as a whole, and nothing is believed of
// it that its tokens do not say.
//   {"answer":"<token>","document":"<token>","key_set":"<token>","revocations":"<token>"}
inline constexpr std::size_t maxReplyBytes = 64 * 1024;
struct ExchangeReply {
    std::string answer;
    std::string document;     // empty: none
    std::string keySet;       // empty: none; comes when the device's is older than the authority's
    std::string revocations;  // empty: none; comes when the device has not seen this epoch
    bool operator==(const ExchangeReply&) const = default;
};
std::string printReply(const ExchangeReply&);
// Members it does not know are skipped, so that an old device can speak with a newer authority.
DocumentResult<ExchangeReply> parseReply(std::string_view json);

// What a device holds while it reads a reply.
struct ReplyContext {
    const Roots& roots;
    const KeySet* keySet;  // the one held; nullptr: none yet
    std::uint64_t minimumKeySet = 0;
    std::uint64_t revocationEpoch = 0;  // the highest seen
    Operation operation = Operation::renew;
    DeviceId device;
    std::string rid;
    LicenseId license;  // of the request; empty in activate
};

// A reply of which everything was verified.
struct OpenedReply {
    ExchangeAnswer answer;
    KeySet keySet;                   // to go on with: the one held, or a newer one
    std::string keySetToken;         // of the newer one; empty: the one held is still the newest
    std::optional<License> license;  // of the answer's license, with the answer's sequence
    std::string documentToken;       // its token; empty without one
    std::optional<RevocationList> revocations;
};

// All or nothing: a reply with one bad token is no reply. To the daemon every refusal is "unreachable", never a no.
// Only a key set or revocation list that is older than what was seen is passed over: the authority may stand on a
// backup.
DocumentResult<OpenedReply> openReply(std::string_view json, const ReplyContext&);

}  // namespace entitle
