#include "proto/outbound.h"

#include <cstdint>

#include "proto/framing.h"

namespace entitle {
namespace {

// What an empty backlog may keep for the next answer. Beyond it, memory is given back.
constexpr std::size_t idleBytes = 512;

}  // namespace

bool OutboundBuffer::append(kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>> segments) {
    const auto copy = [this](const void* data, std::size_t size) {
        const auto* bytes = static_cast<const std::byte*>(data);
        written_.insert(written_.end(), bytes, bytes + size);
    };
    std::size_t bytes = (segments.size() / 2 + 1) * wordBytes;
    for (const auto& segment : segments) bytes += segment.size() * wordBytes;
    if (!charge_.resize(size() + bytes)) return false;
    written_.reserve(written_.size() + bytes);
    const auto copyNumber = [&](std::size_t number) {
        const std::uint32_t value = static_cast<std::uint32_t>(number);
        std::byte little[4];
        for (unsigned i = 0; i < 4; ++i) little[i] = static_cast<std::byte>(value >> (8 * i));
        copy(little, sizeof little);
    };
    copyNumber(segments.size() - 1);
    for (const auto& segment : segments) copyNumber(segment.size());
    if (segments.size() % 2 == 0) copyNumber(0);
    for (const auto& segment : segments) copy(segment.begin(), segment.size() * wordBytes);
    return true;
}

void OutboundBuffer::settle(bool systemReads) {
    static_cast<void>(charge_.resize(size()));
    if (size() != 0 || systemReads) return;
    sending_.clear();
    sent_ = 0;
    if (sending_.capacity() > idleBytes) std::vector<std::byte>().swap(sending_);
    if (written_.capacity() > idleBytes) std::vector<std::byte>().swap(written_);
}

void OutboundBuffer::drop(bool systemReads) {
    written_.clear();
    if (!systemReads) {
        sending_.clear();
        sent_ = 0;
    }
    static_cast<void>(charge_.resize(size()));
}

}  // namespace entitle
