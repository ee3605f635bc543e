#include "daemon/bus_link_linux.h"

#include <cerrno>
#include <cstring>
#include <limits>

#include <poll.h>

#include <boost/asio/post.hpp>

#include "daemon/log.h"
#include "license/printable.h"

namespace entitle {
namespace {

constexpr std::uint64_t never = std::numeric_limits<std::uint64_t>::max();
// Between two looks at the other sockets: a peer that calls without pause is served, and starves nobody.
constexpr unsigned messagesPerTurn = 64;
// As long as the bus does not take so many of our answers, no further question is read.
constexpr std::uint64_t answersInFlight = 1'024;
constexpr std::size_t longestRefusal = 1'000;

std::uint64_t microseconds(std::chrono::seconds span) {
    return static_cast<std::uint64_t>(std::chrono::microseconds(span).count());
}

}  // namespace

struct BusLink::Heard : std::enable_shared_from_this<Heard> {
    Heard(const BusLibrary& library, ObjectHandler f) : bus(library), handler(std::move(f)) {}

    // libsystemd is C: nothing may be thrown through it.
    static int trampoline(sd_bus_message* message, void* self, sd_bus_error*) {
        const auto heard = static_cast<Heard*>(self)->shared_from_this();  // the handler may drop its slot
        try {
            return heard->handler(BusMessage(heard->bus, heard->bus.messageRef(message))) ? 1 : 0;
        } catch (const std::exception& fault) {
            log().error("a message of the bus could not be dealt with: {}", fault.what());
        } catch (...) {
            log().error("a message of the bus could not be dealt with");
        }
        return -EIO;
    }

