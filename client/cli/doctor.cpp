// doctor: what is wrong between this user, the sockets, the daemon and its license, and what to do about it.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json.h"
#include "client/cli/report.h"
#include "client/cli/text.h"
#include "client/convert.h"
#include "client/identity.h"

namespace entitle::cli {

namespace {

enum class Level { ok, warning, problem };

struct Finding {
    std::string check;
    Level level = Level::ok;
    std::string message;
    std::string advice;
};

const char* toString(Level level) {
    return level == Level::ok ? "ok" : level == Level::warning ? "warning" : "problem";
}

class Examination {
  public:
    void add(std::string check, Level level, std::string message, std::string advice = {}) {
        findings_.push_back({std::move(check), level, std::move(message), std::move(advice)});
    }
    bool has(std::string_view check) const {
        return std::any_of(findings_.begin(), findings_.end(), [&](const auto& f) { return f.check == check; });
    }
    int exitCode() const {
        if (unreached_) return exitNoDaemon;
        return std::any_of(findings_.begin(), findings_.end(), [](const auto& f) { return f.level == Level::problem; })
                   ? exitDenied
                   : exitDone;
    }
    void setUnreached() { unreached_ = true; }
    const std::vector<Finding>& findings() const { return findings_; }

  private:
    std::vector<Finding> findings_;
    bool unreached_ = false;
};

// Socket, its permissions, and whose it is: one look, as a program's own client takes it. true: it may be asked.
bool examineQuerySocket(const Globals& globals, Examination& out) {
    const auto endpoint = globals.queryEndpoint();
    const auto opened = openDaemon(endpoint, Accounts::ofThisProcess());
    if (opened.socket) {
        out.add("socket", Level::ok, "The daemon listens on " + endpoint.path + ".");
        out.add("permissions", Level::ok, "This user may ask it.");
        out.add("identity", Level::ok,
                "Directory, socket and process belong to " +
                    (opened.peer == 0U ? std::string("root") : "uid " + std::to_string(opened.peer.value_or(0))) +
                    ", as they should.");
        if (endpoint.trust == EndpointTrust::user)
            out.add("address", Level::ok,
                    "The socket was chosen by --socket or the environment. Programs that insist on the system's daemon "
                    "do not use it.");
        return true;
    }
    const char* check = opened.why == Unavailable::permissionDenied ? "permissions"
                        : opened.why == Unavailable::untrusted      ? "identity"
                                                                    : "socket";
    out.add(check, Level::problem, opened.detail, adviceFor(opened.why, false));
    out.setUnreached();
    return false;
}

void examineAdminSocket(const Globals& globals, Examination& out) {
    const auto endpoint = globals.adminEndpoint();
    const auto opened = openDaemon(endpoint, Accounts::ofThisProcess());
    if (opened.socket)
        out.add("admin-socket", Level::ok, "This user may administer the daemon by " + endpoint.path + ".");
    else if (opened.why == Unavailable::permissionDenied)
        // As it should be for most users.
        out.add("admin-socket", Level::ok, "This user may not administer the daemon.", adviceFor(opened.why, true));
    else
        out.add("admin-socket", Level::warning, opened.detail, adviceFor(opened.why, true));
}

// For a daemon that says nothing of the license itself.
void examineLicense(const Status& status, Examination& out) {
    const Level level = status.standing == Status::Standing::active ? Level::ok
                        : toneOf(status.standing) == Tone::bad && status.standing != Status::Standing::other
                            ? Level::problem
                            : Level::warning;
    out.add("license", level, status.message.empty() ? std::string(toString(status.standing)) : status.message,
            level == Level::ok ? "" : "For a new document: entitlectl request --out FILE, then entitlectl import.");
}

// The three causes of "License Validation Fails", in the order to look at them: it expired; it belongs to another
// machine; the authority's record says otherwise. The first two the daemon knows. The third only the authority can
// show.
void examineCauses(const Status& status, Examination& out) {
    using Standing = Status::Standing;
    const std::string record = "Ask the authority what it has on record: entitle-server license show " +
                               (status.licenseId.empty() ? std::string("ID") : status.licenseId) + ".";
    switch (status.standing) {
        case Standing::windingDown:
        case Standing::expired:
            out.add(
                "expiry", Level::problem, "The license has expired.",
                "Renew it, and get a new document: entitlectl request --out FILE, then entitlectl import. " + record);
            break;
        case Standing::wrongDevice:
            out.add("machine", Level::problem, "The license belongs to another machine, or this one has changed.",
                    "See what differs: entitlectl fingerprint. For a new document: entitlectl request --out FILE.");
            break;
        case Standing::revoked:
        case Standing::suspended:
            out.add("record", Level::problem, "The authority has ended or paused the license.", record);
            break;
        case Standing::notYetValid:
            out.add("expiry", Level::problem, "The license begins later than this machine's clock says.",
                    "Check the clock (timedatectl), then the dates: entitlectl status.");
            break;
        default:
            break;
    }
}

void examineStatus(const Status& status, Examination& out) {
    if (status.development && !out.has("trust"))
        out.add("trust", Level::warning,
                "This daemon is a development build: whoever configures it makes its licenses.",
                "For production, install a release build with compiled-in roots.");
    if (!out.has("license")) examineLicense(status, out);
    examineCauses(status, out);
    if (status.binding == Status::Binding::drift && !out.has("hardware"))
        out.add("hardware", Level::warning, "The machine has changed since the license was issued.",
                "Ask for a new document within 7 days; see entitlectl fingerprint.");
    if (!status.daemonTime) return;
    const auto now = clockNow();
    const auto distance = now > *status.daemonTime ? now - *status.daemonTime : *status.daemonTime - now;
    if (distance > std::chrono::minutes{1})
        out.add("clock", Level::warning, "The daemon's clock differs from this program's by more than a minute.",
                "In a container or another time namespace this may be so; otherwise restart the daemon.");
    else if (!out.has("clock"))
        out.add("clock", status.clockSynced ? Level::ok : Level::warning,
                status.clockSynced ? "The clock follows a time server." : "The clock follows no time server.",
                status.clockSynced ? "" : "Enable one: timedatectl set-ntp true.");
}

void examineDaemon(const Globals& globals, Examination& out) {
    auto session = globals.query();
    const auto findings =
        session.wait<capnp::Response<wire::Entitled::DiagnoseResults>>(session.query().diagnoseRequest().send());
    for (const auto finding : findings.getFindings()) {
        const auto level = finding.getLevel() == wire::Finding::Level::OK        ? Level::ok
                           : finding.getLevel() == wire::Finding::Level::WARNING ? Level::warning
                                                                                 : Level::problem;
        out.add(std::string(view(finding.getCheck())), level, std::string(view(finding.getMessage())),
                std::string(view(finding.getAdvice())));
    }
    const auto status =
        session.wait<capnp::Response<wire::Entitled::StatusResults>>(session.query().statusRequest().send());
    examineStatus(fromWire(status.getStatus()), out);
}

void print(const Terminal& terminal, const Examination& examination) {
    if (terminal.json()) {
        boost::json::array list;
        for (const auto& finding : examination.findings()) {
            list.push_back({{"check", finding.check},
                            {"level", toString(finding.level)},
                            {"message", finding.message},
                            {"advice", finding.advice}});
        }
        boost::json::object out;
        out["findings"] = std::move(list);
        out["exit"] = examination.exitCode();
        return terminal.print(out);
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& finding : examination.findings()) {
        const Tone tone = finding.level == Level::ok        ? Tone::good
                          : finding.level == Level::warning ? Tone::warning
                                                            : Tone::bad;
        rows.push_back(
            {terminal.toned(tone, toString(finding.level)), escaped(finding.check), escaped(finding.message)});
        if (!finding.advice.empty()) rows.push_back({"", "", "-> " + escaped(finding.advice)});
    }
    terminal.print(table(rows));
}

}  // namespace

int examine(const Globals& globals) {
    Examination examination;
    if (examineQuerySocket(globals, examination)) {
        examineAdminSocket(globals, examination);
        try {
            examineDaemon(globals, examination);
        } catch (const Failure& failure) {
            examination.add("daemon", Level::problem, failure.what(), failure.advice());
            examination.setUnreached();
        }
    }
    print(globals.terminal(), examination);
    return examination.exitCode();
}

}  // namespace entitle::cli
