#include "server/signer.h"

#include <algorithm>

#include "license/revocation.h"
#include "server/issue.h"

namespace entitle {
namespace {

RevocationKind kindOf(const std::string& what) {
    if (what == "revoked") return RevocationKind::revoked;
    return what == "suspended" ? RevocationKind::suspended : RevocationKind::reinstated;
}

}  // namespace

Granted<SigningKeyAtHand> signingKeyAt(const AuthorityFiles& files, const KeySet& set, Instant now) {
    const auto atHand = signingKeysAtHand(files, set);
    if (!atHand) return atHand.error();
    const SigningKeyEntry* entry = signingKeyFor(set, *atHand, now);
    if (entry == nullptr)
        return Denial{DenialReason::noSigningKey,
                      "no signing key can be used now (expired, revoked, not yet valid, or its file is gone): attach "
                      "the roots and type `entitle-server keys rotate --roots DIR`"};
    auto key = readSigningKey(files, entry->key);
    if (!key) return key.error();
    return SigningKeyAtHand{entry, std::move(*key)};
}

Granted<std::shared_ptr<const Signer::Ready>> Signer::at(const KeySetRow& row, Instant now) {
    const std::lock_guard lock(mutex_);
    if (ready_ && ready_->set.version == row.version && ready_->setToken == row.token && now < ready_->until)
        return ready_;
    KeySet set = authority_.verified(row);
    auto found = signingKeyAt(authority_.files(), set, now);
    if (!found) return found.error();
    const std::string keyId = found->entry->key.keyId();
    const Instant until = found->entry->expires;
    ready_ = std::make_shared<const Ready>(Ready{std::move(set), row.token, keyId, std::move(found->key), until});
    return ready_;
}

std::string Signer::revocations(const Ready& ready, std::uint64_t epoch, Instant now,
                                const std::function<std::vector<RevocationRow>()>& rows) {
    {
        const std::lock_guard lock(mutex_);
        if (listEpoch_ == epoch && listKeyId_ == ready.keyId) return list_;
    }
    RevocationList list;
    list.authority = ready.set.authority;
    list.epoch = epoch;
    list.issuedAt = now;
    for (const auto& row : rows()) list.entries.push_back({row.license, kindOf(row.what), row.at});
    std::sort(list.entries.begin(), list.entries.end(),
              [](const Revocation& a, const Revocation& b) { return a.license < b.license; });
    std::string token = signRevocations(ready.key, list);
    const std::lock_guard lock(mutex_);
    if (epoch >= listEpoch_) {
        listEpoch_ = epoch;
        listKeyId_ = ready.keyId;
        list_ = token;
    }
    return token;
}

}  // namespace entitle
