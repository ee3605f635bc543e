#include "license/token.h"

#include <stdexcept>

#include "license/base64url.h"
#include "license/paseto.h"

namespace entitle {
namespace {

constexpr std::string_view footerHead = R"({"kid":"k4.pid.)";
constexpr std::string_view footerTail = R"("})";
constexpr std::string_view idHead = "k4.pid.";
constexpr std::size_t idLetters = 44;

std::string footerOf(const std::string& keyId) {
    return R"({"kid":")" + keyId + R"("})";
}

// The key id in a footer, found by its place and not by a JSON parser: nothing is parsed before it is verified.
std::optional<std::string> keyIdIn(std::string_view footer) {
    if (footer.size() != footerHead.size() + idLetters + footerTail.size()) return std::nullopt;
    if (footer.substr(0, footerHead.size()) != footerHead) return std::nullopt;
    if (footer.substr(footerHead.size() + idLetters) != footerTail) return std::nullopt;
    const auto letters = footer.substr(footerHead.size(), idLetters);
    if (!fromBase64url(letters)) return std::nullopt;
    return std::string(idHead).append(letters);
}

struct OpenedToken {
    PasetoParts parts;
    std::string keyId;
};

DocumentResult<OpenedToken> openToken(std::string_view token) {
    if (token.size() > maxTokenBytes) return DocumentError::tooLong;
    auto parts = splitPaseto(token);
    if (!parts || parts->footer.empty()) return DocumentError::badForm;
    auto keyId = keyIdIn(parts->footer);
    if (!keyId) return DocumentError::badFooter;
    return OpenedToken{std::move(*parts), std::move(*keyId)};
}

}  // namespace

std::string_view toString(Purpose purpose) {
    switch (purpose) {
        case Purpose::license:
            return "license";
        case Purpose::request:
            return "request";
        case Purpose::response:
            return "response";
        case Purpose::keySet:
            return "key-set";
        case Purpose::revocation:
            return "revocation";
        case Purpose::offlineRequest:
            return "offline-request";
        case Purpose::prove:
            return "prove";
        case Purpose::receipt:
            return "receipt";
        case Purpose::auditCheckpoint:
            return "audit-checkpoint";
    }
    throw std::invalid_argument("a purpose outside of its enumeration");
}

std::string Assertion::encode() const {
    std::vector<std::string_view> pieces{toString(purpose), authority};
    pieces.insert(pieces.end(), subject.begin(), subject.end());
    return preAuthEncode(pieces);
}

std::string signToken(const SecretKey& key, std::string_view payload, const Assertion& assertion) {
    std::string token = signPaseto(key, payload, footerOf(key.verifyKey().keyId()), assertion.encode());
    if (token.size() > maxTokenBytes) throw std::invalid_argument("a token over 16 KiB would be refused by everybody");
    return token;
}

DocumentResult<std::string> tokenKeyId(std::string_view token) {
    auto opened = openToken(token);
    if (!opened) return opened.error();
    return std::move(opened->keyId);
}

DocumentResult<std::string> verifyToken(std::string_view token, const VerifyKey& key, const Assertion& assertion) {
    auto opened = openToken(token);
    if (!opened) return opened.error();
    if (opened->keyId != key.keyId()) return DocumentError::unknownKey;
    if (!verifyPaseto(opened->parts, key, assertion.encode())) return DocumentError::badSignature;
    return std::move(opened->parts.message);
}

DocumentResult<VouchedPayload> verifyBySigningKey(std::string_view token, const KeySet& keySet,
                                                  const Assertion& assertion) {
    const auto keyId = tokenKeyId(token);
    if (!keyId) return keyId.error();
    const SigningKeyEntry* entry = keySet.find(*keyId);
    if (entry == nullptr) return DocumentError::unknownKey;
    auto payload = verifyToken(token, entry->key, assertion);
    if (!payload) return payload.error();
    // After the signature: whoever cannot sign learns nothing about the key, and the reason given is a true one.
    if (entry->revoked) return DocumentError::keyRevoked;
    return VouchedPayload{std::move(*payload), entry->notBefore, entry->expires};
}

std::optional<DocumentError> VouchedPayload::faultAt(Instant signedAt) const {
    if (signedAt < keyNotBefore) return DocumentError::keyNotYetValid;
    if (signedAt > keyExpires) return DocumentError::keyExpired;
    return std::nullopt;
}

std::string_view toString(DocumentError error) {
    switch (error) {
        case DocumentError::tooLong:
            return "too-long";
        case DocumentError::badForm:
            return "bad-form";
        case DocumentError::badFooter:
            return "bad-footer";
        case DocumentError::unknownKey:
            return "unknown-key";
        case DocumentError::keyNotYetValid:
            return "key-not-yet-valid";
        case DocumentError::keyExpired:
            return "key-expired";
        case DocumentError::keyRevoked:
            return "key-revoked";
        case DocumentError::badSignature:
            return "bad-signature";
        case DocumentError::badClaims:
            return "bad-claims";
        case DocumentError::rollback:
            return "rollback";
    }
    return "unknown";
}

std::string_view explain(DocumentError error) {
    switch (error) {
        case DocumentError::tooLong:
            return "The file is far too long to be a license. Check that it is the right one.";
        case DocumentError::badForm:
            return "The file is damaged or is not of the expected kind. Copy it again, whole and unchanged.";
        case DocumentError::badFooter:
            return "The document does not name its signing key. It was not made by entitle-server; ask for another.";
        case DocumentError::unknownKey:
            return "The document is signed by a key this machine does not trust. Check that it comes from the "
                   "authority this machine is configured for.";
        case DocumentError::keyNotYetValid:
            return "The document is older than the key that signed it. Ask the authority for a new one.";
        case DocumentError::keyExpired:
            return "The document was signed with a key that had expired. Ask the authority for a new one.";
        case DocumentError::keyRevoked:
            return "The document is signed with a key that has been revoked. Ask the authority for a new one.";
        case DocumentError::badSignature:
            return "The signature does not fit: the document was changed, or was made for another machine or purpose.";
        case DocumentError::badClaims:
            return "The document is signed but says something this version does not understand. Update entitled.";
        case DocumentError::rollback:
            return "The file carries older signing keys, or an older list of revocations, than this machine has seen. "
                   "Ask "
                   "the authority for a new one.";
    }
    return "The document was refused.";
}

void throw_exception_from_error(DocumentError error, const boost::source_location&) {
    throw std::logic_error("unexpected refusal of a document: " + std::string(toString(error)));
}

}  // namespace entitle
