// Accounts, tokens, licenses, approvals, news: the same claims on SQLite and on PostgreSQL.
#include <algorithm>
#include <array>

#include "server/database.h"
#include "server/event_feed.h"
#include "server/migrations.h"
#include "server/store.h"
#include "server/store_pool.h"
#include "server/sweeper.h"
#include "tests/server/store_fixture.h"

namespace entitle {
namespace {

using testing::activate;
using testing::day;
using testing::deviceNumber;
using testing::noon;

constexpr auto sqlText = "'; DROP TABLE licenses; -- \" $1 :x \\ \xc3\xa9";

std::string hashOf(int number) {
    std::string text = std::to_string(number);
    return std::string(64 - text.size(), '0') + text;
}

TokenRow tokenOf(const AccountId& account, int number, std::optional<Instant> end = std::nullopt) {
    TokenRow row;
    row.hash = hashOf(number);
    row.account = account;
    row.createdAt = noon;
    row.expiresAt = end;
    return row;
}

class StoreTest : public testing::StoreContract {};
ENTITLE_ON_BOTH_DATABASES(StoreTest);

TEST_P(StoreTest, FoundedTwiceKeepsTheFirst) {
    const auto again = store().found("other", {1, "x", noon}, noon);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().reason, DenialReason::alreadyFounded);
    EXPECT_EQ(store().authority(), "desk");
    EXPECT_EQ(store().schema(), migrations().back().number);
    EXPECT_EQ(store().keySet(), (KeySetRow{1, "first set", noon}));
}

TEST_P(StoreTest, AccountIsFoundByIdAndEmailAndItsEmailIsItsOwn) {
    const auto id = account("a@example.org");
    EXPECT_EQ(store().account(id), store().accountByEmail("a@example.org"));
    EXPECT_EQ(store().accountByEmail("A@example.org"), std::nullopt) << "the caller brings addresses to one form";
    AccountRow other = *store().account(id);
    other.id = AccountId{"acc_other"};
    const auto taken = store().addAccount(other);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().reason, DenialReason::emailTaken);
    EXPECT_TRUE(store().setAdmin(id, true));
    EXPECT_TRUE(store().account(id)->admin);
    EXPECT_FALSE(store().setAdmin(AccountId{"acc_nobody"}, true));
}

TEST_P(StoreTest, SameEmailRegisteredAtOnceGivesOneAccount) {
    const auto codes = testing::inProcesses(6, [&](int i) {
        auto own = another();
        return own.addAccount({AccountId{"acc_" + std::to_string(i)}, "same@example.org", "hash", false, noon, noon})
                   ? 0
                   : 1;
    });
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 1);
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 1), 5);
}

TEST_P(StoreTest, AccountsAreListedInPages) {
    for (const auto* name : {"c@x.org", "a@x.org", "b@x.org"}) account(name);
    const auto first = store().accounts({}, 2);
    ASSERT_EQ(first.size(), 2u);
    EXPECT_EQ(first[1].email, "b@x.org");
    const auto rest = store().accounts(first[1].id, 2);
    ASSERT_EQ(rest.size(), 1u);
    EXPECT_EQ(rest[0].email, "c@x.org");
}

TEST_P(StoreTest, TokenStandsForItsAccountUntilItEndsOrIsRevoked) {
    const auto id = account("a@example.org");
    store().addToken(tokenOf(id, 1, noon + day));
    store().addToken(tokenOf(id, 2));
    EXPECT_EQ(store().bearer(hashOf(1), noon)->account, store().account(id));
    EXPECT_EQ(store().bearer(hashOf(1), noon, Store::Holder::account)->account, store().account(id));
    EXPECT_FALSE(store().bearer(hashOf(1), noon + day)) << "the end itself is too late";
    EXPECT_TRUE(store().bearer(hashOf(2), noon + 1000 * day));
    EXPECT_EQ(store().sweepTokens(noon + day, 10), 1);
    EXPECT_FALSE(store().bearer(hashOf(1), noon));
    EXPECT_TRUE(store().revokeToken(hashOf(2)));
    EXPECT_FALSE(store().revokeToken(hashOf(2)));
    EXPECT_FALSE(store().bearer(hashOf(2), noon));
}

