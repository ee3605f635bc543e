// What passes between a device and the authority: each envelope alone, and the whole reply.
#include "license/exchange.h"

#include <functional>

#include <gtest/gtest.h>

#include "license/document.h"
#include "tests/license/signed_things.h"

namespace entitle {
namespace {

using test::exchangeAnswer;
using test::exchangeRequest;
using test::payloadOf;
using test::replaced;
using enum DocumentError;

constexpr Operation operations[] = {Operation::activate, Operation::renew, Operation::deactivate, Operation::reenrol,
                                    Operation::wait};

std::string goodRequest(Operation operation = Operation::renew) {
    return signRequest(test::deviceKey(), exchangeRequest(operation));
}

DocumentError refusal(std::string_view token, Operation operation = Operation::renew) {
    const auto request = verifyRequest(token, test::authority, operation);
    return request ? DocumentError{} : request.error();
}

DocumentError refusalOf(std::string_view payload, Operation operation = Operation::renew) {
    return refusal(signToken(test::deviceKey(), payload, test::exchangeAssertion(operation)), operation);
}

std::string goodAnswer(const ExchangeAnswer& answer = exchangeAnswer(), Operation operation = Operation::renew) {
    return signAnswer(test::signingKey(), operation, test::device(), answer);
}

DocumentError answerRefusal(std::string_view token, Operation operation = Operation::renew) {
    const auto answer = verifyAnswer(token, test::keySet(), operation, test::device(), test::rid);
    return answer ? DocumentError{} : answer.error();
}

void forEveryChange(const std::string& token, const std::function<bool(std::string_view)>& refused) {
    for (std::size_t i = 0; i < token.size(); ++i) {
        std::string changed = token;
        for (const char substitute :
             {'A', '_', '.', '=', '\0', static_cast<char>(token[i] ^ 1), static_cast<char>(token[i] ^ 0x20)}) {
            if (substitute == token[i]) continue;
            changed[i] = substitute;
            ASSERT_TRUE(refused(changed)) << i;
        }
        ASSERT_TRUE(refused(token.substr(0, i))) << i;
    }
}

// --- requests -------------------------------------------------------------------------------------------------------

TEST(ExchangeRequest, OfEveryOperationComesBackAsItWasSigned) {
    for (const Operation operation : operations) {
        const auto request = verifyRequest(goodRequest(operation), test::authority, operation);
        ASSERT_TRUE(request) << toString(operation);
        EXPECT_EQ(*request, exchangeRequest(operation));
        EXPECT_EQ(request->device(), test::device());
    }
}

TEST(ExchangeRequest, HasExactlyThisByteForm) {
    EXPECT_EQ(payloadOf(goodRequest()),
              R"({"dev_key":")" + test::deviceKey().verifyKey().paserk() +
                  R"(","iss":"co-example","op":"renew","lic":"lic_0123456789abcdef","tok":")" + test::rollingToken() +
                  R"(","rid":"UFFSU1RVVldYWVpbXF1eXw","iat":"2026-11-23T09:00:00Z",)"
                  R"("fp":{"v":1,"vm":false,"c":{"disk":[15,"AAECAwQFBgcICQoLDA0ODw"],)"
                  R"("machine_id":[20,"EBESExQVFhcYGRobHB0eHw"],)"
                  R"("nic":[10,"ICEiIyQlJicoKSorLC0uLw","MDEyMzQ1Njc4OTo7PD0-Pw"]}},"label":"trading-desk 4",)"
                  R"("ver":"0.2.0","seq":3,"kset":7,"rev":4,"klvl":"file","bots":12})");
}

