// The vectors of the device protocol: requests, answers, revocation lists, update files, rolling tokens.
#include "license/exchange.h"
#include "license/license_file.h"
#include "tests/license/signed_things.h"
#include "tests/license/vector_file.h"

namespace entitle::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string keySetToken() {
    return signKeySet(rootKey(), keySet());
}

class Exchanges {
  public:
    explicit Exchanges(std::vector<VectorFile>& out) : out_(out) {}

    void request(std::string name, std::string expect, std::string note, Operation operation, std::string body) {
        Headers headers{{"what", "request"},
                        {"expect", expect},
                        {"note", std::move(note)},
                        {"authority", std::string(authority)},
                        {"operation", std::string(toString(operation))}};
        if (expect == "ok") headers.emplace_back("payload", payloadOf(body));
        out_.push_back({"exchange/request_" + std::move(name), std::move(headers), std::move(body)});
    }
    void answer(std::string name, std::string expect, std::string note, Operation operation, std::string body) {
        Headers headers{{"what", "response"},       {"expect", expect},
                        {"note", std::move(note)},  {"roots", printRoots(roots())},
                        {"keyset", keySetToken()},  {"operation", std::string(toString(operation))},
                        {"device", device().value}, {"rid", std::string(rid)}};
        if (expect == "ok") headers.emplace_back("payload", payloadOf(body));
        out_.push_back({"exchange/answer_" + std::move(name), std::move(headers), std::move(body)});
    }
    void list(std::string name, std::string expect, std::string note, std::string minimum, std::string body) {
        Headers headers{{"what", "revocation"},         {"expect", expect},        {"note", std::move(note)},
                        {"roots", printRoots(roots())}, {"keyset", keySetToken()}, {"minimum", std::move(minimum)}};
        if (expect == "ok") headers.emplace_back("payload", payloadOf(body));
        out_.push_back({"exchange/revocations_" + std::move(name), std::move(headers), std::move(body)});
    }
    void rolling(std::string name, std::string expect, std::string note, std::string secrets, std::string body) {
        Headers headers{{"what", "rolling-token"},       {"expect", expect},
                        {"note", std::move(note)},       {"secrets", std::move(secrets)},
                        {"license", license().id.value}, {"device", device().value}};
        if (expect != "bad-form") {
            headers.emplace_back("number", "7");
            headers.emplace_back("random", "YGFiY2RlZmdoaWprbG1ubw");
        }
        out_.push_back({"exchange/token_" + std::move(name), std::move(headers), std::move(body)});
    }

  private:
    std::vector<VectorFile>& out_;
};

void addRequests(Exchanges& add) {
    for (const Operation operation :
         {Operation::activate, Operation::renew, Operation::deactivate, Operation::reenrol, Operation::wait})
        add.request(std::string(toString(operation)), "ok", "as a device asks it", operation,
                    signRequest(deviceKey(), exchangeRequest(operation)));
    const std::string good = signRequest(deviceKey(), exchangeRequest());
    const auto changed = [&](std::string_view from, std::string_view to) {
        return signToken(deviceKey(), replaced(payloadOf(good), from, to), exchangeAssertion());
    };
    add.request("other_route", "bad-signature", "a renewal sent to deactivate", Operation::deactivate, good);
    add.request("other_key", "unknown-key", "names a key that did not sign it", Operation::renew,
                signToken(otherDeviceKey(), payloadOf(good), exchangeAssertion()));
    add.request("truncated", "bad-form", "the last letter is missing", Operation::renew,
                good.substr(0, good.size() - 1));
    add.request("key_not_first", "bad-form", "dev_key is found by its place", Operation::renew,
                signToken(deviceKey(), "{\"iss\":\"co-example\"," + payloadOf(good).substr(1), exchangeAssertion()));
    add.request("offline", "bad-form", "an offline request in its place", Operation::renew,
                signOfflineRequest(deviceKey(), test::request()));
    add.request("duplicate", "bad-claims", "seq twice", Operation::renew, changed(R"("seq":3)", R"("seq":3,"seq":3)"));
    add.request("unknown", "bad-claims", "a claim that does not exist", Operation::renew,
                changed(R"("seq":3)", R"("seq":3,"x":1)"));
    add.request("bots_negative", "bad-claims", "-1 bots", Operation::renew, changed(R"("bots":12)", R"("bots":-1)"));
    add.request("no_token", "bad-claims", "a renewal without a rolling token", Operation::renew,
                changed(R"("tok":")" + rollingToken() + R"(",)", ""));
}

