// An authority for tests: a root, a signing key, a key set, and license files for any device.
#pragma once

#include <string>

#include "license/document.h"
#include "license/fingerprint.h"

namespace entitle::testing {

class Issuer {
  public:
    explicit Issuer(Instant today, std::string authority = "acme") : authority_(std::move(authority)), today_(today) {
        rotate();
    }

    Roots roots() const { return {authority_, {root_.verifyKey()}}; }

    // A new signing key in a key set of the next version. Documents of the old key verify no more with it.
    void rotate() {
        signing_ = SecretKey::generate();
        keySet_.authority = authority_;
        ++keySet_.version;
        keySet_.issuedAt = today_;
        keySet_.keys = {
            {signing_.verifyKey(), today_ - std::chrono::hours{24}, today_ + std::chrono::days{400}, false}};
    }

    License pro(const DeviceId& device, const FingerprintTemplate& fingerprint, std::uint64_t sequence = 1) const {
        License license;
        license.authority = authority_;
        license.id = {"lic_0123456789abcdef"};
        license.device = device;
        license.fingerprint = fingerprint;
        license.issuedAt = today_;
        license.notBefore = today_;
        license.freshUntil = today_ + std::chrono::days{14};
        license.type = "pro";
        license.plan = "pro";
        license.features = {"paper_trading", "live_trading", "all_strategies", "advanced_ml", "api_access"};
        license.maxBots = 100;
        license.offline = std::chrono::days{3};
        license.grace = std::chrono::days{7};
        license.windDown = std::chrono::hours{24};
        license.check = std::chrono::hours{24};
        license.sequence = sequence;
        return license;
    }

    std::string file(const License& license) const {
        return printLicenseFile({signKeySet(root_, keySet_), signLicense(signing_, license)}, "a test's license");
    }

    std::string authority_;
    Instant today_;
    SecretKey root_ = SecretKey::generate();
    SecretKey signing_ = SecretKey::generate();
    KeySet keySet_;
};

}  // namespace entitle::testing
