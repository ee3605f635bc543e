// The claim `fp`: an enrolled fingerprint inside a signed payload.
//   {"v":1,"vm":false,"c":{"disk":[15,"<22 letters>"],"nic":[10,"<22 letters>","<22 letters>"]}}
// Names ascend; each has its weight and its hashes.
#pragma once

#include <optional>

#include <boost/json/object.hpp>

#include "license/license.h"

namespace entitle {

boost::json::object fingerprintClaim(const FingerprintTemplate&);

// nullopt: not that form, names not ascending, weights not 1 … 100, hashes doubled or not of 16 bytes, too many of
// either.
std::optional<FingerprintTemplate> readFingerprintClaim(const boost::json::object&);

}  // namespace entitle
