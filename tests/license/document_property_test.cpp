// License documents by property: what is valid comes back, and nothing has a second byte form.
#include <set>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "license/base64url.h"
#include "license/document.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using std::string_literals::operator""s;

std::string opaqueId(std::uint64_t seed) {
    std::array<std::uint8_t, 16> bytes{};
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(seed >> (8 * i));
    return toBase64url(bytes);
}

// 1 to 48 letters; RapidCheck's size is not a bound on the length by itself.
std::string anyName() {
    const auto letters = *rc::gen::nonEmpty(
        rc::gen::container<std::string>(rc::gen::elementOf("abcdefghijklmnopqrstuvwxyz0123456789_"s)));
    return letters.substr(0, 48);
}

License anyLicense() {
    const auto moment = [] {
        return earliestInstant + Seconds{*rc::gen::inRange<std::int64_t>(0, 253402300799 - 1577836800)};
    };
    License license = test::license();
    license.id.value = "lic_" + *rc::gen::container<std::string>(24, rc::gen::elementOf("abcdef0123456789"s));
    license.endsAt = *rc::gen::arbitrary<bool>() ? std::optional(moment()) : std::nullopt;
    license.notBefore = moment();
    license.freshUntil = std::max({license.notBefore, license.issuedAt, moment()});
    license.type = anyName();
    license.plan = anyName();
    license.features = *rc::gen::unique<std::vector<std::string>>(rc::gen::exec([] { return anyName(); }));
    if (license.features.size() > maxFeatures) license.features.resize(maxFeatures);
    license.maxBots = *rc::gen::inRange<std::int64_t>(-1, 1'000'001);
    license.offline = Seconds{*rc::gen::inRange<std::int64_t>(0, 315'360'001)};
    license.windDown = Seconds{*rc::gen::inRange<std::int64_t>(0, 315'360'001)};
    license.sequence = *rc::gen::inRange<std::uint64_t>(1, 9'223'372'036'854'775'807u);
    license.nonce = *rc::gen::arbitrary<bool>() ? opaqueId(*rc::gen::arbitrary<std::uint64_t>()) : "";
    license.fingerprint.virtualMachine = *rc::gen::arbitrary<bool>();
    license.fingerprint.components.clear();
    for (const auto& name : *rc::gen::resize(12, rc::gen::arbitrary<std::set<std::uint8_t>>())) {
        license.fingerprint.components.push_back(
            {"c" + std::to_string(100 + name), *rc::gen::inRange(1, 101), {opaqueId(name), opaqueId(1000u + name)}});
    }
    return license;
}

RC_GTEST_PROP(License, EveryValidOneComesBackAndHasOneByteForm, ()) {
    const License license = anyLicense();
    const auto token = signLicense(test::signingKey(), license);
    const auto read = verifyLicense(token, test::keySet(), test::device());
    RC_ASSERT(bool(read));
    RC_ASSERT(*read == license);
    RC_ASSERT(signLicense(test::signingKey(), *read) == token);
}

// Whatever bytes the authority might sign by mistake: they are refused, or are the one form of what they say.
RC_GTEST_PROP(License, NoSecondByteFormIsEverAccepted, ()) {
    std::string payload = test::payloadOf(signLicense(test::signingKey(), test::license()));
    const int edits = *rc::gen::inRange(1, 4);
    for (int i = 0; i < edits; ++i) {
        const auto where = *rc::gen::inRange<std::size_t>(0, payload.size());
        const char byte = *rc::gen::elementOf(" \t\n\\u0\"{}[],:-+.eE159azZ_/\xc3\x7f"s);
        switch (*rc::gen::inRange(0, 3)) {
            case 0:
                payload[where] = byte;
                break;
            case 1:
                payload.insert(where, 1, byte);
                break;
            default:
                payload.erase(where, 1);
                break;
        }
    }
    const auto token = signToken(test::signingKey(), payload, test::licenseAssertion());
    const auto read = verifyLicense(token, test::keySet(), test::device());
    if (read) {
        RC_ASSERT(test::payloadOf(signLicense(test::signingKey(), *read)) == payload);
    } else {
        RC_ASSERT(read.error() == DocumentError::badClaims || read.error() == DocumentError::keyExpired ||
                  read.error() == DocumentError::keyNotYetValid);
    }
}

}  // namespace
}  // namespace entitle