TEST(ExchangeRequest, SaysHowTheKeyRests) {
    for (const auto* level : {"file", "systemd-creds", "tpm2", "of_tomorrow-2"}) {
        auto request = test::exchangeRequest();
        request.keyLevel = level;
        const auto read = verifyRequest(signRequest(test::deviceKey(), request), test::authority, Operation::renew);
        ASSERT_TRUE(read) << level;
        EXPECT_EQ(read->keyLevel, level);
    }
    for (const auto& level : {std::string(), std::string("TPM"), std::string("a b"), std::string(33, 'a')}) {
        auto request = test::exchangeRequest();
        request.keyLevel = level;
        EXPECT_THROW(signRequest(test::deviceKey(), request), std::invalid_argument) << level;
    }
}

TEST(ExchangeRequest, EveryOneCharacterChangeAndTruncationIsRefused) {
    forEveryChange(goodRequest(), [](std::string_view token) { return refusal(token) != DocumentError{}; });
}

TEST(ExchangeRequest, AtAnotherRouteOrAuthorityIsRefused) {
    for (const Operation sent : operations)
        for (const Operation route : operations)
            EXPECT_EQ(refusal(goodRequest(sent), route), sent == route ? DocumentError{} : badSignature);
    EXPECT_EQ(verifyRequest(goodRequest(), "co-other", Operation::renew).error(), badSignature);
}

TEST(ExchangeRequest, ForAnotherDevicesKeyCannotBeMade) {
    const auto thief = test::otherDeviceKey();
    EXPECT_EQ(refusal(signToken(thief, payloadOf(goodRequest()), test::exchangeAssertion())), unknownKey);
    const std::string own =
        replaced(payloadOf(goodRequest()), test::deviceKey().verifyKey().paserk(), thief.verifyKey().paserk());
    EXPECT_EQ(refusal(signToken(thief, own, test::exchangeAssertion())), badSignature);  // bound to the device id too
}

TEST(ExchangeRequest, ClaimsOutsideOfTheirFormAreRefused) {
    const std::string payload = payloadOf(goodRequest());
    const auto expectBad = [&](std::string_view from, std::string_view to) {
        EXPECT_EQ(refusalOf(replaced(payload, from, to)), badClaims) << to;
    };
    expectBad(R"("op":"renew")", R"("op":"wait")");  // signed for renew
    expectBad(R"("op":"renew")", R"("op":"RENEW")");
    expectBad(R"("iss":"co-example")", R"("iss":"co-other")");
    expectBad("lic_0123456789abcdef", "lic_");
    expectBad(R"("lic":"lic_0123456789abcdef",)", "");
    expectBad(test::rollingToken(), "");
    expectBad(test::rollingToken(), std::string(161, 'A'));
    expectBad(test::rollingToken(), "a b");
    expectBad("UFFSU1RVVldYWVpbXF1eXw", "UFFSU1RVVldYWVpbXF1eX");
    expectBad("2026-11-23T09:00:00Z", "2026-11-23T09:00:00.0Z");
    expectBad("trading-desk 4", "trading\\ndesk");
    expectBad("0.2.0", "0.2.0 ");
    expectBad(R"("seq":3)", R"("seq":-1)");
    expectBad(R"("seq":3)", R"("seq":9223372036854775808)");
    expectBad(R"("kset":7)", R"("kset":"7")");
    expectBad(R"("rev":4)", R"("rev":4,"rev":4)");
    expectBad(R"("klvl":"file")", R"("klvl":"a file")");
    expectBad(R"("bots":12)", R"("bots":1000001)");
    expectBad(R"("bots":12)", R"("bots":12,"more":1)");
    expectBad(R"("bots":12)", R"("bots": 12)");
    EXPECT_EQ(refusalOf(" " + payload), badForm);
    EXPECT_EQ(refusalOf("{}"), badForm);
    EXPECT_EQ(refusalOf(""), badForm);
}

