#include "server/signing.h"

#include <array>
#include <stdexcept>

#include <sodium.h>

#include "license/sodium.h"
#include "server/hardware.h"
#include "server/signer.h"

namespace entitle {
namespace {

constexpr Seconds keyEndWarning = std::chrono::days{30};

std::string hashOf(std::string_view token) {
    startSodium();
    std::array<unsigned char, 32> digest{};
    crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(token.data()), token.size(),
                       nullptr, 0);
    std::array<char, 65> hex{};
    sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
    return hex.data();
}

Denial badRequest(DocumentError error) {
    return {DenialReason::badRequest, "the request is not acceptable (" + std::string(toString(error)) +
                                          "): " + std::string(explain(error)) +
                                          " Make it again on the machine: entitlectl request --out FILE"};
}

// For people, and made of nothing but the document and the request, so that a repeated answer has the same bytes.
std::string commentFor(const License& license, const std::string& hostLabel) {
    std::string text = "License " + license.id.value + " (" + license.type + ") of " + license.authority + "\n";
    text += "For device " + license.device.value + (hostLabel.empty() ? "" : ", \"" + hostLabel + "\"") +
            ", and no other\n";
    text += "Issued " + toRfc3339(license.issuedAt) + ", to be renewed by " + toRfc3339(license.freshUntil);
    text += license.endsAt ? ", ends " + toRfc3339(*license.endsAt) + "\n" : "\n";
    return text + "On that machine: entitlectl import FILE";
}

DocumentRow sign(const Authority& authority, const KeySet& set, const License& claims, const OfflineRequest& request,
                 const std::string& requestHash, const SigningKeyEntry& entry, const SecretKey& key) {
    DocumentRow row;
    row.sequence = claims.sequence;
    row.requestHash = requestHash;
    row.signingKeyId = entry.key.keyId();
    row.keySetVersion = set.version;
    row.issuedAt = claims.issuedAt;
    row.freshUntil = claims.freshUntil;
    row.grace = claims.grace;
    row.hostLabel = request.hostLabel;
    row.token = signLicense(key, claims);
    if (set.authority != authority.roots().authority || verifyLicense(row.token, set, claims.device).value() != claims)
        throw std::logic_error("the document just signed does not verify");
    return row;
}

}  // namespace

Granted<IssuedFile> answerRequest(const Authority& authority, Store& store, const LicenseId& id,
                                  std::string_view requestFile, const IssueTerms& terms, const IssueRights& rights,
                                  Instant now) {
    const auto token = parseRequestFile(requestFile);
    if (!token) return badRequest(token.error());
    const auto request = verifyOfflineRequest(*token);
    if (!request) return badRequest(request.error());
    if (auto fine = authority.checkRootsAreAway(); !fine) return fine.error();

    const std::string hash = hashOf(*token);
    std::optional<Instant> keyEnds;
    const auto decide = [&](const IssueFacts& facts) -> Granted<Issue> {
        const KeySet set = authority.verified(facts.keySet);
        auto decision = decideIssue(facts, set, *request, terms, rights, now);
        if (!decision) return decision.error();
        Issue made{std::move(decision->write), std::nullopt, std::move(decision->waits)};
        if (decision->repeat || made.waits) return made;
        const auto found = signingKeyAt(authority.files(), set, now);
        if (!found) return found.error();
        keyEnds = found->entry->expires;
        made.document = sign(authority, set, decision->claims, *request, hash, *found->entry, found->key);
        return made;
    };
    ExchangeQuery query;
    query.license = id;
    query.device = request->device();
    query.now = now;
    query.trialMarks = trialMarksOf(request->fingerprint);
    if (rights.owner) query.countFrom = now - rights.owner->window;
    auto issued = store.issue(query, hash, decide);
    if (!issued) return issued.error();

    const auto license = verifyLicense(issued->document.token, authority.verified(issued->keySet), request->device());
    if (!license)
        throw std::runtime_error("document " + std::to_string(issued->document.sequence) + " of " + id.value +
                                 " is damaged in the database: restore authority.db from a backup");
    IssuedFile out;
    out.text = printLicenseFile({issued->keySet.token, issued->document.token},
                                commentFor(*license, issued->document.hostLabel));
    out.license = *license;
    out.repeated = issued->repeated;
    out.hostLabel = issued->document.hostLabel;
    if (keyEnds && *keyEnds - now < keyEndWarning) out.keyEndsSoon = keyEnds;
    return out;
}

}  // namespace entitle
