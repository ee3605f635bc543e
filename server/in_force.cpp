#include "server/in_force.h"

namespace entitle {

std::string nameOf(const LicenseRow& row) {
    return "License " + row.id.value;
}

std::optional<Denial> whyNotInForce(const LicenseRow& row, Instant now) {
    if (row.status == LicenseStatus::revoked)
        return Denial{DenialReason::licenseRevoked, nameOf(row) + " was revoked: ask whoever sold it."};
    if (row.status == LicenseStatus::suspended)
        return Denial{DenialReason::licenseSuspended, nameOf(row) + " is suspended: ask whoever sold it."};
    if (row.endsAt && now >= *row.endsAt)
        return Denial{DenialReason::licenseEnded, nameOf(row) + " ended on " + toRfc3339(*row.endsAt) + "."};
    return std::nullopt;
}

}  // namespace entitle
