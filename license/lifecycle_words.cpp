// Standings and refusals in words.
#include "license/lifecycle.h"

namespace entitle {

std::string_view toString(Standing standing) {
    switch (standing) {
        case Standing::demo:
            return "demo";
        case Standing::active:
            return "active";
        case Standing::grace:
            return "grace";
        case Standing::windingDown:
            return "winding-down";
        case Standing::expired:
            return "expired";
        case Standing::revoked:
            return "revoked";
        case Standing::suspended:
            return "suspended";
        case Standing::notYetValid:
            return "not-yet-valid";
        case Standing::wrongDevice:
            return "wrong-device";
    }
    return "unknown";
}

std::string_view toString(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return "none";
        case Refusal::lowerSequence:
            return "lower-sequence";
        case Refusal::notYetValid:
            return "not-yet-valid";
        case Refusal::alreadyOver:
            return "already-over";
        case Refusal::otherNonce:
            return "other-nonce";
        case Refusal::wrongDevice:
            return "wrong-device";
        case Refusal::nothingToDeactivate:
            return "nothing-to-deactivate";
        case Refusal::endedSince:
            return "ended-since";
        case Refusal::unknownAttempt:
            return "unknown-attempt";
        case Refusal::otherLicense:
            return "other-license";
        case Refusal::nothingToRenew:
            return "nothing-to-renew";
        case Refusal::lowerEpoch:
            return "lower-epoch";
    }
    return "unknown";
}

std::string_view explain(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return "Nothing was refused.";
        case Refusal::lowerSequence:
            return "A newer document of this license was in force here already, or the license was given up on this "
                   "machine. Ask the authority for a new document.";
        case Refusal::notYetValid:
            return "The document is not valid yet by this machine's clock. Check date and time, then import it again.";
        case Refusal::alreadyOver:
            return "The document is already past its end. Check date and time, or ask the authority for a new "
                   "document.";
        case Refusal::otherNonce:
            return "The document answers another request than the one this machine wrote last. Import the answer to "
                   "that one, or write a new request.";
        case Refusal::wrongDevice:
            return "The document was issued for other hardware. Write a request on this machine and have it answered.";
        case Refusal::nothingToDeactivate:
            return "No license is installed, so there is nothing to give up.";
        case Refusal::endedSince:
            return "The authority revoked or suspended the license after it had issued this document. Ask it for a new "
                   "one.";
        case Refusal::unknownAttempt:
            return "The answer came too late: the question it belongs to was answered or withdrawn before.";
        case Refusal::otherLicense:
            return "The authority answered about another license than was asked for. Ask again; if it happens twice, "
                   "tell whoever runs it.";
        case Refusal::nothingToRenew:
            return "No license is installed and no activation is under way. Activate a license key, or import a file.";
        case Refusal::lowerEpoch:
            return "A newer list of revocations was seen here already. Ask the authority for the latest.";
    }
    return "The answer is not known to this version.";
}

}  // namespace entitle
