#include "license/exchange.h"

#include <limits>
#include <stdexcept>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "license/catalogue.h"
#include "license/claims.h"
#include "license/fingerprint_claim.h"
#include "license/identifiers.h"
#include "license/key.h"
#include "license/paseto.h"
#include "license/printable.h"
#include "license/request.h"

namespace entitle {
namespace {

namespace json = boost::json;

constexpr std::size_t paserkLetters = 53;  // "k4.public." and 43
constexpr std::int64_t maxNumber = std::numeric_limits<std::int64_t>::max();
constexpr Outcome outcomes[] = {Outcome::granted, Outcome::denied, Outcome::conflict, Outcome::retry};
constexpr SignedEnd ends[] = {SignedEnd::revoked, SignedEnd::suspended, SignedEnd::released};

Assertion requestAssertion(std::string_view authority, Operation operation, const DeviceId& device) {
    return {Purpose::request, std::string(authority), {std::string(toString(operation)), device.value}};
}

Assertion answerAssertion(std::string_view authority, Operation operation, const DeviceId& device,
                          std::string_view rid) {
    return {
        Purpose::response, std::string(authority), {std::string(toString(operation)), device.value, std::string(rid)}};
}

void addText(json::object& claims, std::string_view name, std::string_view value) {
    if (!value.empty()) claims.emplace(name, value);
}

std::uint64_t number(ClaimReader& reader, std::string_view name) {
    return static_cast<std::uint64_t>(reader.integer(name, 0, maxNumber));
}

template <class T, std::size_t n>
std::optional<T> oneOf(const T (&all)[n], std::string_view word) {
    for (const T candidate : all)
        if (toString(candidate) == word) return candidate;
    return std::nullopt;
}

// --- requests -------------------------------------------------------------------------------------------------------

std::string encode(const ExchangeRequest& request) {
    json::object claims;
    claims.emplace("dev_key", request.deviceKey.paserk());  // found by its place, before anything is verified: signerOf
    claims.emplace("iss", request.authority);
    claims.emplace("op", toString(request.operation));
    addText(claims, "lic", request.license.value);
    addText(claims, "key", request.key);
    addText(claims, "tok", request.token);
    claims.emplace("rid", request.rid);
    claims.emplace("iat", toRfc3339(request.sentAt));
    claims.emplace("fp", fingerprintClaim(request.fingerprint));
    claims.emplace("label", request.hostLabel);
    claims.emplace("ver", request.productVersion);
    claims.emplace("seq", request.highestSequence);
    claims.emplace("kset", request.keySetVersion);
    claims.emplace("rev", request.revocationEpoch);
    claims.emplace("klvl", request.keyLevel);
    claims.emplace("bots", request.bots);
    return json::serialize(claims);
}

// Each operation names what it is about, and nothing besides.
bool namesItsSubject(const ExchangeRequest& request) {
    const bool activates = request.operation == Operation::activate;
    const bool presents = !activates && request.operation != Operation::reenrol;
    if (activates ? !request.license.value.empty() : !isLicenseId(request.license.value)) return false;
    if (presents ? !isOpaqueToken(request.token) : !request.token.empty()) return false;
    if (!activates) return request.key.empty();
    const auto key = parseLicenseKey(request.key);
    return key && key->text() == request.key;
}

std::optional<ExchangeRequest> decodeRequest(std::string_view payload) {
    const auto claims = readClaims(payload);
    if (!claims) return std::nullopt;
    ClaimReader reader(*claims);
    ExchangeRequest request;
    const auto key = VerifyKey::fromPaserk(reader.text("dev_key"));
    request.authority = reader.text("iss");
    const auto operation = operationFrom(reader.text("op"));
    request.license.value = reader.optionalText("lic");
    request.key = reader.optionalText("key");
    request.token = reader.optionalText("tok");
    request.rid = reader.text("rid");
    request.sentAt = reader.instant("iat");
    auto fingerprint = readFingerprintClaim(reader.object("fp"));
    request.hostLabel = reader.text("label");
    request.productVersion = reader.text("ver");
    request.highestSequence = number(reader, "seq");
    request.keySetVersion = number(reader, "kset");
    request.revocationEpoch = number(reader, "rev");
    request.keyLevel = reader.text("klvl");
    request.bots = reader.integer("bots", 0, maxBotsLimit);
    reader.require(isAuthorityId(request.authority) && isOpaqueId(request.rid));
    reader.require(hostLabelFrom(request.hostLabel) == request.hostLabel);
    reader.require(isVersionText(request.productVersion) && isKeyLevelText(request.keyLevel));
    if (!reader.good() || !key || !operation || !fingerprint) return std::nullopt;
    request.deviceKey = *key;
    request.operation = *operation;
    request.fingerprint = std::move(*fingerprint);
    if (!namesItsSubject(request) || encode(request) != payload) return std::nullopt;
    return request;
}

// The payload of every request begins with {"dev_key":"k4.public.…", byte for byte, so that the key that must have
// signed it is found by place: no JSON is parsed before the signature has been checked.
std::optional<VerifyKey> signerOf(std::string_view payload) {
    constexpr std::string_view head = R"({"dev_key":")";
    if (payload.substr(0, head.size()) != head) return std::nullopt;
    return VerifyKey::fromPaserk(payload.substr(head.size(), paserkLetters));
}

// --- answers --------------------------------------------------------------------------------------------------------

std::string encode(const ExchangeAnswer& answer) {
    json::object claims;
    claims.emplace("iss", answer.authority);
    claims.emplace("rid", answer.rid);
    claims.emplace("time", toRfc3339(answer.time));
    claims.emplace("outcome", toString(answer.outcome));
    addText(claims, "code", answer.code);
    addText(claims, "message", answer.message);
    addText(claims, "tok", answer.token);
    addText(claims, "lic", answer.license.value);
    claims.emplace("seq", answer.sequence);
    claims.emplace("after", answer.after.count());
    addText(claims, "ended", toString(answer.ended));
    if (answer.ended != SignedEnd::none) claims.emplace("wind_down_s", answer.windDown.count());
    return json::serialize(claims);
}

// What an outcome says together with the rest makes one sense.
bool isCoherent(const ExchangeAnswer& answer, Operation operation) {
    const bool granted = answer.outcome == Outcome::granted;
    const bool brings = granted && operation != Operation::deactivate && operation != Operation::wait;
    const bool mustName = granted || answer.outcome == Outcome::conflict || answer.ended != SignedEnd::none;
    if (granted ? !answer.code.empty() : !isName(answer.code)) return false;
    if (brings ? !isOpaqueToken(answer.token) : !answer.token.empty()) return false;
    if (brings != (answer.sequence > 0)) return false;
    if (answer.license.value.empty() ? mustName : !isLicenseId(answer.license.value)) return false;
    if (answer.ended == SignedEnd::none) return true;
    if (granted) return operation == Operation::deactivate && answer.ended == SignedEnd::released;
    return answer.outcome == Outcome::denied;
}

std::optional<ExchangeAnswer> decodeAnswer(std::string_view payload, Operation operation) {
    const auto claims = readClaims(payload);
    if (!claims) return std::nullopt;
    ClaimReader reader(*claims);
    ExchangeAnswer answer;
    answer.authority = reader.text("iss");
    answer.rid = reader.text("rid");
    answer.time = reader.instant("time");
    const auto outcome = oneOf(outcomes, reader.text("outcome"));
    answer.code = reader.optionalText("code");
    answer.message = reader.optionalText("message");
    answer.token = reader.optionalText("tok");
    answer.license.value = reader.optionalText("lic");
    answer.sequence = number(reader, "seq");
    answer.after = Seconds{reader.integer("after", 0, maxDuration.count())};
    if (const auto word = reader.optionalText("ended"); !word.empty()) {
        const auto ended = oneOf(ends, word);
        reader.require(ended.has_value());
        answer.ended = ended.value_or(SignedEnd::none);
        answer.windDown = Seconds{reader.integer("wind_down_s", 0, maxDuration.count())};
    }
    reader.require(isAuthorityId(answer.authority) && isOpaqueId(answer.rid));
    reader.require(printableFrom(answer.message, maxAnswerMessage) == answer.message);
    if (!reader.good() || !outcome) return std::nullopt;
    answer.outcome = *outcome;
    if (!isCoherent(answer, operation) || encode(answer) != payload) return std::nullopt;
    return answer;
}

}  // namespace

