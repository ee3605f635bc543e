// The device's Ed25519 key in use.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "license/keyring.h"

namespace entitle {

// Who this device is, always; and what signs for it, unless that is out of reach.
class DeviceKey {
  public:
    DeviceKey(SecretKey key) : device_(key.verifyKey()), secret_(std::move(key)) {}  // not explicit: it is one
    static DeviceKey outOfReach(const VerifyKey& device, std::string why) { return {device, std::move(why)}; }
    const VerifyKey& verifyKey() const { return device_; }
    const SecretKey* secret() const { return secret_ ? &*secret_ : nullptr; }
    // Why there is no secret, and what to do: a sentence without a final stop. "" while there is one.
    const std::string& obstacle() const { return obstacle_; }

    // The keys before this one that were lost: a license one of them was given stays in force while its grace lasts.
    std::vector<VerifyKey> formers;

  private:
    DeviceKey(const VerifyKey& device, std::string why) : device_(device), obstacle_(std::move(why)) {}
    VerifyKey device_;
    std::optional<SecretKey> secret_;
    std::string obstacle_;
};

}  // namespace entitle