TEST(ExchangeRequest, NamesWhatItIsAboutAndNothingElse) {
    const auto cannotBeMade = [](Operation operation, const std::function<void(ExchangeRequest&)>& change) {
        ExchangeRequest request = exchangeRequest(operation);
        change(request);
        EXPECT_THROW(signRequest(test::deviceKey(), request), std::invalid_argument) << toString(operation);
    };
    const std::string key = exchangeRequest(Operation::activate).key;
    cannotBeMade(Operation::activate, [](ExchangeRequest& r) { r.license = test::license().id; });
    cannotBeMade(Operation::activate, [](ExchangeRequest& r) { r.token = test::rollingToken(); });
    cannotBeMade(Operation::activate, [](ExchangeRequest& r) { r.key.clear(); });
    cannotBeMade(Operation::activate, [](ExchangeRequest& r) { r.key.back() = r.key.back() == '0' ? '1' : '0'; });
    cannotBeMade(Operation::activate, [](ExchangeRequest& r) { r.key[0] = 'c'; });
    cannotBeMade(Operation::reenrol, [](ExchangeRequest& r) { r.token = test::rollingToken(); });
    for (const Operation operation : {Operation::renew, Operation::deactivate, Operation::reenrol, Operation::wait}) {
        cannotBeMade(operation, [](ExchangeRequest& r) { r.license = {}; });
        cannotBeMade(operation, [&](ExchangeRequest& r) { r.key = key; });
    }
    for (const Operation operation : {Operation::renew, Operation::deactivate, Operation::wait})
        cannotBeMade(operation, [](ExchangeRequest& r) { r.token.clear(); });
}

// --- answers --------------------------------------------------------------------------------------------------------

TEST(ExchangeAnswer, ComesBackAsItWasSigned) {
    EXPECT_EQ(verifyAnswer(goodAnswer(), test::keySet(), Operation::renew, test::device(), test::rid).value(),
              exchangeAnswer());
    EXPECT_EQ(
        verifyAnswer(goodAnswer(test::revokedAnswer()), test::keySet(), Operation::renew, test::device(), test::rid)
            .value(),
        test::revokedAnswer());
}

TEST(ExchangeAnswer, HasExactlyThisByteForm) {
    EXPECT_EQ(payloadOf(goodAnswer()),
              R"({"iss":"co-example","rid":"UFFSU1RVVldYWVpbXF1eXw","time":"2026-11-23T09:00:01Z",)"
              R"("outcome":"granted","tok":")" +
                  exchangeAnswer().token + R"(","lic":"lic_0123456789abcdef","seq":3,"after":86400})");
    EXPECT_EQ(payloadOf(goodAnswer(test::revokedAnswer())),
              R"({"iss":"co-example","rid":"UFFSU1RVVldYWVpbXF1eXw","time":"2026-11-23T09:00:01Z",)"
              R"("outcome":"denied","code":"license_revoked","message":"The license was revoked.",)"
              R"("lic":"lic_0123456789abcdef","seq":0,"after":86400,"ended":"revoked","wind_down_s":86400})");
}

TEST(ExchangeAnswer, EveryOneCharacterChangeAndTruncationIsRefused) {
    forEveryChange(goodAnswer(), [](std::string_view token) { return answerRefusal(token) != DocumentError{}; });
}

TEST(ExchangeAnswer, ToAnotherQuestionOrDeviceIsRefused) {
    for (const Operation asked : {Operation::activate, Operation::renew, Operation::reenrol})
        EXPECT_EQ(answerRefusal(goodAnswer(), asked), asked == Operation::renew ? DocumentError{} : badSignature);
    const DeviceId other = deviceIdOf(test::otherDeviceKey().verifyKey());
    EXPECT_EQ(verifyAnswer(goodAnswer(), test::keySet(), Operation::renew, other, test::rid).error(), badSignature);
    EXPECT_EQ(
        verifyAnswer(goodAnswer(), test::keySet(), Operation::renew, test::device(), "AAAAAAAAAAAAAAAAAAAAAA").error(),
        badSignature);
    KeySet foreign = test::keySet();
    foreign.authority = "co-other";
    EXPECT_EQ(verifyAnswer(goodAnswer(), foreign, Operation::renew, test::device(), test::rid).error(), badSignature);
}

