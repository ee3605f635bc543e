#include <stdexcept>

#include "license/base64url.h"
#include "license/key.h"
#include "license/paseto.h"
#include "tests/license/signed_things.h"
#include "tests/license/vector_file.h"

namespace entitle::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

std::string rootsLine() {
    return printRoots(roots());
}
std::string keySetToken() {
    return signKeySet(rootKey(), keySet());
}
std::string goodLicense() {
    return signLicense(signingKey(), license());
}
std::string goodRequest() {
    return signOfflineRequest(deviceKey(), request());
}

std::string signedLicense(std::string_view payload) {
    return signToken(signingKey(), payload, licenseAssertion());
}

// --- licenses -------------------------------------------------------------------------------------------------------

class Licenses {
  public:
    explicit Licenses(std::vector<VectorFile>& out) : out_(out) {}

    void refused(std::string name, DocumentError expect, std::string note, std::string body) {
        add(std::move(name), std::string(toString(expect)), std::move(note), {}, std::move(body));
    }
    void accepted(std::string name, std::string note, const License& license, std::string now, std::string standing) {
        const std::string token = signLicense(signingKey(), license);
        add(std::move(name), "ok", std::move(note),
            {{"now", std::move(now)}, {"standing", std::move(standing)}, {"payload", payloadOf(token)}}, token);
    }

  private:
    void add(std::string name, std::string expect, std::string note, Headers more, std::string body) {
        Headers headers{{"what", "license"},    {"expect", std::move(expect)}, {"note", std::move(note)},
                        {"roots", rootsLine()}, {"keyset", keySetToken()},     {"device", device().value}};
        headers.insert(headers.end(), more.begin(), more.end());
        out_.push_back({"license/" + std::move(name), std::move(headers), std::move(body)});
    }

    std::vector<VectorFile>& out_;
};

void addLicensesInTime(Licenses& add) {
    const License subscription = license();
    add.accepted("active", "an auto-renewing subscription, answering an offline request", subscription,
                 "2026-11-22T09:15:00Z", "active");
    add.accepted("not_yet_valid", "a second before nbf", subscription, "2026-11-22T09:14:59Z", "not-yet-valid");
    add.accepted("grace", "past exp, within grace_s", subscription, "2027-11-22T09:15:01Z", "grace");
    add.accepted("expired", "past exp and grace_s", subscription, "2027-11-29T09:15:01Z", "expired");

    License trial = license();
    trial.type = "trial";
    trial.maxBots = 3;
    trial.features = {"paper_trading"};
    trial.endsAt = at("2026-12-06T09:15:00Z");
    trial.nonce.clear();
    add.accepted("trial", "with a real end, and not an answer to a request", trial, "2026-12-06T09:14:59Z", "active");
    add.accepted("winding_down", "past lic_exp, within wind_down_s", trial, "2026-12-06T09:15:01Z", "winding-down");
    add.accepted("ended", "past lic_exp and wind_down_s", trial, "2026-12-07T09:15:01Z", "expired");

    License most = license();
    most.maxBots = unlimited;
    most.sequence = 9'223'372'036'854'775'807u;
    most.features.clear();
    most.fingerprint.components.clear();
    add.accepted("extremes", "unlimited bots, the highest seq, no feature, no hardware enrolled", most,
                 "2026-11-22T09:15:00Z", "active");
}

