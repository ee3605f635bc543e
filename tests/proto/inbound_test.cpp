#include "proto/inbound.h"

#include <algorithm>
#include <cstring>

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include "tests/proto/wire_fixture.h"

namespace entitle {
namespace {

using test::Bytes;
using test::operator+;

// Puts bytes in as reads would, in pieces of at most `piece`, and takes out every message that is whole.
std::vector<Bytes> cut(InboundBuffer& in, const Bytes& bytes, std::size_t piece) {
    std::vector<Bytes> messages;
    std::size_t at = 0;
    while (at < bytes.size()) {
        const auto space = in.space();
        const std::size_t size = std::min({piece, space.size(), bytes.size() - at});
        std::memcpy(space.data(), bytes.data() + at, size);
        in.commit(size);
        at += size;
        while (in.hasWhole()) {
            const Frame frame = in.next();
            messages.emplace_back(in.data(), in.data() + frame.bytes);
            in.consume(frame.bytes);
        }
    }
    return messages;
}

TEST(InboundBuffer, CutsTheSameMessagesHoweverTheyArrive) {
    const std::vector<Bytes> sent{test::bootstrapMessage(0), test::checkMessage(1, "live_trading"),
                                  test::checkMessage(2, std::string(3'000, 'a')), test::finishMessage(1)};
    Bytes all;
    for (const Bytes& message : sent) all = all + message;
    const WireLimits limits;
    for (std::size_t piece = 1; piece <= all.size(); ++piece) {
        InboundBuffer in(limits, nullptr);
        ASSERT_EQ(cut(in, all, piece), sent) << "in pieces of " << piece;
        ASSERT_EQ(in.size(), 0u);
    }
}

TEST(InboundBuffer, AnnouncedBytesCostNothingUntilTheyArrive) {
    const WireLimits limits;
    const auto budget = std::make_shared<Budget>(1 << 20);
    InboundBuffer in(limits, budget);
    Bytes header{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{32}};  // 8,192 words
    header.resize(8 + 400);
    cut(in, header, header.size());
    EXPECT_EQ(budget->used(), 0u);
    cut(in, Bytes(10'000), 10'000);
    EXPECT_LE(budget->used(), 2u * 10'408u);
}

TEST(InboundBuffer, GivesBackWhatABurstNeeded) {
    const WireLimits limits;
    const auto budget = std::make_shared<Budget>(1 << 20);
    InboundBuffer in(limits, budget);
    cut(in, test::checkMessage(1, std::string(30'000, 'a')), 100'000);
    EXPECT_GT(budget->used(), 30'000u);
    cut(in, test::finishMessage(1), 100'000);
    static_cast<void>(in.space());
    EXPECT_EQ(budget->used(), 0u);
}

TEST(InboundBuffer, SaysSoWhenTheBudgetDoesNotReach) {
    const WireLimits limits;
    const auto budget = std::make_shared<Budget>(2'000);
    InboundBuffer in(limits, budget);
    Bytes message = test::checkMessage(1, std::string(30'000, 'a'));
    std::size_t at = 0;
    while (true) {
        const auto space = in.space();
        if (space.empty()) break;
        ASSERT_LT(at, message.size());
        std::memcpy(space.data(), message.data() + at, space.size());
        in.commit(space.size());
        at += space.size();
    }
    EXPECT_LE(at, 2'000u + InboundBuffer::idleBytes);
}

TEST(InboundMessage, IsChargedUntilItIsDropped) {
    const auto budget = std::make_shared<Budget>(1'000);
    const Bytes bytes = test::checkMessage(7, "live_trading");
    const Frame frame = inspectFrame(bytes, WireLimits{});
    auto first = InboundMessage::make(bytes, frame, capnp::ReaderOptions(), budget);
    ASSERT_NE(first.get(), nullptr);
    EXPECT_GT(budget->used(), bytes.size());
    std::vector<kj::Own<InboundMessage>> more;
    while (true) {
        auto next = InboundMessage::make(bytes, frame, capnp::ReaderOptions(), budget);
        if (next.get() == nullptr) break;
        more.push_back(kj::mv(next));
        ASSERT_LT(more.size(), 100u);
    }
    more.clear();
    first = {};
    EXPECT_EQ(budget->used(), 0u);
}

OpenQuestions::Kind count(OpenQuestions& open, const Bytes& bytes) {
    const Frame frame = inspectFrame(bytes, WireLimits{});
    return open.count(*InboundMessage::make(bytes, frame, capnp::ReaderOptions(), nullptr));
}

TEST(OpenQuestions, AreBootstrapsAndCallsWithoutFinish) {
    OpenQuestions open;
    count(open, test::bootstrapMessage(0));
    count(open, test::checkMessage(1, "a"));
    count(open, test::checkMessage(2, "a"));
    EXPECT_EQ(open.size(), 3u);
    count(open, test::finishMessage(1));
    EXPECT_EQ(open.size(), 2u);
}

TEST(OpenQuestions, AnIdIsFreeAgainAfterItsFinish) {
    OpenQuestions open;
    EXPECT_EQ(count(open, test::checkMessage(1, "a")), OpenQuestions::Kind::opens);
    EXPECT_EQ(count(open, test::bootstrapMessage(1)), OpenQuestions::Kind::reopens);
    EXPECT_EQ(open.size(), 1u);
    count(open, test::finishMessage(1));
    EXPECT_EQ(count(open, test::checkMessage(1, "a")), OpenQuestions::Kind::opens);
}

TEST(OpenQuestions, AFinishSentTwiceHidesNothing) {
    OpenQuestions open;
    count(open, test::checkMessage(1, "a"));
    count(open, test::checkMessage(2, "a"));
    count(open, test::finishMessage(1));
    count(open, test::finishMessage(1));
    count(open, test::finishMessage(77));
    EXPECT_EQ(open.size(), 1u);
}

TEST(OpenQuestions, AnAnswerThatNeedsNoFinishEndsItsQuestion) {
    OpenQuestions open;
    count(open, test::checkMessage(1, "a"));
    count(open, test::checkMessage(2, "a"));
    capnp::MallocMessageBuilder message;
    auto answer = message.initRoot<capnp::rpc::Message>().initReturn();
    answer.setAnswerId(1);
    answer.setReleaseParamCaps(false);
    const auto sent = [&] {
        capnp::SegmentArrayMessageReader reader(message.getSegmentsForOutput());
        open.answered(reader);
    };
    sent();
    EXPECT_EQ(count(open, test::checkMessage(1, "a")), OpenQuestions::Kind::reopens) << "its Finish is still to come";
    capnp::AnyStruct::Builder(kj::cp(answer)).getDataSection()[4] |= 2;
    sent();
    EXPECT_EQ(open.size(), 1u);
    EXPECT_EQ(count(open, test::checkMessage(1, "a")), OpenQuestions::Kind::opens);
    EXPECT_EQ(count(open, test::checkMessage(2, "a")), OpenQuestions::Kind::reopens) << "not another one's";
}

TEST(OpenQuestions, WhatIsNoRpcMessageIsMalformed) {
    OpenQuestions open;
    Bytes message = test::checkMessage(1, "a");
    std::fill(message.begin() + 8, message.end(), std::byte{0xFF});
    EXPECT_EQ(count(open, message), OpenQuestions::Kind::malformed);
    EXPECT_EQ(open.size(), 0u);
}

TEST(Budget, AChargeNeedsRoomInEveryWiderBudget) {
    const auto all = std::make_shared<Budget>(100);
    Budget first(80, all);
    Budget second(80, all);
    EXPECT_TRUE(first.charge(60));
    EXPECT_FALSE(second.charge(60));
    EXPECT_EQ(second.used(), 0u);
    EXPECT_TRUE(second.charge(40));
    first.release(60);
    EXPECT_TRUE(second.charge(40));
    EXPECT_FALSE(second.charge(1));
    EXPECT_EQ(all->used(), 80u);
}

}  // namespace
}  // namespace entitle
