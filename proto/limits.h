// What one connection may ask of us, and why a connection ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace entitle {

// Limits of one connection. The defaults are the ones documented in proto/entitled.capnp; a word is 8 bytes.
struct WireLimits {
    std::uint32_t maxSegments = 15;                 // of one message
    std::uint32_t maxMessageWords = 8'192;          // of one message, all segments together
    std::uint32_t maxOpenQuestions = 1'024;         // Bootstrap and Call without Finish, from the peer
    std::chrono::milliseconds firstMessage{2'000};  // until the first whole message; 0: for ever (a client's end)
    std::size_t backlogBytes = 256 * 1'024;         // unsent bytes above which we stop reading
    bool gateReads = true;                          // false on a client: two gated peers would wait for each other
    std::uint64_t traversalWords = 8'192;           // read out of one message, pointers followed
    int nesting = 16;                               // of pointers in one message
    std::size_t flowWords = 4'096;                  // of calls that have not returned yet

    // A client's end: no deadline for the first message, no gate on its reads.
    static WireLimits client() {
        WireLimits limits;
        limits.firstMessage = std::chrono::milliseconds{0};
        limits.gateReads = false;
        return limits;
    }
};

enum class CloseReason : std::uint8_t {
    local = 1,         // we closed it
    peerClosed,        // end of stream
    ioError,           // the socket failed
    badFrame,          // a message header out of bounds, or a message that ends in the middle
    badMessage,        // a frame in order around something that is not an RPC message, or a broken protocol rule
    tooManyQuestions,  // more than maxOpenQuestions
    silent,            // no whole message within firstMessage
    overBudget,        // a memory budget is exhausted
};
std::string_view toString(CloseReason);

}  // namespace entitle
