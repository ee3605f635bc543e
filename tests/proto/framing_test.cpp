#include "proto/framing.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace entitle {
namespace {

using State = Frame::State;

std::vector<std::byte> header(std::initializer_list<std::uint32_t> numbers) {
    std::vector<std::byte> bytes;
    for (const std::uint32_t number : numbers) {
        for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<std::byte>(number >> (8 * i)));
    }
    return bytes;
}

TEST(Framing, MeasuresAMessageOfOneSegment) {
    const Frame frame = inspectFrame(header({0, 5}), WireLimits{});
    EXPECT_EQ(frame.state, State::known);
    EXPECT_EQ(frame.segments, 1u);
    EXPECT_EQ(frame.headerBytes, 8u);
    EXPECT_EQ(frame.bytes, 48u);
}

TEST(Framing, CountsThePaddingOfAnEvenNumberOfSegments) {
    const Frame frame = inspectFrame(header({1, 1, 2, 0}), WireLimits{});
    EXPECT_EQ(frame.headerBytes, 16u);
    EXPECT_EQ(frame.bytes, 16u + 24u);
}

TEST(Framing, RefusesASegmentCountThatOverflows) {
    EXPECT_EQ(inspectFrame(header({0xFFFFFFFF}), WireLimits{}).state, State::bad);
}

TEST(Framing, RefusesOneSegmentTooMany) {
    EXPECT_EQ(inspectFrame(header({15}), WireLimits{}).state, State::bad);
    EXPECT_EQ(inspectFrame(header({14}), WireLimits{}).state, State::incomplete);
}

TEST(Framing, RefusesOneWordTooMany) {
    EXPECT_EQ(inspectFrame(header({0, 8'192}), WireLimits{}).state, State::known);
    EXPECT_EQ(inspectFrame(header({0, 8'193}), WireLimits{}).state, State::bad);
    EXPECT_EQ(inspectFrame(header({1, 8'192, 1}), WireLimits{}).state, State::bad);
}

TEST(Framing, RefusesSizesWhoseSumWraps) {
    EXPECT_EQ(inspectFrame(header({1, 0xFFFFFFFF, 2}), WireLimits{}).state, State::bad);
    EXPECT_EQ(inspectFrame(header({3, 1, 0x80000000, 0x80000000}), WireLimits{}).state, State::bad);
}

TEST(Framing, RefusesAFirstSegmentWithoutARoot) {
    EXPECT_EQ(inspectFrame(header({0, 0}), WireLimits{}).state, State::bad);
    EXPECT_EQ(inspectFrame(header({1, 1, 0}), WireLimits{}).state, State::known);
}

TEST(Framing, ReportsABrokenBoundBeforeTheHeaderIsWhole) {
    EXPECT_EQ(inspectFrame(header({13, 1, 9'000}), WireLimits{}).state, State::bad);
}

RC_GTEST_PROP(Framing, EveryPrefixAgreesWithTheWhole, (const std::vector<std::uint8_t>& raw)) {
    std::vector<std::byte> bytes;
    for (const std::uint8_t byte : raw) bytes.push_back(std::byte{byte});
    if (bytes.size() > 3) {  // small counts, or nearly every case is refused by its first byte
        bytes[0] &= std::byte{0x0F};
        bytes[1] = bytes[2] = bytes[3] = std::byte{0};
    }
    const Frame whole = inspectFrame(bytes, WireLimits{});
    for (std::size_t size = 0; size <= bytes.size(); ++size) {
        const Frame part = inspectFrame(std::span(bytes).first(size), WireLimits{});
        if (part.state == State::bad) RC_ASSERT(whole.state == State::bad);
        if (part.state == State::known) {
            RC_ASSERT(whole.state == State::known);
            RC_ASSERT(part.bytes == whole.bytes);
        }
    }
}

RC_GTEST_PROP(Framing, NothingKnownIsOutOfBounds, (std::uint32_t last, std::vector<std::uint32_t> sizes)) {
    std::vector<std::uint32_t> numbers{last % 20};
    for (const std::uint32_t size : sizes) numbers.push_back(size % 4 == 0 ? size : size % 2'000);
    std::vector<std::byte> bytes;
    for (const std::uint32_t number : numbers) {
        for (unsigned i = 0; i < 4; ++i) bytes.push_back(static_cast<std::byte>(number >> (8 * i)));
    }
    const Frame frame = inspectFrame(bytes, WireLimits{});
    if (frame.state != State::known) return;
    RC_ASSERT(frame.segments >= 1u && frame.segments <= 15u);
    RC_ASSERT(frame.bytes <= frame.headerBytes + 8'192u * 8u);
    RC_ASSERT(frame.bytes % 8 == 0u);
}

}  // namespace
}  // namespace entitle
