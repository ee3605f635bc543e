// New licenses: a CO- key and the row that decides what it grants.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "license/catalogue.h"
#include "server/denial.h"
#include "server/keys.h"
#include "server/rows.h"
#include "server/store.h"

namespace entitle {

struct NewLicense {
    std::string type;                  // of the catalogue
    std::optional<int> days;           // its length, from the first document on; overrides the type's
    std::optional<Instant> endsAt;     // or a fixed end
    std::string note;                  // for people, at most 200 bytes of printable UTF-8
    std::string planLimits;            // the plan whose bots and features it carries instead of its type's; "" for none
    std::optional<AccountId> account;  // whose it is
    int deviceLimit = 1;               // 1 … maxDeviceLimit
    std::optional<std::int64_t> totalBots;  // over all its devices, leased in blocks
};
inline constexpr int maxDeviceLimit = 10'000;
struct MintedLicense {
    LicenseRow row;
    LicenseKey key;
};
Granted<MintedLicense> mintLicense(Store&, const LicenseSecrets&, const NewLicense&, Instant now);

// Another type for a license that was sold: plan, features, bots, and a length where the type has one: a trial's goes
// with the trial. What was sold for a length or to an end keeps it. None becomes a trial: that is given once, to an
// account and to a machine, when it is new.
Granted<void> changeType(LicenseRow&, const LicenseType&);

// The key again, encoded anew from the row and compared with its index.
Granted<LicenseKey> showKey(const LicenseSecrets&, const LicenseRow&);

// The row of a typed CO- key. That the key opens is not enough: without a row there is no license.
Granted<LicenseRow> licenseOfKey(Store&, const LicenseSecrets&, std::string_view key);

// "2027-01-31", good through that day in UTC, or "2027-01-31T12:00:00Z".
std::optional<Instant> parseEnd(std::string_view);

}  // namespace entitle
