// What the daemon answers, as plain data. The wire's structures say the same (proto/entitled.capnp); rpc converts.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "license/clock_guard.h"
#include "license/entitlements.h"
#include "license/fingerprint.h"
#include "license/slots.h"

namespace entitle {

enum class Trust { development, compiledIn };

struct StatusAnswer {
    Standing standing = Standing::demo;
    std::string message;
    std::optional<License> license;  // whole: the wire tells the parts people ask for
    std::int64_t maxBots = 0;
    std::uint64_t botsInUse = 0;
    std::string deviceId;
    std::optional<Instant> graceUntil;
    std::optional<Instant> windDownUntil;
    Trust trust = Trust::development;
    std::string authority;  // "" if none is configured
    Match binding = Match::same;
    std::string keyLevel;
    std::string version;
    Now now;
    ClockFlag clockFlag = ClockFlag::none;
    Instant believed{};         // what the daemon takes the time to be
    Seconds clockBudgetLeft{};  // of uptime, while the clock is flagged
    Instant startedAt{};
    bool requestPending = false;
    std::uint64_t generation = 0;
    bool container = false;

    std::string authorityUrl;  // "": nothing is asked online
    std::optional<Instant> nextContact;
    std::optional<Instant> lastContact;
    std::optional<Instant> lastFailureAt;  // nothing since the last contact
    std::string lastFailure;               // a sentence
    // What the authority said instead of yes to a question that still waits: a stable word, and a sentence.
    std::string authorityCode, authorityMessage;
    bool activating = false;            // an activation waits for its answer
    bool returning = false;             // a seat is to be given back, as soon as the authority can be reached
    std::optional<Instant> conflictAt;  // the authority saw a copy of this device
};

struct FeatureAnswer {
    std::string name;
    Verdict verdict;
};

struct QuotaAnswer {
    std::string name;
    QuotaUse use;
    std::uint64_t yours = 0;
    Verdict verdict;  // would one more be granted now?
};

struct FingerprintAnswer {
    bool enrolled = false;  // false: report.components lists what an enrolment would take, as `matched`
    MatchReport report;
    bool virtualMachine = false;
    bool container = false;
    std::string advice;
    std::optional<Instant> driftUntil;
};

struct Finding {
    enum class Level { ok, warning, problem };
    std::string check;  // "license", "clock", "disk", "hardware", "roots", "key", "slots", "audit", "bus"
    Level level = Level::ok;
    std::string message;
    std::string advice;
};

using SlotSecret = std::array<std::uint8_t, 16>;

// A slot given or taken back. `generation` names this holding of it: a later reclaim ends it.
struct Held {
    SlotId id = 0;
    std::uint64_t generation = 0;
    SlotSecret secret{};
};

// Why an admin call changed nothing: a stable code, and what to do.
struct AdminRefusal {
    std::string code;
    std::string message;
};

// How a question to the authority that somebody waits for goes on.
struct ContactNews {
    std::uint32_t sent = 0;  // how often
    std::string message;     // why there is no answer yet
    Instant nextAttempt{};
    bool answered = false;  // the authority was reached, and lets this machine wait
};
struct ContactEnd {
    enum class Outcome {
        done,
        refused,  // see `why`; nothing more happens by itself
        pending,  // nobody waits any longer, but the daemon goes on asking; see `news`
    };
    Outcome outcome = Outcome::done;
    AdminRefusal why;
    ContactNews news;
};

struct SlotPage {
    std::vector<Slot> slots;
    SlotId next = 0;  // 0: no more
};

}  // namespace entitle
