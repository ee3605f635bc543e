// The server's certificate and how TLS is spoken: 1.2 and 1.3, forward secrecy only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/http/refusal.h"

namespace entitle {

// A certificate chain and its key, ready for use. Hides OpenSSL.
class TlsCertificate {
  public:
    // PEM: the server's certificate first, then its issuers; the key unencrypted. Refused with words when one is
    // damaged, or the key belongs to another certificate.
    static Allowed<std::shared_ptr<const TlsCertificate>> parse(std::string_view chainPem, std::string_view keyPem);
    virtual ~TlsCertificate() = default;

    virtual std::string describe() const = 0;  // for the log: names and end of the first certificate
};

}  // namespace entitle
