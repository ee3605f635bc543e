// Walks tests/vectors: every file must come out as its `expect:` says, and every way to refuse must have a file.
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>

#include <gtest/gtest.h>
#include <sodium.h>

#include "license/base64url.h"
#include "license/document.h"
#include "license/key.h"
#include "license/lifecycle.h"
#include "license/paseto.h"
#include "tests/license/clock_history.h"
#include "tests/license/signed_things.h"
#include "tests/license/vector_file.h"

namespace entitle {
namespace {

namespace fs = std::filesystem;
using Headers = std::map<std::string, std::string>;

const fs::path directory = fs::path(ENTITLE_SOURCE_DIR) / "tests/vectors";

std::map<std::string, std::string> filesOnDisk() {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
        if (!entry.is_regular_file() || entry.path().filename() == "README.md") continue;
        std::ifstream file(entry.path(), std::ios::binary);
        files[fs::relative(entry.path(), directory).string()] =
            std::string((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    }
    return files;
}

template <class T>
std::string wordOf(const T& result) {
    return result ? "ok" : std::string(toString(result.error()));
}

std::string bytesFromHex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    return bytes;
}

VerifyKey verifyKeyFromHex(const std::string& hex) {
    VerifyKey::Bytes bytes{};
    const auto raw = bytesFromHex(hex);
    std::copy_n(raw.begin(), bytes.size(), bytes.begin());
    return VerifyKey(bytes);
}

// What a file of one kind says, and how to judge it: the word for `expect:`, with whatever else must hold checked
// inside.
struct Kind {
    std::set<std::string> required;  // beyond what, expect
    std::set<std::string> optional;
    std::function<std::string(const Headers&, const std::string& body)> judge;
};

std::string judgeLicense(const Headers& headers, const std::string& body) {
    const auto roots = parseRoots(headers.at("roots")).value();
    const auto keySet = verifyKeySet(headers.at("keyset"), roots, 0).value();
    const auto license = verifyLicense(body, keySet, DeviceId{headers.at("device")});
    if (license) {
        EXPECT_EQ(test::payloadOf(body), headers.at("payload"));
        State state;
        state.current = *license;
        Now now;
        now.wall = test::at(headers.at("now"));
        EXPECT_EQ(toString(standingOf(state, now)), headers.at("standing"));
    }
    return wordOf(license);
}

std::string judgeKeySet(const Headers& headers, const std::string& body) {
    const auto set = verifyKeySet(body, parseRoots(headers.at("roots")).value(), std::stoull(headers.at("minimum")));
    if (set) {
        EXPECT_EQ(test::payloadOf(body), headers.at("payload"));
    }
    return wordOf(set);
}

std::string judgeRequest(const Headers& headers, const std::string& body) {
    const auto request = verifyOfflineRequest(body);
    if (request) {
        EXPECT_EQ(test::payloadOf(body), headers.at("payload"));
        EXPECT_EQ(request->device().value, headers.at("device"));
    }
    return wordOf(request);
}

std::string judgeExchangeRequest(const Headers& headers, const std::string& body) {
    const auto operation = operationFrom(headers.at("operation")).value();
    const auto request = verifyRequest(body, headers.at("authority"), operation);
    if (request) {
        EXPECT_EQ(test::payloadOf(body), headers.at("payload"));
    }
    return wordOf(request);
}

// The key set of `keyset`, as `roots` vouch for it.
KeySet keySetOf(const Headers& headers) {
    return verifyKeySet(headers.at("keyset"), parseRoots(headers.at("roots")).value(), 0).value();
}

std::string judgeExchangeAnswer(const Headers& headers, const std::string& body) {
    const auto answer = verifyAnswer(body, keySetOf(headers), operationFrom(headers.at("operation")).value(),
                                     DeviceId{headers.at("device")}, headers.at("rid"));
    if (answer) {
        EXPECT_EQ(test::payloadOf(body), headers.at("payload"));
    }
    return wordOf(answer);
}

std::string judgeRevocations(const Headers& headers, const std::string& body) {
    const auto list = verifyRevocations(body, keySetOf(headers), std::stoull(headers.at("minimum")));
    if (list) {
        EXPECT_EQ(test::payloadOf(body), headers.at("payload"));
    }
    return wordOf(list);
}

std::string judgeUpdateFile(const Headers&, const std::string& body) {
    const auto file = parseUpdateFile(body);
    if (file) {
        const auto set = verifyKeySet(file->keySetToken, test::roots(), 0);
        EXPECT_TRUE(set && verifyRevocations(file->revocationsToken, *set, 0));
    }
    return wordOf(file);
}

std::string judgeRollingToken(const Headers& headers, const std::string& body) {
    const auto secrets = KeySecrets::parse(headers.at("secrets")).value();
    const LicenseId license{headers.at("license")};
    const DeviceId device{headers.at("device")};
    const auto read = readRollingToken(secrets, body, license, device);
    if (!read) return "bad-form";
    EXPECT_EQ(std::to_string(read->token.number), headers.at("number"));
    EXPECT_EQ(read->token.random, headers.at("random"));
    if (!read->authentic) return "not-authentic";
    return printRollingToken(secrets, read->token, license, device) == body ? "ok" : "another text";
}

std::string judgeLicenseFile(const Headers&, const std::string& body) {
    const auto file = parseLicenseFile(body);
    if (file) {
        const auto set = verifyKeySet(file->keySetToken, test::roots(), 0);
        EXPECT_TRUE(set && verifyLicense(file->documentToken, *set, test::device()));
    }
    return wordOf(file);
}

std::string judgeRequestFile(const Headers&, const std::string& body) {
    const auto token = parseRequestFile(body);
    if (token) {
        EXPECT_TRUE(verifyOfflineRequest(*token));
    }
    return wordOf(token);
}

std::string judgeLicenseKey(const Headers& headers, const std::string& body) {
    const auto secrets = KeySecrets::parse(headers.at("secrets"));
    EXPECT_TRUE(secrets);
    const auto key = parseLicenseKey(body);
    if (!key) return wordOf(key);
    const auto payload = secrets->open(*key);
    if (payload) {
        EXPECT_EQ(key->text(), headers.at("key"));
        EXPECT_EQ("serial " + std::to_string(payload->serial) + ", type " + std::to_string(payload->type) + ", flags " +
                      std::to_string(payload->flags) + ", expiry day " + std::to_string(payload->expiryDay) +
                      ", salt " + std::to_string(payload->salt),
                  headers.at("payload"));
    }
    return wordOf(payload);
}

std::string judgePaseto(const Headers& headers, const std::string& body) {
    const auto parts = splitPaseto(body);
    if (!parts) return "bad-form";
    const auto key = verifyKeyFromHex(headers.at("verify"));
    if (!verifyPaseto(*parts, key, headers.at("implicit"))) return "bad-signature";
    EXPECT_EQ(parts->message, headers.at("payload"));
    EXPECT_EQ(parts->footer, headers.at("footer"));
    // Ed25519 is deterministic: signing again gives the published bytes.
    SecretKey::Seed seed{};
    const auto raw = bytesFromHex(headers.at("key"));
    std::copy_n(raw.begin(), seed.size(), seed.begin());
    const auto secret = SecretKey::fromSeed(seed);
    EXPECT_EQ(secret.verifyKey(), key);
    EXPECT_EQ(signPaseto(secret, headers.at("payload"), headers.at("footer"), headers.at("implicit")), body);
    return "ok";
}

std::string toHex(std::string_view bytes) {
    std::string hex(bytes.size() * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    hex.pop_back();
    return hex;
}

std::string blake2b(std::size_t size, std::string_view key, std::string_view text) {
    std::string digest(size, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(digest.data()), size,
                       reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                       reinterpret_cast<const unsigned char*>(key.data()), key.size());
    return digest;
}

std::string subkey(const std::string& master, std::uint64_t number, const char* context) {
    std::string key(32, '\0');
    crypto_kdf_derive_from_key(reinterpret_cast<unsigned char*>(key.data()), key.size(), number, context,
                               reinterpret_cast<const unsigned char*>(master.data()));
    return key;
}

// KEY.md step by step with libsodium alone; then the product must agree with the last line.
std::string judgeKeySteps(const Headers& headers, const std::string& body) {
    const std::string master = bytesFromHex(headers.at("secret"));
    const std::string mac = subkey(master, 1, "COkeyMAC");
    const std::string enc = subkey(master, 2, "COkeyENC");
    const std::string idx = subkey(master, 3, "COkeyIDX");
    const char kid = static_cast<char>(blake2b(32, master, "COkeyID").back() & 7);
    EXPECT_EQ(std::to_string(kid), headers.at("kid"));
    EXPECT_EQ(toHex(mac), headers.at("kmac"));
    EXPECT_EQ(toHex(enc), headers.at("kenc"));
    EXPECT_EQ(toHex(idx), headers.at("kidx"));
    const std::string m = bytesFromHex(headers.at("m"));
    const std::string t = blake2b(32, mac, "CO-key-1" + std::string(1, kid) + m).substr(0, 8);
    std::string c(m.size(), '\0');
    crypto_stream_chacha20_xor(
        reinterpret_cast<unsigned char*>(c.data()), reinterpret_cast<const unsigned char*>(m.data()), m.size(),
        reinterpret_cast<const unsigned char*>(t.data()), reinterpret_cast<const unsigned char*>(enc.data()));
    EXPECT_EQ(toHex(t), headers.at("t"));
    EXPECT_EQ(toHex(c), headers.at("c"));

    const auto secrets = KeySecrets::parse(headers.at("secret"));
    const auto key = parseLicenseKey(body);
    if (!secrets || !key) return "unreadable";
    EXPECT_EQ(toHex({reinterpret_cast<const char*>(key->symbols.data()), key->symbols.size()}), headers.at("symbols"));
    const auto index = secrets->index(*key).value();
    EXPECT_EQ(toHex({reinterpret_cast<const char*>(index.data()), index.size()}), headers.at("index"));
    EXPECT_EQ(headers.at("index"), toHex(blake2b(32, idx, bytesFromHex(headers.at("symbols")))));
    const KeyPayload payload{std::stoull(headers.at("serial")),
                             static_cast<std::uint8_t>(std::stoi(headers.at("type"))),
                             static_cast<std::uint8_t>(std::stoi(headers.at("flags"))),
                             static_cast<std::uint16_t>(std::stoi(headers.at("expiry"))),
                             static_cast<std::uint32_t>(std::stoul(headers.at("salt")))};
    EXPECT_EQ(secrets->open(*key).value(), payload);
    return secrets->seal(payload).text() == body ? "ok" : "another key";
}

// DOCUMENT.md's examples: from a seed and a payload to the token. The first piece of the assertion is the purpose.
std::string judgeTokenSteps(const Headers& headers, const std::string& body) {
    SecretKey::Seed seed{};
    const auto raw = bytesFromHex(headers.at("seed"));
    std::copy_n(raw.begin(), seed.size(), seed.begin());
    const auto key = SecretKey::fromSeed(seed);
    const auto publicHalf = key.verifyKey();
    EXPECT_EQ(publicHalf, verifyKeyFromHex(headers.at("public")));
    EXPECT_EQ(publicHalf.paserk(), headers.at("paserk"));
    EXPECT_EQ(publicHalf.keyId(), headers.at("kid"));
    EXPECT_EQ(deviceIdOf(publicHalf).value, headers.at("device"));
    for (const auto& assertion : {test::licenseAssertion(), test::keySetAssertion(), test::requestAssertion(),
                                  test::exchangeAssertion(), test::answerAssertion(), test::revocationAssertion()}) {
        if (toHex(assertion.encode()) != headers.at("assertion")) continue;
        return signToken(key, headers.at("payload"), assertion) == body ? "ok" : "another token";
    }
    return "another assertion";
}

std::string judgeKeyId(const Headers& headers, const std::string& body) {
    return verifyKeyFromHex(headers.at("verify")).keyId() == body ? "ok" : "another id";
}

std::string judgeClockHistory(const Headers& headers, const std::string& body) {
    const auto builtAt = fromRfc3339(headers.at("built"));
    if (!builtAt) return "bad built:";
    return test::replayClockHistory(body, {*builtAt, Seconds{std::stoll(headers.at("budget"))}});
}

const std::map<std::string, Kind>& kinds() {
    static const std::map<std::string, Kind> table{
        {"license", {{"note", "roots", "keyset", "device"}, {"now", "standing", "payload"}, judgeLicense}},
        {"key-set", {{"note", "roots", "minimum"}, {"payload"}, judgeKeySet}},
        {"offline-request", {{"note"}, {"device", "payload"}, judgeRequest}},
        {"request", {{"note", "authority", "operation"}, {"payload"}, judgeExchangeRequest}},
        {"response", {{"note", "roots", "keyset", "operation", "device", "rid"}, {"payload"}, judgeExchangeAnswer}},
        {"revocation", {{"note", "roots", "keyset", "minimum"}, {"payload"}, judgeRevocations}},
        {"rolling-token", {{"note", "secrets", "license", "device"}, {"number", "random"}, judgeRollingToken}},
        {"update-file", {{"note"}, {}, judgeUpdateFile}},
        {"license-file", {{"note"}, {}, judgeLicenseFile}},
        {"request-file", {{"note"}, {}, judgeRequestFile}},
        {"license-key", {{"note", "secrets"}, {"key", "payload"}, judgeLicenseKey}},
        {"paseto", {{"source"}, {"key", "verify", "payload", "footer", "implicit"}, judgePaseto}},
        {"license-key-steps",
         {{"secret", "kid", "kmac", "kenc", "kidx", "serial", "type", "flags", "expiry", "salt", "m", "t", "c",
           "symbols", "index"},
          {},
          judgeKeySteps}},
        {"token-steps", {{"seed", "public", "paserk", "kid", "device", "assertion", "payload"}, {}, judgeTokenSteps}},
        {"key-id", {{"source", "verify"}, {}, judgeKeyId}},
        {"clock-history", {{"note", "built", "budget"}, {}, judgeClockHistory}},
    };
    return table;
}

// "" when the vector is as it should be, else what is wrong with it.
std::string faultOf(const std::string& text) {
    const auto vector = test::readVector(text);
    if (!vector) return "not a vector file";
    const auto& headers = vector->headers;
    if (headers.count("what") == 0 || headers.count("expect") == 0) return "no what: or no expect:";
    const auto kind = kinds().find(headers.at("what"));
    if (kind == kinds().end()) return "unknown what: " + headers.at("what");
    for (const auto& name : kind->second.required)
        if (headers.count(name) == 0) return "no " + name + ":";
    for (const auto& [name, value] : headers)
        if (name != "what" && name != "expect" && kind->second.required.count(name) == 0 &&
            kind->second.optional.count(name) == 0)
            return "unknown header: " + name;
    const auto word = kind->second.judge(headers, vector->body);
    return word == headers.at("expect") ? "" : "came out as " + word;
}

TEST(Vectors, EveryFileComesOutAsItExpects) {
    const auto files = filesOnDisk();
    EXPECT_GE(files.size(), 80u);
    for (const auto& [path, text] : files) {
        SCOPED_TRACE(path);
        EXPECT_EQ(faultOf(text), "") << path;
    }
}

TEST(Vectors, AnUnknownHeaderKindOrFormFails) {
    const std::string good = "what: key-id\nsource: none\nexpect: ok\nverify: " + std::string(64, '0') +
                             "\n\nk4.pid.S_XQmeEwHbbvRmiyfXfHYpLGjXGzjTRSDoT1YtTakWFE";
    EXPECT_EQ(faultOf(good), "");
    EXPECT_EQ(faultOf("extra: 1\n" + good), "unknown header: extra");
    EXPECT_EQ(faultOf(test::replaced(good, "key-id", "key-ic")), "unknown what: key-ic");
    EXPECT_EQ(faultOf(test::replaced(good, "source: none\n", "")), "no source:");
    EXPECT_EQ(faultOf(test::replaced(good, "expect: ok\n", "")), "no what: or no expect:");
    EXPECT_EQ(faultOf(test::replaced(good, "expect: ok", "expect: bad-form")), "came out as ok");
    EXPECT_EQ(faultOf("what: key-id\n" + good), "not a vector file");
    EXPECT_EQ(faultOf("what\n" + good), "not a vector file");
    EXPECT_EQ(faultOf(""), "not a vector file");
}

TEST(Vectors, AClockHistoryIsReadStrictlyAndComparedLineByLine) {
    const std::string head = "what: clock-history\nexpect: ok\nnote: n\nbuilt: 2026-11-01T00:00:00Z\nbudget: 5\n\n";
    const std::string good =
        "2026-11-22T12:00:00Z a 1 free | look => none believed 2026-11-22T12:00:00Z documents 2026-11-22T12:00:00Z "
        "left "
        "5\n";
    EXPECT_EQ(faultOf(head + good), "");
    EXPECT_EQ(faultOf(head + "# n\n" + good + good), "");
    EXPECT_EQ(faultOf("day: 1\n" + head + good), "unknown header: day");
    EXPECT_EQ(faultOf(head), "came out as nothing happens");
    for (const auto& [from, to] : std::map<std::string, std::string>{
             {"look", "guess"}, {"free", "loose"}, {"a 1", "a one"}, {"a 1", "a"}, {" | ", " "}, {" => ", " "}})
        EXPECT_EQ(faultOf(head + good + test::replaced(good, from, to)), "came out as line 2: not a line") << from;
    EXPECT_EQ(faultOf(head + test::replaced(good, "left 5", "left 6")),
              "came out as line 1: " + good.substr(good.find("none"), good.size() - good.find("none") - 1));
}

TEST(Vectors, EveryWayToRefuseHasAFile) {
    std::map<std::string, std::set<std::string>> expected;  // by what:
    for (const auto& [path, text] : filesOnDisk()) {
        const auto vector = test::readVector(text).value();
        expected[vector.headers.at("what")].insert(vector.headers.at("expect"));
    }
    std::set<std::string> ofDocuments;
    for (const auto& [what, words] : expected)
        if (what != "license-key") ofDocuments.insert(words.begin(), words.end());
    for (int code = 1; code <= static_cast<int>(DocumentError::rollback); ++code)
        EXPECT_TRUE(ofDocuments.count(std::string(toString(static_cast<DocumentError>(code))))) << code;
    for (int code = 1; code <= static_cast<int>(KeyError::notAuthentic); ++code)
        EXPECT_TRUE(expected["license-key"].count(std::string(toString(static_cast<KeyError>(code))))) << code;
    for (const auto& [what, words] : expected) EXPECT_TRUE(words.count("ok")) << what;
}

// The worked examples of KEY.md and DOCUMENT.md: each a ```vector block in the same form as a file, the bytes on one
// line.
TEST(Vectors, WorkedExamplesOfTheDocumentsHold) {
    int examples = 0;
    for (const char* document : {"license/KEY.md", "license/DOCUMENT.md"}) {
        std::ifstream file(fs::path(ENTITLE_SOURCE_DIR) / document, std::ios::binary);
        const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        constexpr std::string_view open = "```vector\n";
        for (auto at = text.find(open); at != std::string::npos; at = text.find(open, at + 1)) {
            ++examples;
            const auto begin = at + open.size();
            const auto end = text.find("\n```", begin);
            ASSERT_NE(end, std::string::npos) << document;
            EXPECT_EQ(faultOf(text.substr(begin, end - begin)), "") << document << ", example " << examples;
        }
    }
    EXPECT_GE(examples, 4);
}

// Ours are made, byte for byte, by vectors_make; a format that drifts shows here.
TEST(Vectors, FilesAreWhatTheGeneratorMakes) {
    auto files = filesOnDisk();
    for (const auto& made : test::madeVectors()) {
        EXPECT_EQ(files[made.path], made.print()) << made.path;
        files.erase(made.path);
    }
    for (const auto& [path, text] : files)
        EXPECT_TRUE(path.starts_with("paseto/") || path.starts_with("paserk/") || path.starts_with("clock/"))
            << path << " is neither public nor made nor a history";
}

}  // namespace
}  // namespace entitle