void addRefusedTokens(Licenses& add) {
    const std::string token = goodLicense();
    const auto dot = token.rfind('.');
    const std::string body = token.substr(0, dot);
    const std::string footer = token.substr(dot + 1);
    const std::string kid = signingKey().verifyKey().keyId();
    const auto withFooter = [&](std::string_view other) {
        return signPaseto(signingKey(), payloadOf(token), other, licenseAssertion().encode());
    };
    using enum DocumentError;

    add.refused("too_long", tooLong, "16,385 bytes", std::string(maxTokenBytes + 1, 'A'));
    add.refused("empty", badForm, "no bytes at all", "");
    add.refused("padding", badForm, "base64 with padding", token + "=");
    add.refused("dirty_bits", badForm, "the last letter carries bits that mean nothing",
                token.substr(0, token.size() - 1) + "R");
    add.refused("third_dot", badForm, "one dot too many", token + ".");
    add.refused("fifth_part", badForm, "one part too many", token + "." + footer);
    add.refused("no_footer", badForm, "signed, without a footer", withFooter(""));
    add.refused("newline", badForm, "a newline after the last letter", token + "\n");
    add.refused("version_3", badForm, "v3.public", "v3.public" + token.substr(9));
    add.refused("local", badForm, "v4.local", "v4.local" + token.substr(9));
    add.refused("jwt_none", badForm, "a JSON web token, alg none",
                toBase64url(std::string_view(R"({"alg":"none"})")) + "." + toBase64url(payloadOf(token)) + ".");
    add.refused("truncated", badForm, "the last 500 letters are missing", token.substr(0, token.size() - 500));
    add.refused("footer_space", badFooter, "signed, the same JSON spelled with a space",
                withFooter(R"({"kid": ")" + kid + R"("})"));
    add.refused("footer_more", badFooter, "signed, with another member",
                withFooter(R"({"kid":")" + kid + R"(","x":1})"));
    add.refused("footer_key", badFooter, "signed, carrying a key instead of naming one",
                withFooter(R"({"wpk":")" + signingKey().verifyKey().paserk() + R"("})"));
    add.refused("unknown_key", unknownKey, "signed by a key that is in no key set",
                signLicense(SecretKey::fromSeed({'x'}), license()));
    add.refused("root_key", unknownKey, "signed by a root: roots sign key sets only",
                signLicense(rootKey(), license()));
    add.refused("revoked_key", keyRevoked, "the key set says revoked", signLicense(revokedSigningKey(), license()));

    License early = license();
    early.issuedAt = at("2025-12-31T23:59:59Z");
    add.refused("key_not_yet_valid", keyNotYetValid, "issued a second before its key's nbf",
                signLicense(signingKey(), early));
    License late = license();
    late.issuedAt = at("2027-01-01T00:00:00Z");
    add.refused("key_expired", keyExpired, "issued a second after its key's exp", signLicense(signingKey(), late));

    std::string changed = token;
    changed[400] = changed[400] == 'A' ? 'B' : 'A';
    add.refused("changed", badSignature, "one letter of the payload changed", changed);
    License foreign = license();
    foreign.device = deviceIdOf(otherDeviceKey().verifyKey());
    add.refused("other_device", badSignature, "a license of another device", signLicense(signingKey(), foreign));
    add.refused(
        "other_purpose", badSignature, "the same payload, signed as a response",
        signToken(signingKey(), payloadOf(token), {Purpose::response, std::string(authority), {device().value}}));
    add.refused("key_set", unknownKey, "a key set in a license's place", keySetToken());
    add.refused("request", unknownKey, "an offline request in a license's place", goodRequest());
}

