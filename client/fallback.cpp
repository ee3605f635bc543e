#include "client/fallback.h"

#include <algorithm>
#include <string>

#include "license/catalogue.h"
#include "license/entitlements.h"
#include "license/slots.h"

namespace entitle::fallback {

namespace {

const Entitlements& demoRights() {
    // Demo does not change with time: an empty state at any moment gives the same.
    static const Entitlements rights = evaluate(State{}, builtinCatalogue(), Now{});
    return rights;
}

// The two enums carry the same numbers (those of the wire) up to demoDisabled; see names_test.
Answer::Reason publicReason(Reason reason) {
    const auto number = static_cast<int>(reason);
    return number <= static_cast<int>(Answer::Reason::demoDisabled) ? static_cast<Answer::Reason>(number)
                                                                    : Answer::Reason::other;
}

Answer denial(Answer::Reason reason, std::string message, const Origin& origin) {
    Answer out;
    out.reason = reason;
    out.message = std::move(message);
    out.origin = origin;
    return out;
}

bool isQuota(std::string_view name) {
    const auto& known = builtinCatalogue().quotas;
    return std::find(known.begin(), known.end(), name) != known.end();
}

}  // namespace

Answer check(std::string_view feature, const Origin& origin) {
    const auto verdict = entitle::check(demoRights(), builtinCatalogue(), feature);
    Answer out;
    out.allowed = verdict.allowed;
    out.reason = publicReason(verdict.reason);
    out.message = verdict.message;
    out.until = verdict.until;
    out.origin = origin;
    return out;
}

Features features(const Origin& origin) {
    Features out;
    out.origin = origin;
    for (const auto& name : builtinCatalogue().features) out.list.push_back({name, check(name, origin)});
    return out;
}

Quota quota(std::string_view name, std::uint32_t inUse, const Origin& origin) {
    Quota out;
    out.name = name;
    out.origin = origin;
    out.oneMore = acquire(name, 1, {}, inUse, origin);
    if (isQuota(name)) {
        out.limit = demoRights().maxBots;
        out.inUse = inUse;
        out.yours = inUse;
    }
    return out;
}

Status status(const Origin& origin) {
    Status out;
    out.standing = Status::Standing::demo;
    out.message = demoRights().message;
    out.maxBots = demoRights().maxBots;
    out.origin = origin;
    return out;
}

Answer acquire(std::string_view quota, std::uint32_t count, std::string_view label, std::uint32_t inUse,
               const Origin& origin) {
    if (!isName(quota))
        return denial(Answer::Reason::badName, "A quota's name is 1 to 48 of the characters a-z, 0-9 and _.", origin);
    if (!isQuota(quota))
        return denial(Answer::Reason::unknownName, "There is no quota '" + std::string(quota) + "'.", origin);
    if (count == 0 || count > maxSlotCount)
        return denial(Answer::Reason::quotaExceeded, "A number of slots is 1 to " + std::to_string(maxSlotCount) + ".",
                      origin);
    if (label.size() > maxSlotLabel)
        return denial(Answer::Reason::badName, "A label has at most " + std::to_string(maxSlotLabel) + " bytes.",
                      origin);
    const auto limit = demoRights().maxBots;
    if (limit >= 0 && std::int64_t{inUse} + count > limit)
        return denial(Answer::Reason::quotaExceeded,
                      "Demo mode allows " + std::to_string(limit) + " bots, and " + std::to_string(inUse) +
                          " are in use by this program. More need a license and the daemon.",
                      origin);
    Answer out;
    out.allowed = true;
    out.reason = Answer::Reason::demo;
    out.origin = origin;
    return out;
}

}  // namespace entitle::fallback
