// The part of Daemon that says what is right and wrong about itself. `entitlectl doctor` prints it.
#include "daemon/daemon.h"

namespace entitle {
namespace {

using Level = Finding::Level;

constexpr Seconds skewWorthATelling = std::chrono::minutes{5};

// `online`: there is an authority to ask.
Finding ofStanding(const Entitlements& rights, const std::string& storedProblem, const DeviceId& device, bool online) {
    if (!storedProblem.empty()) {
        return {"license", Level::problem, storedProblem,
                "Demo mode is in force. Restore what is missing, or ask for a new license: entitlectl request."};
    }
    switch (rights.standing) {
        case Standing::demo:
            return {
                "license", Level::warning, rights.message,
                online ? "With a license key: entitlectl activate." : "entitlectl request, then entitlectl import."};
        case Standing::active:
            return {"license", Level::ok, rights.message, ""};
        case Standing::grace:
            return {"license", Level::warning, rights.message,
                    online ? "It renews by itself as soon as the authority answers; to ask now: entitlectl refresh."
                           : "Import a newer document before the deadline."};
        case Standing::notYetValid:
            return {"license", Level::problem, rights.message, "Set the machine's clock."};
        case Standing::wrongDevice:
            return {"license", Level::problem, rights.message,
                    "Ask for a license of this machine: entitlectl request. Its device id is " + device.value + "."};
        case Standing::windingDown:
        case Standing::expired:
        case Standing::revoked:
        case Standing::suspended:
            return {"license", Level::problem, rights.message,
                    online ? "Ask the authority whether it has a newer document: entitlectl refresh."
                           : "Ask the authority for a new document."};
    }
    return {"license", Level::warning, rights.message, ""};
}

// What a person looks at when no answer comes.
std::string_view adviceFor(ContactFault fault) {
    switch (fault) {
        case ContactFault::noTransport:
            return "Install libcurl (libcurl4).";
        case ContactFault::unresolved:
            return "Check the network, its name server (getent hosts NAME), and the names in [authority] url and "
                   "proxy.";
        case ContactFault::unconnected:
            return "Check that the authority runs, that [authority] url names its port, and what stands in between: "
                   "firewalls, and the proxy of [authority] or of the environment.";
        case ContactFault::untrusted:
            return "Its certificate is not believed. Check that [authority] url has the name it was made for, that "
                   "ca_file names its issuer, that it has not run out, and this machine's clock. Never switch the "
                   "check off.";
        case ContactFault::silent:
            return "The network or the authority is too slow, or a firewall drops what is sent.";
        case ContactFault::tooLarge:
        case ContactFault::notAuthority:
            return "Something else answers in its place: a network that wants a log-in first (open a page in a "
                   "browser), a proxy, or another server at [authority] url.";
        case ContactFault::busy:
            return "The authority is overloaded or being worked on. Nothing needs to be done here.";
    }
    return "";
}

Finding ofContact(const StatusAnswer& status, ContactFault fault, bool clockDoubted) {
    if (!status.lastFailure.empty()) {
        std::string advice;
        if (fault == ContactFault::untrusted && clockDoubted)
            advice = "The clock is wrong, and by it a good certificate looks expired or not yet valid: set it first. ";
        advice += adviceFor(fault);
        if (status.nextContact) advice += " It is asked again at " + toRfc3339(*status.nextContact) + ";";
        return {"authority", Level::warning,
                "The authority at " + status.authorityUrl + " was not reached: " + status.lastFailure,
                advice + " To ask now: entitlectl refresh."};
    }
    if (!status.authorityCode.empty()) {
        return {"authority", Level::warning,
                "The authority answers (" + status.authorityCode + "): " + status.authorityMessage,
                status.authorityCode == "approval_waits"
                    ? "Whoever administers the authority has to approve this machine. It asks again by itself."
                    : "It asks again by itself; to ask now: entitlectl refresh."};
    }
    if (!status.lastContact) {
        return {"authority", Level::ok, "The authority at " + status.authorityUrl + " was not asked yet.", ""};
    }
    return {"authority", Level::ok,
            "The authority at " + status.authorityUrl + " answered at " + toRfc3339(*status.lastContact) + ".", ""};
}

Finding ofClock(const ClockJudgement& clock, const Now& now) {
    std::string message;
    switch (clock.flag) {
        case ClockFlag::none:
        case ClockFlag::unset:
            message = "The clock is not set: it says " + toRfc3339(now.wall) + ".";
            break;
        case ClockFlag::rollback:
            message = "The clock was turned back: it says " + toRfc3339(now.wall) + ", but it has been " +
                      toRfc3339(clock.believed) + " already.";
            break;
        case ClockFlag::snapshot:
            message = "The machine was put back to an earlier state: its uptime ran backwards.";
            break;
    }
    if (clock.spent()) {
        message += " The license is out of force until that is resolved.";
    } else if (clock.flag != ClockFlag::none) {
        message += " A license stays in force for " + describeDuration(clock.budgetLeft) + " of uptime.";
    }
    return {"clock", Level::problem, message,
            clock.flag == ClockFlag::snapshot
                ? "Let the machine reach the authority, or import a newer license file."
                : "Set it, and enable a time server (timedatectl set-ntp true); or import a newer license file."};
}

}  // namespace

std::vector<Finding> Daemon::diagnose() {
    (void)look();
    const Now& now = read_;
    std::vector<Finding> findings = settings_.startFindings;
    findings.push_back(ofStanding(rights_.entitlements, storedLicenseProblem_, device_, online()));

    if (!settings_.roots) {
        findings.push_back({"roots", Level::problem, "No authority is known. " + settings_.rootsProblem,
                            "Name the roots file of your authority in the configuration ([development] roots)."});
    } else if (settings_.trust == Trust::development) {
        findings.push_back({"roots", Level::warning,
                            "The roots of " + settings_.roots->authority +
                                " come from this machine's configuration: a development build, not for production.",
                            ""});
    } else {
        findings.push_back(
            {"roots", Level::ok, "The roots of " + settings_.roots->authority + " are compiled in.", ""});
    }

    if (!authorityUrl_.empty()) {
        const bool clockDoubted = clock_.flag != ClockFlag::none || !clock_.trustsWall || now.wall < earliestInstant;
        findings.push_back(ofContact(status(), lastFault_, clockDoubted));
    }

    if (clock_.flag != ClockFlag::none || now.wall < earliestInstant) {
        findings.push_back(ofClock(clock_, now));
    } else if (!clock_.trustsWall) {
        findings.push_back({"clock", Level::warning,
                            "The clock is ahead: it says " + toRfc3339(now.wall) + ", but the authority's time is " +
                                toRfc3339(clock_.believed) + ".",
                            "Set it, and enable a time server (timedatectl set-ntp true)."});
    } else if (skew_ > skewWorthATelling || -skew_ > skewWorthATelling) {
        findings.push_back({"clock", Level::warning,
                            "The clock was " + describeDuration(skew_ > Seconds{0} ? skew_ : -skew_) +
                                (skew_ > Seconds{0} ? " ahead of" : " behind") +
                                " the authority's when it last answered.",
                            "Set it, and enable a time server (timedatectl set-ntp true)."});
    } else if (!now.synced) {
        findings.push_back({"clock", Level::warning, "The system does not follow a time server.",
                            "Enable one (timedatectl set-ntp true), or check the clock now and then."});
    } else {
        findings.push_back({"clock", Level::ok, "The system follows a time server.", ""});
    }

    if (saveAgainAt_) {
        findings.push_back({"disk", Level::problem, "The state could not be stored; it is tried again every minute.",
                            "Free space in the state directory, or make it writable."});
    } else if (loadedFrom_ == LoadedRecord::Origin::lost || loadedFrom_ == LoadedRecord::Origin::recovered) {
        findings.push_back({"disk", loadedFrom_ == LoadedRecord::Origin::lost ? Level::problem : Level::warning,
                            loadMessage_, "Check the disk; activate or import the license again if it is missing."});
    } else {
        findings.push_back({"disk", Level::ok, "The state is stored.", ""});
    }
    if (seams_.audit.waiting() > 0 || seams_.audit.dropped() > 0) {
        findings.push_back({"audit", Level::problem,
                            std::to_string(seams_.audit.waiting()) + " audit entries wait for the disk, " +
                                std::to_string(seams_.audit.dropped()) + " were lost.",
                            "Free space in the state directory."});
    } else {
        findings.push_back(
            {"audit", Level::ok, "The audit log has " + std::to_string(seams_.audit.lastIndex()) + " entries.", ""});
    }

    auto answer = fingerprint();
    Level level = Level::ok;
    std::string message = "This machine is the one the license was issued for.";
    if (!answer.enrolled) {
        level = answer.advice.empty() ? Level::ok : Level::warning;
        message = answer.advice.empty() ? "A license can be bound to this machine." : "No license can be bound here.";
    } else if (answer.report.match == Match::drift) {
        level = Level::warning;
        message = "Much of this machine has changed since its license was issued.";
    } else if (answer.report.match == Match::different) {
        level = Level::problem;
        message = "The license belongs to other hardware.";
    } else if (answer.report.changesLeft == 0) {
        level = Level::warning;
        message = "The next change of hardware may end the license here.";
    }
    findings.push_back({"hardware", level, message, answer.advice});

    if (seams_.deviceKey.secret()) {
        findings.push_back({"key", Level::ok,
                            "The device key rests as: " + settings_.keyLevel + ". Device id: " + device_.value + ".",
                            ""});
    }
    if (const auto& license = record_.state.current; license && license->device != device_) {
        findings.push_back({"key", Level::warning,
                            "The license was given to the device key before this one, which was lost. It cannot be "
                            "renewed; its grace ends at " +
                                toRfc3339(overAt(record_.state)) + ".",
                            "Activate it anew before that (entitlectl activate KEY), or ask for a new file "
                            "(entitlectl request). Nothing stops meanwhile."});
    }

    if (slots_.droppedAtStart() > 0) {
        findings.push_back({"slots", Level::warning,
                            std::to_string(slots_.droppedAtStart()) + " damaged slot records were dropped at start.",
                            "Programs that held them acquire anew."});
    } else {
        findings.push_back({"slots", Level::ok, std::to_string(slots_.ledger().size()) + " slots are held.", ""});
    }
    if (seams_.findings) {
        for (auto& finding : seams_.findings()) findings.push_back(std::move(finding));
    }
    return findings;
}

}  // namespace entitle