TEST_P(StoreTest, NewPasswordRevokesEveryTokenButTheOneThatAsked) {
    const auto id = account("a@example.org"), other = account("b@example.org");
    for (int i = 1; i <= 3; ++i) store().addToken(tokenOf(id, i));
    store().addToken(tokenOf(other, 4));
    ASSERT_TRUE(store().setPassword(id, "new hash", hashOf(2), noon + day));
    EXPECT_EQ(store().account(id)->passwordHash, "new hash");
    EXPECT_EQ(store().account(id)->passwordChangedAt, noon + day);
    EXPECT_FALSE(store().bearer(hashOf(1), noon));
    EXPECT_TRUE(store().bearer(hashOf(2), noon));
    EXPECT_TRUE(store().bearer(hashOf(4), noon));
    EXPECT_EQ(store().revokeTokens(id).value(), 1);
    EXPECT_FALSE(store().setPassword(AccountId{"acc_nobody"}, "x", "", noon));
}

TEST_P(StoreTest, LicenseKeepsEveryFieldAndIsFoundByKeyAndOwner) {
    const auto owner = account("a@example.org");
    const auto id = sell([&](LicenseRow& row) {
        row.keySecretId = 7;
        row.payload = {row.payload.serial, 15, 15, 65535, (1u << 24) - 1};
        row.maxBots = unlimited;
        row.duration = 14 * day;
        row.endsAt = latestInstant;
        row.note = sqlText;
        row.account = owner;
        row.deviceLimit = 5;
        row.totalBots = 40;
    });
    const auto row = store().license(id);
    ASSERT_TRUE(row);
    EXPECT_EQ(row->payload.salt, (1u << 24) - 1);
    EXPECT_EQ(row->note, sqlText);
    EXPECT_EQ(row->account, owner);
    EXPECT_EQ(row->deviceLimit, 5);
    EXPECT_EQ(row->totalBots, 40);
    EXPECT_EQ(row->endsAt, latestInstant);
    EXPECT_EQ(row->status, LicenseStatus::active);
    EXPECT_EQ(store().licenseByKey(row->keyIndex), row);
    EXPECT_EQ(store().licensesOf(owner), std::vector{*row});
    const auto second = sell();
    EXPECT_EQ(store().licenses(1, 10), std::vector{*store().license(second)});
    EXPECT_EQ(store().licenses().size(), 2u);
}

TEST_P(StoreTest, LicensesMintedAtOnceHaveSerialsOfTheirOwn) {
    const auto codes = testing::inProcesses(6, [&](int i) {
        auto own = another();
        const auto made = own.addLicense([&](std::uint64_t serial) -> Granted<LicenseRow> {
            LicenseRow row;
            row.id = LicenseId{"lic_child" + std::to_string(i)};
            row.payload.serial = serial;
            row.keyIndex = hashOf(static_cast<int>(serial));
            row.type = row.plan = "pro";
            return row;
        });
        return made ? static_cast<int>(made->payload.serial) : 90;
    });
    auto sorted = codes;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, (std::vector<int>{1, 2, 3, 4, 5, 6}));
}

TEST_P(StoreTest, TrialIsGivenOncePerAccount) {
    const auto owner = account("a@example.org");
    const auto trial = [&](LicenseRow& row) {
        row.type = "trial";
        row.account = owner;
    };
    sell(trial);
    EXPECT_THROW(sell(trial), std::runtime_error);
    EXPECT_EQ(store().licensesOf(owner).size(), 1u);
    sell([&](LicenseRow& row) { row.account = owner; });
    EXPECT_EQ(store().licensesOf(owner).size(), 2u) << "what is paid for is no trial";
    EXPECT_EQ(store().licenses()[1].license.payload.serial, 2u) << "a refusal used no serial";
}

TEST_P(StoreTest, LicenseOfAnUnknownAccountIsRefused) {
    EXPECT_THROW(sell([&](LicenseRow& row) { row.account = AccountId{"acc_nobody"}; }), std::runtime_error);
    EXPECT_TRUE(store().licenses().empty());
}

