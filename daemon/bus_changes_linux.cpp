#include "daemon/bus_changes_linux.h"

#include <exception>

#include "daemon/bus_api_linux.h"
#include "daemon/log.h"

namespace entitle {
namespace {

constexpr std::chrono::seconds atMostEvery{1};

}  // namespace

BusChanges::BusChanges(BusLink& link, Daemon& daemon, bool secret)
    : link_(link),
      daemon_(daemon),
      secret_(secret),
      told_(busPropertiesOf(daemon.status(), daemon.entitlements())),
      timer_(link.loop().context()),
      alive_(std::make_shared<bool>(true)) {
    daemon_.watch(*this);
    daemon_.watchFigures([this] { tellSoon(); });
}

BusChanges::~BusChanges() {
    *alive_ = false;
    daemon_.watchFigures({});
    daemon_.unwatch(*this);
}

// The timer's expiry is left where it was: in the past, the wait is over at once; else a second after the last signal.
void BusChanges::tellSoon() {
    if (std::exchange(waiting_, true)) return;
    timer_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
        if (error || !*alive) return;
        waiting_ = false;
        link_.loop().enter([&] {
            try {
                tell();
            } catch (const std::exception& fault) {
                log().error("a change could not be told to the bus: {}", fault.what());
            }
        });
    });
}

void BusChanges::tell() {
    auto now = busPropertiesOf(daemon_.status(), daemon_.entitlements());
    std::vector<const BusProperty*> changed;
    for (std::size_t i = 0; i < now.size(); ++i)
        if (now[i] != told_[i]) changed.push_back(&now[i]);
    if (changed.empty()) return;
    timer_.expires_after(atMostEvery);
    auto signal = link_.newSignal(busPath, "org.freedesktop.DBus.Properties", "PropertiesChanged");
    signal.add(busInterface).open(SD_BUS_TYPE_ARRAY, "{sv}");
    if (!secret_) {
        for (const BusProperty* property : changed) {
            signal.open(SD_BUS_TYPE_DICT_ENTRY, "sv").add(property->name);
            addVariant(signal, property->value);
            signal.close();
        }
    }
    signal.close().open(SD_BUS_TYPE_ARRAY, "s");
    if (secret_) {
        for (const BusProperty* property : changed) signal.add(property->name);
    }
    signal.close();
    link_.send(signal);
    told_ = std::move(now);
}

}  // namespace entitle
