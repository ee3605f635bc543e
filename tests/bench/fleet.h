// Devices of an authority, all enrolled over HTTP: each holds a license, a key and the token of its last answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "license/exchange.h"
#include "license/fingerprint.h"
#include "license/request.h"

namespace entitle::bench {

class Fleet {
  public:
    // Throws when a device is not granted its license.
    Fleet(std::string authority, std::uint16_t port, std::size_t devices, std::string_view adminToken);

    std::size_t size() const { return devices_.size(); }
    const LicenseId& license(std::size_t i) const { return devices_[i].license; }
    DeviceId device(std::size_t i) const { return devices_[i].id; }

    // The HTTP request of one device, valid until the next call.
    std::string_view renewal(std::size_t i);
    // A question that waits, as if from the proxy of `client`.
    std::string waiting(std::size_t i, std::string_view client) const;
    // The device goes on with the answer's token. Throws unless it was granted.
    void renewed(std::size_t i, int status, std::string_view body);

  private:
    struct Device {
        SecretKey key = SecretKey::generate();
        DeviceId id = deviceIdOf(key.verifyKey());
        LicenseId license;
        std::string token;
        std::uint64_t sequence = 0;
    };
    ExchangeRequest ask(const Device&, Operation) const;

    const std::string authority_;
    const FingerprintTemplate hardware_;
    std::vector<Device> devices_;
    std::string text_;
};

// Log in as the administrator that ServerProcess made.
std::string adminToken(std::uint16_t port);
// A member of a flat JSON object, as text.
std::string memberOf(std::string_view json, std::string_view name);
// A license of `type` for the account `user`: its id and its key.
struct Minted {
    std::string license, key;
};
Minted mint(class Asker&, std::string_view adminToken, std::string_view user, std::string_view type);
std::string registerUser(class Asker&, std::string_view email);

}  // namespace entitle::bench
