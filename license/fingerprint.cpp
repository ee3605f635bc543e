#include "license/fingerprint.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>

#include <sodium.h>

#include "license/base64url.h"

namespace entitle {
namespace {

struct ComponentRule {
    std::string_view name;
    int bareMetal;  // weight; 0: not taken there
    int virtualMachine;
    bool strong;
};
constexpr std::array<ComponentRule, 7> rules{{
    {"board_serial", 15, 0, true},
    {"cpu", 5, 5, false},
    {"disk", 15, 10, true},
    {"machine_id", 20, 25, false},
    {"nic", 10, 15, false},
    {"product_uuid", 25, 40, true},
    {"tpm_ek", 30, 0, true},
}};

// Public on purpose: it makes our hashes useless to join with other products' hashes, it does not hide the facts.
constexpr std::string_view productKey = "entitled hardware facts, key 1";
static_assert(productKey.size() >= crypto_generichash_KEYBYTES_MIN &&
              productKey.size() <= crypto_generichash_KEYBYTES_MAX);

constexpr std::size_t maxFactBytes = 256;
constexpr std::size_t maxSetSize = 16;  // hashes of one set; a machine with more network cards is told by the first

// Values that firmware and images ship by the million. Normalised: lower case, single spaces, UUIDs without dashes.
constexpr std::array<std::string_view, 31> worthless{
    "to be filled by o.e.m.", "to be filled by oem", "tobefilledbyo.e.m.", "default string", "default", "none", "null",
    "n/a", "na", "not specified", "not applicable", "not available", "not present", "unknown", "empty", "invalid",
    "undefined", "o.e.m.", "oem", "system serial number", "base board serial number", "board serial number",
    "chassis serial number", "serial number", "123456789", "0123456789", "1234567890", "uninitialized",
    // UUIDs of mainboards that never got one of their own
    "03000200040005000006000700080009", "00020003000400050006000700080009", "123456781234567890abcddeefaabbcc"};
constexpr std::array<std::string_view, 2> bakedMachineIds{"88544b92092430bc5d3fbbffc12a2f04",
                                                          "85f94e57ab75f80918cab17d001eac85"};

const ComponentRule* ruleOf(std::string_view name) {
    const auto* found =
        std::find_if(rules.begin(), rules.end(), [&](const ComponentRule& r) { return r.name == name; });
    return found == rules.end() ? nullptr : found;
}

bool isSpace(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
bool isHex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && isSpace(text.front())) text.remove_prefix(1);
    while (!text.empty() && isSpace(text.back())) text.remove_suffix(1);
    return text;
}

// One spelling per value: what a probe, a kernel version or a BIOS update may write differently is made equal.
std::string normalised(std::string_view component, std::string_view value) {
    std::string_view separators;
    if (component == "nic") separators = ":-.";
    if (component == "product_uuid" || component == "machine_id") separators = "-{}";
    std::string out;
    bool gap = false;
    for (const char c : trimmed(value)) {
        if (separators.find(c) != std::string_view::npos) continue;
        if (isSpace(c)) {
            gap = true;
            continue;
        }
        if (gap) out += ' ';
        gap = false;
        out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

bool isJunkMac(std::string_view mac) {
    if (mac.size() != 12 || !isHex(mac)) return true;
    const char low = mac[1];
    const int digit = low <= '9' ? low - '0' : low - 'a' + 10;
    return (digit & 0b11) != 0;  // group address, or locally administered: made up by software
}

}  // namespace

std::string_view toString(Match match) {
    switch (match) {
        case Match::same:
            return "same";
        case Match::drift:
            return "drift";
        case Match::different:
            return "different";
    }
    return "unknown";
}

std::string_view toString(ComponentMatch::Result result) {
    switch (result) {
        case ComponentMatch::Result::matched:
            return "matched";
        case ComponentMatch::Result::changed:
            return "changed";
        case ComponentMatch::Result::unreadable:
            return "unreadable";
    }
    return "unknown";
}

bool isJunk(std::string_view component, std::string_view value) {
    if (value.size() > maxFactBytes) return true;
    const std::string_view inner = trimmed(value);
    if (std::any_of(inner.begin(), inner.end(),
                    [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
        return true;
    const std::string plain = normalised(component, inner);
    std::string symbols;  // without any separator: "00-00" and "0000 0000" are all zero too
    std::copy_if(plain.begin(), plain.end(), std::back_inserter(symbols),
                 [](char c) { return c != ' ' && c != '-' && c != ':' && c != '.' && c != '_' && c != '/'; });
    if (symbols.empty()) return true;
    if (symbols.find_first_not_of(symbols.front()) == std::string::npos) return true;  // 0000, ffff, xxxx, "1"
    if (std::find(worthless.begin(), worthless.end(), plain) != worthless.end()) return true;
    if (component == "nic") return isJunkMac(plain);
    if (component == "machine_id")
        return plain.size() != 32 || !isHex(plain) ||
               std::find(bakedMachineIds.begin(), bakedMachineIds.end(), plain) != bakedMachineIds.end();
    return false;
}

std::string hashFact(std::string_view component, std::string_view value) {
    std::string message(component);
    message += '\0';
    message += normalised(component, value);
    std::array<std::uint8_t, 16> hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                       reinterpret_cast<const unsigned char*>(productKey.data()), productKey.size());
    sodium_memzero(message.data(), message.size());
    return toBase64url(hash);
}

FingerprintTemplate enroll(const HardwareFacts& hardware) {
    FingerprintTemplate enrolled;
    enrolled.virtualMachine = hardware.virtualMachine;
    if (hardware.container) return enrolled;
    for (const ComponentRule& rule : rules) {  // sorted by name
        const int weight = hardware.virtualMachine ? rule.virtualMachine : rule.bareMetal;
        if (weight == 0) continue;
        const bool set = rule.name == "nic";
        std::vector<std::string> hashes;
        for (const HardwareFact& fact : hardware.facts) {
            if (fact.component != rule.name) continue;
            for (const std::string& value : fact.values)
                if (!isJunk(rule.name, value) && (set || hashes.empty())) hashes.push_back(hashFact(rule.name, value));
        }
        if (hashes.empty()) continue;
        std::sort(hashes.begin(), hashes.end());
        hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
        if (hashes.size() > maxSetSize) hashes.resize(maxSetSize);
        enrolled.components.push_back({std::string(rule.name), weight, std::move(hashes)});
    }
    return enrolled;
}

namespace {

// Weights are counted twice over, so that the half of an unreadable component stays a whole number.
struct Tally {
    std::int64_t total = 0;
    std::int64_t points = 0;
    int matches = 0;
    int strongMatches = 0;
    bool strongEnrolled = false;

    bool reaches(std::int64_t percent) const { return points * 100 >= total * percent; }
    bool same() const { return reaches(60) && matches >= 2 && (strongMatches > 0 || !strongEnrolled); }
};

std::int64_t pointsOf(const ComponentMatch& c) {
    switch (c.result) {
        case ComponentMatch::Result::matched:
            return 2 * std::int64_t{c.weight};
        case ComponentMatch::Result::unreadable:
            return c.weight;
        case ComponentMatch::Result::changed:
            return 0;
    }
    return 0;
}

// The largest k such that no k further changes, whichever they are, take SAME away. Score, number of matches and strong
// matches fall independently of each other, so the worst attack on each alone decides.
int changesLeftOf(const std::vector<ComponentMatch>& components, const Tally& tally) {
    if (!tally.same()) return 0;
    std::vector<std::int64_t> losses;
    for (const ComponentMatch& c : components)
        if (const std::int64_t points = pointsOf(c); points > 0) losses.push_back(points);
    std::sort(losses.rbegin(), losses.rend());
    Tally left = tally;
    int survived = 0;
    for (const std::int64_t loss : losses) {
        left.points -= loss;
        if (!left.reaches(60)) break;
        ++survived;
    }
    survived = std::min(survived, tally.matches - 2);
    if (tally.strongEnrolled) survived = std::min(survived, tally.strongMatches - 1);
    return survived;
}

}  // namespace

MatchReport match(const FingerprintTemplate& enrolled, const FingerprintTemplate& present) {
    MatchReport report;
    Tally tally;
    for (const FingerprintComponent& component : enrolled.components) {
        if (component.weight <= 0) continue;  // a verified document has none
        const ComponentRule* rule = ruleOf(component.name);
        ComponentMatch line{component.name, component.weight, rule != nullptr && rule->strong,
                            ComponentMatch::Result::unreadable};
        for (const FingerprintComponent& now : present.components) {
            if (now.name != component.name || now.hashes.empty()) continue;
            const bool found = std::any_of(component.hashes.begin(), component.hashes.end(), [&](const std::string& h) {
                return std::find(now.hashes.begin(), now.hashes.end(), h) != now.hashes.end();
            });
            line.result = found ? ComponentMatch::Result::matched : ComponentMatch::Result::changed;
            if (found) break;
        }
        tally.total += 2 * std::int64_t{line.weight};
        tally.points += pointsOf(line);
        tally.strongEnrolled = tally.strongEnrolled || line.strong;
        if (line.result == ComponentMatch::Result::matched) {
            ++tally.matches;
            if (line.strong) ++tally.strongMatches;
            // A disk is strong evidence but travels with what is copied: alone it never vouches for the machine.
            if (line.strong && line.name != "disk") report.strongMatched = true;
        }
        report.components.push_back(std::move(line));
    }
    if (tally.total == 0) return report;
    report.score = static_cast<double>(tally.points) / static_cast<double>(tally.total);
    if (tally.same())
        report.match = Match::same;
    else if (tally.reaches(35) && tally.matches > 0)  // all unreadable would be 0.50 without a single fact in favour
        report.match = Match::drift;
    report.changesLeft = changesLeftOf(report.components, tally);
    return report;
}

}  // namespace entitle
