// One live connection to the system bus, served by the loop. Knows nothing of what is said over it. Nothing here waits
// for anybody: every answer comes to a handler.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/result.hpp>

#include "daemon/bus_library_linux.h"
#include "daemon/bus_message_linux.h"
#include "proto/kj_on_asio.h"

namespace entitle {

class BusLink final : KjLoop::BeforeSleep {
  public:
    // Called inside the loop, where KJ may be touched. What they throw is logged and goes no further.
    using Handler = std::function<void(BusMessage)>;
    using ObjectHandler = std::function<bool(BusMessage)>;  // false: not ours, libsystemd answers
    struct Heard;

    // What was asked of the bus. Ends with it: a call is answered no more, a match not heard, an object gone.
    class Slot {
      public:
        Slot() = default;
        Slot(Slot&& other) noexcept
            : bus_(other.bus_), slot_(std::exchange(other.slot_, nullptr)), heard_(std::move(other.heard_)) {}
        Slot& operator=(Slot other) noexcept {
            std::swap(bus_, other.bus_);
            std::swap(slot_, other.slot_);
            std::swap(heard_, other.heard_);
            return *this;
        }
        ~Slot() {
            if (slot_) bus_->slotUnref(slot_);
        }

      private:
        friend class BusLink;
        const BusLibrary* bus_ = nullptr;
        sd_bus_slot* slot_ = nullptr;
        std::shared_ptr<Heard> heard_;  // what the slot points at
    };

    // `lost` is called once, from the loop, with the words why; never from within another call.
    static boost::system::result<std::unique_ptr<BusLink>, std::string> open(
        KjLoop&, const BusLibrary&, std::function<void(const std::string& why)> lost);
    ~BusLink();
    BusLink(const BusLink&) = delete;
    BusLink& operator=(const BusLink&) = delete;

    KjLoop& loop() { return loop_; }

    // The handler is called once: with the answer, an error, or an error of ours after `limit`.
    [[nodiscard]] Slot call(const BusMessage&, std::chrono::seconds limit, Handler);
    [[nodiscard]] Slot match(const std::string& rule, Handler);
    [[nodiscard]] Slot object(const char* path, ObjectHandler);
    // The handler is told what the bus answers, as for call(). Queues behind another owner.
    [[nodiscard]] Slot requestName(const char* name, Handler);

    BusMessage newCall(const char* destination, const char* path, const char* interface, const char* member);
    BusMessage newSignal(const char* path, const char* interface, const char* member);
    BusMessage newReturn(const BusMessage& call);
    void send(const BusMessage&);
    void refuse(const BusMessage& call, const std::string& error, const std::string& message);

  private:
    BusLink(KjLoop&, const BusLibrary&, std::function<void(const std::string&)> lost);
    void beforeSleep() noexcept override;
    void pump();
    void arm();
    void armTimer(std::uint64_t at);
    void wait(bool& waiting, boost::asio::posix::stream_descriptor::wait_type);
    void postPump();
    void lose(int fault);
    bool backlogged() const;
    Slot slotFor(std::shared_ptr<Heard>, sd_bus_slot*);

    KjLoop& loop_;
    const BusLibrary& bus_;
    std::function<void(const std::string&)> lost_;
    sd_bus* connection_ = nullptr;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer timer_;
    std::uint64_t armedFor_;  // as sd_bus_get_timeout has it
    bool reading_ = false, writing_ = false, pumping_ = false, pumpPosted_ = false, isLost_ = false;
    std::shared_ptr<bool> alive_;
};

}  // namespace entitle
