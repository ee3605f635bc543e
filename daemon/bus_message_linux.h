// One message of D-Bus: read strictly, written by type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/bus_library_linux.h"

namespace entitle {

class BusMessage {
  public:
    // Takes the reference over.
    BusMessage(const BusLibrary& bus, sd_bus_message* taken) noexcept : bus_(&bus), message_(taken) {}
    BusMessage(const BusMessage& other) noexcept : bus_(other.bus_), message_(other.bus_->messageRef(other.message_)) {}
    BusMessage(BusMessage&& other) noexcept : bus_(other.bus_), message_(std::exchange(other.message_, nullptr)) {}
    BusMessage& operator=(BusMessage other) noexcept {
        std::swap(bus_, other.bus_);
        std::swap(message_, other.message_);
        return *this;
    }
    ~BusMessage() {
        if (message_) bus_->messageUnref(message_);
    }

    sd_bus_message* get() const { return message_; }
    std::string sender() const { return orEmpty(bus_->sender(message_)); }
    std::string interface() const { return orEmpty(bus_->interface(message_)); }
    std::string member() const { return orEmpty(bus_->member(message_)); }
    std::string signature() const { return orEmpty(bus_->signature(message_, 1)); }
    bool mayInteract() const { return bus_->mayInteract(message_) > 0; }

    // Of an error: its name and words; empty names of anything else.
    std::string errorName() const;
    std::string errorMessage() const;

    // --- reading: false where something else stands, or the message is damaged ---------------------------------------
    bool read(std::string& into);
    bool read(std::uint32_t& into) { return bus_->readBasic(message_, SD_BUS_TYPE_UINT32, &into) > 0; }
    bool read(std::uint64_t& into) { return bus_->readBasic(message_, SD_BUS_TYPE_UINT64, &into) > 0; }
    bool read(bool& into);
    bool readHandle(int& into) { return bus_->readBasic(message_, SD_BUS_TYPE_UNIX_FD, &into) > 0; }  // the message's
    bool enter(char type, const char* contents) { return bus_->enter(message_, type, contents) > 0; }
    bool leave() { return bus_->exit(message_) >= 0; }
    bool skip(const char* types) { return bus_->skip(message_, types) >= 0; }
    bool atEnd() { return bus_->atEnd(message_, 0) != 0; }
    std::string variantType();  // what stands in the variant that comes next; "" if none does

    // --- writing: throws std::bad_alloc, or std::runtime_error where the type is not what was declared ---------------
    // Texts are cut to printable UTF-8: the bus hangs up on whoever sends anything else.
    BusMessage& add(std::string_view text);
    BusMessage& add(const char* text) { return add(std::string_view(text)); }
    BusMessage& addVerbatim(const std::string& ours) { return basic(SD_BUS_TYPE_STRING, ours.c_str()); }
    BusMessage& add(bool value);
    BusMessage& add(std::int32_t value) { return basic(SD_BUS_TYPE_INT32, &value); }
    BusMessage& add(std::uint32_t value) { return basic(SD_BUS_TYPE_UINT32, &value); }
    BusMessage& add(std::int64_t value) { return basic(SD_BUS_TYPE_INT64, &value); }
    BusMessage& add(std::uint64_t value) { return basic(SD_BUS_TYPE_UINT64, &value); }
    BusMessage& open(char type, const char* contents);
    BusMessage& close();

  private:
    static std::string orEmpty(const char* text) { return text ? text : ""; }
    BusMessage& basic(char type, const void* value);

    const BusLibrary* bus_;
    sd_bus_message* message_;
};

// What libsystemd says of a fault in its own negative numbers, thrown.
void orThrow(int result, const char* what);

}  // namespace entitle