TEST_P(StoreTest, RevocationRaisesTheEpochIsListedAndIsNews) {
    const auto id = sell(), other = sell();
    std::vector<std::string> told;
    store().onEvent([&](const EventRow& event) { told.push_back(event.license.value + " " + event.what); });
    const auto turn = [&](const LicenseId& license, LicenseStatus to, Instant at) {
        return store().changeLicense(license, at, [&](LicenseRow row) -> Granted<LicenseRow> {
            row.status = to;
            return row;
        });
    };
    EXPECT_EQ(store().revocationEpoch(), 0u);
    EXPECT_EQ(turn(id, LicenseStatus::suspended, noon).value().statusChangedAt, noon);
    ASSERT_TRUE(turn(other, LicenseStatus::revoked, noon + day));
    ASSERT_TRUE(turn(id, LicenseStatus::active, noon + 2 * day));
    ASSERT_TRUE(turn(id, LicenseStatus::active, noon + 3 * day)) << "no change, hence no news";
    EXPECT_EQ(store().revocationEpoch(), 3u);
    EXPECT_EQ(store().revocations(10),
              (std::vector<RevocationRow>{{3, id, "reinstated", noon + 2 * day}, {2, other, "revoked", noon + day}}));
    EXPECT_EQ(store().revocations(1).size(), 1u);
    EXPECT_EQ(told,
              (std::vector<std::string>{id.value + " suspended", other.value + " revoked", id.value + " reinstated"}));
    EXPECT_EQ(store().lastEvent(), 3);
    EXPECT_EQ(store().events(1, 10).size(), 2u);
    EXPECT_EQ(store().events(1, 10)[0].what, "revoked");
    EXPECT_EQ(store().sweepEvents(noon + day, 10), 1);
    EXPECT_EQ(store().events(0, 10).size(), 2u);
}

TEST_P(StoreTest, DeniedChangeWritesNothingAndTellsNobody) {
    const auto id = sell();
    const auto before = store().license(id);
    int told = 0;
    store().onEvent([&](const EventRow&) { ++told; });
    const auto denied = store().changeLicense(id, noon, [](const LicenseRow&) -> Granted<LicenseRow> {
        return Denial{DenialReason::usage, "no"};
    });
    EXPECT_FALSE(denied);
    EXPECT_EQ(store().changeLicense(LicenseId{"lic_none"}, noon, [](LicenseRow row) { return row; }).error().reason,
              DenialReason::unknownLicense);
    EXPECT_EQ(store().license(id), before);
    EXPECT_EQ(told, 0);
}

TEST_P(StoreTest, ChangeKeepsWhatNobodyMayChange) {
    const auto id = sell([](LicenseRow& row) { row.deviceLimit = 3; });
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(activate(store(), id, deviceNumber(i)));
    const auto changed = store().changeLicense(id, noon, [](LicenseRow row) -> Granted<LicenseRow> {
        row.id = LicenseId{"lic_else"};
        row.lastSequence = 0;
        row.devicesHeld = 0;
        row.type = "enterprise";
        row.endsAt = noon + 365 * day;
        return row;
    });
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed.value(), *store().license(id));
    EXPECT_EQ(changed->lastSequence, 2u);
    EXPECT_EQ(changed->devicesHeld, 2);
    EXPECT_EQ(changed->type, "enterprise");
    const auto tooLow = store().changeLicense(id, noon, [](LicenseRow row) -> Granted<LicenseRow> {
        row.deviceLimit = 1;
        return row;
    });
    EXPECT_EQ(tooLow.error().reason, DenialReason::deviceLimit);
}

