// What holds for every history of a machine's clocks: 20,000 random ones, another set at each run.
// ENTITLE_SEED repeats a run.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include <gtest/gtest.h>

#include "license/clock_claims.h"
#include "tests/license/machine_clock.h"

namespace entitle {
namespace {

using namespace std::chrono_literals;
using test::MachineClock;
using test::utc;

constexpr int histories = 20'000;
constexpr Seconds aDay = std::chrono::days{1};

std::uint64_t seedOf(const char* test) {
    const char* given = std::getenv("ENTITLE_SEED");
    const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::printf("%s: ENTITLE_SEED=%llu\n", test, static_cast<unsigned long long>(seed));
    return seed;
}

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : random_(seed) {}
    std::int64_t between(std::int64_t least, std::int64_t most) {
        return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
    }
    bool oneIn(int n) { return between(1, n) == 1; }
    // Of every magnitude alike: seconds as often as days.
    Seconds upTo(Seconds most) {
        const double power = std::uniform_real_distribution<double>(0, 1)(random_);
        return Seconds{static_cast<std::int64_t>(std::pow(static_cast<double>(most.count()), power))};
    }
    Seconds within(Seconds most) { return oneIn(2) ? upTo(most) : -upTo(most); }

  private:
    std::mt19937_64 random_;
};

// The machine, with an account of its own of what the guard ought to have counted.
struct Witness {
    explicit Witness(Instant start) : machine(start) {}

    MachineClock machine;
    Seconds pending{};    // uptime since the last look
    Seconds seen{};       // looked-at uptime since the last contact
    Seconds suspected{};  // of that, begun under a flag
    ClockFlag flag = ClockFlag::none;
    bool contacted = false;
    std::optional<Instant> lower;
    ClockJudgement last;