TEST(ExchangeAnswer, OfAnUnfitSigningKeyIsRefused) {
    const auto signedBy = [](const SecretKey& key, std::string_view time) {
        ExchangeAnswer answer = exchangeAnswer();
        answer.time = test::at(time);
        return answerRefusal(signAnswer(key, Operation::renew, test::device(), answer));
    };
    EXPECT_EQ(signedBy(test::rootKey(), "2026-11-23T09:00:01Z"), unknownKey);
    EXPECT_EQ(signedBy(test::deviceKey(), "2026-11-23T09:00:01Z"), unknownKey);
    EXPECT_EQ(signedBy(test::revokedSigningKey(), "2026-11-23T09:00:01Z"), keyRevoked);
    EXPECT_EQ(signedBy(test::signingKey(), "2027-01-01T00:00:00Z"), keyExpired);
    EXPECT_EQ(signedBy(test::nextSigningKey(), "2026-10-31T23:59:59Z"), keyNotYetValid);
    EXPECT_EQ(signedBy(test::nextSigningKey(), "2026-11-01T00:00:00Z"), DocumentError{});
}

TEST(ExchangeAnswer, ThatContradictsItselfCannotBeMade) {
    const auto cannotBeMade = [](ExchangeAnswer answer, const std::function<void(ExchangeAnswer&)>& change,
                                 Operation operation = Operation::renew) {
        change(answer);
        EXPECT_THROW(goodAnswer(answer, operation), std::invalid_argument);
    };
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.code = "why"; });
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.token.clear(); });
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.sequence = 0; });
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.license = {}; });
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.ended = SignedEnd::revoked; });
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.windDown = Seconds{1}; });  // without an end
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.after = Seconds{-1}; });
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.message = std::string(401, 'x'); });
    cannotBeMade(exchangeAnswer(), [](ExchangeAnswer& a) { a.message = "two\nlines"; });
    cannotBeMade(
        exchangeAnswer(), [](ExchangeAnswer&) {}, Operation::wait);  // a push brings no token
    cannotBeMade(
        exchangeAnswer(), [](ExchangeAnswer&) {}, Operation::deactivate);  // nor does a farewell
    cannotBeMade(test::revokedAnswer(), [](ExchangeAnswer& a) { a.code.clear(); });
    cannotBeMade(test::revokedAnswer(), [](ExchangeAnswer& a) { a.license = {}; });
    cannotBeMade(test::revokedAnswer(), [](ExchangeAnswer& a) { a.token = exchangeAnswer().token; });
    cannotBeMade(test::revokedAnswer(), [](ExchangeAnswer& a) { a.sequence = 3; });
    cannotBeMade(test::revokedAnswer(), [](ExchangeAnswer& a) { a.outcome = Outcome::retry; });
    cannotBeMade(test::revokedAnswer(), [](ExchangeAnswer& a) { a.outcome = Outcome::conflict; });
}

TEST(ExchangeAnswer, ClaimsOutsideOfTheirFormAreRefused) {
    const std::string payload = payloadOf(goodAnswer(test::revokedAnswer()));
    const auto expectBad = [&](std::string_view from, std::string_view to) {
        const auto token = signToken(test::signingKey(), replaced(payload, from, to), test::answerAssertion());
        EXPECT_EQ(answerRefusal(token), badClaims) << to;
    };
    expectBad("denied", "Denied");
    expectBad(R"("ended":"revoked")", R"("ended":"")");
    expectBad(R"("ended":"revoked")", R"("ended":"gone")");
    expectBad(R"(,"wind_down_s":86400)", "");
    expectBad(R"("wind_down_s":86400)", R"("wind_down_s":86400.0)");
    expectBad(R"("wind_down_s":86400)", R"("wind_down_s":86400,"x":1)");
    expectBad(R"("after":86400)", R"("after":315360001)");
    expectBad(R"("seq":0)", R"("seq":0,"seq":0)");
    expectBad(test::rid, "AAAAAAAAAAAAAAAAAAAAAA");
    expectBad("co-example", "co-other");
    expectBad("license_revoked", "license revoked");
}

