// Identifiers of signed documents: closed forms, so that none needs escaping in JSON, a log, a path or a URL.
// Names of features, quotas, plans, types and components: isName in license/catalogue.h.
#pragma once

#include <string_view>

namespace entitle {

// LicenseId: "lic_" and 16 to 32 of [a-z0-9].
bool isLicenseId(std::string_view);

// 16 bytes as strict base64url, 22 letters: a DeviceId, a nonce, a fingerprint hash.
bool isOpaqueId(std::string_view);

// A rolling token as a device sees it: 1 to 160 letters of base64url, opaque.
bool isOpaqueToken(std::string_view);

// How a device key rests, in the device's own word: 1 to 32 of [a-z0-9_-].
bool isKeyLevelText(std::string_view);

// A product's version: 1 to 32 of [A-Za-z0-9.+~-].
bool isVersionText(std::string_view);

}  // namespace entitle
