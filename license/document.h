// PASETO v4.public, strict: the one signature format of the project. Byte-exact description: DOCUMENT.md.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "license/keyring.h"
#include "license/license.h"

namespace entitle {

inline constexpr std::size_t maxTokenBytes = 16 * 1024;

// What a token is for. Goes into the implicit assertion, so that no signed thing can stand in another's place.
enum class Purpose { license, request, response, keySet, revocation, offlineRequest, prove, receipt, auditCheckpoint };
std::string_view toString(Purpose);  // "license", "request", "response", "key-set", …

// The implicit assertion: PAE(purpose, authority, subject…) of PASETO's pre-authentication encoding.
struct Assertion {
    Purpose purpose;
    std::string authority;
    std::vector<std::string> subject;  // license: {device id}; key set: {}; offline request: {device id}
    std::string encode() const;
};

// Why a token was refused. One word each in vectors (`expect:`) and audit entries: toString; people read `explain`.
enum class DocumentError {
    tooLong = 1,    // over maxTokenBytes
    badForm,        // not four strict parts, another version or purpose, padding, dirty bits, JSON not ours
    badFooter,      // the footer is not exactly {"kid":"k4.pid.…"}
    unknownKey,     // no such key in the key set or roots
    keyNotYetValid, // the signing key's nbf lies ahead of the document's iat
    keyExpired,     // the document was issued after its signing key's exp
    keyRevoked,
    badSignature,   // also: another device, purpose, authority or subject
    badClaims,      // signed, but a claim is missing, doubled, unknown or out of range
    rollback,       // a key set of a lower version than the highest seen
};
std::string_view toString(DocumentError);  // "too-long", "bad-form", "bad-footer", …
std::string_view explain(DocumentError);   // a sentence that says what to do

template <class T>
using DocumentResult = boost::system::result<T, DocumentError>;

// Found by argument-dependent lookup when somebody calls .value() on a refusal.
[[noreturn]] void throw_exception_from_error(DocumentError, const boost::source_location&);

// --- the token layer ------------------------------------------------------------------------------------------------
// Signs `payload` (any bytes) with footer {"kid":…}. Deterministic: Ed25519.
std::string signToken(const SecretKey&, std::string_view payload, const Assertion&);

// The kid of a well-formed token, before any verification; only good for looking up a key.
DocumentResult<std::string> tokenKeyId(std::string_view token);

// The payload, after the signature was checked. Never returns bytes that were not signed by `key` for `assertion`.
DocumentResult<std::string> verifyToken(std::string_view token, const VerifyKey& key, const Assertion&);

// --- key sets -------------------------------------------------------------------------------------------------------
std::string signKeySet(const SecretKey& root, const KeySet&);
// `minimumVersion`: the highest version ever seen (0 at first); a lower one is `rollback`.
DocumentResult<KeySet> verifyKeySet(std::string_view token, const Roots&, std::uint64_t minimumVersion);

// --- license documents ----------------------------------------------------------------------------------------------
std::string signLicense(const SecretKey& signingKey, const License&);
// Checks signature, device and the signing key's times against the document's iat. Not the document's own times:
// those are the lifecycle's. The key set must be of the same authority.
DocumentResult<License> verifyLicense(std::string_view token, const KeySet&, const DeviceId&);

// --- the air-gapped request -----------------------------------------------------------------------------------------
// Signed by the device key it carries: proof of possession, nothing more. Who may have a license, the operator decides.
struct OfflineRequest {
    std::string authority;  // whose license is asked for
    VerifyKey deviceKey;
    FingerprintTemplate fingerprint;
    std::string nonce;   // base64url of 16 random bytes
    Instant issuedAt{};  // the machine's own clock: information, not proof
    std::string hostLabel;  // a name for people, 0 to 64 bytes of printable UTF-8
    std::string productVersion;
    std::uint64_t highestSequence = 0;  // the highest seq this device has seen of any license
    std::uint64_t keySetVersion = 0;    // the highest key set it holds
    bool operator==(const OfflineRequest&) const = default;
    DeviceId device() const;
};
DeviceId deviceIdOf(const VerifyKey&);
std::string signOfflineRequest(const SecretKey& deviceKey, const OfflineRequest&);  // deviceKey field is filled in
DocumentResult<OfflineRequest> verifyOfflineRequest(std::string_view token);

// --- files ----------------------------------------------------------------------------------------------------------
// What a person carries between machines. Text, at most 64 KiB, '\n' line ends ("\r\n" accepted), exactly:
//   -----BEGIN ENTITLED LICENSE-----        or  -----BEGIN ENTITLED REQUEST-----
//   keyset: <token>                              request: <token>
//   document: <token>
//   -----END ENTITLED LICENSE-----              -----END ENTITLED REQUEST-----
// Anything else is badForm; lines before BEGIN that begin with '#' are comments for people.
struct LicenseFile {
    std::string keySetToken;
    std::string documentToken;
    bool operator==(const LicenseFile&) const = default;
};
std::string printLicenseFile(const LicenseFile&, std::string_view comment);
DocumentResult<LicenseFile> parseLicenseFile(std::string_view);
std::string printRequestFile(std::string_view token, std::string_view comment);
DocumentResult<std::string> parseRequestFile(std::string_view);  // the token

}  // namespace entitle
