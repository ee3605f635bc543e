// The decision about one request: pure. What stands in the rows + the request + now → the claims to sign, or why not.
#pragma once

#include <optional>

#include "license/document.h"
#include "server/denial.h"
#include "server/exchange_policy.h"
#include "server/store.h"

namespace entitle {

// What a document promises beyond the license itself. Source of the defaults: SECURITY.md, "Time in a document".
struct IssueTerms {
    Seconds fresh = std::chrono::days{365};  // exp: a machine without a network renews by hand
    Seconds grace = std::chrono::days{7};
    Seconds windDown = std::chrono::hours{24};
    Seconds check = std::chrono::hours{24};
    Seconds offline = std::chrono::hours{72};  // uptime without contact while the device's clock is suspect
};

// What whoever brings the request may decide about hardware. A file is carried by anybody: it proves no more than that
// its device key is at hand.
struct IssueRights {
    std::optional<OwnerLimits> owner;  // a license's owner: what is not theirs to decide waits for an admin
    bool otherHardware = false;        // an admin has seen to it: the seat is bound to the machine that asks
};
inline constexpr Seconds clockTolerance = std::chrono::minutes{5};  // nbf lies this much before iat: clocks differ
inline constexpr int maxFreshDays = 730;

// A request may claim to have seen any sequence; a document must be above it. Past this nobody honest has been, and
// room must stay for the documents to come.
inline constexpr std::uint64_t maxClaimedSequence = std::uint64_t{1} << 48;

struct IssueDecision {
    bool repeat = false;          // facts.answer is the answer; `claims` is empty
    std::optional<Denial> waits;  // an admin was asked by `write`; `claims` is empty
    License claims;
    Exchange write;
};

// `current` is the verified form of facts.keySet.
Granted<IssueDecision> decideIssue(const IssueFacts&, const KeySet& current, const OfflineRequest&, const IssueTerms&,
                                   const IssueRights&, Instant now);

// The key to sign with now: of the entries neither revoked nor outside their times, whose secret is at hand, the one
// that ends last. nullptr if there is none.
const SigningKeyEntry* signingKeyFor(const KeySet&, const std::vector<std::string>& keyIdsAtHand, Instant now);

}  // namespace entitle
