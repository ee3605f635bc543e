#include "daemon/record.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sodium.h>

#include "tests/daemon/sample_record.h"

namespace entitle {
namespace {

using testing::sampleRecord;

// The frame around another payload, with a checksum that holds.
std::string framed(std::string_view payload, std::uint32_t version = recordVersion) {
    std::string out = "ENTSTATE";
    for (const auto value : {version, static_cast<std::uint32_t>(payload.size())}) {
        for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
    }
    out += payload;
    std::string sum(32, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(sum.data()), sum.size(),
                       reinterpret_cast<const unsigned char*>(out.data()), out.size(), nullptr, 0);
    return out + sum;
}

std::string payloadOf(const std::string& bytes) {
    return bytes.substr(16, bytes.size() - 48);
}

RecordError errorOf(std::string_view bytes) {
    const auto decoded = decodeRecord(bytes);
    EXPECT_TRUE(decoded.has_error());
    return decoded.has_error() ? decoded.error() : RecordError{};
}

TEST(Record, KeepsEveryFieldOfTheState) {
    const auto record = sampleRecord(42);
    const auto decoded = decodeRecord(encodeRecord(record));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, record);
}

TEST(Record, AnEmptyOneIsARecordToo) {
    const auto decoded = decodeRecord(encodeRecord({}));
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(*decoded, Record{});
}

TEST(Record, NeverStoresAnUnsignedLicense) {
    auto record = sampleRecord(1);
    record.state.current = License{};
    record.state.current->maxBots = 123'456'789;
    const auto bytes = encodeRecord(record);
    EXPECT_EQ(bytes.find("123456789"), std::string::npos);
    EXPECT_FALSE(decodeRecord(bytes)->state.current);
}

TEST(Record, AnyRecordOfAnyNumbersAndTextsComesBack) {
    rc::check([] {
        const auto text = [] { return *rc::gen::container<std::string>(rc::gen::inRange<char>(0, 127)); };
        const auto when = [] { return Instant{Seconds{*rc::gen::arbitrary<std::int64_t>()}}; };
        Record record;
        record.generation = *rc::gen::arbitrary<std::uint64_t>();
        record.documentToken = text();
        record.keySetToken = text();
        record.earlierKeySetToken = text();
        record.authority = text();
        record.keySetVersion = *rc::gen::arbitrary<std::uint64_t>();
        record.requestToken = text();
        if (*rc::gen::arbitrary<bool>()) record.state.pending = PendingRequest{text(), when()};
        if (*rc::gen::arbitrary<bool>()) record.state.ended = Ended{Standing::revoked, when()};
        if (*rc::gen::arbitrary<bool>()) record.state.binding.driftSince = when();
        if (*rc::gen::arbitrary<bool>()) record.state.shrinkAt = when();
        record.state.binding.match = *rc::gen::element(Match::same, Match::drift, Match::different);
        record.state.reported = static_cast<Standing>(*rc::gen::inRange(0, 9));
        const auto floors = *rc::gen::inRange<std::size_t>(0, maxSequenceFloors + 1);
        for (std::size_t i = 0; i < floors; ++i) {
            record.state.minimumSequence.push_back({LicenseId{text()}, *rc::gen::arbitrary<std::uint64_t>(), when()});
        }
        for (auto i = *rc::gen::inRange<std::size_t>(0, maxAttempts + 1); i > 0; --i) {
            Attempt attempt;
            attempt.operation = *rc::gen::element(Operation::activate, Operation::renew, Operation::deactivate,
                                                  Operation::reenrol, Operation::wait);
            attempt.rid = text();
            attempt.key = text();
            attempt.sent = *rc::gen::arbitrary<std::uint32_t>();
            attempt.nextAttempt = when();
            if (*rc::gen::arbitrary<bool>()) attempt.waitingUntil = when();
            record.state.attempts.push_back(attempt);
        }
        record.state.token = text();
        if (*rc::gen::arbitrary<bool>()) record.state.renewAt = when();
        if (*rc::gen::arbitrary<bool>()) record.state.conflictAt = when();
        record.state.revocationEpoch = *rc::gen::arbitrary<std::uint64_t>();
        record.state.clockSpent = *rc::gen::arbitrary<bool>();
        for (auto looks = *rc::gen::inRange(0, 4); looks > 0; --looks) {
            const Now now{when(), Seconds{*rc::gen::arbitrary<std::int32_t>()}, text(), *rc::gen::arbitrary<bool>()};
            if (*rc::gen::arbitrary<bool>()) record.clock = imported(record.clock, now, when()).trust;
            record.clock = judge(record.clock, now, {when(), Seconds{*rc::gen::arbitrary<std::int64_t>()}}).trust;
        }
        const auto decoded = decodeRecord(encodeRecord(record));
        RC_ASSERT(decoded.has_value());
        RC_ASSERT(*decoded == record);
    });
}

TEST(Record, EveryFlippedBitIsNoticed) {
    const auto bytes = encodeRecord(sampleRecord(1));
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        auto damaged = bytes;
        damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
        const auto decoded = decodeRecord(damaged);
        ASSERT_TRUE(decoded.has_error()) << "bit " << bit;
        // A flipped version number is damage, not a newer entitled: the other generation must be tried.
        ASSERT_NE(decoded.error(), RecordError::newerVersion) << "bit " << bit;
    }
}

