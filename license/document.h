// License documents: what an authority signs for one device. Byte-exact description: DOCUMENT.md.
// Includes the neighbours a user of documents needs: tokens, key sets, offline requests, files.
#pragma once

#include <string>
#include <string_view>

#include "license/key_set.h"
#include "license/keyring.h"
#include "license/license.h"
#include "license/license_file.h"
#include "license/request.h"
#include "license/token.h"

namespace entitle {

// Throws std::invalid_argument for a license that verifyLicense would refuse: a fault of the caller.
std::string signLicense(const SecretKey& signingKey, const License&);

// Checks signature, device and the signing key's times against the document's iat. Not the document's own times:
// those are the lifecycle's. The key set must be of the same authority.
DocumentResult<License> verifyLicense(std::string_view token, const KeySet&, const DeviceId&);

}  // namespace entitle
