// Every verifier of signed things. The first byte chooses how deep the input starts: as a whole token, or as the
// payload of a token that this target signs, so that what lies behind the signature is reached at all.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "license/claims.h"
#include "license/document.h"
#include "tests/license/signed_things.h"

using namespace entitle;

namespace {

struct Fixture {
    SecretKey root = test::rootKey();
    SecretKey signing = test::signingKey();
    DeviceId device = test::device();
    Roots roots = test::roots();
    KeySet keySet = test::keySet();
};

void require(bool condition) {
    if (!condition) std::abort();
}

void wholeToken(const Fixture& fixture, std::string_view token) {
    // Nobody but the fixture's keys can sign: what is accepted here was a seed, unchanged.
    if (const auto license = verifyLicense(token, fixture.keySet, fixture.device))
        require(signLicense(fixture.signing, *license) == token);
    if (const auto set = verifyKeySet(token, fixture.roots, 0)) require(signKeySet(fixture.root, *set) == token);
    if (const auto keyId = tokenKeyId(token)) require(keyId->size() == 51);
    if (const auto file = parseLicenseFile(token)) {
        const auto again = parseLicenseFile(printLicenseFile(*file, "again"));
        require(again && *again == *file);
    }
}

// Too large a payload cannot be signed; the 16 KiB of a token leave 12,100 for it.
constexpr std::size_t maxPayload = 12'000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Fixture fixture;
    if (size == 0) return 0;
    const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
    if (data[0] == 't') {
        wholeToken(fixture, rest);
        return 0;
    }
    readClaims(rest);
    if (rest.size() > maxPayload) return 0;
    if (data[0] == 'l') {
        const std::string token = signToken(fixture.signing, rest, test::licenseAssertion());
        const auto license = verifyLicense(token, fixture.keySet, fixture.device);
        if (license) require(signLicense(fixture.signing, *license) == token);
    }
    if (data[0] == 'k') {
        const std::string token = signToken(fixture.root, rest, test::keySetAssertion());
        const auto set = verifyKeySet(token, fixture.roots, 0);
        if (set) require(signKeySet(fixture.root, *set) == token);
    }
    return 0;
}