TEST(Record, EveryTruncationAndAnyTailIsNoticed) {
    const auto bytes = encodeRecord(sampleRecord(1));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        ASSERT_EQ(errorOf(bytes.substr(0, size)), RecordError::truncated) << size;
    }
    EXPECT_EQ(errorOf(bytes + "x"), RecordError::truncated);
    EXPECT_EQ(errorOf(bytes + bytes), RecordError::truncated);
}

// As the first release wrote it. Whoever upgrades keeps the license, and loses nothing but what did not exist.
TEST(Record, OneOfVersionOneIsReadAndWrittenAnew) {
    const std::string old =
        R"({"generation":3,"document":"v4.public.d","key_set":"v4.public.k","authority":"acme","key_set_version":7,)"
        R"("request":"v4.public.r","state":{"pending":{"nonce":"n","issued_at":1790000001},"ended":null,)"
        R"("binding":{"match":"drift","drift_since":1790000003,"different_since":null},)"
        R"("minimum_sequence":[{"license":"lic_aaaaaaaaaaaaaaaa","lowest":5}],"shrink_at":null,"reported":2,)"
        R"("reported_hold":{"kept":false,"until":null}},"last_audit":null})";
    const auto record = decodeRecord(framed(old, 1));
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->documentToken, "v4.public.d");
    EXPECT_EQ(record->state.minimumSequence,
              (std::vector<SequenceFloor>{{LicenseId{"lic_aaaaaaaaaaaaaaaa"}, 5, Instant{}}}));
    EXPECT_EQ(record->state.reported, Standing::grace);
    EXPECT_TRUE(record->state.attempts.empty());
    const auto anew = encodeRecord(*record);
    EXPECT_EQ(anew[8], static_cast<char>(recordVersion));
    EXPECT_EQ(decodeRecord(anew).value(), *record);
    // Each version has its own spelling.
    EXPECT_EQ(errorOf(framed(old, 2)), RecordError::badForm);
    EXPECT_EQ(errorOf(framed(payloadOf(anew), 1)), RecordError::badForm);
}

// A daemon that asked the authority, and knew nothing of a clock that is wrong.
TEST(Record, OneOfVersionTwoIsReadAndWrittenAnew) {
    const std::string old =
        R"({"generation":3,"document":"v4.public.d","key_set":"v4.public.k","authority":"acme","key_set_version":7,)"
        R"("request":"","state":{"pending":null,"ended":null,)"
        R"("binding":{"match":"same","drift_since":null,"different_since":null},)"
        R"("minimum_sequence":[{"license":"lic_aaaaaaaaaaaaaaaa","lowest":5,"issued_from":1790000000}],)"
        R"("shrink_at":null,"reported":1,"reported_hold":{"kept":false,"until":null},"attempts":[],)"
        R"("token":"t","renew_at":1790000009,"conflict_at":null,"revocation_epoch":4},"last_audit":null})";
    const auto record = decodeRecord(framed(old, 2));
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->state.token, "t");
    EXPECT_EQ(record->clock, ClockTrust{});
    EXPECT_FALSE(record->state.clockSpent);
    EXPECT_EQ(decodeRecord(encodeRecord(*record)).value(), *record);
    EXPECT_EQ(errorOf(framed(old, 1)), RecordError::badForm);
    EXPECT_EQ(errorOf(framed(old, 3)), RecordError::badForm);
}

constexpr const char* earlierKeySet = R"("earlier_key_set":"",)";
std::string without(const std::string& member, std::string payload) {
    const auto at = payload.find(member);
    if (at == std::string::npos) throw std::logic_error("there is no " + member);
    return payload.erase(at, member.size());
}
std::string without(const std::string& member, const Record& record) {
    return without(member, payloadOf(encodeRecord(record)));
}