void addRefusedClaims(Licenses& add) {
    const std::string payload = payloadOf(goodLicense());
    const auto refuse = [&](std::string name, std::string note, std::string_view from, std::string_view to) {
        add.refused("claims_" + std::move(name), DocumentError::badClaims, std::move(note),
                    signedLicense(replaced(payload, from, to)));
    };
    constexpr std::string_view bots = R"("max_bots":100)";
    refuse("max_bots_minus_two", "-2", bots, R"("max_bots":-2)");
    refuse("max_bots_2_63", "2^63", bots, R"("max_bots":9223372036854775808)");
    refuse("max_bots_1e308", "1e308", bots, R"("max_bots":1e308)");
    refuse("max_bots_text", "a string", bots, R"("max_bots":"5")");
    refuse("max_bots_null", "null", bots, R"("max_bots":null)");
    refuse("max_bots_float", "100.0", bots, R"("max_bots":100.0)");
    refuse("missing", "no max_bots", R"(,"max_bots":100)", "");
    refuse("unknown", "a claim that does not exist", bots, R"("max_bots":100,"admin":true)");
    refuse("duplicate", "max_bots twice", bots, R"("max_bots":5,"max_bots":100)");
    refuse("duplicate_escaped", "max_bots twice, once escaped", bots, R"("max_bots":5,"max\u005fbots":100)");
    refuse("space", "a space after a colon", bots, R"("max_bots": 100)");
    refuse("order", "plan before type", R"("type":"pro","plan":"pro")", R"("plan":"pro","type":"pro")");
    refuse("escape", "an escaped letter", R"("api_access")", R"("api\u005faccess")");
    refuse("bad_utf8", "a byte that is no UTF-8", R"("type":"pro")", "\"type\":\"\xff\"");
    refuse("time_offset", "+00:00 instead of Z", R"("nbf":"2026-11-22T09:15:00Z")",
           R"("nbf":"2026-11-22T09:15:00+00:00")");
    refuse("time_impossible", "30 February", R"("nbf":"2026-11-22T09:15:00Z")", R"("nbf":"2026-02-30T09:15:00Z")");
    refuse("nbf_after_exp", "nbf a second after exp", R"("nbf":"2026-11-22T09:15:00Z")",
           R"("nbf":"2027-11-22T09:15:01Z")");
    refuse("seq_zero", "seq begins at 1", R"("seq":3)", R"("seq":0)");
    refuse("grace_over_ten_years", "315,360,001 s", R"("grace_s":604800)", R"("grace_s":315360001)");
    refuse("feature_twice", "one feature twice", R"("api_access")", R"("live_trading")");
    refuse("fp_order", "components not ascending", R"("machine_id")", R"("zzz")");
    refuse("other_device", "dev is not the device it is bound to", device().value,
           deviceIdOf(otherDeviceKey().verifyKey()).value);
    add.refused("claims_depth_10000", DocumentError::badClaims, "10,000 open brackets",
                signedLicense(std::string(10'000, '[')));
    add.refused("claims_not_json", DocumentError::badClaims, "no JSON at all", signedLicense("hello"));
}

// --- the rest -------------------------------------------------------------------------------------------------------

void addKeySets(std::vector<VectorFile>& out) {
    const auto add = [&](std::string name, std::string expect, std::string note, std::string minimum,
                         std::string body) {
        Headers headers{{"what", "key-set"},
                        {"expect", expect},
                        {"note", std::move(note)},
                        {"roots", rootsLine()},
                        {"minimum", std::move(minimum)}};
        if (expect == "ok") headers.emplace_back("payload", payloadOf(body));
        out.push_back({"key_set/" + std::move(name), std::move(headers), std::move(body)});
    };
    const std::string token = keySetToken();
    const auto changed = [&](std::string_view from, std::string_view to) {
        return signToken(rootKey(), replaced(payloadOf(token), from, to), keySetAssertion());
    };
    add("ok", "ok", "version 7, and 7 was seen before", "7", token);
    add("standby_root", "ok", "signed by the standby root", "0", signKeySet(standbyRootKey(), keySet()));
    add("rollback", "rollback", "version 7, but 8 was seen before", "8", token);
    add("signing_key", "unknown-key", "signed by a signing key", "0",
        signToken(signingKey(), payloadOf(token), keySetAssertion()));
    add("other_authority", "bad-signature", "signed for another authority", "0",
        signToken(rootKey(), payloadOf(token), {Purpose::keySet, "co-other", {}}));
    add("version_zero", "bad-claims", "versions begin at 1", "0", changed(R"("version":7)", R"("version":0)"));
    add("other_type", "bad-claims", "a later kind of key set", "0", changed("co.keyset.v1", "co.keyset.v2"));
    add("key_twice", "bad-claims", "one key in two entries", "0",
        changed(nextSigningKey().verifyKey().paserk(), signingKey().verifyKey().paserk()));
    add("revoked_number", "bad-claims", "revoked is 1 instead of true", "0",
        changed(R"("revoked":true)", R"("revoked":1)"));
}

void addRequests(std::vector<VectorFile>& out) {
    const auto add = [&](std::string name, std::string expect, std::string note, std::string body) {
        Headers headers{{"what", "offline-request"}, {"expect", expect}, {"note", std::move(note)}};
        if (expect == "ok") {
            headers.emplace_back("device", device().value);
            headers.emplace_back("payload", payloadOf(body));
        }
        out.push_back({"request/" + std::move(name), std::move(headers), std::move(body)});
    };
    const std::string payload = payloadOf(goodRequest());
    const auto changed = [&](std::string_view from, std::string_view to) {
        return signToken(deviceKey(), replaced(payload, from, to), requestAssertion());
    };
    add("ok", "ok", "as a machine without a license writes it", goodRequest());
    OfflineRequest quoted = request();
    quoted.hostLabel = "Händler \"3\" \\ Büro";
    add("host_quoted", "ok", "quotes and backslashes are escaped, nothing else is",
        signOfflineRequest(deviceKey(), quoted));
    add("other_key", "unknown-key", "names a key that did not sign it",
        signToken(otherDeviceKey(), payload, requestAssertion()));
    add("key_not_first", "bad-form", "key and aud exchanged: they are found by their place",
        signToken(deviceKey(), R"({"aud":"co-example","key")" + payload.substr(6), requestAssertion()));
    add("other_authority", "bad-signature", "aud is not the authority it was signed for",
        changed("co-example", "co-other"));
    add("as_license", "bad-signature", "signed for another purpose",
        signToken(deviceKey(), payload, {Purpose::license, std::string(authority), {device().value}}));
    add("license", "bad-form", "a license in a request's place", goodLicense());
    add("seq_negative", "bad-claims", "seq of -1", changed(R"("seq":2)", R"("seq":-1)"));
    add("host_control", "bad-claims", "a line feed in the host's name", changed("trading-desk 4", "trading\\ndesk"));
    add("host_bidi", "bad-claims", "a letter that turns text around",
        changed("trading-desk 4",
                "trading\xe2\x80\xae"
                "desk"));
}

void addFiles(std::vector<VectorFile>& out) {
    const auto add = [&](std::string name, std::string what, std::string expect, std::string note, std::string body) {
        out.push_back({"file/" + std::move(name),
                       {{"what", std::move(what)}, {"expect", std::move(expect)}, {"note", std::move(note)}},
                       std::move(body)});
    };
    const LicenseFile file{keySetToken(), goodLicense()};
    const std::string text = printLicenseFile(file, "License for trading-desk 4");
    add("license", "license-file", "ok", "as entitle-server writes it", text);
    add("license_crlf", "license-file", "ok", "with the line ends of Windows",
        "-----BEGIN ENTITLED LICENSE-----\r\nkeyset: " + file.keySetToken + "\r\ndocument: " + file.documentToken +
            "\r\n-----END ENTITLED LICENSE-----\r\n");
    add("license_blank_line", "license-file", "bad-form", "a blank line after the end", text + "\n");
    add("license_no_end", "license-file", "bad-form", "no END line",
        replaced(text, "-----END ENTITLED LICENSE-----\n", ""));
    add("license_is_request", "license-file", "bad-form", "a request where a license is expected",
        printRequestFile(goodRequest(), ""));
    add("license_too_long", "license-file", "too-long", "64 KiB and a byte", std::string(maxFileBytes + 1, '#'));
    add("request", "request-file", "ok", "as entitlectl writes it",
        printRequestFile(goodRequest(), "Request of trading-desk 4"));
    add("request_bare", "request-file", "bad-form", "a token without its lines", goodRequest());
}

void addKeys(std::vector<VectorFile>& out) {
    const std::string newest = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    const std::string older = "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f";
    const auto both = KeySecrets::parse(newest + "," + older).value();
    const auto first = KeySecrets::parse(newest).value();
    const KeyPayload payload{123'456'789'012, 3, 0, 700, 0xabcdef};
    const auto add = [&](std::string name, std::string expect, std::string note, std::string secrets,
                         std::string body) {
        Headers headers{
            {"what", "license-key"}, {"expect", expect}, {"note", std::move(note)}, {"secrets", std::move(secrets)}};
        if (expect == "ok") {
            headers.emplace_back("key", parseLicenseKey(body).value().text());
            headers.emplace_back("payload", "serial 123456789012, type 3, flags 0, expiry day 700, salt 11259375");
        }
        out.push_back({"key/" + std::move(name), std::move(headers), std::move(body)});
    };
    const auto text = first.seal(payload).text();
    const auto old = KeySecrets::parse(older).value().seal(payload).text();
    std::string typed;
    for (const char c : text)
        typed += c == '-'               ? ' '
                 : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a')
                 : c == '1'             ? 'l'
                 : c == '0'             ? 'o'
                                        : c;
    add("ok", "ok", "as it is printed", newest, text);
    add("typed", "ok", "lower case, l and o for 1 and 0, spaces for hyphens", newest, typed);
    add("rotated", "ok", "of the older of two secrets", newest + "," + older, old);
    add("empty", "empty", "hyphens and spaces only", newest, " - ");
    add("too_long", "too-long", "65 bytes", newest, text + std::string(65 - text.size(), ' '));
    add("no_prefix", "bad-prefix", "without CO", newest, text.substr(3));
    add("short", "bad-length", "the last symbol is missing", newest, text.substr(0, text.size() - 1));
    add("letter_u", "bad-symbol", "U is no symbol", newest, text.substr(0, 3) + "U" + text.substr(4));
    add("nul", "bad-symbol", "a NUL after the key", newest, text + std::string(1, '\0'));
    std::string swapped = text;
    for (std::size_t i = 3;; ++i)
        if (swapped[i] != swapped[i + 1] && swapped[i] != '-' && swapped[i + 1] != '-') {
            std::swap(swapped[i], swapped[i + 1]);
            break;
        }
    add("swapped", "bad-check", "two neighbours exchanged", newest, swapped);
    add("other_secret", "unknown-key-id", "made with a secret that is not held", newest, old);
    add("zeros", both.open(LicenseKey{}) ? "ok" : std::string(toString(both.open(LicenseKey{}).error())),
        "well-formed, made by nobody", newest + "," + older, LicenseKey{}.text());
    // A forgery that names a secret which is held: the first symbol of a real key, then zeros and the right check.
    LicenseKey forged;
    forged.symbols[0] = first.seal(payload).symbols[0];
    forged.symbols[31] = forged.symbols[0];  // x^0 is 1: the sum of one symbol in the first place is itself
    add("forged", "not-authentic", "well-formed, naming a secret that is held", newest, forged.text());
}

}  // namespace

std::vector<VectorFile> madeVectors() {
    std::vector<VectorFile> out;
    Licenses licenses(out);
    addLicensesInTime(licenses);
    addRefusedTokens(licenses);
    addRefusedClaims(licenses);
    addKeySets(out);
    addRequests(out);
    addFiles(out);
    addExchanges(out);
    addKeys(out);
    return out;
}

}  // namespace entitle::test
