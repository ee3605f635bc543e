// Which machine is this? Raw facts → keyed hashes → a weighted match. Raw values never leave this file's callers.
// Source of weights, thresholds and worked cases: SECURITY.md, "Device identity".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "license/license.h"

namespace entitle {

// Raw facts as probed. Empty or missing: not readable on this machine. Junk is filtered by `enroll`, not by probes.
// Component names, fixed: "tpm_ek", "product_uuid", "board_serial", "disk", "machine_id", "nic", "cpu".
struct HardwareFact {
    std::string component;
    std::vector<std::string> values;  // several for "nic", else one
};
struct HardwareFacts {
    bool virtualMachine = false;
    bool container = false;  // node-locking is refused there: facts are the host's or nobody's
    std::vector<HardwareFact> facts;
};

enum class Match { same, drift, different };
std::string_view toString(Match);  // "same", "drift", "different"

// One component, explained for a person.
struct ComponentMatch {
    std::string name;
    int weight = 0;
    bool strong = false;
    enum class Result { matched, changed, unreadable } result = Result::unreadable;
    bool operator==(const ComponentMatch&) const = default;
};
std::string_view toString(ComponentMatch::Result);  // "matched", "changed", "unreadable"

struct MatchReport {
    Match match = Match::different;
    double score = 0;  // 0 … 1
    // A strong component of the machine itself matched. The disk does not count: it travels with what is copied. In
    // DRIFT, what decides whether an authority may bind anew by itself.
    bool strongMatched = false;
    std::vector<ComponentMatch> components;
    // Any so many further changes keep the verdict SAME, whichever they are. 0: the next one may not.
    int changesLeft = 0;
    bool operator==(const MatchReport&) const = default;
};

// True for a value that identifies nothing: "To Be Filled By O.E.M.", all zero or F, a locally administered MAC,
// a machine-id known to be baked into images, over 256 bytes, control characters. A longer fact (a TPM's public key) is
// given as its digest.
bool isJunk(std::string_view component, std::string_view value);

// Normalised (trimmed, lower case, separators of MACs and UUIDs removed) and hashed: base64url of 16 bytes.
// The key is public: the hashes are pseudonyms, not secrets.
std::string hashFact(std::string_view component, std::string_view value);

// The template of this machine: junk dropped, weights of bare metal or VM, sorted. Empty when nothing is readable, and
// in a container: nothing is bound to facts of the host or of nobody.
FingerprintTemplate enroll(const HardwareFacts&);

// Present hardware (as `enroll` gives it) against the enrolled template.
// A component unreadable now counts half. SAME >= 0.60 with two matches, one of them strong if any strong one was
// enrolled; DRIFT >= 0.35 with one match (nothing readable is no evidence at all); else DIFFERENT. An empty enrolled
// template matches nothing. Weights are the enrolled ones; `present` only says what can be found now.
MatchReport match(const FingerprintTemplate& enrolled, const FingerprintTemplate& present);

}  // namespace entitle
