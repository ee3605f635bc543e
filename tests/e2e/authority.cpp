#include "tests/e2e/authority.h"

#include <chrono>
#include <stdexcept>

#include <sodium.h>

namespace entitle::e2e {

namespace {
constexpr const char* name = "e2e-authority";
constexpr Seconds day = std::chrono::days{1};
}  // namespace

Authority::Authority() {
    if (sodium_init() < 0) throw std::runtime_error("no source of randomness");
}

std::string Authority::rootsFile() const {
    return printRoots({name, {root_.verifyKey()}});
}

std::string Authority::answer(const std::string& requestFile, Instant now, const Terms& terms) const {
    const auto request = verifyOfflineRequest(parseRequestFile(requestFile).value()).value();
    KeySet keys;
    keys.authority = name;
    keys.version = 1;
    keys.issuedAt = now - day;
    keys.keys.push_back({signing_.verifyKey(), now - day, now + 400 * day, false});

    License license;
    license.authority = name;
    license.id = {"lic_0123456789abcdef0123"};
    license.device = request.device();
    license.fingerprint = request.fingerprint;
    license.issuedAt = now;
    license.notBefore = now;
    license.freshUntil = now + 30 * day;
    license.endsAt = terms.endsAt;
    license.type = terms.type;
    license.plan = terms.type;
    license.features = {"paper_trading", "live_trading"};
    license.maxBots = terms.maxBots;
    license.grace = 7 * day;
    license.windDown = terms.windDown;
    license.check = day;
    license.sequence = terms.sequence;
    license.nonce = request.nonce;
    return printLicenseFile({signKeySet(root_, keys), signLicense(signing_, license)}, "made by a test");
}

Instant wallClock() {
    return std::chrono::floor<Seconds>(std::chrono::system_clock::now());
}

}  // namespace entitle::e2e
