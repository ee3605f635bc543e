#include "daemon/enrolment.h"

#include <array>

#include <sodium.h>

#include "license/base64url.h"

namespace entitle {
namespace {

AdminRefusal refusal(DocumentError error) {
    return {std::string(toString(error)), std::string(explain(error))};
}

}  // namespace

std::uint64_t minimumKeySet(const Record& seen, const Roots& roots) {
    return seen.authority == roots.authority ? seen.keySetVersion : 0;
}

boost::system::result<VerifiedFile, AdminRefusal> verifyLicenseFile(std::string_view text, const Roots& roots,
                                                                    const Record& seen, const DeviceId& device) {
    auto file = parseLicenseFile(text);
    if (!file) return refusal(file.error());
    auto keySet = verifyKeySet(file->keySetToken, roots, minimumKeySet(seen, roots));
    if (!keySet) return refusal(keySet.error());
    auto license = verifyLicense(file->documentToken, *keySet, device);
    if (!license) return refusal(license.error());
    return VerifiedFile{std::move(*file), std::move(*keySet), std::move(*license)};
}

boost::system::result<VerifiedUpdate, AdminRefusal> verifyUpdateFile(std::string_view text, const Roots& roots,
                                                                     const Record& seen) {
    auto file = parseUpdateFile(text);
    if (!file) return refusal(file.error());
    auto keySet = verifyKeySet(file->keySetToken, roots, minimumKeySet(seen, roots));
    if (!keySet) return refusal(keySet.error());
    auto revocations = verifyRevocations(file->revocationsToken, *keySet, seen.state.revocationEpoch);
    if (!revocations) return refusal(revocations.error());
    return VerifiedUpdate{std::move(*file), std::move(*keySet), std::move(*revocations)};
}

DocumentResult<License> verifyStored(const Record& record, const Roots& roots, const DeviceId& device) {
    const auto keySet = verifyKeySet(record.keySetToken, roots, minimumKeySet(record, roots));
    if (!keySet) return keySet.error();
    auto license = verifyLicense(record.documentToken, *keySet, device);
    if (license || license.error() != DocumentError::unknownKey) return license;
    const auto earlier = verifyKeySet(record.earlierKeySetToken, roots, 0);
    if (!earlier) return license;
    auto over = verifyLicense(record.documentToken, *earlier, device);
    if (!over || plus(over->freshUntil, over->grace) > keySet->issuedAt) return license;
    return over;
}

void takeKeySet(Record& record, const Roots& roots, std::string token, const KeySet& keySet) {
    const auto signedBy = tokenKeyId(record.documentToken);
    if (!signedBy || keySet.find(*signedBy) != nullptr) {
        record.earlierKeySetToken.clear();
    } else if (const auto before = verifyKeySet(record.keySetToken, roots, 0); before && before->find(*signedBy)) {
        record.earlierKeySetToken = record.keySetToken;
    }
    record.keySetToken = std::move(token);
    record.authority = keySet.authority;
    record.keySetVersion = keySet.version;
}

MadeRequest makeRequest(const Roots& roots, const Record& record, const SecretKey& deviceKey,
                        FingerprintTemplate fingerprint, std::string_view hostLabel, std::string_view productVersion,
                        Instant now) {
    OfflineRequest request;
    request.authority = roots.authority;
    request.deviceKey = deviceKey.verifyKey();
    request.fingerprint = std::move(fingerprint);
    request.nonce = freshNonce();
    request.issuedAt = now;
    request.hostLabel = hostLabel;
    request.productVersion = productVersion;
    request.highestSequence = highestSequence(record.state);
    request.keySetVersion = minimumKeySet(record, roots);
    return {PendingRequest{request.nonce, now}, signOfflineRequest(deviceKey, request)};
}

std::string hashOfKey(std::string_view key) {
    std::array<std::uint8_t, 16> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                       nullptr, 0);
    return toBase64url(hash);
}

bool requestStillHolds(const Record& record, const Roots& roots, const DeviceId& device,
                       const FingerprintTemplate& present) {
    if (!record.state.pending || record.requestToken.empty()) return false;
    auto request = verifyOfflineRequest(record.requestToken);
    return request && request->authority == roots.authority && request->device() == device &&
           request->nonce == record.state.pending->nonce && match(request->fingerprint, present).match == Match::same;
}

std::string printRequest(const Record& record, std::string_view hostLabel) {
    std::string comment = "A license request for one machine";
    if (!hostLabel.empty()) comment += " (" + std::string(hostLabel) + ")";
    comment += ". Carry it to the license authority and import the answer with: entitlectl import FILE";
    return printRequestFile(record.requestToken, comment);
}

}  // namespace entitle