TEST_P(StoreTest, ApprovalIsAskedOnceDecidedOnceAndUsedOnce) {
    const auto id = sell();
    ExchangeQuery query{id, deviceNumber(1), noon, noon - 90 * day, {}, false};
    const auto ask = [&](const ExchangeFacts&) -> Granted<Exchange> {
        Exchange made;
        made.askApproval = "transfers-spent";
        made.approvalLabel = sqlText;
        made.attempt = "approval-needed";
        return made;
    };
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(store().exchange(query, ask));
    const auto waiting = store().approvals(ApprovalState::waiting, 0, 10);
    ASSERT_EQ(waiting.size(), 1u);
    EXPECT_EQ(waiting[0].hostLabel, sqlText);
    const auto admin = account("admin@example.org");
    const auto decided = store().decideApproval(waiting[0].number, true, admin, noon + day);
    ASSERT_TRUE(decided);
    EXPECT_EQ(decided->state, ApprovalState::approved);
    EXPECT_EQ(decided->decidedBy, admin);
    EXPECT_EQ(store().decideApproval(waiting[0].number, false, admin, noon).error().reason,
              DenialReason::alreadyDecided);
    EXPECT_EQ(store().decideApproval(77, false, admin, noon).error().reason, DenialReason::unknownApproval);

    const auto use = [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        EXPECT_EQ(facts.approval->state, ApprovalState::approved);
        auto made = testing::takeOrKeepSeat(facts, deviceNumber(1), noon);
        made->usedApproval = facts.approval->number;
        return made;
    };
    ASSERT_TRUE(store().exchange(query, use));
    EXPECT_EQ(store().approvals(std::nullopt, 0, 10)[0].state, ApprovalState::used);
    EXPECT_TRUE(store().approvals(ApprovalState::waiting, 0, 10).empty());
}

TEST_P(StoreTest, ActionOfAnAdministratorIsWrittenWithWhatItDidAndNotWithoutIt) {
    const auto id = sell();
    const auto as = [&](const std::string& what, const std::string& subject = "") {
        store().recordAs(AdminAction{0, noon, "acc_root", what, subject, "{}", "request"});
    };
    as("refused", "lic_nothing");
    EXPECT_FALSE(store().release(id, deviceNumber(1), noon));
    as("forgotten");
    store().recordAs(std::nullopt);
    as("revoked", id.value);
    ASSERT_TRUE(store().changeLicense(id, noon, [](LicenseRow row) -> Granted<LicenseRow> {
        row.status = LicenseStatus::revoked;
        return row;
    }));
    as("changed");  // without a subject it is the license of the write
    ASSERT_TRUE(store().changeLicense(id, noon, [](const LicenseRow& row) -> Granted<LicenseRow> { return row; }));
    ASSERT_TRUE(store().changeLicense(id, noon, [](const LicenseRow& row) -> Granted<LicenseRow> { return row; }));
    as("seen", "x");
    store().recordNow();
    const auto all = store().actions(0, 10);
    ASSERT_EQ(all.size(), 3u);
    EXPECT_EQ(all[0], (AdminAction{3, noon, "acc_root", "seen", "x", "{}", "request"}));
    EXPECT_EQ(all[1].subject, id.value);
    EXPECT_EQ(all[2].action, "revoked");
    EXPECT_EQ(store().actions(3, 1).front().number, 2) << "pages go back in time";
    EXPECT_TRUE(store().actions(1, 10).empty());
}

TEST_P(StoreTest, LastAdministratorStaysOneWhoeverAsksAtOnce) {
    const auto a = account("a@example.com"), b = account("b@example.com");
    ASSERT_TRUE(store().setAdmin(a, true));
    EXPECT_EQ(store().setAdmin(a, false).error().reason, DenialReason::lastAdmin);
    ASSERT_TRUE(store().setAdmin(b, true));
    const auto codes = testing::inProcesses(2, [&](int number) {
        auto mine = another();
        return mine.setAdmin(number == 0 ? a : b, false) ? 1 : 0;
    });
    EXPECT_EQ(codes[0] + codes[1], 1) << "one of them was the last";
    EXPECT_EQ(store().setAdmin(AccountId{"acc_nobody"}, false).error().reason, DenialReason::unknownAccount);
    EXPECT_EQ(store().revokeTokens(AccountId{"acc_nobody"}).error().reason, DenialReason::unknownAccount);
}

TEST_P(StoreTest, ApprovalsOfAnAccountAreThoseOfItsLicenses) {
    const auto owner = account("a@example.com"), other = account("b@example.com");
    const auto id = sell([&](LicenseRow& row) { row.account = owner; });
    ExchangeQuery query;
    query.license = id;
    query.device = deviceNumber(1);
    query.now = noon;
    ASSERT_TRUE(store().exchange(query, [](const ExchangeFacts&) -> Granted<Exchange> {
        Exchange out;
        out.askApproval = "hardware-changed";
        return out;
    }));
    ASSERT_EQ(store().approvalsOf(owner, ApprovalState::waiting).size(), 1u);
    EXPECT_EQ(store().approvalsOf(owner, std::nullopt).front().license, id);
    EXPECT_TRUE(store().approvalsOf(owner, ApprovalState::denied).empty());
    EXPECT_TRUE(store().approvalsOf(other, std::nullopt).empty());
}

