// The device's Ed25519 key in use.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "license/keyring.h"

namespace entitle {

// For people, where a key has turned out to be lost while the daemon runs.
inline constexpr std::string_view wayBackFromLostKey =
    "Restart entitled: it makes a new key. Then activate the license anew (entitlectl activate KEY), or ask for a new "
    "file (entitlectl request).";

// Who this device is, always; and what signs for it, unless that is out of reach.
class DeviceKey {
  public:
    DeviceKey(SecretKey key) : device_(key.verifyKey()), secret_(std::move(key)) {}  // not explicit: it is one
    static DeviceKey outOfReach(const VerifyKey& device, std::string why) { return {device, std::move(why), false}; }
    // Until the next start, which makes another.
    static DeviceKey lost(const VerifyKey& device, std::string why) { return {device, std::move(why), true}; }
    const VerifyKey& verifyKey() const { return device_; }
    const SecretKey* secret() const { return secret_ ? &*secret_ : nullptr; }
    // Why there is no secret, and what to do: a sentence without a final stop. "" while there is one.
    const std::string& obstacle() const { return obstacle_; }
    bool isLost() const { return lost_; }

    // The keys before this one that were lost: a license one of them was given stays in force while its grace lasts.
    std::vector<VerifyKey> formers;

  private:
    DeviceKey(const VerifyKey& device, std::string why, bool lost)
        : device_(device), obstacle_(std::move(why)), lost_(lost) {}
    VerifyKey device_;
    std::optional<SecretKey> secret_;
    std::string obstacle_;
    bool lost_ = false;
};

}  // namespace entitle
