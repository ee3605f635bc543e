// What a hostile local program sends. Also run under valgrind, because libcapnp itself is not instrumented.
#include <cstdlib>
#include <cstring>
#include <random>

#include <gtest/gtest.h>

#include "tests/proto/wire_fixture.h"

namespace entitle::test {
namespace {

// A smaller number for runs under valgrind.
std::size_t rounds(std::size_t usual) {
    const char* given = std::getenv("ENTITLE_TEST_ROUNDS");
    if (given != nullptr) return static_cast<std::size_t>(std::strtoul(given, nullptr, 10));
    return sanitized ? usual / 10 : usual;
}

Bytes randomBytes(std::mt19937& random, std::size_t size) {
    Bytes bytes(size);
    for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
    return bytes;
}

class HostileFrames : public testing::Test {
  protected:
    boost::asio::io_context context{oneIoThread};
    KjLoop loop{context};
    std::mt19937 random{20'260'312};

    // A connection that is sent these bytes and then closed must be gone afterwards, whatever they were.
    CloseReason send(const Bytes& bytes) {
        Served served(loop);
        sendAll(loop, served.peer, bytes);
        loop.poll();
        if (served.closed) return *served.closed;
        served.peer.close();
        return served.waitClosed(loop);
    }
};

TEST_F(HostileFrames, FourBytesOfOnesAreRefused) {
    EXPECT_EQ(send(Bytes(4, std::byte{0xFF})), CloseReason::badFrame);
}

TEST_F(HostileFrames, ThePeerIsToldWhy) {
    Served served(loop);
    sendAll(loop, served.peer, bootstrapMessage(0) + Bytes(4, std::byte{0xFF}));
    const Bytes answer = readSome(loop, served.peer);
    const std::string text(reinterpret_cast<const char*>(answer.data()), answer.size());
    EXPECT_NE(text.find("bad frame"), std::string::npos);
}

TEST_F(HostileFrames, RandomBytesEndOnlyTheirConnection) {
    for (std::size_t i = rounds(20'000); i > 0; --i) send(randomBytes(random, random() % 300));
}

TEST_F(HostileFrames, RandomMessagesInSoundFramesEndOnlyTheirConnection) {
    for (std::size_t i = rounds(20'000); i > 0; --i) {
        const std::uint8_t words = 1 + static_cast<std::uint8_t>(random() % 30);
        Bytes frame(8);
        frame[4] = std::byte{words};
        send(bootstrapMessage(0) + frame + randomBytes(random, words * std::size_t{8}));
    }
}

TEST_F(HostileFrames, ChangedMessagesEndOnlyTheirConnection) {
    const Bytes sound = bootstrapMessage(0) + checkMessage(1, "live_trading") + statusMessage(2) + finishMessage(1);
    for (std::size_t i = rounds(20'000); i > 0; --i) {
        Bytes changed = sound;
        for (std::size_t n = 1 + random() % 4; n > 0; --n)
            changed[random() % changed.size()] ^= static_cast<std::byte>(1 + random() % 255);
        send(changed);
    }
}

// `chunk`, of so many calls, again and again to one connection whose peer reads the answers.
void servedForEver(KjLoop& loop, const Bytes& chunk, std::uint32_t calls) {
    const std::uint32_t total = sanitized ? 50'000 : 500'000;
    Served served(loop);
    sendAll(loop, served.peer, bootstrapMessage(0));
    std::size_t before = 0;
    for (std::uint32_t sent = 0; sent < total; sent += calls) {
        ASSERT_EQ(sendAll(loop, served.peer, chunk), chunk.size());
        readSome(loop, served.peer);
        if (before == 0) before = residentBytes();
    }
    EXPECT_EQ(served.seen->calls, total);
    EXPECT_EQ(served.closed, std::nullopt);
    if (residentSizeIsOurs) {
        EXPECT_LT(residentBytes(), before + (16u << 20));
    }
}

// 10^6 of each kind, half of them reading the replies and half not, over as many connections as it takes: each is
// closed at its limit.
class HostileCalls : public testing::TestWithParam<bool> {
  protected:
    boost::asio::io_context context{oneIoThread};
    KjLoop loop{context};
    const std::uint32_t total = sanitized ? 50'000 : 500'000;

    // `message` with question id 0, wherever it stands in the bytes.
    template <class Message>
    void flood(Message&& message) {
        const Bytes zero = message(0);
        const Bytes one = message(1);
        std::size_t idAt = 0;
        while (zero[idAt] == one[idAt]) ++idAt;

        std::size_t before = 0;
        std::uint32_t sent = 0;
        while (sent < total) {
            Served served(loop);
            sendAll(loop, served.peer, bootstrapMessage(0));
            std::uint32_t id = 1;
            while (!served.closed && sent < total) {
                Bytes chunk;
                for (int i = 0; i < 50; ++i, ++id, ++sent) {
                    chunk.insert(chunk.end(), zero.begin(), zero.end());
                    std::memcpy(chunk.data() + chunk.size() - zero.size() + idAt, &id, sizeof id);
                }
                if (sendAll(loop, served.peer, chunk) != chunk.size()) break;
                loop.poll();
                if (GetParam()) readSome(loop, served.peer);
                ASSERT_LE(id, 1'200u) << "the connection went on past its limit";
            }
            // The last connection may end the flood below its limit: `id` questions are open, the Bootstrap among them.
            if (sent >= total && id <= WireLimits{}.maxOpenQuestions) break;
            ASSERT_EQ(served.waitClosed(loop), CloseReason::tooManyQuestions);
            if (before == 0) before = residentBytes();
        }
        if (residentSizeIsOurs) {
            EXPECT_LT(residentBytes(), before + (16u << 20));
        }
    }
};

TEST_P(HostileCalls, AMillionCallsWithoutFinish) {
    if (CAPNP_VERSION >= 1000000) {
        // Its answers without capabilities end their questions by themselves: such a peer breaks no rule.
        Bytes chunk;
        for (std::uint32_t id = 1; id <= 100; ++id) chunk = std::move(chunk) + checkMessage(id, "f");
        return servedForEver(loop, chunk, 100);
    }
    flood([&](std::uint32_t id) { return checkMessage(id, "f"); });
}

TEST_P(HostileCalls, AMillionBootstrapsWithoutFinish) {
    flood([](std::uint32_t id) { return bootstrapMessage(id); });
}

INSTANTIATE_TEST_SUITE_P(Replies, HostileCalls, testing::Bool(),
                         [](const auto& each) { return each.param ? "Read" : "NeverRead"; });

// Who sends these and does not read is held back: AReaderThatNeverDrainsStopsItsOwnCallsOnly.
TEST(LawfulCalls, AreServedForEverInTheSameMemory) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    Bytes chunk;
    for (std::uint32_t id = 1; id <= 100; ++id) chunk = std::move(chunk) + checkMessage(id, "f") + finishMessage(id);
    servedForEver(loop, chunk, 100);
}

}  // namespace
}  // namespace entitle::test
