// The decision about one online request of a device: pure. What stands in the rows + the verified request + now → what
// is written, and what is answered. Signing and sending are api_device.cpp's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "license/exchange.h"
#include "license/key_set.h"
#include "license/rolling_token.h"
#include "server/exchange_policy.h"
#include "server/exchange_rows.h"

namespace entitle {

// The words of an answer's `code`, all of them; stable, devices and people decide by them.
namespace exchange_code {
inline constexpr std::string_view badKey = "bad_key";  // no such license: one word for a forged and a deleted key
inline constexpr std::string_view licenseRevoked = "license_revoked";
inline constexpr std::string_view licenseSuspended = "license_suspended";
inline constexpr std::string_view licenseEnded = "license_ended";
inline constexpr std::string_view unknownLicense = "unknown_license";
inline constexpr std::string_view unknownDevice = "unknown_device";
inline constexpr std::string_view seatReleased = "seat_released";
inline constexpr std::string_view deviceLimit = "device_limit";
inline constexpr std::string_view trialUsed = "trial_used";
inline constexpr std::string_view noHardware = "no_hardware";
inline constexpr std::string_view sequenceSpent = "sequence_spent";
using entitle::requestUsed;
inline constexpr std::string_view conflict = "conflict";
inline constexpr std::string_view conflictWaits = "conflict_waits";    // nobody else may come for a while
inline constexpr std::string_view approvalWaits = "approval_waits";    // an admin must say yes
inline constexpr std::string_view approvalDenied = "approval_denied";  // an admin said no
inline constexpr std::string_view noNews = "no_news";
}  // namespace exchange_code

struct ExchangeDecision {
    bool needsOthers = false;  // nothing was decided: ask again with facts.others and facts.approval
    Exchange write;
    Outcome outcome = Outcome::retry;
    std::string code;     // empty exactly when granted
    std::string message;  // for people
    SignedEnd ended = SignedEnd::none;
    Seconds after{};
    std::optional<RollingToken> token;  // to hand out
    std::optional<License> document;    // to sign
};

// What the caller drew or looked up for one decision, so that the decision itself is a function.
struct ExchangeMeans {
    std::string fresh;         // base64url of 16 random bytes
    std::string signingKeyId;  // what a document will be signed with
    PresentedToken presented;  // the request's, read; {} for activate and reenrol
    bool sawOthers = true;     // ExchangeQuery::withOthers, which an ordinary renewal saves itself
};

// For activate, renew, deactivate and reenrol. `request` was verified; its license, or its key's, is facts.license.
ExchangeDecision decideExchange(const ExchangeFacts&, const ExchangeRequest&, const ExchangeMeans&,
                                const ExchangePolicy&, Instant now);

}  // namespace entitle
