// What each end of the device protocol is handed by the other, or by whoever stands between. First byte 'q': the
// payload of a request, signed here by the device key it should name; 'a': of an answer; 'v': of a revocation list,
// both signed here by a signing key; 'b': the body of a reply; 'u': an update file; 't': a rolling token; else a raw
// token.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "license/document.h"
#include "license/exchange.h"
#include "license/rolling_token.h"
#include "tests/license/signed_things.h"

using namespace entitle;

namespace {

constexpr std::size_t mostPayload = 12'000;  // of a token of 16 KiB
constexpr Operation operations[] = {Operation::activate, Operation::renew, Operation::deactivate, Operation::reenrol,
                                    Operation::wait};

void require(bool condition) {
    if (!condition) std::abort();
}

void request(std::string_view payload) {
    static const SecretKey key = test::deviceKey();
    for (const Operation operation : operations) {
        const std::string token = signToken(key, payload, test::exchangeAssertion(operation));
        const auto read = verifyRequest(token, test::authority, operation);
        if (read) require(signRequest(key, *read) == token);
    }
}

void answer(std::string_view payload) {
    static const SecretKey key = test::signingKey();
    static const KeySet keySet = test::keySet();
    for (const Operation operation : operations) {
        const std::string token = signToken(key, payload, test::answerAssertion(operation));
        const auto read = verifyAnswer(token, keySet, operation, test::device(), test::rid);
        if (read) require(signAnswer(key, operation, test::device(), *read) == token);
    }
}

void revocations(std::string_view payload) {
    static const SecretKey key = test::signingKey();
    static const KeySet keySet = test::keySet();
    const std::string token = signToken(key, payload, test::revocationAssertion());
    const auto list = verifyRevocations(token, keySet, 0);
    if (list) require(signRevocations(key, *list) == token);
}

void reply(std::string_view body) {
    static const Roots roots = test::roots();
    static const KeySet keySet = test::keySet();
    const auto parsed = parseReply(body);
    if (parsed) require(parseReply(printReply(*parsed)).value() == *parsed);
    const auto opened = openReply(
        body, {roots, &keySet, 0, 0, Operation::renew, test::device(), std::string(test::rid), test::license().id});
    if (opened) require(opened->license.has_value() == (opened->answer.sequence > 0));
}

void rollingToken(std::string_view text) {
    static const KeySecrets secrets = test::keySecrets();
    const auto read = readRollingToken(secrets, text, test::license().id, test::device());
    if (!read || !read->authentic) return;
    require(printRollingToken(secrets, read->token, test::license().id, test::device()) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
    const bool fits = rest.size() <= mostPayload;
    if (data[0] == 'q' && fits) {
        request(rest);
    } else if (data[0] == 'a' && fits) {
        answer(rest);
    } else if (data[0] == 'v' && fits) {
        revocations(rest);
    } else if (data[0] == 'b') {
        reply(rest);
    } else if (data[0] == 'u') {
        const auto file = parseUpdateFile(rest);
        if (file) require(parseUpdateFile(printUpdateFile(*file, "")).value() == *file);
        require(!file || fileKindOf(rest) == FileKind::update);
    } else if (data[0] == 't') {
        rollingToken(rest);
    } else {
        verifyRequest(rest, test::authority, Operation::renew);
        verifyAnswer(rest, test::keySet(), Operation::renew, test::device(), test::rid);
        verifyRevocations(rest, test::keySet(), 0);
    }
    return 0;
}
