// The part of Daemon that takes files in: licenses, and what an air-gapped machine would hear of online.
#include <algorithm>

#include <boost/json.hpp>

#include "daemon/daemon.h"
#include "daemon/enrolment.h"
#include "daemon/log.h"

namespace entitle {
namespace {

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

// What an update said, for whoever brought it.
std::string changesOf(const Record& before, const VerifiedUpdate& update) {
    const auto held = before.authority == update.keySet.authority ? before.keySetVersion : 0;
    const auto epoch = before.state.revocationEpoch;
    std::string words;
    if (update.keySet.version > held) {
        words = "Key set " + std::to_string(update.keySet.version) + " is stored" +
                (held > 0 ? ", in place of " + std::to_string(held) : std::string()) + ". ";
    }
    if (update.revocations.epoch > epoch) {
        words += "Revocations up to number " + std::to_string(update.revocations.epoch) + " are known now" +
                 (epoch > 0 ? ", up to " + std::to_string(epoch) + " before" : std::string()) + ". ";
    }
    if (words.empty()) return "Nothing in the file is new to this machine.";
    const auto& license = before.state.current;
    const Revocation* said = license ? update.revocations.find(license->id) : nullptr;
    if (!license) {
        words += "No license is installed here.";
    } else if (said == nullptr) {
        words += "They do not speak of this machine's license.";
    } else {
        words += "Of this machine's license they say: " + std::string(toString(said->kind)) + ", on " +
                 toRfc3339(said->at) + ".";
    }
    return words;
}

}  // namespace

boost::system::result<std::string, AdminRefusal> Daemon::import(std::string_view file, std::uint32_t uid) {
    Now now = look();
    const ClockTrust clockBefore = record_.clock;
    std::optional<AdminRefusal> refused;
    if (!settings_.roots) {
        refused = AdminRefusal{"no-roots",
                               "This daemon knows no authority, so it cannot verify a file. " + settings_.rootsProblem};
    } else {
        auto done = fileKindOf(file) == FileKind::update ? importUpdate(file, uid) : importLicense(file, uid);
        if (done) {
            ++counters_.imports;
            settleClock(look());  // with the budget of the document in force
            announce();           // also when the standing is what it was: plan, limits or dates may not be
            endOrphans();
            return done;
        }
        refused = done.error();
    }
    record_.clock = clockBefore;  // a file that changes nothing tells nothing of the time either
    now = look();
    ++counters_.importsRefused;
    log().warn("an import was refused ({}): {}", refused->code, refused->message);
    note("import-refused", json({{"code", refused->code}, {"by", uid}}), now);
    return *std::move(refused);
}

boost::system::result<std::string, AdminRefusal> Daemon::importLicense(std::string_view text, std::uint32_t uid) {
    probe();
    if (probe_.facts.container) return AdminRefusal{"container", nodeLockingObstacle(probe_, present_)};
    auto verified = verifyLicenseFile(text, *settings_.roots, record_, device_);
    if (!verified) return verified.error();
    const License& license = verified->license;

    const Match present = presentMatch(license.fingerprint);
    const Now now = afterSignedTime(license.issuedAt);
    Step done = stepped(Imported{license, present}, now);
    if (done.refusal != Refusal::none) return refusal(done.refusal);

    Record next = record_;
    next.documentToken = verified->file.documentToken;
    if (!record_.state.current || record_.state.current->id != license.id) next.activatedBy.clear();
    takeKeySet(next, *settings_.roots, verified->file.keySetToken, verified->keySet);
    if (!done.state.pending) next.requestToken.clear();
    const Deed deed{"imported", json({{"license", license.id.value},
                                      {"sequence", license.sequence},
                                      {"type", license.type},
                                      {"plan", license.plan},
                                      {"match", toString(present)},
                                      {"by", uid}})};
    if (auto fault = perform(std::move(done), std::move(next), deed, Origin::asked, now)) return refusal(*fault);
    storedLicenseProblem_.clear();
    log().info("license {} imported: {}", license.id.value, rights_.entitlements.message);
    return {boost::system::in_place_value, "The license is stored and in force."};
}

boost::system::result<std::string, AdminRefusal> Daemon::importUpdate(std::string_view text, std::uint32_t uid) {
    const auto update = verifyUpdateFile(text, *settings_.roots, record_);
    if (!update) return update.error();
    std::string words = changesOf(record_, *update);

    const Now now = afterSignedTime(std::max(update->keySet.issuedAt, update->revocations.issuedAt));
    Step done = stepped(RevocationPushed{update->revocations.epoch, update->revocations.entries}, now);
    if (done.refusal != Refusal::none) return refusal(done.refusal);
    Record next = record_;
    takeKeySet(next, *settings_.roots, update->file.keySetToken, update->keySet);
    const bool newKeySet = next.keySetVersion != record_.keySetVersion || next.authority != record_.authority;
    const bool persists = std::any_of(done.effects.begin(), done.effects.end(),
                                      [](const Effect& effect) { return std::holds_alternative<Persist>(effect); });
    if (newKeySet && !persists) done.effects.insert(done.effects.begin(), Persist{});
    const Deed deed{
        "update-imported",
        json({{"key_set", update->keySet.version}, {"revocations", update->revocations.epoch}, {"by", uid}})};
    if (auto fault = perform(std::move(done), std::move(next), deed, Origin::asked, now)) return refusal(*fault);
    log().info("an update was imported: {}", words);
    if (newKeySet) {
        const bool held = record_.state.current.has_value();
        keySetChanged(now);
        if (held && !record_.state.current) words += " " + storedLicenseProblem_;
    }
    return {boost::system::in_place_value, std::move(words)};
}

}  // namespace entitle
