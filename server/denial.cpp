#include "server/denial.h"

#include <stdexcept>

namespace entitle {

std::string_view toString(DenialReason reason) {
    switch (reason) {
        case DenialReason::usage:
            return "usage";
        case DenialReason::noAddress:
            return "no-address";
        case DenialReason::noAuthority:
            return "no-authority";
        case DenialReason::alreadyFounded:
            return "already-founded";
        case DenialReason::unsafeFile:
            return "unsafe-file";
        case DenialReason::unreadable:
            return "unreadable";
        case DenialReason::rootsInReach:
            return "roots-in-reach";
        case DenialReason::badSecret:
            return "bad-secret";
        case DenialReason::newerSchema:
            return "newer-schema";
        case DenialReason::unknownLicense:
            return "unknown-license";
        case DenialReason::badKey:
            return "bad-key";
        case DenialReason::badRequest:
            return "bad-request";
        case DenialReason::wrongAuthority:
            return "wrong-authority";
        case DenialReason::noHardware:
            return "no-hardware";
        case DenialReason::seatTaken:
            return "seat-taken";
        case DenialReason::seatReleased:
            return "seat-released";
        case DenialReason::licenseEnded:
            return "license-ended";
        case DenialReason::answerStale:
            return "answer-stale";
        case DenialReason::keySetBehind:
            return "key-set-behind";
        case DenialReason::sequenceSpent:
            return "sequence-spent";
        case DenialReason::unknownDevice:
            return "unknown-device";
        case DenialReason::noSigningKey:
            return "no-signing-key";
        case DenialReason::unknownSigningKey:
            return "unknown-signing-key";
        case DenialReason::tooManyKeys:
            return "too-many-keys";
        case DenialReason::wrongRoot:
            return "wrong-root";
        case DenialReason::licenseSuspended:
            return "license-suspended";
        case DenialReason::licenseRevoked:
            return "license-revoked";
        case DenialReason::deviceLimit:
            return "device-limit";
        case DenialReason::transfersSpent:
            return "transfers-spent";
        case DenialReason::trialUsed:
            return "trial-used";
        case DenialReason::unknownAccount:
            return "unknown-account";
        case DenialReason::emailTaken:
            return "email-taken";
        case DenialReason::unknownApproval:
            return "unknown-approval";
        case DenialReason::alreadyDecided:
            return "already-decided";
        case DenialReason::lastAdmin:
            return "last-admin";
        case DenialReason::databaseExists:
            return "database-exists";
        case DenialReason::badBackup:
            return "bad-backup";
        case DenialReason::nothingDecided:
            return "nothing-decided";
        case DenialReason::otherHardware:
            return "other-hardware";
        case DenialReason::approvalWaits:
            return "approval-waits";
        case DenialReason::approvalDenied:
            return "approval-denied";
    }
    return "refused";
}

void throw_exception_from_error(const Denial& denial, const boost::source_location&) {
    throw std::logic_error(denial.message);
}

}  // namespace entitle
