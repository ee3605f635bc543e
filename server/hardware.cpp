#include "server/hardware.h"

#include <string_view>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "license/fingerprint_claim.h"

namespace entitle {

FingerprintTemplate enrolledOf(const DeviceRow& row) {
    if (row.fingerprint.empty()) return {};
    boost::system::error_code failed;
    const auto value = boost::json::parse(row.fingerprint, failed);
    const auto* object = failed ? nullptr : value.if_object();
    return object ? readFingerprintClaim(*object).value_or(FingerprintTemplate{}) : FingerprintTemplate{};
}

void enrol(DeviceRow& row, const FingerprintTemplate& machine) {
    if (!machine.components.empty()) row.fingerprint = boost::json::serialize(fingerprintClaim(machine));
}

Binding bindHardware(DeviceRow& seat, const FingerprintTemplate& machine) {
    const FingerprintTemplate enrolled = enrolledOf(seat);
    if (enrolled.components.empty() || machine == enrolled) {
        enrol(seat, machine);
        return {};
    }
    const MatchReport report = match(enrolled, machine);
    if (report.match == Match::same) return {};
    if (report.match != Match::drift || !report.strongMatched) return {Bound::otherHardware, report.match};
    enrol(seat, machine);
    return {Bound::anew, report.match};
}

const DeviceRow* seatOfSameHardware(const std::vector<DeviceRow>& held, const FingerprintTemplate& machine) {
    for (const auto& row : held) {
        if (row.deviceKey.empty()) continue;
        const auto enrolled = enrolledOf(row);
        if (!enrolled.components.empty() && match(enrolled, machine).match == Match::same) return &row;
    }
    return nullptr;
}

std::vector<std::string> trialMarksOf(const FingerprintTemplate& fingerprint) {
    std::vector<std::string> marks;
    const auto take = [&](std::string_view name) {
        for (const auto& component : fingerprint.components)
            if (component.name == name)
                for (const auto& hash : component.hashes) marks.push_back(component.name + ":" + hash);
    };
    for (const auto* name : {"tpm_ek", "product_uuid", "board_serial", "disk"}) take(name);
    if (marks.empty()) take("machine_id");
    return marks;
}

}  // namespace entitle
