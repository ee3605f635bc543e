// The part of Daemon that binds a license to this machine: hardware, requests, giving up.
#include <algorithm>

#include <boost/json.hpp>

#include "daemon/daemon.h"
#include "daemon/enrolment.h"
#include "daemon/log.h"

namespace entitle {
namespace {

// A user may ask for the fingerprint in a loop; the disk is read this often at most.
constexpr std::chrono::seconds probeAgainAfter{10};

std::string json(boost::json::object object) {
    return boost::json::serialize(object);
}

// A fault of the disk as an answer.
AdminRefusal refusal(const FileProblem& problem) {
    std::string_view code = problem.fault == FileFault::full ? "disk-full" : "not-stored";
    std::string_view words = problem.fault == FileFault::full ? "disk full: " : "nothing was changed: ";
    return {std::string(code), std::string(words) + problem.message};
}

AdminRefusal refusal(Refusal why) {
    return {std::string(toString(why)), std::string(explain(why))};
}

AdminRefusal noRoots(const std::string& why) {
    return {"no-roots", "This daemon knows no authority, so it cannot ask for a license. " + why};
}

}  // namespace

void Daemon::probe() {
    probe_ = seams_.probeHardware();
    present_ = enroll(probe_.facts);
    probe_.facts.facts.clear();  // raw identifiers are not kept
    probedAt_ = seams_.clock.now().boottime;
    for (const auto& remark : probe_.notes) log().debug("hardware: {}", remark);
}

// In a container the facts are the host's or nobody's: no license of another place holds there.
Match Daemon::presentMatch(const FingerprintTemplate& enrolled) const {
    return probe_.facts.container ? Match::different : match(enrolled, present_).match;
}

boost::system::result<std::string, AdminRefusal> Daemon::request(std::string_view hostLabel, bool fresh,
                                                                 std::uint32_t uid) {
    if (!settings_.roots) return noRoots(settings_.rootsProblem);
    if (auto obstacle = keyOutOfReach()) return *std::move(obstacle);
    if (!isSlotLabel(hostLabel)) {
        return AdminRefusal{"bad-label", "The label must be printable UTF-8 of at most 64 bytes."};
    }
    probe();
    if (auto obstacle = nodeLockingObstacle(probe_, present_); !obstacle.empty()) {
        return AdminRefusal{probe_.facts.container ? "container" : "hardware", obstacle};
    }
    if (!fresh && requestStillHolds(record_, *settings_.roots, device_, present_)) {
        return {boost::system::in_place_value, printRequest(record_, hostLabel)};
    }
    Now now = look();
    auto made = makeRequest(*settings_.roots, record_, *seams_.deviceKey.secret(), present_, hostLabel,
                            settings_.version, clock_.believed);
    Record next = record_;
    next.requestToken = made.token;
    Step done = stepped(Requested{made.pending}, now);
    if (done.refusal != Refusal::none) return refusal(done.refusal);
    Deed deed{"requested", json({{"authority", settings_.roots->authority}, {"by", uid}})};
    if (auto fault = perform(std::move(done), std::move(next), deed, Origin::asked, now)) return refusal(*fault);
    return {boost::system::in_place_value, printRequest(record_, hostLabel)};
}

boost::system::result<void, AdminRefusal> Daemon::deactivate(std::uint32_t uid) {
    Now now = look();
    Step done = stepped(DeactivateRequested{freshNonce()}, now);
    if (done.refusal != Refusal::none) return refusal(done.refusal);
    Record next = record_;
    next.documentToken.clear();
    next.requestToken.clear();
    std::string id = record_.state.current ? record_.state.current->id.value : "";
    Deed deed{"deactivated", json({{"license", id}, {"by", uid}})};
    if (auto fault = perform(std::move(done), std::move(next), deed, Origin::asked, now)) return refusal(*fault);
    announce();
    endOrphans();
    return boost::system::in_place_value;
}

FingerprintAnswer Daemon::fingerprint() {
    Now now = look();
    if (now.boottime - probedAt_ >= probeAgainAfter) {
        probe();
        if (record_.state.current) happen(DeviceChanged{presentMatch(record_.state.current->fingerprint)}, now);
    }
    FingerprintAnswer answer;
    answer.container = probe_.facts.container;
    answer.virtualMachine = probe_.facts.virtualMachine;
    auto obstacle = nodeLockingObstacle(probe_, present_);
    if (const auto& license = record_.state.current) {
        answer.enrolled = true;
        answer.report = match(license->fingerprint, present_);
        if (answer.container) answer.report.match = Match::different;
        const auto& since = record_.state.binding.driftSince;
        if (answer.report.match == Match::drift) {
            if (since) answer.driftUntil = plus(*since, driftAllowance);
            answer.advice =
                "Much of this machine has changed. Import a new document before the deadline: entitlectl "
                "request, then entitlectl import.";
        } else if (answer.report.match == Match::different) {
            answer.advice = answer.container ? obstacle
                                             : "This is not the machine the license was issued for. Ask for a license "
                                               "of its own: entitlectl request.";
        } else if (answer.report.changesLeft == 0) {
            answer.advice =
                "One more change of hardware may end the license on this machine. Ask for a new document "
                "now: entitlectl request --fresh.";
        }
    } else {
        answer.report = match(present_, present_);  // everything readable matches itself: what an enrolment would take
        answer.advice = obstacle;
    }
    return answer;
}

}  // namespace entitle