// --- the whole reply ------------------------------------------------------------------------------------------------

struct Device {
    Roots roots = test::roots();
    KeySet held = test::keySet();

    ReplyContext context() const {
        return {roots,
                &held,
                held.version,
                4,
                Operation::renew,
                test::device(),
                std::string(test::rid),
                test::license().id};
    }
    DocumentResult<OpenedReply> open(const ExchangeReply& reply) const {
        return openReply(printReply(reply), context());
    }
};

ExchangeReply fullReply() {
    return {goodAnswer(), signLicense(test::signingKey(), test::license()), signKeySet(test::rootKey(), test::keySet()),
            signRevocations(test::signingKey(), test::revocations())};
}

TEST(ExchangeReply, OpensToEverythingItBrings) {
    const auto opened = Device{}.open(fullReply());
    ASSERT_TRUE(opened) << toString(opened.error());
    EXPECT_EQ(opened->answer, exchangeAnswer());
    EXPECT_EQ(opened->license, test::license());
    EXPECT_EQ(opened->documentToken, fullReply().document);
    EXPECT_EQ(opened->revocations, test::revocations());
    EXPECT_EQ(opened->keySet, test::keySet());
    EXPECT_EQ(opened->keySetToken, "");  // no newer than the one held
}

TEST(ExchangeReply, NewerKeySetVouchesForTheRestOfIt) {
    KeySet newer = test::keySet();
    newer.version = 8;
    const SecretKey key = SecretKey::fromSeed({'s', 'i', 'g', 'n', 9});
    newer.keys.push_back({key.verifyKey(), test::at("2026-11-01T00:00:00Z"), test::at("2027-12-31T23:59:59Z"), false});
    ExchangeReply reply;
    reply.keySet = signKeySet(test::rootKey(), newer);
    reply.answer = signAnswer(key, Operation::renew, test::device(), exchangeAnswer());
    reply.document = signLicense(key, test::license());
    const auto opened = Device{}.open(reply);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->keySet, newer);
    EXPECT_EQ(opened->keySetToken, reply.keySet);
    reply.keySet.clear();
    EXPECT_EQ(Device{}.open(reply).error(), unknownKey);
}

// A server whose database stands an hour back must stay reachable.
TEST(ExchangeReply, OlderKeySetOrRevocationsArePassedOver) {
    Device device;
    device.held.version = 9;
    RevocationList old = test::revocations();
    old.epoch = 3;
    ExchangeReply reply = fullReply();
    reply.revocations = signRevocations(test::signingKey(), old);
    const auto opened = device.open(reply);
    ASSERT_TRUE(opened) << toString(opened.error());
    EXPECT_EQ(opened->keySet.version, 9u);
    EXPECT_EQ(opened->keySetToken, "");
    EXPECT_FALSE(opened->revocations);
}

TEST(ExchangeReply, DocumentMustBeTheOneTheAnswerSpeaksOf) {
    const Device device;
    ExchangeReply reply = fullReply();
    reply.document.clear();
    EXPECT_EQ(device.open(reply).error(), badClaims);
    License other = test::license();
    other.sequence = 4;
    reply.document = signLicense(test::signingKey(), other);
    EXPECT_EQ(device.open(reply).error(), badClaims);
    other = test::license();
    other.id = {"lic_9999999999999999"};
    reply.document = signLicense(test::signingKey(), other);
    EXPECT_EQ(device.open(reply).error(), badClaims);
    reply = fullReply();
    reply.answer = goodAnswer(test::revokedAnswer());  // brings none
    EXPECT_EQ(device.open(reply).error(), badClaims);
    ExchangeAnswer foreign = exchangeAnswer();
    foreign.license = other.id;
    reply.answer = goodAnswer(foreign);
    reply.document = signLicense(test::signingKey(), other);
    EXPECT_EQ(device.open(reply).error(), badClaims);  // about another license than was asked for
}