// A daemon that forgot at every restart when the authority had last answered.
TEST(Record, OneOfVersionThreeIsReadAndWrittenAnew) {
    auto wanted = sampleRecord(3);
    wanted.activatedBy.clear();
    wanted.lastContact.reset();
    wanted.earlierKeySetToken.clear();
    const auto old = without(R"("activated_by":"","last_contact":null,)", without(earlierKeySet, wanted));
    const auto record = decodeRecord(framed(old, 3));
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(*record, wanted);
    EXPECT_EQ(decodeRecord(encodeRecord(*record)).value(), *record);
    EXPECT_EQ(errorOf(framed(old, 4)), RecordError::badForm);
    EXPECT_EQ(errorOf(framed(payloadOf(encodeRecord(wanted)), 3)), RecordError::badForm);
}

// A daemon that forgot its license when the key which had signed it was listed no more.
TEST(Record, OneOfVersionFourIsReadAndWrittenAnew) {
    auto wanted = sampleRecord(3);
    wanted.earlierKeySetToken.clear();
    const auto old = without(earlierKeySet, wanted);
    EXPECT_EQ(decodeRecord(framed(old, 4)).value(), wanted);
    EXPECT_EQ(errorOf(framed(old, 5)), RecordError::badForm);
    EXPECT_EQ(errorOf(framed(payloadOf(encodeRecord(wanted)), 4)), RecordError::badForm);
}

TEST(Record, OneOfANewerVersionIsToldFromADamagedOne) {
    EXPECT_EQ(errorOf(framed(R"({"what":"we cannot know"})", recordVersion + 1)), RecordError::newerVersion);
    EXPECT_EQ(errorOf(framed("", std::numeric_limits<std::uint32_t>::max())), RecordError::newerVersion);
    EXPECT_EQ(errorOf(framed("{}", 0)), RecordError::badForm);
}

TEST(Record, OnlyOurOwnSpellingOfAPayloadIsRead) {
    const auto payload = payloadOf(encodeRecord(sampleRecord(1)));
    ASSERT_TRUE(decodeRecord(framed(payload)).has_value());
    const auto edited = [&](std::string_view from, std::string_view to) {
        auto text = payload;
        const auto place = text.find(from);
        EXPECT_NE(place, std::string::npos) << from;
        text.replace(place, from.size(), to);
        return errorOf(framed(text));
    };
    EXPECT_EQ(edited("{", "{ "), RecordError::badForm);                        // white space
    EXPECT_EQ(edited("{", R"({"extra":1,)"), RecordError::badForm);            // unknown member
    EXPECT_EQ(edited("{", R"({"authority":"other",)"), RecordError::badForm);  // doubled member
    EXPECT_EQ(edited(R"("authority":"acme",)", ""), RecordError::badForm);     // missing member
    EXPECT_EQ(edited(R"("key_set_version":7)", R"("key_set_version":7.0)"), RecordError::badForm);
    EXPECT_EQ(edited(R"("key_set_version":7)", R"("key_set_version":-7)"), RecordError::badForm);
    EXPECT_EQ(edited(R"("key_set_version":7)", R"("key_set_version":"7")"), RecordError::badForm);
    EXPECT_EQ(edited(R"("reported":2)", R"("reported":9)"), RecordError::badForm);  // no such standing
    EXPECT_EQ(edited(R"("match":"drift")", R"("match":"SAME")"), RecordError::badForm);
    EXPECT_EQ(edited(R"(\"anchored_here\":true)", R"(\"anchored_here\":1)"), RecordError::badForm);
    EXPECT_EQ(edited("acme", "\xff\xfe"), RecordError::badForm);                    // no UTF-8
    EXPECT_EQ(edited(R"(\"imported\")", R"(\"exported\")"), RecordError::badForm);  // the entry's own hash
    EXPECT_EQ(errorOf(framed("[]")), RecordError::badForm);
    EXPECT_EQ(errorOf(framed("")), RecordError::badForm);
    EXPECT_EQ(errorOf(framed(std::string(100'000, '['))), RecordError::badForm);
}

TEST(Record, SomethingElseIsNotARecord) {
    EXPECT_EQ(errorOf("#!/bin/sh\n# this is no state file at all, and long enough to be one\n"), RecordError::badMagic);
    EXPECT_EQ(errorOf(""), RecordError::truncated);
}

}  // namespace
}  // namespace entitle