    void pass(Seconds span) {
        machine.pass(span);
        pending += span;
    }
    void off(Seconds span) {
        machine.off(span);
        pending = 0s;  // nobody looked
    }
    void counted() {
        seen += pending;
        if (flag != ClockFlag::none) suspected += pending;
        pending = 0s;
    }
    void look(bool store) {
        counted();
        last = machine.look();
        flag = last.flag;
        // The lower bound never decreases.
        if (lower) {
            ASSERT_TRUE(last.lower);
            ASSERT_GE(*last.lower, *lower);
        }
        lower = last.lower;
        if (store) {
            const auto stored = decodeClockTrust(encodeClockTrust(machine.trust));
            ASSERT_EQ(stored, machine.trust);
        }
    }
    void contact() {
        machine.contact();
        counted();
        seen = suspected = 0s;
        contacted = true;
    }
};

// A document that was made out at the contact: how long it lasts from there, by the authority's clock.
constexpr Seconds documentLife = 21 * aDay;

TEST(ClockGuardProperty, AnyHistoryKeepsTheBoundsOfLowerTimeBudgetAndContact) {
    Chance chance(seedOf("any history"));
    const Instant years[] = {utc("1970-01-01T00:00:00Z"), utc("2000-01-01T00:00:00Z"), utc("2038-01-19T03:14:07Z"),
                             utc("2106-02-07T06:28:15Z"), utc("9999-12-31T23:59:59Z")};
    std::int64_t flagged = 0, allowedUnderAFlag = 0, spent = 0, contacts = 0, over = 0;
    for (int history = 0; history < histories / 2 && !HasFatalFailure(); ++history) {
        Witness witness(utc("2026-11-22T12:00:00Z") + Seconds{chance.between(0, 1'000'000)});
        MachineClock& machine = witness.machine;
        machine.rules.builtAt = machine.truth - chance.upTo(400 * aDay);
        machine.rules.budget = chance.oneIn(3) ? chance.upTo(30 * aDay) : defaultClockBudget;
        Instant document{};
        const auto events = chance.between(10, 60);
        for (std::int64_t event = 0; event < events; ++event) {
            switch (chance.between(0, 9)) {
                case 0:
                case 1:
                case 2:
                    witness.pass(chance.upTo(10 * aDay));
                    break;
                case 3:
                    if (chance.oneIn(2)) witness.look(false);  // else what ran since the last look is lost
                    witness.off(chance.upTo(100 * aDay));
                    witness.pass(chance.upTo(3h));
                    break;
                case 4:
                    machine.error = chance.within(1000 * aDay);
                    break;
                case 5:
                    machine.set(years[chance.between(0, 4)]);
                    break;
                case 6:
                    machine.error = chance.within(12h);
                    machine.synced = chance.oneIn(2);
                    break;
                case 7:  // put back by a hypervisor: everything of the kernel, not the state
                    witness.look(false);
                    machine.boottime -= std::min<std::chrono::nanoseconds>(machine.boottime, chance.upTo(20 * aDay));
                    break;
                case 8:
                    if (!chance.oneIn(3)) break;
                    witness.contact();
                    document = machine.truth;
                    ++contacts;
                    witness.look(true);
                    // Contact restores: a full budget, and the document just made out is in force, wrong clock or not.
                    ASSERT_EQ(witness.last.budgetLeft, machine.rules.budget);
                    ASSERT_FALSE(witness.last.spent());
                    ASSERT_GE(witness.last.forDocuments, machine.truth);
                    ASSERT_LE(witness.last.forDocuments, machine.truth + clockTolerance);
                    if (machine.error >= -clockTolerance && machine.error <= clockTolerance &&
                        machine.truth + machine.error >= machine.rules.builtAt) {
                        ASSERT_EQ(witness.last.flag, ClockFlag::none);
                    }
                    break;
                default: {  // an answer held back: heals nothing
                    const auto sent = sentAt(machine.now());
                    witness.pass(clockAnswerWithin + 1s + chance.upTo(aDay));
                    const bool before = witness.contacted;
                    ASSERT_FALSE(machine.contact(sent));
                    witness.counted();
                    witness.contacted = before;
                    break;
                }
            }
            witness.look(chance.oneIn(8));
            if (witness.flag != ClockFlag::none) ++flagged;
            if (witness.last.spent()) ++spent;
            if (!witness.contacted) continue;
            // Allowed uptime never exceeds the budget: the document's own, and the one of a flag.
            const bool allowed = !witness.last.spent() && witness.last.forDocuments < document + documentLife;
            if (!allowed) {
                ++over;
                continue;
            }
            ASSERT_LT(witness.seen, documentLife);
            if (witness.flag != ClockFlag::none) {
                ++allowedUnderAFlag;
                ASSERT_LT(witness.suspected, machine.rules.budget);
            }
        }
    }
    // The histories went where they should.
    EXPECT_GT(flagged, histories);
    EXPECT_GT(allowedUnderAFlag, histories / 10);
    EXPECT_GT(spent, histories / 10);
    EXPECT_GT(over, histories / 10);
    EXPECT_GT(contacts, histories / 4);
}

TEST(ClockGuardProperty, LowerBoundNeverDecreasesWhateverServersAndFilesSay) {
    Chance chance(seedOf("wrong servers"));
    for (int history = 0; history < histories / 10 && !HasFatalFailure(); ++history) {
        Witness witness(utc("2026-11-22T12:00:00Z"));
        MachineClock& machine = witness.machine;
        for (int event = 0; event < 30; ++event) {
            const Instant said = machine.truth + chance.within(3000 * aDay);
            switch (chance.between(0, 4)) {
                case 0:
                    machine.contactAt(said);
                    break;
                case 1:
                    machine.import(said);
                    break;
                case 2:
                    machine.boottime = chance.upTo(20 * aDay);
                    machine.boot += chance.oneIn(2) ? 1 : 0;
                    break;
                case 3:
                    machine.set(said);
                    machine.hasBootId = !chance.oneIn(3);
                    break;
                default:
                    witness.pass(chance.upTo(10 * aDay));
            }
            witness.look(true);
        }
    }
}

TEST(ClockGuardProperty, AnHonestDeviceIsNeverFlaggedNorCutEarlyBeyondItsOwnError) {
    Chance chance(seedOf("honest history"));
    std::int64_t looks = 0, watermarks = 0;
    for (int history = 0; history < histories / 2 && !HasFatalFailure(); ++history) {
        Witness witness(utc("2026-11-22T12:00:00Z") + Seconds{chance.between(0, 1'000'000)});
        MachineClock& machine = witness.machine;
        machine.rules.builtAt = machine.truth - (chance.oneIn(2) ? 0s : chance.upTo(400 * aDay));
        machine.hasBootId = !chance.oneIn(4);
        Seconds ahead{};  // the most the wall clock was ahead since the last contact
        const auto events = chance.between(10, 60);
        for (std::int64_t event = 0; event < events; ++event) {
            switch (chance.between(0, 5)) {
                case 0:
                case 1:
                    witness.pass(chance.upTo(30 * aDay));
                    break;
                case 2:
                    witness.off(chance.upTo(1000 * aDay));
                    witness.pass(chance.upTo(3h));
                    break;
                case 3:
                    machine.error = chance.oneIn(4) ? (chance.oneIn(2) ? 12h : -12h) : chance.within(12h);
                    machine.synced = chance.oneIn(2);
                    break;
                case 4:
                    if (chance.oneIn(2)) {
                        witness.contact();
                        ahead = 0s;
                    }
                    break;
                default:
                    // A file that was on its way for a while.
                    machine.import(machine.truth - chance.upTo(60 * aDay));
                    witness.counted();
                    break;
            }
            witness.look(chance.oneIn(8));
            ahead = std::max(ahead, machine.error);
            ++looks;
            if (machine.trust.watermark) ++watermarks;
            ASSERT_EQ(witness.last.flag, ClockFlag::none);
            ASSERT_FALSE(witness.last.spent());
            ASSERT_LE(witness.last.lower.value_or(machine.truth), machine.truth);
            ASSERT_LE(witness.last.forDocuments, machine.truth + ahead);
            ASSERT_GE(witness.last.forDocuments, machine.truth + machine.error);
        }
    }
    EXPECT_GT(watermarks, looks / 4);
}

}  // namespace
}  // namespace entitle
