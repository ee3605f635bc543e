// co.keyset.v1: the signing keys an authority answers for now, signed by one of its roots.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "license/keyring.h"
#include "license/token.h"

namespace entitle {

// Throws std::invalid_argument for a set that verifyKeySet would refuse: a fault of the caller.
std::string signKeySet(const SecretKey& root, const KeySet&);

// `minimumVersion`: the highest version ever seen (0 at first); a lower one is `rollback`.
DocumentResult<KeySet> verifyKeySet(std::string_view token, const Roots&, std::uint64_t minimumVersion);

}  // namespace entitle
