// A daemon's side of the online protocol, as far as a test of the authority needs it.
#pragma once

#include <memory>
#include <string>

#include "license/document.h"
#include "license/exchange.h"
#include "license/request.h"

namespace entitle::testing {

struct TestDevice {
    // Shared: a copy of a device is the same device, as its state directory is elsewhere.
    std::shared_ptr<const SecretKey> key = std::make_shared<const SecretKey>(SecretKey::generate());
    std::string uuid = "4c4c4544-004b-3510-804a-b9c04f4d3032";  // of its mainboard: what binds it
    KeySet keySet;
    LicenseId license;
    std::string token;
    std::uint64_t sequence = 0;  // the highest it was given
    std::uint64_t epoch = 0;

    // A machine like no other.
    static TestDevice number(int);

    DeviceId id() const { return deviceIdOf(key->verifyKey()); }
    std::string request(Operation, const std::string& rid, const std::string& licenseKey = "") const;  // of "desk"
    // What a daemon takes from the reply is taken: key set, token, license. Throws for a reply that no daemon takes.
    OpenedReply take(Operation, const std::string& rid, const std::string& reply, const Roots&);
};

}  // namespace entitle::testing
