// The part of Daemon that tells administrators of changes, once each.
#include <algorithm>

#include "daemon/daemon.h"

namespace entitle {

Daemon::Named Daemon::named() const {
    Named out{{}, {}, record_.state.binding.match};
    if (const auto& license = record_.state.current) {
        out.license = license->id.value;
        out.type = license->type;
    }
    return out;
}

JournalFields Daemon::standingFields(const Named& license) const {
    const Entitlements& now = rights_.entitlements;
    JournalFields fields{{"ENTITLED_STANDING", std::string(toString(now.standing))},
                         {"ENTITLED_DEVICE", device_.value}};
    if (!license.license.empty()) {
        fields.emplace_back("ENTITLED_LICENSE", license.license);
        fields.emplace_back("ENTITLED_LICENSE_TYPE", license.type);
    }
    if (!now.plan.empty()) fields.emplace_back("ENTITLED_PLAN", now.plan);
    if (const auto until = now.until ? now.until : now.windDownUntil) {
        fields.emplace_back("ENTITLED_UNTIL", toRfc3339(*until));
    }
    return fields;
}

void Daemon::tellChange(const Step& done, const Named& before) const {
    Named present = named();
    // Of a license that has just gone the message is still about.
    if (present.license.empty()) {
        present.license = before.license;
        present.type = before.type;
    }
    for (const Effect& effect : done.effects) {
        const auto* change = std::get_if<Notify>(&effect);
        if (!change) continue;
        auto fields = standingFields(present);
        fields.emplace_back("ENTITLED_STANDING_BEFORE", toString(change->from));
        tell(occurrenceOf(change->to),
             std::string(toString(change->from)) + " -> " + std::string(toString(change->to)) + ": " +
                 rights_.entitlements.message,
             std::move(fields));
    }
    if (record_.state.binding.match == Match::drift && before.match != Match::drift) {
        tell(Occurrence::hardwareDrifted,
             "part of this machine is not what the license was given for: entitlectl fingerprint shows which",
             standingFields(present));
    }
}

}  // namespace entitle