// --- words ----------------------------------------------------------------------------------------------------------

std::string_view toString(Outcome outcome) {
    switch (outcome) {
        case Outcome::granted:
            return "granted";
        case Outcome::denied:
            return "denied";
        case Outcome::conflict:
            return "conflict";
        case Outcome::retry:
            return "retry";
    }
    throw std::invalid_argument("an outcome outside of its enumeration");
}

// --- tokens ---------------------------------------------------------------------------------------------------------

DeviceId ExchangeRequest::device() const {
    return deviceIdOf(deviceKey);
}

std::string signRequest(const SecretKey& deviceKey, const ExchangeRequest& request) {
    ExchangeRequest complete = request;
    complete.deviceKey = deviceKey.verifyKey();
    const std::string payload = encode(complete);
    if (decodeRequest(payload) != complete) throw std::invalid_argument("a request that nobody would accept");
    return signToken(deviceKey, payload, requestAssertion(complete.authority, complete.operation, complete.device()));
}

DocumentResult<ExchangeRequest> verifyRequest(std::string_view token, std::string_view authority, Operation operation) {
    if (const auto keyId = tokenKeyId(token); !keyId) return keyId.error();
    const auto parts = splitPaseto(token);
    if (!parts) return DocumentError::badForm;
    const auto signer = signerOf(parts->message);
    if (!signer) return DocumentError::badForm;
    const auto payload = verifyToken(token, *signer, requestAssertion(authority, operation, deviceIdOf(*signer)));
    if (!payload) return payload.error();
    auto request = decodeRequest(*payload);
    if (!request || request->authority != authority || request->operation != operation) return DocumentError::badClaims;
    return std::move(*request);
}

std::string signAnswer(const SecretKey& signingKey, Operation operation, const DeviceId& device,
                       const ExchangeAnswer& answer) {
    const std::string payload = encode(answer);
    if (!isOpaqueId(device.value) || decodeAnswer(payload, operation) != answer)
        throw std::invalid_argument("an answer that nobody would accept");
    return signToken(signingKey, payload, answerAssertion(answer.authority, operation, device, answer.rid));
}

DocumentResult<ExchangeAnswer> verifyAnswer(std::string_view token, const KeySet& keySet, Operation operation,
                                            const DeviceId& device, std::string_view rid) {
    const auto vouched = verifyBySigningKey(token, keySet, answerAssertion(keySet.authority, operation, device, rid));
    if (!vouched) return vouched.error();
    auto answer = decodeAnswer(vouched->payload, operation);
    if (!answer || answer->authority != keySet.authority || answer->rid != rid) return DocumentError::badClaims;
    if (const auto fault = vouched->faultAt(answer->time)) return *fault;
    return std::move(*answer);
}

}  // namespace entitle