    const BusLibrary& bus;
    ObjectHandler handler;
};

namespace {

BusLink::ObjectHandler always(BusLink::Handler handler) {
    return [handler = std::move(handler)](BusMessage message) {
        handler(std::move(message));
        return true;
    };
}

// For matches: others may listen for the same signal.
BusLink::ObjectHandler andOthers(BusLink::Handler handler) {
    return [handler = std::move(handler)](BusMessage message) {
        handler(std::move(message));
        return false;
    };
}

}  // namespace

BusLink::BusLink(KjLoop& loop, const BusLibrary& bus, std::function<void(const std::string&)> lost)
    : loop_(loop),
      bus_(bus),
      lost_(std::move(lost)),
      descriptor_(loop.context()),
      timer_(loop.context()),
      armedFor_(never),
      alive_(std::make_shared<bool>(true)) {}

BusLink::~BusLink() {
    *alive_ = false;
    withdraw();
    if (descriptor_.is_open()) descriptor_.release();  // it is the bus's
    if (!connection_) return;
    bus_.close(connection_);
    bus_.unref(connection_);
}

boost::system::result<std::unique_ptr<BusLink>, std::string> BusLink::open(
    KjLoop& loop, const BusLibrary& bus, std::function<void(const std::string& why)> lost) {
    std::unique_ptr<BusLink> link(new BusLink(loop, bus, std::move(lost)));
    const int result = bus.openSystem(&link->connection_);
    if (result < 0) return std::string(std::strerror(-result));
    link->arm();
    return link;
}

// --- the loop --------------------------------------------------------------------------------------------------------

void BusLink::beforeSleep() noexcept {
    try {
        arm();
    } catch (...) {
        lose(-ENOMEM);
    }
}

void BusLink::pump() {
    if (isLost_ || pumping_) return;
    const auto alive = alive_;
    pumping_ = true;
    int done = 0;
    loop_.enter([&] {
        unsigned messages = 0;
        do {
            done = bus_.process(connection_, nullptr);
        } while (done > 0 && *alive && ++messages < messagesPerTurn && !backlogged());
    });
    if (!*alive) return;
    pumping_ = false;
    if (done < 0) return lose(done);
    if (done > 0 && !backlogged()) postPump();
    arm();
}

// Events and timeout change with every message: asked anew each time.
void BusLink::arm() {
    if (isLost_ || pumping_) return;
    const int events = bus_.events(connection_);
    if (events < 0) return lose(events);
    // It changes while one address after another is tried.
    const int descriptor = bus_.descriptor(connection_);
    if (descriptor < 0) return lose(descriptor);
    if (!descriptor_.is_open() || descriptor_.native_handle() != descriptor) {
        if (descriptor_.is_open()) descriptor_.release();
        reading_ = writing_ = false;
        boost::system::error_code refused;
        descriptor_.assign(descriptor, refused);
        if (refused) return lose(-refused.value());
    }
    using Wait = boost::asio::posix::stream_descriptor;
    if ((events & POLLIN) && !reading_ && !backlogged()) wait(reading_, Wait::wait_read);
    if ((events & POLLOUT) && !writing_) wait(writing_, Wait::wait_write);
    std::uint64_t timeout = never;
    if (const int result = bus_.timeout(connection_, &timeout); result < 0) return lose(result);
    armTimer(timeout);
}

// The moment is one of CLOCK_MONOTONIC, which is what steady_clock reads here; 0 is now.
void BusLink::armTimer(std::uint64_t at) {
    if (at == 0) return postPump();
    if (at == armedFor_) return;
    armedFor_ = at;
    if (at > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 1000) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(std::chrono::steady_clock::time_point(std::chrono::microseconds(static_cast<std::int64_t>(at))));
    timer_.async_wait([this, alive = alive_, at](const boost::system::error_code& error) {
        if (error || !*alive || at != armedFor_) return;
        armedFor_ = never;
        pump();
    });
}

void BusLink::wait(bool& waiting, boost::asio::posix::stream_descriptor::wait_type type) {
    waiting = true;
    descriptor_.async_wait(type, [this, &waiting, alive = alive_](const boost::system::error_code& error) {
        if (error || !*alive) return;
        waiting = false;
        pump();
    });
}

void BusLink::postPump() {
    if (std::exchange(pumpPosted_, true)) return;
    boost::asio::post(loop_.context(), [this, alive = alive_] {
        if (!*alive) return;
        pumpPosted_ = false;
        pump();
    });
}

void BusLink::lose(int fault) {
    if (std::exchange(isLost_, true)) return;
    const std::string why =
        fault == -ENOTCONN || fault == -ECONNRESET ? "it closed the connection" : std::string(std::strerror(-fault));
    boost::asio::post(loop_.context(), [this, why, alive = alive_] {
        if (!*alive) return;
        const auto lost = std::move(lost_);  // it destroys us
        lost(why);
    });
}

bool BusLink::backlogged() const {
    std::uint64_t queued = 0;
    return bus_.queuedWrites(connection_, &queued) >= 0 && queued > answersInFlight;
}

// --- what is said ----------------------------------------------------------------------------------------------------

BusLink::Slot BusLink::slotFor(std::shared_ptr<Heard> heard, sd_bus_slot* slot) {
    Slot made;
    made.bus_ = &bus_;
    made.slot_ = slot;
    made.heard_ = std::move(heard);
    loop_.callBeforeSleep(*this);
    return made;
}

BusLink::Slot BusLink::call(const BusMessage& message, std::chrono::seconds limit, Handler handler) {
    auto heard = std::make_shared<Heard>(bus_, always(std::move(handler)));
    sd_bus_slot* slot = nullptr;
    orThrow(bus_.call(connection_, &slot, message.get(), &Heard::trampoline, heard.get(), microseconds(limit)),
            "sd_bus_call_async");
    return slotFor(std::move(heard), slot);
}

BusLink::Slot BusLink::match(const std::string& rule, Handler handler) {
    // Without a handler of its own a rule that the bus refuses would end the connection.
    static constexpr auto installed = [](sd_bus_message*, void*, sd_bus_error*) { return 0; };
    auto heard = std::make_shared<Heard>(bus_, andOthers(std::move(handler)));
    sd_bus_slot* slot = nullptr;
    orThrow(bus_.addMatch(connection_, &slot, rule.c_str(), &Heard::trampoline, +installed, heard.get()),
            "sd_bus_add_match_async");
    return slotFor(std::move(heard), slot);
}

BusLink::Slot BusLink::object(const char* path, ObjectHandler handler) {
    auto heard = std::make_shared<Heard>(bus_, std::move(handler));
    sd_bus_slot* slot = nullptr;
    orThrow(bus_.addObject(connection_, &slot, path, &Heard::trampoline, heard.get()), "sd_bus_add_object");
    return slotFor(std::move(heard), slot);
}

BusLink::Slot BusLink::requestName(const char* name, Handler handler) {
    auto heard = std::make_shared<Heard>(bus_, always(std::move(handler)));
    sd_bus_slot* slot = nullptr;
    orThrow(bus_.requestName(connection_, &slot, name, SD_BUS_NAME_QUEUE, &Heard::trampoline, heard.get()),
            "sd_bus_request_name_async");
    return slotFor(std::move(heard), slot);
}

BusMessage BusLink::newCall(const char* destination, const char* path, const char* interface, const char* member) {
    sd_bus_message* made = nullptr;
    orThrow(bus_.newCall(connection_, &made, destination, path, interface, member), "sd_bus_message_new_method_call");
    return {bus_, made};
}

BusMessage BusLink::newSignal(const char* path, const char* interface, const char* member) {
    sd_bus_message* made = nullptr;
    orThrow(bus_.newSignal(connection_, &made, path, interface, member), "sd_bus_message_new_signal");
    return {bus_, made};
}

BusMessage BusLink::newReturn(const BusMessage& call) {
    sd_bus_message* made = nullptr;
    orThrow(bus_.newReturn(call.get(), &made), "sd_bus_message_new_method_return");
    return {bus_, made};
}

void BusLink::send(const BusMessage& message) {
    orThrow(bus_.send(connection_, message.get(), nullptr), "sd_bus_send");
    loop_.callBeforeSleep(*this);
}

void BusLink::refuse(const BusMessage& call, const std::string& error, const std::string& message) {
    if (bus_.expectsReply(call.get()) <= 0) return;
    const std::string fit = printableFrom(message, longestRefusal);
    const sd_bus_error words{error.c_str(), fit.c_str(), 0};
    sd_bus_message* made = nullptr;
    orThrow(bus_.newError(call.get(), &made, &words), "sd_bus_message_new_method_error");
    send({bus_, made});
}

}  // namespace entitle
