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
