// co.revocations.v1: the authority's signed no to licenses, as a list whose epoch only rises. It reaches machines
// online with an answer, and air-gapped ones by file (license/license_file.h, "update"). Byte-exact description:
// DOCUMENT.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "license/contact.h"
#include "license/license.h"
#include "license/token.h"

namespace entitle {

// As many as fit a token of 16 KiB with the longest license ids. An authority with more keeps the latest; a license
// that is not listed is simply not spoken of.
inline constexpr std::size_t maxRevocations = 180;

struct RevocationList {
    std::string authority;
    std::uint64_t epoch = 0;  // 1 …; rises with every decision
    Instant issuedAt{};
    std::vector<Revocation> entries;  // ascending by license, each license once
    bool operator==(const RevocationList&) const = default;

    // The entry of a license; nullptr if there is none.
    const Revocation* find(const LicenseId&) const;
};

// Throws std::invalid_argument for a list that verifyRevocations would refuse: a fault of the caller.
std::string signRevocations(const SecretKey& signingKey, const RevocationList&);

// `minimumEpoch`: the highest ever seen (0 at first); a lower one is `rollback`, the same one is not.
DocumentResult<RevocationList> verifyRevocations(std::string_view token, const KeySet&, std::uint64_t minimumEpoch);

}  // namespace entitle
