#include "license/acceptance.h"

#include <algorithm>

namespace entitle {
namespace {

// The floor of a license, now the latest of all; made if there was none.
SequenceFloor& floorOf(State& state, const LicenseId& license) {
    auto& floors = state.minimumSequence;
    const auto found =
        std::find_if(floors.begin(), floors.end(), [&](const SequenceFloor& f) { return f.license == license; });
    if (found != floors.end()) {
        std::rotate(found, found + 1, floors.end());
        return floors.back();
    }
    floors.push_back({license, 0, Instant{}});
    if (floors.size() > maxSequenceFloors)
        floors.erase(floors.begin(), floors.end() - static_cast<std::ptrdiff_t>(maxSequenceFloors));
    return floors.back();
}

}  // namespace

bool isCurrent(const State& state, const LicenseId& license) {
    return state.current && state.current->id == license;
}

Refusal refusalOf(const State& state, const License& license, Instant wall) {
    // The document in force may be read again, but never exchanged for another of the same number.
    if (license.sequence < minimumSequenceOf(state, license.id) ||
        (isCurrent(state, license.id) && license.sequence <= state.current->sequence))
        return Refusal::lowerSequence;
    if (license.issuedAt < issuedFrom(state, license.id)) return Refusal::endedSince;
    if (wall < license.notBefore) return Refusal::notYetValid;
    return Refusal::none;
}

Refusal refusalOfAnswer(const State& state, const Attempt& attempt, const LicenseGranted& answer, Instant wall) {
    const License& license = answer.license;
    const bool brings = attempt.operation != Operation::deactivate;
    const bool meant = attempt.operation == Operation::activate || attempt.license == license.id;
    if (!brings || !meant) return Refusal::otherLicense;
    if (state.current == license) return Refusal::none;
    const Refusal refusal = refusalOf(state, license, wall);
    if (refusal != Refusal::none) return refusal;
    // Of the license in force also one that is over is taken: that may be what it says. Another must be worth it.
    if (!isCurrent(state, license.id) && isOver(license, wall)) return Refusal::alreadyOver;
    return answer.match == Match::different ? Refusal::wrongDevice : Refusal::none;
}

bool isOver(const License& license, Instant wall) {
    State alone;
    alone.current = license;
    return wall >= overAt(alone);
}

void raiseFloor(State& state, const LicenseId& license, std::uint64_t lowest) {
    SequenceFloor& floor = floorOf(state, license);
    floor.lowest = std::max(floor.lowest, lowest);
}

Instant issuedFrom(const State& state, const LicenseId& license) {
    for (const SequenceFloor& floor : state.minimumSequence)
        if (floor.license == license) return floor.issuedFrom;
    return Instant::min();
}

void refuseBefore(State& state, const LicenseId& license, Instant decidedAt) {
    for (SequenceFloor& floor : state.minimumSequence)
        if (floor.license == license) floor.issuedFrom = std::max(floor.issuedFrom, decidedAt);
}

std::uint64_t minimumSequenceOf(const State& state, const LicenseId& license) {
    for (const SequenceFloor& floor : state.minimumSequence)
        if (floor.license == license) return floor.lowest;
    return 0;
}

std::uint64_t highestSequence(const State& state) {
    std::uint64_t highest = state.current ? state.current->sequence : 0;
    for (const SequenceFloor& floor : state.minimumSequence) highest = std::max(highest, floor.lowest);
    return highest;
}

}  // namespace entitle
