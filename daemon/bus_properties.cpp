#include "daemon/bus_properties.h"

#include <algorithm>

namespace entitle {
namespace {

constexpr std::size_t slotsInOneAnswer = 4'096;
constexpr std::size_t slotsAtOnce = 200;

}  // namespace

const char* busTypeOf(const BusValue& value) {
    static constexpr const char* types[] = {"s", "b", "x", "t", "as"};
    return types[value.index()];
}

std::uint64_t busMoment(const std::optional<Instant>& moment) {
    if (!moment || *moment < Instant{}) return 0;
    return static_cast<std::uint64_t>(moment->time_since_epoch().count()) * 1'000'000;
}

std::vector<Slot> busSlotsOf(const Daemon& daemon, std::optional<std::uint32_t> onlyOf) {
    std::vector<Slot> slots;
    SlotId after = 0;
    do {
        auto page = daemon.slots(after, std::min(slotsAtOnce, slotsInOneAnswer - slots.size()), onlyOf);
        std::move(page.slots.begin(), page.slots.end(), std::back_inserter(slots));
        after = page.next;
    } while (after != 0 && slots.size() < slotsInOneAnswer);
    return slots;
}

std::vector<BusProperty> busPropertiesOf(const StatusAnswer& status, const Entitlements& rights) {
    const auto& license = status.license;
    const auto text = [](std::string_view words) { return BusValue(std::string(words)); };
    const auto moment = [](const std::optional<Instant>& at) { return BusValue(busMoment(at)); };
    const std::optional<Instant> none;
    return {
        {"Version", text(status.version)},
        {"Standing", text(toString(status.standing))},
        {"Message", text(status.message)},
        {"LicenseId", text(license ? license->id.value : "")},
        {"LicenseType", text(license ? license->type : "")},
        {"Plan", text(license ? license->plan : "")},
        {"Features", BusValue(rights.features)},
        {"MaxBots", BusValue(status.maxBots)},
        {"BotsInUse", BusValue(status.botsInUse)},
        {"FreshUntil", moment(license ? std::optional(license->freshUntil) : none)},
        {"GraceUntil", moment(status.graceUntil)},
        {"ExpiresAt", moment(license ? license->endsAt : none)},
        {"WindDownUntil", moment(status.windDownUntil)},
        {"LastRenewal", moment(license ? std::optional(license->issuedAt) : none)},
        {"NextRenewal", moment(status.nextContact)},
        {"LastContact", moment(status.lastContact)},
        {"LastFailure", text(status.lastFailure)},
        {"Activating", BusValue(status.activating)},
        {"DeviceId", text(status.deviceId)},
        {"FingerprintState", text(license ? toString(status.binding) : "unbound")},
        {"ClockState", text(status.clockFlag == ClockFlag::none ? "ok" : toString(status.clockFlag))},
        {"KeyLevel", text(status.keyLevel)},
        {"Authority", text(status.authority)},
    };
}

}  // namespace entitle
