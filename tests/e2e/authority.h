// An authority of a test's own: it signs what no honest one would, such as a license of two seconds.
#pragma once

#include <string>

#include "license/document.h"

namespace entitle::e2e {

class Authority {
  public:
    Authority();

    std::string rootsFile() const;  // for the daemon

    // What the document says beside device, fingerprint and nonce, which come from the request.
    struct Terms {
        std::optional<Instant> endsAt;
        Seconds windDown{0};
        std::int64_t maxBots = 100;
        std::uint64_t sequence = 1;
        std::string type = "pro";
    };
    // The license file that answers a request file. Throws when the request does not verify.
    std::string answer(const std::string& requestFile, Instant now, const Terms& terms) const;

  private:
    SecretKey root_ = SecretKey::generate();
    SecretKey signing_ = SecretKey::generate();
};

Instant wallClock();

}  // namespace entitle::e2e