void addAnswers(Exchanges& add) {
    const auto made = [](const ExchangeAnswer& answer, Operation operation = Operation::renew) {
        return signAnswer(signingKey(), operation, device(), answer);
    };
    const std::string good = made(exchangeAnswer());
    add.answer("granted", "ok", "a renewal, with the next token", Operation::renew, good);
    add.answer("revoked", "ok", "a signed no", Operation::renew, made(revokedAnswer()));
    ExchangeAnswer conflict = revokedAnswer();
    conflict.outcome = Outcome::conflict;
    conflict.code = "conflict";
    conflict.message = "This device was seen twice.";
    conflict.ended = SignedEnd::none;
    conflict.windDown = Seconds{0};
    add.answer("conflict", "ok", "the token was neither the current one nor the last", Operation::renew,
               made(conflict));
    ExchangeAnswer unchanged = conflict;
    unchanged.outcome = Outcome::retry;
    unchanged.code = "unchanged";
    unchanged.message.clear();
    unchanged.after = Seconds{5};
    add.answer("unchanged", "ok", "nothing to push", Operation::wait, made(unchanged, Operation::wait));
    ExchangeAnswer farewell = conflict;
    farewell.outcome = Outcome::granted;
    farewell.code.clear();
    farewell.message.clear();
    farewell.ended = SignedEnd::released;
    add.answer("released", "ok", "the seat was given back", Operation::deactivate,
               made(farewell, Operation::deactivate));

    add.answer("other_operation", "bad-signature", "an answer to a renewal, where one to reenrol is expected",
               Operation::reenrol, good);
    ExchangeAnswer other = exchangeAnswer();
    other.rid = "AAAAAAAAAAAAAAAAAAAAAA";
    add.answer("other_rid", "bad-signature", "an answer to an earlier question", Operation::renew, made(other));
    add.answer("other_device", "bad-signature", "an answer to another device", Operation::renew,
               signAnswer(signingKey(), Operation::renew, deviceIdOf(otherDeviceKey().verifyKey()), exchangeAnswer()));
    add.answer("license", "bad-signature", "a license in its place", Operation::renew,
               signLicense(signingKey(), license()));
    add.answer("device_key", "unknown-key", "signed by the device itself", Operation::renew,
               signAnswer(deviceKey(), Operation::renew, device(), exchangeAnswer()));
    add.answer("revoked_key", "key-revoked", "signed by a revoked key", Operation::renew,
               signAnswer(revokedSigningKey(), Operation::renew, device(), exchangeAnswer()));
    other = exchangeAnswer();
    other.time = at("2027-01-01T00:00:00Z");
    add.answer("late_key", "key-expired", "signed after its key's end", Operation::renew, made(other));
    const auto changed = [&](std::string_view from, std::string_view to) {
        return signToken(signingKey(), replaced(payloadOf(good), from, to), answerAssertion());
    };
    add.answer("code_granted", "bad-claims", "granted, and a code of a denial", Operation::renew,
               changed(R"("outcome":"granted")", R"("outcome":"granted","code":"why")"));
    add.answer("after_negative", "bad-claims", "after of -1", Operation::renew,
               changed(R"("after":86400)", R"("after":-1)"));
    add.answer("outcome_unknown", "bad-claims", "an outcome that does not exist", Operation::renew,
               changed("granted", "maybe"));
}

void addRevocations(Exchanges& add) {
    const std::string good = signRevocations(signingKey(), revocations());
    const auto changed = [&](std::string_view from, std::string_view to) {
        return signToken(signingKey(), replaced(payloadOf(good), from, to), revocationAssertion());
    };
    add.list("ok", "ok", "epoch 5, and 5 was seen before", "5", good);
    add.list("rollback", "rollback", "epoch 5, but 6 was seen before", "6", good);
    add.list("root", "unknown-key", "signed by a root: roots sign key sets only", "0",
             signRevocations(rootKey(), revocations()));
    add.list("key_set", "unknown-key", "a key set in its place", "0", keySetToken());
    add.list("twice", "bad-claims", "one license revoked and reinstated", "0",
             changed("lic_2222222222222222", "lic_1111111111111111"));
    add.list("order", "bad-claims", "licenses not ascending", "0",
             changed("lic_3333333333333333", "lic_0000000000000000"));
}

void addTokens(Exchanges& add) {
    const std::string good = rollingToken();
    add.rolling("ok", "ok", "as the authority made it", std::string(keySecret), good);
    add.rolling("other_secret", "not-authentic", "its secret is not held", std::string(64, 'a'), good);
    std::string changed = good;
    changed.back() = changed.back() == 'A' ? 'E' : 'A';
    add.rolling("changed", "not-authentic", "another last byte", std::string(keySecret), changed);
    add.rolling("short", "bad-form", "the last letter is missing", std::string(keySecret),
                good.substr(0, good.size() - 1));
}

}  // namespace

void addExchanges(std::vector<VectorFile>& out) {
    Exchanges add(out);
    addRequests(add);
    addAnswers(add);
    addRevocations(add);
    addTokens(add);
    const UpdateFile update{keySetToken(), signRevocations(signingKey(), revocations())};
    const auto file = [&](std::string name, std::string expect, std::string note, std::string body) {
        out.push_back({"file/" + std::move(name),
                       {{"what", "update-file"}, {"expect", std::move(expect)}, {"note", std::move(note)}},
                       std::move(body)});
    };
    file("update", "ok", "as entitle-server writes it", printUpdateFile(update, "Revocations of 2026-11-23"));
    file("update_is_license", "bad-form", "a license where an update is expected",
         printLicenseFile({update.keySetToken, signLicense(signingKey(), license())}, ""));
}

}  // namespace entitle::test
