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
    granted = 0,        // the license has it
    demo = 1,           // demo mode grants it
    inGrace = 2,        // granted, the document is past its freshness
    notInPlan = 3,      // denied: another plan has it
    demoLimited = 4,    // denied: demo mode does not have it
    expired = 5,        // denied: the license ended
    windingDown = 6,    // denied: rights ended, held slots may finish
    revoked = 7,
    suspended = 8,
    notYetValid = 9,
    wrongDevice = 10,
    unknownName = 11,   // denied: no such feature or quota is known, and the license does not imply every one
    badName = 12,       // denied: not a name at all
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
    std::string type;   // "" in demo
    std::string plan;   // "" in demo
    std::vector<std::string> features;  // expanded
    std::int64_t maxBots = 0;           // for new slots
    std::optional<Instant> until;       // the deadline of the standing
    // Held slots above maxBots may stay until then. See keepsHeldSlots for "for ever".
    std::optional<Instant> windDownUntil;
    bool keepsHeldSlots = false;        // grace ended without contact: held slots stay, new ones are refused
    std::string message;                // one sentence on the standing, for `status`
    bool operator==(const Entitlements&) const = default;
};

Entitlements evaluate(const State&, const Catalogue&, const Now&);

Verdict check(const Entitlements&, const Catalogue&, std::string_view feature);

// Values set on a machine (configuration, environment) may only lower rights.
struct LocalLimits {
    std::optional<std::int64_t> maxBots;
    bool demoEnabled = true;
};
Catalogue lowered(Catalogue, const LocalLimits&);

}  // namespace entitle
