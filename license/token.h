// The one form of every signed thing: PASETO v4.public, with our footer and an implicit assertion that says what it is
// for. Byte-exact description: DOCUMENT.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

#include "license/keyring.h"

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
    tooLong = 1,     // over maxTokenBytes, or a file over maxFileBytes
    badForm,         // not four strict parts, another version or purpose, padding, dirty bits; a file not of our form
    badFooter,       // the footer is not exactly {"kid":"k4.pid.…"}
    unknownKey,      // no such key in the key set or roots
    keyNotYetValid,  // the signing key's nbf lies ahead of the document's iat
    keyExpired,      // the document was issued after its signing key's exp
    keyRevoked,
    badSignature,  // also: another device, purpose, authority or subject
    badClaims,     // signed, but a claim is missing, doubled, unknown or out of range
    rollback,      // a key set of a lower version than the highest seen
};
std::string_view toString(DocumentError);  // "too-long", "bad-form", "bad-footer", …
std::string_view explain(DocumentError);   // a sentence that says what to do

template <class T>
using DocumentResult = boost::system::result<T, DocumentError>;

// Found by argument-dependent lookup when somebody calls .value() on a refusal.
[[noreturn]] void throw_exception_from_error(DocumentError, const boost::source_location&);

// Signs `payload` (any bytes) with footer {"kid":…}. Deterministic: Ed25519. Throws std::invalid_argument when the
// token would be over maxTokenBytes: a fault of the caller.
std::string signToken(const SecretKey&, std::string_view payload, const Assertion&);

// The kid of a well-formed token, before any verification; only good for looking up a key.
DocumentResult<std::string> tokenKeyId(std::string_view token);

// The payload, after the signature was checked. Never returns bytes that were not signed by `key` for `assertion`.
// A token whose kid is not the key's is unknownKey, without a look at the signature.
DocumentResult<std::string> verifyToken(std::string_view token, const VerifyKey& key, const Assertion&);

// What a signing key of a key set vouches for, if it says of itself a time at which that key was good.
struct VouchedPayload {
    std::string payload;
    Instant keyNotBefore{};
    Instant keyExpires{};

    // keyNotYetValid or keyExpired, for the time the payload says it was signed at.
    std::optional<DocumentError> faultAt(Instant signedAt) const;
};
DocumentResult<VouchedPayload> verifyBySigningKey(std::string_view token, const KeySet&, const Assertion&);

}  // namespace entitle
