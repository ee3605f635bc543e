// The signing key in use, and what is signed for everybody: kept between requests. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "license/key_set.h"
#include "server/authority.h"

namespace entitle {

struct SigningKeyAtHand {
    const SigningKeyEntry* entry = nullptr;  // of the set
    SecretKey key;
};
// To sign with now. noSigningKey when none can be used; else what is wrong with the files.
Granted<SigningKeyAtHand> signingKeyAt(const AuthorityFiles&, const KeySet&, Instant now);

class Signer {
  public:
    explicit Signer(const Authority& authority) : authority_(authority) {}

    struct Ready {
        KeySet set;
        std::string setToken;
        std::string keyId;
        SecretKey key;
        Instant until{};  // when the key ends
    };
    // To sign with now, under this key set. noSigningKey when none can be used.
    Granted<std::shared_ptr<const Ready>> at(const KeySetRow&, Instant now);

    // The revocation list of `epoch`, made by `rows` when it is not the one at hand.
    std::string revocations(const Ready&, std::uint64_t epoch, Instant now,
                            const std::function<std::vector<RevocationRow>()>& rows);

  private:
    const Authority& authority_;
    std::mutex mutex_;
    std::shared_ptr<const Ready> ready_;
    std::uint64_t listEpoch_ = 0;
    std::string listKeyId_;
    std::string list_;
};

}  // namespace entitle
