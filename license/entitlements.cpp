#include "license/entitlements.h"

#include <algorithm>
#include <utility>

namespace entitle {
namespace {

std::string inQuotes(std::string_view name) {
    return '"' + std::string(name) + '"';
}

// "pro" → "Pro", as the demo messages write it.
std::string title(std::string_view name) {
    std::string text(name);
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text;
}

std::string bots(std::int64_t number) {
    if (number == unlimited) return "unlimited bots";
    return std::to_string(number) + (number == 1 ? " bot" : " bots");
}

std::int64_t lowest(std::int64_t limit, std::optional<std::int64_t> ceiling) {
    if (!ceiling || *ceiling == unlimited) return limit;
    const std::int64_t most = std::max<std::int64_t>(*ceiling, 0);
    return limit == unlimited ? most : std::min(limit, most);
}

bool fits(std::uint64_t inUse, std::uint64_t more, std::int64_t limit) {
    if (limit == unlimited) return true;
    const auto most = static_cast<std::uint64_t>(std::max<std::int64_t>(limit, 0));
    return more <= most && inUse <= most - more;
}

// The standing when rights are not in force, as the reason of a refusal.
Reason causeOf(Standing standing) {
    switch (standing) {
        case Standing::windingDown:
            return Reason::windingDown;
        case Standing::expired:
            return Reason::expired;
        case Standing::revoked:
            return Reason::revoked;
        case Standing::suspended:
            return Reason::suspended;
        case Standing::notYetValid:
            return Reason::notYetValid;
        case Standing::wrongDevice:
            return Reason::wrongDevice;
        case Standing::demo:
        case Standing::active:
        case Standing::grace:
            break;
    }
    return Reason::notInPlan;
}

// What becomes of running bots, as the second half of a sentence on lost rights.
std::string heldSlots(const Entitlements& e) {
    if (e.windDownUntil) return " Running bots may finish until " + toRfc3339(*e.windDownUntil) + ".";
    if (e.keepsHeldSlots) return " Running bots may go on; new ones only as far as demo goes.";
    return "";
}

std::string sentence(const Entitlements& e, const State& state, const Catalogue& catalogue) {
    if (!state.current) {
        if (!catalogue.demo.enabled)
            return "No license is installed and demo mode is switched off: nothing is allowed. Import a license.";
        return "Demo mode: " + bots(e.maxBots) + " and paper trading. Import a license for more.";
    }
    const License& license = *state.current;
    const std::string name = "The " + license.type + " license";
    const std::string until = e.until ? toRfc3339(*e.until) : "";
    const bool drifting = state.binding.match == Match::drift && state.binding.driftSince;
    const bool driftEnds = drifting && e.until == plus(*state.binding.driftSince, driftAllowance);
    switch (e.standing) {
        case Standing::demo:
            break;
        case Standing::active:
            if (driftEnds)
                return name +
                       " is active, but this machine's hardware has changed. Request and import a new document "
                       "before " +
                       until + ".";
            if (e.until == license.endsAt) return name + " is active and ends at " + until + ".";
            return name + " is active. Its document is fresh until " + until + ".";
        case Standing::grace:
            if (driftEnds)
                return name + " is in grace and this machine's hardware has changed: every right is kept until " +
                       until + ". Request and import a new document before then.";
            return name + "'s document is out of date: every right is kept until " + until +
                   ". Renew it or import a new document before then.";
        case Standing::windingDown:
            return name + " ended at " + toRfc3339(license.endsAt.value_or(license.freshUntil)) + "." + heldSlots(e) +
                   " Renew the license to start new ones.";
        case Standing::expired: {
            if (state.clockSpent)
                return name +
                       " is not in force: this machine's clock has been wrong for too long without word from the "
                       "authority." +
                       heldSlots(e) + " Set the clock right, or import a newer document.";
            const Instant graceEnd = plus(license.freshUntil, license.grace);
            const Instant end = license.endsAt ? std::min(*license.endsAt, graceEnd) : graceEnd;
            return name + " expired at " + toRfc3339(end) + "." + heldSlots(e) + " Import a new document to go on.";
        }
        case Standing::revoked:
            return name + " was revoked by the authority." + heldSlots(e) + " Ask whoever sold it to you.";
        case Standing::suspended:
            return name + " is suspended by the authority." + heldSlots(e) + " Settle the account to have it back.";
        case Standing::notYetValid:
            return name + " is not valid before " + toRfc3339(license.notBefore) +
                   " by this machine's clock. Check date and time." + heldSlots(e);
        case Standing::wrongDevice:
            return name + " belongs to other hardware." + heldSlots(e) +
                   " Write a request on this machine and import the answer.";
    }
    return name + " is in an unknown standing.";
}

std::string upgrade(const Plan* plan) {
    return plan == nullptr ? "No plan adds it: ask whoever sold you the license." : "Upgrade to " + title(plan->name);
}

Verdict refused(Reason reason, std::string message, std::optional<Instant> until = std::nullopt) {
    return {false, reason, std::move(message), until};
}

// Granted by what is in force now. Only grace has something to say.
Verdict granted(const Entitlements& e) {
    Verdict verdict;
    verdict.allowed = true;
    verdict.reason = Reason::demo;
    if (!inForce(e.standing)) return verdict;
    verdict.until = e.until;
    verdict.reason = e.standing == Standing::grace ? Reason::inGrace : Reason::granted;
    if (e.standing == Standing::grace) verdict.message = e.message;
    return verdict;
}

bool isListed(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

Verdict refusedFeature(const Entitlements& e, const Catalogue& catalogue, std::string_view feature) {
    if (!isName(feature))
        return refused(Reason::badName, "A feature's name is 1 to 48 of a-z, 0-9 and _. Check the spelling.");
    const bool licensed = holds(e.licensedFeatures, e.licensedBots, feature);
    if (!licensed && !isListed(catalogue.features, feature))
        return refused(Reason::unknownName, "No feature is called " + inQuotes(feature) + ". Check the spelling.");
    if (licensed && !inForce(e.standing)) return refused(causeOf(e.standing), e.message, e.until);
    if (licensed)  // unlimited_bots under a ceiling: nothing else is taken from a license in force
        return refused(Reason::notInPlan, "This machine's configuration allows " + bots(e.maxBots) +
                                              " only. Ask its administrator to raise the limit.");
    if (!catalogue.demo.enabled && (e.standing == Standing::demo || isListed(catalogue.demo.features, feature)))
        return refused(
            Reason::demoDisabled,
            "Demo mode is switched off on this machine. Import a license that includes " + inQuotes(feature) + '.');
    if (e.standing == Standing::demo) {
        for (const DemoFlag& flag : catalogue.demo.flags)
            if (flag.feature == feature) return refused(Reason::demoLimited, flag.message);
        return refused(Reason::demoLimited, upgrade(catalogue.cheapestPlanWith(feature, "")));
    }
    const Plan* plan = catalogue.cheapestPlanWith(feature, e.plan);
    return refused(Reason::notInPlan, "Your " + e.type + " license does not include " + inQuotes(feature) + ". " +
                                          upgrade(plan) + (plan == nullptr ? "" : "."));
}

}  // namespace

Entitlements evaluate(const State& state, const Catalogue& catalogue, const Now& now) {
    Entitlements e;
    e.standing = standingOf(state, now);
    e.until = deadlineOf(state, now);
    const Hold hold = holdOf(state, now);
    e.windDownUntil = hold.until;
    e.keepsHeldSlots = hold.kept;

    std::vector<std::string> features;
    std::int64_t limit = 0;
    if (catalogue.demo.enabled) {
        features = catalogue.demo.features;
        limit = catalogue.demo.maxBots;
    }
    if (state.current) {
        const License& license = *state.current;
        e.type = license.type;
        e.plan = license.plan;
        e.licensedFeatures = expandFeatures(catalogue, license.features, license.maxBots);
        e.licensedBots = license.botsHere();
        if (inForce(e.standing)) {
            features.insert(features.end(), license.features.begin(), license.features.end());
            limit = license.botsHere();
        }
    }
    e.maxBots = lowest(limit, catalogue.localMaxBots);
    e.features = expandFeatures(catalogue, std::move(features), e.maxBots);
    e.message = sentence(e, state, catalogue);
    return e;
}

Verdict check(const Entitlements& e, const Catalogue& catalogue, std::string_view feature) {
    // A name is checked first: all_features implies every feature, not every string.
    if (isName(feature) && holds(e.features, e.maxBots, feature)) return granted(e);
    return refusedFeature(e, catalogue, feature);
}

Verdict checkQuota(const Entitlements& e, const Catalogue& catalogue, std::string_view quota, std::uint64_t inUse,
                   std::uint64_t count) {
    if (!isName(quota))
        return refused(Reason::badName, "A quota's name is 1 to 48 of a-z, 0-9 and _. Check the spelling.");
    if (!isListed(catalogue.quotas, quota))
        return refused(Reason::unknownName, "No quota is called " + inQuotes(quota) + ". Check the spelling.");
    if (fits(inUse, count, e.maxBots)) return granted(e);

    const bool licensed = e.standing != Standing::demo;
    if (licensed && !inForce(e.standing) && fits(inUse, count, e.licensedBots))
        return refused(causeOf(e.standing), e.message, e.until);
    if (!catalogue.demo.enabled && e.standing == Standing::demo)
        return refused(Reason::demoDisabled,
                       "Demo mode is switched off on this machine. Import a license to run bots.");
    std::string message = std::to_string(inUse) + " of " + bots(e.maxBots) + (inUse == 1 ? " is" : " are") + " in use";
    if (count != 1) message += " and " + std::to_string(count) + " more were asked for";
    message += ". Stop some";
    const std::int64_t sold = !licensed             ? catalogue.demo.maxBots
                              : inForce(e.standing) ? e.licensedBots
                                                    : catalogue.demo.maxBots;
    if (e.maxBots != sold) {
        message += ", or ask this machine's administrator to raise its own limit.";
    } else if (const Plan* plan = catalogue.cheapestPlanFor(inUse + count, e.plan)) {
        message += ", or upgrade to " + title(plan->name) + " (" + bots(plan->maxBots) + ").";
    } else {
        message += '.';
    }
    return refused(Reason::quotaExceeded, std::move(message));
}

Catalogue lowered(Catalogue catalogue, const LocalLimits& limits) {
    catalogue.demo.enabled = catalogue.demo.enabled && limits.demoEnabled;
    if (limits.maxBots && *limits.maxBots != unlimited)
        catalogue.localMaxBots = lowest(std::max<std::int64_t>(*limits.maxBots, 0), catalogue.localMaxBots);
    return catalogue;
}

std::string_view toString(Reason reason) {
    switch (reason) {
        case Reason::granted:
            return "granted";
        case Reason::demo:
            return "demo";
        case Reason::inGrace:
            return "in-grace";
        case Reason::notInPlan:
            return "not-in-plan";
        case Reason::demoLimited:
            return "demo-limited";
        case Reason::expired:
            return "expired";
        case Reason::windingDown:
            return "winding-down";
        case Reason::revoked:
            return "revoked";
        case Reason::suspended:
            return "suspended";
        case Reason::notYetValid:
            return "not-yet-valid";
        case Reason::wrongDevice:
            return "wrong-device";
        case Reason::unknownName:
            return "unknown-name";
        case Reason::badName:
            return "bad-name";
        case Reason::quotaExceeded:
            return "quota-exceeded";
        case Reason::demoDisabled:
            return "demo-disabled";
    }
    return "unknown";
}

}  // namespace entitle
