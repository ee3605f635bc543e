#include "server/rotation.h"

#include <algorithm>
#include <stdexcept>

#include "server/files.h"
#include "server/founding.h"

namespace entitle {
namespace {

constexpr std::size_t maxSigningKeys = 10;  // as license/key_set.h accepts

KeySet nextVersion(const KeySet& current, Instant now) {
    KeySet next = current;
    next.version = current.version + 1;
    next.issuedAt = now;
    return next;
}

KeySetRow sign(const Authority& authority, const SecretKey& root, const KeySet& set) {
    const std::string token = signKeySet(root, set);
    if (verifyKeySet(token, authority.roots(), set.version).value() != set)
        throw std::logic_error("the new key set does not verify");
    return {set.version, token, set.issuedAt};
}

}  // namespace

Granted<KeySet> withFreshKey(const KeySet& current, const VerifyKey& fresh, Seconds overlap,
                             const std::map<std::string, Instant>& inUseUntil, Instant now) {
    KeySet next = nextVersion(current, now);
    auto& keys = next.keys;
    const auto spent = [&](const SigningKeyEntry& entry) {
        const auto use = inUseUntil.find(entry.key.keyId());
        return entry.expires < now && (entry.revoked || use == inUseUntil.end() || use->second < now);
    };
    keys.erase(std::remove_if(keys.begin(), keys.end(), spent), keys.end());
    // A revoked key that is not listed is an unknown one: refused as well.
    if (keys.size() >= maxSigningKeys) {
        const auto revoked = std::find_if(keys.begin(), keys.end(), [](const auto& entry) { return entry.revoked; });
        if (revoked != keys.end()) keys.erase(revoked);
    }
    if (keys.size() >= maxSigningKeys)
        return Denial{DenialReason::tooManyKeys,
                      "a key set holds ten signing keys, and all ten still have documents in use: rotate later, or "
                      "revoke one whose documents may end"};
    for (auto& entry : keys)
        if (!entry.revoked) entry.expires = std::min(entry.expires, std::max(entry.notBefore, now + overlap));
    keys.push_back({fresh, now, now + signingKeyLifetime, false});
    return next;
}

Granted<KeySet> withRevokedKey(const KeySet& current, const std::string& keyId, Instant now) {
    KeySet next = nextVersion(current, now);
    const auto entry =
        std::find_if(next.keys.begin(), next.keys.end(), [&](const auto& one) { return one.key.keyId() == keyId; });
    if (entry == next.keys.end())
        return Denial{DenialReason::unknownSigningKey,
                      keyId + " is not in the key set: see `entitle-server keys list`"};
    if (entry->revoked)
        return Denial{DenialReason::unknownSigningKey, keyId + " is revoked already, by an earlier key set"};
    entry->revoked = true;
    return next;
}

Granted<KeySet> rotateSigningKey(Authority& authority, const std::filesystem::path& roots, Seconds overlap,
                                 Instant now) {
    const auto root = readRootKey(RootFiles(roots), authority.roots());
    if (!root) return root.error();
    const SecretKey fresh = SecretKey::generate();
    const auto published = authority.store().publishKeySet(
        [&](const KeySetRow& newest, const std::map<std::string, Instant>& inUseUntil) -> Granted<KeySetRow> {
            const auto next = withFreshKey(authority.verified(newest), fresh.verifyKey(), overlap, inUseUntil, now);
            if (!next) return next.error();
            auto row = sign(authority, *root, *next);
            // On disk before the set that names it is committed; a crash between leaves a file nobody refers to.
            writeSecretKey(authority.files().signingKey(fresh.verifyKey()), fresh);
            syncDirectory(authority.files().signingKeys);
            return row;
        });
    if (!published) return published.error();
    return authority.verified(*published);
}

Granted<KeySet> revokeSigningKey(Authority& authority, const std::filesystem::path& roots, const std::string& keyId,
                                 Instant now) {
    const auto root = readRootKey(RootFiles(roots), authority.roots());
    if (!root) return root.error();
    const auto published = authority.store().publishKeySet(
        [&](const KeySetRow& newest, const std::map<std::string, Instant>&) -> Granted<KeySetRow> {
            const auto next = withRevokedKey(authority.verified(newest), keyId, now);
            if (!next) return next.error();
            return sign(authority, *root, *next);
        });
    if (!published) return published.error();
    return authority.verified(*published);
}

}  // namespace entitle