TEST_P(StoreTest, AttemptsOfEveryLicenseAndOfNoneAreShownNewestFirst) {
    const auto id = sell();
    ASSERT_TRUE(activate(store(), id, deviceNumber(1), noon));
    EXPECT_FALSE(activate(store(), id, deviceNumber(2), noon + day));
    store().recordRefusal(deviceNumber(3), "bad-key", noon + 2 * day);
    EXPECT_EQ(store().attempts(10), (std::vector<AttemptRow>{{noon + 2 * day, {}, deviceNumber(3), "bad-key"},
                                                             {noon + day, id, deviceNumber(2), "device-limit"},
                                                             {noon, id, deviceNumber(1), "granted"}}));
    EXPECT_EQ(store().attempts(id, 10).size(), 2u);
    EXPECT_EQ(store().attempts(1).size(), 1u);
    EXPECT_EQ(store().sweepAttempts(noon + 2 * day, 10), 2);
    EXPECT_EQ(store().attempts(10).size(), 1u);
}

TEST_P(StoreTest, SweptInBatchesByOneProcessAnHourAndOnlyWhatIsOld) {
    const auto id = sell();
    const auto owner = account("a@example.org");
    for (int n = 0; n < 7; ++n) {
        store().recordRefusal(deviceNumber(n), "bad-key", noon + n * day);
        ASSERT_EQ(activate(store(), id, deviceNumber(n), noon + n * day).has_value(), n == 0);
        ASSERT_TRUE(store().changeLicense(id, noon + n * day, [&](LicenseRow row) -> Granted<LicenseRow> {
            row.note = std::to_string(n);
            return row;
        }));
        store().addToken(tokenOf(owner, n, noon + n * day));
    }
    const Retention kept{3 * day, 2 * day, std::chrono::hours{1}, 2};
    const auto always = [] { return true; };
    const auto now = noon + 6 * day;
    const auto codes = testing::inProcesses(4, [&](int) {
        auto own = another();
        return sweep(own, kept, now, always).any() ? 1 : 0;
    });
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 1), 1) << "the others found it claimed";
    EXPECT_EQ(std::count(codes.begin(), codes.end(), 0), 3);
    EXPECT_EQ(store().attempts(100).size(), 8u) << "days 3 to 6";
    EXPECT_EQ(store().events(0, 100).size(), 3u) << "days 4 to 6";
    for (int n = 0; n < 7; ++n) EXPECT_FALSE(store().bearer(hashOf(n), now)) << n;
    EXPECT_FALSE(store().bearer(hashOf(6), noon + 5 * day)) << "expired, and gone";

    const auto later = now + 3 * day;
    EXPECT_FALSE(sweep(store(), kept, now + Seconds{3599}, always).any());
    int asked = 0;
    EXPECT_EQ(sweep(store(), kept, later, [&] { return ++asked < 1; }).attempts, 0) << "stopped after its first batch";
    EXPECT_EQ(sweep(store(), kept, later + day, always).attempts, 8);
    EXPECT_TRUE(store().claimSweep(noon, kept.every)) << "a clock that was ahead does not stop it";
    EXPECT_EQ(store().lastEvent(), 7) << "numbers go on";
}

TEST_P(StoreTest, SettingIsReplaced) {
    EXPECT_EQ(store().setting("roots_minimum"), std::nullopt);
    store().setSetting("roots_minimum", "1");
    store().setSetting("roots_minimum", sqlText);
    EXPECT_EQ(store().setting("roots_minimum"), sqlText);
}

