// New signing keys and the end of old ones: a key set of the next version, signed by a root that is attached for it.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "server/authority.h"

namespace entitle {

// The set after `current` with `fresh` added. Other keys stop signing after `overlap`; what they signed verifies on.
// Entries fall away once no document signed by them can be in use: `inUseUntil`, per key id.
Granted<KeySet> withFreshKey(const KeySet& current, const VerifyKey& fresh, Seconds overlap,
                             const std::map<std::string, Instant>& inUseUntil, Instant now);

// The set after `current` with one key revoked: no document it signed verifies any more.
Granted<KeySet> withRevokedKey(const KeySet& current, const std::string& keyId, Instant now);

Granted<KeySet> rotateSigningKey(Authority&, const std::filesystem::path& roots, Seconds overlap, Instant now);
Granted<KeySet> revokeSigningKey(Authority&, const std::filesystem::path& roots, const std::string& keyId, Instant now);

}  // namespace entitle
