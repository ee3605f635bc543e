#include "license/slots.h"

#include <algorithm>
#include <chrono>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "license/license.h"

namespace entitle {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

SlotSecretHash secret(std::uint32_t n) {
    SlotSecretHash hash{};
    for (std::size_t i = 0; i < 4; ++i) hash[i] = static_cast<std::uint8_t>(n >> (8 * i));
    return hash;
}

Now boot(nanoseconds boottime) {
    Now now;
    now.boottime = boottime;
    return now;
}

SlotLedger::Limits upTo(std::int64_t quota, std::optional<std::int64_t> perUid = std::nullopt) {
    SlotLedger::Limits limits;
    limits.quota = quota;
    limits.perUid = perUid;
    return limits;
}

constexpr Holder alice{1000, 11};
constexpr Holder bob{1001, 22};

SlotId acquired(SlotLedger& ledger, std::uint32_t n, std::uint32_t count = 1, const Holder& holder = alice) {
    const auto result = ledger.acquire("bots", count, "bot", holder, secret(n), upTo(unlimited), {});
    EXPECT_TRUE(result.id) << toString(result.refusal);
    return result.id.value_or(0);
}

AcquireRefusal refusal(const SlotLedger::Acquired& result) {
    EXPECT_FALSE(result.id);
    return result.refusal;
}

// What a restarted daemon finds: the slots of `ledger`.
SlotLedger restarted(const SlotLedger& ledger) {
    SlotLedger fresh;
    fresh.restore(ledger.page(0, ledger.size(), std::nullopt));
    return fresh;
}

TEST(Slots, LimitIsReachedAndNeverPassed) {
    SlotLedger ledger;
    const auto take = [&](std::uint32_t n, std::uint32_t count) {
        return ledger.acquire("bots", count, "", alice, secret(n), upTo(10), {});
    };
    EXPECT_EQ(take(1, 7).id, 1u);
    EXPECT_EQ(refusal(take(2, 4)), AcquireRefusal::quotaExceeded);
    EXPECT_EQ(take(3, 3).id, 2u);
    EXPECT_EQ(refusal(take(4, 1)), AcquireRefusal::quotaExceeded);
    EXPECT_EQ(ledger.use("bots", 10).inUse, 10u);
    EXPECT_TRUE(ledger.release(1));
    EXPECT_EQ(take(5, 7).id, 3u) << "an id is never given out again";
}

TEST(Slots, AcquireKeepsWhatItWasTold) {
    SlotLedger ledger;
    Now now;
    now.wall = Instant{Seconds{1'795'338'900}};
    const auto result = ledger.acquire("bots", 2, "grid-bot", alice, secret(1), upTo(10), now);
    const Slot* slot = ledger.find(*result.id);
    ASSERT_NE(slot, nullptr);
    EXPECT_EQ(slot->quota, "bots");
    EXPECT_EQ(slot->count, 2u);
    EXPECT_EQ(slot->label, "grid-bot");
    EXPECT_EQ(slot->holder, alice);
    EXPECT_EQ(slot->since, now.wall);
    EXPECT_EQ(slot->generation, 1u);
    EXPECT_EQ(slot->reclaimUntil, std::nullopt);
}

TEST(Slots, LoweredLimitRefusesNewOnesAndFreesNone) {
    SlotLedger ledger;
    acquired(ledger, 1, 50);
    EXPECT_EQ(refusal(ledger.acquire("bots", 1, "", alice, secret(2), upTo(3), {})), AcquireRefusal::quotaExceeded);
    EXPECT_EQ(refusal(ledger.acquire("bots", 1, "", alice, secret(2), upTo(-7), {})), AcquireRefusal::quotaExceeded);
    EXPECT_EQ(ledger.use("bots", 3).inUse, 50u);
}

TEST(Slots, SharePerUserIsItsOwnLimit) {
    SlotLedger ledger;
    EXPECT_TRUE(ledger.acquire("bots", 4, "", alice, secret(1), upTo(10, 5), {}).id);
    EXPECT_EQ(refusal(ledger.acquire("bots", 2, "", alice, secret(2), upTo(10, 5), {})),
              AcquireRefusal::uidShareExceeded);
    EXPECT_TRUE(ledger.acquire("bots", 5, "", bob, secret(3), upTo(10, 5), {}).id);
    EXPECT_EQ(ledger.inUseBy("bots", alice.uid), 4u);
    EXPECT_EQ(ledger.inUseBy("bots", bob.uid), 5u);
    EXPECT_EQ(ledger.inUseBy("bots", 4711), 0u);
    EXPECT_EQ(ledger.inUseBy("cats", alice.uid), 0u);
}

TEST(Slots, ImpossibleCountsAreRefused) {
    SlotLedger ledger;
    for (const std::uint32_t count : {0u, maxSlotCount + 1, std::numeric_limits<std::uint32_t>::max()})
        EXPECT_EQ(refusal(ledger.acquire("bots", count, "", alice, secret(1), upTo(unlimited), {})),
                  AcquireRefusal::badCount);
    EXPECT_TRUE(ledger.acquire("bots", maxSlotCount, "", alice, secret(1), upTo(unlimited), {}).id);
}

TEST(Slots, QuotaMustBeAName) {
    SlotLedger ledger;
    for (const char* quota : {"", "Bots", "bots/..", "b o t s"})
        EXPECT_EQ(refusal(ledger.acquire(quota, 1, "", alice, secret(1), upTo(unlimited), {})),
                  AcquireRefusal::unknownQuota);
}

TEST(Slots, FullLedgerRefuses) {
    SlotLedger ledger;
    SlotLedger::Limits limits = upTo(unlimited);
    limits.slots = 2;
    EXPECT_TRUE(ledger.acquire("bots", 1, "", alice, secret(1), limits, {}).id);
    EXPECT_TRUE(ledger.acquire("bots", 1, "", alice, secret(2), limits, {}).id);
    EXPECT_EQ(refusal(ledger.acquire("bots", 1, "", alice, secret(3), limits, {})), AcquireRefusal::ledgerFull);
    ledger.reserveIdsUpTo(std::numeric_limits<SlotId>::max());
    EXPECT_EQ(refusal(ledger.acquire("bots", 1, "", alice, secret(3), upTo(unlimited), {})),
              AcquireRefusal::ledgerFull);
}

TEST(Slots, SecretInUseIsRefused) {
    SlotLedger ledger;
    acquired(ledger, 1);
    EXPECT_EQ(refusal(ledger.acquire("bots", 1, "", bob, secret(1), upTo(unlimited), {})),
              AcquireRefusal::doubledSecret);
}

TEST(SlotLabel, PrintableUtf8IsTaken) {
    for (const std::string& label :
         {std::string(), std::string("grid-bot 7"), std::string("H\xc3\xa4ndler"),
          std::string("\xe4\xba\xa4\xe6\x98\x93"), std::string("\xf0\x9f\x90\x9f"), std::string(64, 'x')})
        EXPECT_TRUE(isSlotLabel(label)) << label;
}

TEST(SlotLabel, WhatUpsetsATerminalOrIsNotUtf8IsRefused) {
    const std::string bad[] = {std::string(65, 'x'),
                               std::string("a\0b", 3),
                               "a\nb",
                               "a\tb",
                               "\x1b[31mred",
                               "a\x7f",
                               "a\xc2\x9b"
                               "31m",  // CSI of the upper control range
                               "a\xe2\x80\xae"
                               "b",  // right-to-left override
                               "a\xe2\x81\xa6"
                               "b",  // an isolate
                               "a\xe2\x80\xa8"
                               "b",  // line separator
                               "\xef\xbb\xbf"
                               "a",             // byte order mark
                               "\xef\xbf\xbf",  // not a character
                               "\x80",          // continuation alone
                               "\xc3",          // cut short
                               "\xc0\xaf",      // not the shortest form
                               "\xe0\x80\xaf",
                               "\xed\xa0\x80",      // half of a surrogate pair
                               "\xf4\x90\x80\x80",  // above U+10FFFF
                               "\xff",
                               "\xe4\xba"
                               "a"};
    for (const std::string& label : bad) EXPECT_FALSE(isSlotLabel(label)) << testing::PrintToString(label);
    SlotLedger ledger;
    EXPECT_EQ(refusal(ledger.acquire("bots", 1, "a\nb", alice, secret(1), upTo(unlimited), {})),
              AcquireRefusal::badLabel);
}

RC_GTEST_PROP(SlotLabel, AnyBytesAreAnsweredAndCutLabelsStayWhole, (const std::string& bytes)) {
    if (!isSlotLabel(bytes)) return;
    RC_ASSERT(bytes.size() <= maxSlotLabel);
    RC_ASSERT(std::none_of(bytes.begin(), bytes.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }));
}

TEST(Reclaim, SameUserWithTheSecretTakesItsSlotBack) {
    SlotLedger before;
    const SlotId id = acquired(before, 1, 3);
    SlotLedger ledger = restarted(before);
    EXPECT_EQ(ledger.use("bots", 10).inUse, 3u) << "counted from the first moment";
    EXPECT_EQ(ledger.use("bots", 10).awaiting, 3u);
    const Holder again{alice.uid, 77};
    const auto reclaimed = ledger.reclaim(secret(1), again, {});
    EXPECT_EQ(reclaimed.id, id);
    EXPECT_EQ(reclaimed.generation, 2u);
    EXPECT_EQ(ledger.find(id)->holder, again);
    EXPECT_EQ(ledger.use("bots", 10).inUse, 3u) << "never counted twice";
    EXPECT_EQ(ledger.use("bots", 10).awaiting, 0u);
}

TEST(Reclaim, RepeatingIsHarmlessAndTheLatestWins) {
    SlotLedger before;
    const SlotId id = acquired(before, 1);
    SlotLedger ledger = restarted(before);
    const auto first = ledger.reclaim(secret(1), alice, {});
    const auto second = ledger.reclaim(secret(1), alice, {});
    EXPECT_EQ(second.id, id);
    EXPECT_GT(second.generation, first.generation);
    EXPECT_FALSE(ledger.releaseIfGeneration(id, first.generation)) << "the older connection's death frees nothing";
    EXPECT_NE(ledger.find(id), nullptr);
    EXPECT_TRUE(ledger.releaseIfGeneration(id, second.generation));
    EXPECT_FALSE(ledger.releaseIfGeneration(id, second.generation));
}

TEST(Reclaim, StolenSecretOfAnotherUserIsRefused) {
    SlotLedger before;
    const SlotId id = acquired(before, 1);
    SlotLedger ledger = restarted(before);
    const auto stolen = ledger.reclaim(secret(1), bob, {});
    EXPECT_FALSE(stolen.id);
    EXPECT_EQ(stolen.refusal, ReclaimRefusal::otherUser);
    EXPECT_EQ(ledger.find(id)->holder, alice);
    EXPECT_EQ(ledger.find(id)->generation, 1u);
    EXPECT_EQ(ledger.reclaim(secret(2), bob, {}).refusal, ReclaimRefusal::unknownSecret);
    EXPECT_EQ(ledger.reclaim(secret(1), alice, {}).id, id);
}

TEST(Reclaim, WindowEndsForWhoeverDidNotComeBack) {
    SlotLedger before;
    const SlotId back = acquired(before, 1, 2);
    const SlotId gone = acquired(before, 2, 3);
    SlotLedger ledger = restarted(before);
    EXPECT_EQ(ledger.nextReclaimEnd(), std::nullopt) << "not before the daemon is ready";
    EXPECT_THAT(ledger.expireReclaims(boot(std::chrono::hours{24})), IsEmpty());
    ledger.openReclaimWindow(seconds{130});
    EXPECT_EQ(ledger.nextReclaimEnd(), seconds{130});
    EXPECT_EQ(ledger.reclaim(secret(1), alice, boot(seconds{129})).id, back);
    EXPECT_THAT(ledger.expireReclaims(boot(seconds{130} - nanoseconds{1})), IsEmpty());
    EXPECT_THAT(ledger.expireReclaims(boot(seconds{130})), ElementsAre(gone));
    EXPECT_EQ(ledger.use("bots", 10).inUse, 2u);
    EXPECT_EQ(ledger.nextReclaimEnd(), std::nullopt);
}

TEST(Reclaim, AfterTheWindowItIsTooLateEvenBeforeTheTimerRan) {
    SlotLedger before;
    acquired(before, 1);
    SlotLedger ledger = restarted(before);
    ledger.openReclaimWindow(seconds{130});
    EXPECT_EQ(ledger.reclaim(secret(1), alice, boot(seconds{130})).refusal, ReclaimRefusal::unknownSecret);
}

TEST(Restore, DoubledIdsAndSecretsAreDropped) {
    SlotLedger before;
    acquired(before, 1);
    acquired(before, 2);
    std::vector<Slot> slots = before.page(0, 10, std::nullopt);
    Slot sameId = slots[0];
    sameId.secretHash = secret(3);
    Slot sameSecret = slots[1];
    sameSecret.id = 9;
    slots.push_back(sameId);
    slots.push_back(sameSecret);
    SlotLedger ledger;
    ledger.restore(slots);
    EXPECT_EQ(ledger.size(), 2u);
    EXPECT_EQ(ledger.use("bots", 10).inUse, 2u);
    EXPECT_EQ(ledger.find(1)->secretHash, secret(1));
    EXPECT_EQ(ledger.find(9), nullptr);
    EXPECT_EQ(acquired(ledger, 4), 10u) << "also a dropped record has used its id";
}

TEST(Restore, RecordsThatAcquireWouldNotHaveMadeAreDropped) {
    Slot good;
    good.id = 1;
    good.quota = "bots";
    good.count = 1;
    good.secretHash = secret(1);
    std::vector<Slot> slots(6, good);
    for (std::uint32_t i = 0; i < 6; ++i) {
        slots[i].id = i + 1;
        slots[i].secretHash = secret(i + 1);
    }
    slots[1].id = 0;
    slots[2].count = 0;
    slots[3].count = maxSlotCount + 1;
    slots[4].quota = "no such/quota";
    slots[5].label = "a\x1b[0m";
    SlotLedger ledger;
    ledger.restore(slots);
    EXPECT_THAT(ledger.page(0, 10, std::nullopt), SizeIs(1));
    EXPECT_EQ(ledger.find(1)->reclaimUntil.has_value(), true);
}

TEST(Restore, HighestPossibleIdNeitherStaysNorEndsTheLedger) {
    Slot last;
    last.id = std::numeric_limits<SlotId>::max();
    last.quota = "bots";
    last.count = 1;
    SlotLedger ledger;
    ledger.restore({last});
    EXPECT_EQ(ledger.size(), 0u);
    EXPECT_EQ(acquired(ledger, 1), 1u);
}

TEST(Shrink, YoungestGoFirstAndNoMoreThanNeeded) {
    SlotLedger ledger;
    acquired(ledger, 1, 2);
    acquired(ledger, 2, 2);
    acquired(ledger, 3, 1);
    acquired(ledger, 4, 5);
    EXPECT_THAT(ledger.shrinkTo("bots", 10), IsEmpty());
    EXPECT_THAT(ledger.shrinkTo("bots", unlimited), IsEmpty());
    EXPECT_THAT(ledger.shrinkTo("bots", 4), ElementsAre(4u, 3u));
    EXPECT_EQ(ledger.use("bots", 4).inUse, 4u);
    EXPECT_THAT(ledger.shrinkTo("bots", 3), ElementsAre(2u)) << "a slot is freed whole";
    EXPECT_THAT(ledger.shrinkTo("bots", -5), ElementsAre(1u)) << "below zero is nothing";
    EXPECT_THAT(ledger.shrinkTo("bots", 0), IsEmpty());
}

TEST(Shrink, OtherQuotasAreLeftAlone) {
    SlotLedger ledger;
    acquired(ledger, 1);
    ASSERT_TRUE(ledger.acquire("cats", 1, "", alice, secret(2), upTo(1), {}).id);
    acquired(ledger, 3);
    ASSERT_TRUE(ledger.acquire("dogs", 1, "", alice, secret(4), upTo(1), {}).id);
    EXPECT_THAT(ledger.shrinkTo("bots", 0), ElementsAre(3u, 1u));
    EXPECT_EQ(ledger.size(), 2u);
}

TEST(Page, AscendsFromTheCursorAndFiltersByUser) {
    SlotLedger ledger;
    for (std::uint32_t i = 0; i < 10; ++i) acquired(ledger, i, 1, i % 3 == 0 ? bob : alice);
    const auto ids = [](const std::vector<Slot>& page) {
        std::vector<SlotId> all;
        for (const Slot& slot : page) all.push_back(slot.id);
        return all;
    };
    EXPECT_THAT(ids(ledger.page(0, 3, std::nullopt)), ElementsAre(1, 2, 3));
    EXPECT_THAT(ids(ledger.page(3, 3, std::nullopt)), ElementsAre(4, 5, 6));
    EXPECT_THAT(ids(ledger.page(9, 3, std::nullopt)), ElementsAre(10));
    EXPECT_THAT(ids(ledger.page(10, 3, std::nullopt)), IsEmpty());
    EXPECT_THAT(ids(ledger.page(1, 2, bob.uid)), ElementsAre(4, 7));
    EXPECT_THAT(ids(ledger.page(7, 10, bob.uid)), ElementsAre(10));
    EXPECT_THAT(ids(ledger.page(0, 10, 4711)), IsEmpty());
    EXPECT_THAT(ids(ledger.page(0, 0, std::nullopt)), IsEmpty());
    EXPECT_THAT(ids(ledger.page(std::numeric_limits<SlotId>::max(), 5, std::nullopt)), IsEmpty());
    EXPECT_THAT(ids(ledger.page(0, std::numeric_limits<std::size_t>::max(), std::nullopt)), SizeIs(10));
}

// 10,000 bots of one process that was killed, beside 50,000 of others: counted operations would be milliseconds, a scan
// per slot would be a minute.
TEST(Slots, TenThousandSlotsOfOneHolderAreFreedAtOnce) {
    SlotLedger ledger;
    std::vector<SlotId> killed;
    for (std::uint32_t i = 0; i < 60'000; ++i) {
        const SlotId id = acquired(ledger, i, 1, i % 6 == 0 ? alice : bob);
        if (i % 6 == 0) killed.push_back(id);
    }
    const auto begin = std::chrono::steady_clock::now();
    for (const SlotId id : killed) ASSERT_TRUE(ledger.releaseIfGeneration(id, 1));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds{1});
    EXPECT_EQ(ledger.inUseBy("bots", alice.uid), 0u);
    EXPECT_EQ(ledger.use("bots", unlimited).inUse, 50'000u);
}

TEST(Slots, EveryRefusalHasWords) {
    for (int i = 1; i <= static_cast<int>(AcquireRefusal::doubledSecret); ++i) {
        EXPECT_NE(toString(static_cast<AcquireRefusal>(i)), "unknown") << i;
        EXPECT_EQ(explain(static_cast<AcquireRefusal>(i)).back(), '.') << i;
    }
    for (int i = 1; i <= static_cast<int>(ReclaimRefusal::otherUser); ++i) {
        EXPECT_NE(toString(static_cast<ReclaimRefusal>(i)), "unknown") << i;
        EXPECT_EQ(explain(static_cast<ReclaimRefusal>(i)).back(), '.') << i;
    }
    EXPECT_EQ(toString(static_cast<AcquireRefusal>(99)), "unknown");
    EXPECT_EQ(toString(static_cast<ReclaimRefusal>(99)), "unknown");
    EXPECT_FALSE(explain(static_cast<AcquireRefusal>(99)).empty());
    EXPECT_FALSE(explain(static_cast<ReclaimRefusal>(99)).empty());
}

}  // namespace
}  // namespace entitle
