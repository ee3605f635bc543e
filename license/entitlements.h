// Rights in force: evaluate(state, catalogue, now) → Entitlements; check(entitlements, feature) → Verdict.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "license/catalogue.h"
#include "license/lifecycle.h"

namespace entitle {

// Why a feature or a slot was granted or refused. Sent on the wire as these numbers.
enum class Reason : std::uint8_t {
    granted = 0,      // the license has it
    demo = 1,         // demo mode grants it
    inGrace = 2,      // granted, the document is past its freshness
    notInPlan = 3,    // denied: another plan has it
    demoLimited = 4,  // denied: demo mode does not have it
    expired = 5,      // denied: the license ended
    windingDown = 6,  // denied: rights ended, held slots may finish
    revoked = 7,
    suspended = 8,
    notYetValid = 9,
    wrongDevice = 10,
    unknownName = 11,  // denied: no such feature or quota is known, and the license does not imply every one
    badName = 12,      // denied: not a name at all
    quotaExceeded = 13,
    demoDisabled = 14,
};
std::string_view toString(Reason);  // "granted", "not-in-plan", …

// An answer, never an exception. `message` is a sentence a person can act on; `until` when the answer may change.
struct Verdict {
    bool allowed = false;
    Reason reason = Reason::notInPlan;
    std::string message;
    std::optional<Instant> until;
    bool operator==(const Verdict&) const = default;
};

struct Entitlements {
    Standing standing = Standing::demo;
    std::string type;  // "" without a license
    std::string plan;  // "" without a license
    // In force, expanded. Whoever holds a license keeps what demo gives to anybody; a license that is not in force
    // (wound down, expired, revoked, not yet valid, on other hardware) leaves exactly that.
    std::vector<std::string> features;
    std::int64_t maxBots = 0;      // in force, for new slots
    std::optional<Instant> until;  // the deadline of the standing
    // What the license itself says, in force or not: tells "you have not bought it" from "it has ended".
    std::vector<std::string> licensedFeatures;
    std::int64_t licensedBots = 0;
    // Held slots above maxBots may stay until then. See keepsHeldSlots for "for ever".
    std::optional<Instant> windDownUntil;
    bool keepsHeldSlots = false;  // grace ended without contact: held slots stay, new ones only as far as demo goes
    std::string message;          // one sentence on the standing, for `status`
    bool operator==(const Entitlements&) const = default;
};

Entitlements evaluate(const State&, const Catalogue&, const Now&);

// A granted answer allocates nothing (in grace, its message): this is the path of every feature check.
Verdict check(const Entitlements&, const Catalogue&, std::string_view feature);

// Would `count` more units of `quota` be granted beside the `inUse` held now?
Verdict checkQuota(const Entitlements&, const Catalogue&, std::string_view quota, std::uint64_t inUse,
                   std::uint64_t count);

// Values set on a machine (configuration, environment) may only lower rights. `unlimited` lowers nothing; any other
// number below zero counts as zero.
struct LocalLimits {
    std::optional<std::int64_t> maxBots;  // of demo and of a license alike
    bool demoEnabled = true;
};
Catalogue lowered(Catalogue, const LocalLimits&);

}  // namespace entitle
