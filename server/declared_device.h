// A machine that only declares its name: it takes a seat and gets a bearer token, never a document.
#pragma once

#include <string>
#include <string_view>

#include "server/denial.h"
#include "server/exchange_rows.h"

namespace entitle {

// The key under which it holds its seat: base64url of 16 bytes. No device key can hash to it but by chance.
DeviceId declaredDevice(std::string_view machineId);

// Takes a seat, or keeps the one it has; the token is stored by its hash. Pure.
Granted<Exchange> decideDeclared(const ExchangeFacts&, const std::string& label, const std::string& tokenHash,
                                 const ExchangeQuery&);

}  // namespace entitle
