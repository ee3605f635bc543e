// The header of a Cap'n Proto message on a stream, checked before libcapnp or the allocator sees it.
//
// Format (capnproto.org/encoding.html, "Serialization Over a Stream"), all little endian: u32 segments − 1; u32 words
// of each segment; u32 of padding if the segments are even in number; the segments, in words of 8 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/limits.h"

namespace entitle {

inline constexpr std::size_t wordBytes = 8;

struct Frame {
    enum class State : std::uint8_t {
        incomplete,  // in order so far; more bytes are needed to know its size
        known,
        bad,  // out of bounds: nothing that follows can be trusted
    };
    State state = State::incomplete;
    std::uint32_t segments = 0;
    std::uint32_t headerBytes = 0;
    std::uint32_t bytes = 0;  // of the whole frame, header and segments
};

// `bytes` starts with a frame, of which any number of bytes may be there. Reads nothing else, allocates nothing. A
// bound that is broken is reported as soon as the bytes that break it are there. A first segment without a word is bad:
// it has no room for a root.
Frame inspectFrame(std::span<const std::byte> bytes, const WireLimits&);

// Words of segment `index` in a known frame.
std::uint32_t segmentWords(const std::byte* frame, std::uint32_t index);

}  // namespace entitle
