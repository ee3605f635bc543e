#include "daemon/bus_message_linux.h"

#include <cerrno>
#include <new>
#include <system_error>

#include "license/printable.h"

namespace entitle {
namespace {

constexpr std::size_t longestText = 64 * 1024;

}  // namespace

void orThrow(int result, const char* what) {
    if (result >= 0) return;
    if (result == -ENOMEM) throw std::bad_alloc();
    throw std::system_error(-result, std::generic_category(), what);
}

std::string BusMessage::errorName() const {
    const sd_bus_error* error = bus_->error(message_);
    return error ? orEmpty(error->name) : "";
}

std::string BusMessage::errorMessage() const {
    const sd_bus_error* error = bus_->error(message_);
    return error ? printableFrom(orEmpty(error->message), 500) : "";
}

bool BusMessage::read(std::string& into) {
    const char* text = nullptr;
    if (bus_->readBasic(message_, SD_BUS_TYPE_STRING, &text) <= 0) return false;
    into = text;
    return true;
}

bool BusMessage::read(bool& into) {
    int value = 0;
    if (bus_->readBasic(message_, SD_BUS_TYPE_BOOLEAN, &value) <= 0) return false;
    into = value != 0;
    return true;
}

std::string BusMessage::variantType() {
    char type = 0;
    const char* contents = nullptr;
    if (bus_->peek(message_, &type, &contents) <= 0 || type != SD_BUS_TYPE_VARIANT) return "";
    return orEmpty(contents);
}

BusMessage& BusMessage::add(std::string_view text) {
    const std::string fit = printableFrom(text, longestText);
    return basic(SD_BUS_TYPE_STRING, fit.c_str());
}

BusMessage& BusMessage::add(bool value) {
    const int number = value ? 1 : 0;
    return basic(SD_BUS_TYPE_BOOLEAN, &number);
}

BusMessage& BusMessage::open(char type, const char* contents) {
    orThrow(bus_->open(message_, type, contents), "sd_bus_message_open_container");
    return *this;
}

BusMessage& BusMessage::close() {
    orThrow(bus_->closeContainer(message_), "sd_bus_message_close_container");
    return *this;
}

BusMessage& BusMessage::basic(char type, const void* value) {
    orThrow(bus_->appendBasic(message_, type, value), "sd_bus_message_append_basic");
    return *this;
}

}  // namespace entitle
