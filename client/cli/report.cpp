#include "client/cli/report.h"

#include <utility>
#include <vector>

#include "client/cli/text.h"
#include "license/time.h"

namespace entitle::cli {

Tone toneOf(Status::Standing standing) {
    switch (standing) {
        case Status::Standing::active:
            return Tone::good;
        case Status::Standing::demo:
        case Status::Standing::grace:
        case Status::Standing::windingDown:
        case Status::Standing::notYetValid:
            return Tone::warning;
        default:
            return Tone::bad;
    }
}

namespace {

using Rows = std::vector<std::vector<std::string>>;

void addContact(const Terminal& terminal, const Status& status, TimePoint now, Rows& rows) {
    if (!status.authorityUrl.empty()) {
        rows.push_back({"Authority", escaped(status.authorityUrl) +
                                         (status.lastContact ? ", answered " + relative(*status.lastContact, now)
                                                             : ", never answered yet")});
        if (!status.lastFailure.empty())
            rows.push_back({"", terminal.toned(Tone::warning, "not reached") +
                                    (status.lastFailureAt ? " " + relative(*status.lastFailureAt, now) : "") + ": " +
                                    escaped(status.lastFailure)});
        if (status.nextContact)
            rows.push_back({"Next contact", *status.nextContact > now ? date(*status.nextContact, now) : "under way"});
    }
    if (status.activating) rows.push_back({"Activation", "waits for the authority's answer"});
    if (status.authorityCode == "approval_waits")
        rows.push_back({"Approval", terminal.toned(Tone::warning, "waits: ") + escaped(status.authorityMessage)});
    else if (!status.authorityCode.empty())
        rows.push_back({"It says", terminal.toned(Tone::warning, escaped(status.authorityCode) + ": ") +
                                       escaped(status.authorityMessage)});
    if (status.returningSeat) rows.push_back({"Seat", "is given back as soon as the authority can be reached"});
    if (status.conflictAt)
        rows.push_back({"Conflict", terminal.toned(Tone::warning, "the authority saw a copy of this device, ") +
                                        date(*status.conflictAt, now)});
}

void addClock(const Terminal& terminal, const Status& status, TimePoint now, Rows& rows) {
    if (status.clock == Status::Clock::good) return;
    rows.push_back(
        {"Clock", terminal.toned(Tone::warning, std::string("not believed: ") + toString(status.clock)) +
                      (status.believedTime ? "; it is taken to be " + date(*status.believedTime, now) : "")});
    if (!status.licenseId.empty())
        rows.push_back({"", status.clockBudget.count() > 0
                                ? "the license holds for " + describeDuration(status.clockBudget) +
                                      " of uptime, until the authority answers or the clock is right"
                                : "no right holds until the authority answers or the clock is right"});
}

}  // namespace

std::string describe(const Terminal& terminal, const Status& status) {
    const auto now = clockNow();
    Rows rows;
    const auto row = [&](const char* name, std::string value) { rows.push_back({name, std::move(value)}); };
    const auto dated = [&](const char* name, const std::optional<TimePoint>& at) {
        if (at) row(name, date(*at, now));
    };

    row("Standing", terminal.toned(toneOf(status.standing), toString(status.standing)));
    if (!status.message.empty()) row("", escaped(status.message));
    if (!status.licenseId.empty()) {
        row("License", escaped(status.licenseId));
        row("Type, plan", escaped(status.licenseType) + ", " + escaped(status.plan));
    }
    row("Bots", std::to_string(status.botsInUse) + " in use of " + limitText(status.maxBots));
    dated("Fresh until", status.freshUntil);
    dated("Grace until", status.graceUntil);
    if (!status.licenseId.empty()) row("Ends", date(status.endsAt, now, "never"));
    dated("Wind-down until", status.windDownUntil);
    if (status.origin.source == Source::demo) return table(rows);

    row("Device", escaped(status.deviceId) +
                      (status.licenseId.empty() ? "" : std::string(", hardware ") + toString(status.binding)));
    if (status.container) row("", "in a container: use the host's daemon for a license bound to hardware");
    if (!status.keyLevel.empty()) row("Device key", "rests as " + escaped(status.keyLevel));
    row("Trust", status.development ? terminal.toned(Tone::warning, "development: not for production")
                                    : escaped("compiled in, authority " + status.authority));
    addContact(terminal, status, now, rows);
    addClock(terminal, status, now, rows);
    if (status.requestPending) row("Request", "waits for its answer: entitlectl import FILE");
    std::string daemon = escaped(status.daemonVersion);
    if (status.startedAt) daemon += ", started " + relative(*status.startedAt, status.daemonTime.value_or(now));
    daemon += status.clockSynced ? ", clock synchronised" : ", clock not synchronised";
    row("Daemon", daemon);
    return table(rows);
}

}  // namespace entitle::cli
