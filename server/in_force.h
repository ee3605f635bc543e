// Is a license in force at the authority? One answer for every way in: online, offline and declared.
#pragma once

#include <optional>
#include <string>

#include "server/denial.h"
#include "server/rows.h"

namespace entitle {

// licenseRevoked, licenseSuspended or licenseEnded, in words for whoever holds the license; nothing: it is in force.
std::optional<Denial> whyNotInForce(const LicenseRow&, Instant now);
inline bool inForce(const LicenseRow& row, Instant now) {
    return !whyNotInForce(row, now);
}

std::string nameOf(const LicenseRow&);  // "License lic_…", to begin a sentence with

}  // namespace entitle
