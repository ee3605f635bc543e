// What a TPM is asked to do, in its own language (TCG TPM 2.0 Library, by the ESAPI of tpm2-tss). Blocks as long as the
// TPM does: it runs in a child process that is ended at a deadline (daemon/tpm.h).
#pragma once

#include <string>

#include "daemon/sealing.h"
#include "daemon/tpm_library.h"

namespace entitle {

struct TpmTask {
    enum class Kind : std::uint8_t { seal, unseal, endorsementKey } kind = Kind::endorsementKey;
    Seed seed;         // to seal
    std::string blob;  // to unseal: printTpmBlob
};

// The blob; the 32 bytes of the seed, to be wiped; or the digest of the endorsement key, 64 hexadecimal digits. Leaves
// no object or session behind in the TPM.
SealResult<std::string> askTpm(const TpmLibrary&, const std::string& tcti, const TpmTask&);

}  // namespace entitle