TEST(ExchangeReply, OneBadTokenMakesItNoReply) {
    for (std::string ExchangeReply::*part :
         {&ExchangeReply::answer, &ExchangeReply::document, &ExchangeReply::keySet, &ExchangeReply::revocations}) {
        ExchangeReply reply = fullReply();
        (reply.*part)[200] = (reply.*part)[200] == 'A' ? 'B' : 'A';
        EXPECT_EQ(Device{}.open(reply).error(), badSignature);
    }
}

TEST(ExchangeReply, WhateverElseComesOverHttpIsNoAnswer) {
    const Device device;
    const auto refused = [&](std::string_view body) { return openReply(body, device.context()).error(); };
    EXPECT_EQ(refused(""), badForm);
    EXPECT_EQ(refused("<html><body>Please log in</body></html>"), badForm);
    EXPECT_EQ(refused("[]"), badForm);
    EXPECT_EQ(refused("{}"), badForm);
    EXPECT_EQ(refused(R"({"answer":""})"), badForm);
    EXPECT_EQ(refused(R"({"answer":1})"), badForm);
    EXPECT_EQ(refused(R"({"answer":"x","answer":"x"})"), badForm);
    EXPECT_EQ(refused(R"({"type":"about:blank","title":"Too many requests","status":429})"), badForm);
    EXPECT_EQ(refused(R"({"answer":"x"})"), badForm);
    EXPECT_EQ(refused(std::string(maxReplyBytes + 1, ' ')), tooLong);
    EXPECT_EQ(refused(std::string(10'000, '[')), badForm);
}

TEST(ExchangeReply, MembersOfANewerAuthorityAreSkipped) {
    std::string body = printReply(fullReply());
    body.replace(0, 1, R"({"hint":{"a":[1,2]},)");
    EXPECT_EQ(parseReply(body).value(), fullReply());
}

// --- each in the others' places -------------------------------------------------------------------------------------

TEST(SignedThings, NoneStandsInAnothersPlace) {
    const std::vector<std::pair<std::string, std::string>> things{
        {"license", signLicense(test::signingKey(), test::license())},
        {"key set", signKeySet(test::rootKey(), test::keySet())},
        {"offline request", signOfflineRequest(test::deviceKey(), test::request())},
        {"request", goodRequest()},
        {"answer", goodAnswer()},
        {"revocations", signRevocations(test::signingKey(), test::revocations())},
        {"rolling token", test::rollingToken()},
    };
    const std::vector<std::pair<std::string, std::function<bool(const std::string&)>>> places{
        {"license", [](auto& t) { return !!verifyLicense(t, test::keySet(), test::device()); }},
        {"key set", [](auto& t) { return !!verifyKeySet(t, test::roots(), 0); }},
        {"offline request", [](auto& t) { return !!verifyOfflineRequest(t); }},
        {"request", [](auto& t) { return !!verifyRequest(t, test::authority, Operation::renew); }},
        {"answer",
         [](auto& t) { return !!verifyAnswer(t, test::keySet(), Operation::renew, test::device(), test::rid); }},
        {"revocations", [](auto& t) { return !!verifyRevocations(t, test::keySet(), 0); }},
        {"rolling token",
         [](auto& t) {
             const auto read = readRollingToken(test::keySecrets(), t, test::license().id, test::device());
             return read && read->authentic;
         }},
    };
    for (const auto& [thing, token] : things)
        for (const auto& [place, accepts] : places)
            EXPECT_EQ(accepts(token), thing == place) << thing << " as " << place;
}

}  // namespace
}  // namespace entitle