TEST_P(StoreTest, SqlTextInEveryFieldIsStoredAsText) {
    const AccountRow row{AccountId{sqlText}, sqlText, sqlText, true, noon, noon};
    ASSERT_TRUE(store().addAccount(row));
    EXPECT_EQ(store().accountByEmail(sqlText), row);
    EXPECT_EQ(store().account(AccountId{sqlText}), row);
    const auto id = sell([](LicenseRow& license) {
        license.id = LicenseId{sqlText};
        license.type = license.plan = license.note = sqlText;
        license.account = AccountId{sqlText};
        license.deviceLimit = 2;
    });
    const DeviceId device{sqlText};
    const ExchangeQuery query{id, device, noon, noon, {sqlText}, false};
    const auto made = store().exchange(query, [&](const ExchangeFacts& facts) -> Granted<Exchange> {
        auto out = testing::takeOrKeepSeat(facts, device, noon);
        DeviceRow& written = *out->device;
        written.deviceKey = written.hostLabel = written.name = written.fingerprint = sqlText;
        written.keyLevel = written.version = sqlText;
        written.rolling = {1, sqlText, 2, sqlText, sqlText};
        out->signedWith = SigningUse{sqlText, noon};
        out->attempt = out->event = sqlText;
        out->trialMarks = {sqlText};
        return out;
    });
    ASSERT_TRUE(made);
    const auto stored = store().devices(id);
    ASSERT_EQ(stored.size(), 1u);
    EXPECT_EQ(stored[0], *made->device);
    EXPECT_EQ(stored[0].rolling.previousRid, sqlText);
    EXPECT_EQ(store().attempts(id, 10)[0].outcome, sqlText);
    EXPECT_EQ(store().events(0, 10)[0].what, sqlText);
    EXPECT_EQ(store().license(LicenseId{"' OR '1'='1"}), std::nullopt);
    EXPECT_FALSE(store().bearer("' OR '1'='1", noon));
    EXPECT_FALSE(store().renameDevice(id, 7, sqlText));
    EXPECT_TRUE(store().renameDevice(id, 1, sqlText));
    EXPECT_EQ(store().release(id, DeviceId{"' OR '1'='1"}, noon).error().reason, DenialReason::unknownDevice);
}

TEST_P(StoreTest, TextThatIsNoTextIsAFaultOnBothAndTheStoreGoesOn) {
    for (const std::string& text : {std::string("\xff\xfe"), std::string("a\0b", 3), std::string("\xed\xa0\x80")}) {
        EXPECT_THROW(store().setSetting("x", text), DatabaseFault);
        EXPECT_THROW((void)store().license(LicenseId{text}), DatabaseFault);
    }
    EXPECT_EQ(store().setting("x"), std::nullopt);
    EXPECT_EQ(store().authority(), "desk");
}

TEST_P(StoreTest, NewsOfAnotherProcessReachesTheFeedInOrder) {
    const auto id = sell();
    EventFeed feed(address());
    EXPECT_TRUE(feed.next(std::chrono::milliseconds(0)).empty());
    const auto codes = testing::inProcesses(3, [&](int i) {
        auto own = another();
        for (int n = 0; n < 5; ++n) {
            const auto changed = own.changeLicense(id, noon, [&](LicenseRow row) -> Granted<LicenseRow> {
                row.note = std::to_string(i) + " " + std::to_string(n);
                return row;
            });
            if (!changed) return 1;
        }
        return 0;
    });
    EXPECT_EQ(codes, (std::vector<int>{0, 0, 0}));
    std::vector<std::int64_t> numbers;
    for (int looks = 0; looks < 50 && numbers.size() < 15; ++looks)
        for (const auto& event : feed.next(std::chrono::seconds(1))) numbers.push_back(event.number);
    ASSERT_EQ(numbers.size(), 15u);
    for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_EQ(numbers[i], static_cast<std::int64_t>(i) + 1);
    EXPECT_TRUE(feed.next(std::chrono::milliseconds(1)).empty());
}

TEST_P(StoreTest, PoolLendsNoMoreStoresThanItHas) {
    auto pool = StorePool::open(address(), 2, noon);
    ASSERT_TRUE(pool);
    int told = 0;
    (*pool)->onEvent([&](const EventRow&) { ++told; });
    const auto id = sell();
    {
        auto first = (*pool)->take(), second = (*pool)->take();
        EXPECT_EQ(second->authority(), "desk");
        for (auto* lease : {&first, &second})
            ASSERT_TRUE((*lease)->changeLicense(id, noon, [&](LicenseRow row) -> Granted<LicenseRow> {
                row.note += "x";
                return row;
            }));
    }
    EXPECT_EQ((*pool)->take()->license(id)->note, "xx");
    EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace entitle
