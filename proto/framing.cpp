#include "proto/framing.h"

#include <bit>
#include <cstring>

namespace entitle {
namespace {

std::uint32_t readLittle32(const std::byte* at) {
    std::uint32_t value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(&value, at, sizeof value);
    } else {
        for (int i = 3; i >= 0; --i) value = value << 8 | std::to_integer<std::uint32_t>(at[i]);
    }
    return value;
}

}  // namespace

Frame inspectFrame(std::span<const std::byte> bytes, const WireLimits& limits) {
    Frame frame;
    if (bytes.size() < 4) return frame;
    const std::uint32_t last = readLittle32(bytes.data());
    // Compared before the addition: FF FF FF FF would become none.
    if (last >= limits.maxSegments) {
        frame.state = Frame::State::bad;
        return frame;
    }
    frame.segments = last + 1;
    frame.headerBytes = (frame.segments / 2 + 1) * static_cast<std::uint32_t>(wordBytes);

    std::uint64_t words = 0;
    for (std::uint32_t i = 0; i < frame.segments; ++i) {
        const std::size_t at = 4 + std::size_t{4} * i;
        if (bytes.size() < at + 4) return frame;
        const std::uint32_t size = readLittle32(bytes.data() + at);
        words += size;
        if (words > limits.maxMessageWords || (i == 0 && size == 0)) {
            frame.state = Frame::State::bad;
            return frame;
        }
    }
    frame.state = Frame::State::known;
    frame.bytes = frame.headerBytes + static_cast<std::uint32_t>(words * wordBytes);
    return frame;
}

std::uint32_t segmentWords(const std::byte* frame, std::uint32_t index) {
    return readLittle32(frame + 4 + std::size_t{4} * index);
}

}  // namespace entitle
