// Months of several machines against the real authority, in seconds. ENTITLE_SIMULATION_SEED=n plays one history again,
// exactly; ENTITLE_SIMULATION_RUNS=n plays so many new ones; ENTITLE_SIMULATION_DAYS=n longer ones;
// ENTITLE_SIMULATION_ALOUD=1 tells every event.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/simulation/world.h"

namespace entitle::simulation {
namespace {

constexpr int histories = 5;  // of a run without wishes

std::uint64_t numberIn(const char* variable, std::uint64_t otherwise) {
    const char* given = std::getenv(variable);
    return given ? std::strtoull(given, nullptr, 10) : otherwise;
}

TEST(Simulation, NoHistoryBreaksAPromise) {
    const bool one = std::getenv("ENTITLE_SIMULATION_SEED") != nullptr;
    const bool campaign = std::getenv("ENTITLE_SIMULATION_RUNS") != nullptr;
    const std::uint64_t first = one ? numberIn("ENTITLE_SIMULATION_SEED", 1) : campaign ? std::random_device{}() : 1;
    const std::uint64_t runs = one ? 1 : numberIn("ENTITLE_SIMULATION_RUNS", histories);
    const auto begun = std::chrono::steady_clock::now();
    double days = 0;
    Rules::Tally sum;
    for (std::uint64_t seed = first; seed < first + runs; ++seed) {
        World world({seed, static_cast<int>(numberIn("ENTITLE_SIMULATION_DAYS", 20)), true, Defect::none});
        try {
            world.run();
        } catch (const std::exception& fault) {
            FAIL() << "ENTITLE_SIMULATION_SEED=" << seed << ": " << fault.what();
        }
        days += world.machineDays();
        const auto& tally = world.tally();
        sum.granted += tally.granted;
        sum.conflicts += tally.conflicts;
        sum.noes += tally.noes;
        sum.restarts += tally.restarts;
        sum.steps += tally.steps;
        sum.denials += tally.denials;
        sum.copiesNoticed += tally.copiesNoticed;
        ASSERT_FALSE(world.stage().failure()) << world.stage().report();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
    std::printf(
        "seeds %llu to %llu: %.0f machine days in %.1f s; %llu steps, %llu documents, %llu restarts, %llu noes heard, "
        "%llu copies noticed\n",
        static_cast<unsigned long long>(first), static_cast<unsigned long long>(first + runs - 1), days, took.count(),
        static_cast<unsigned long long>(sum.steps), static_cast<unsigned long long>(sum.granted),
        static_cast<unsigned long long>(sum.restarts), static_cast<unsigned long long>(sum.noes),
        static_cast<unsigned long long>(sum.copiesNoticed));
    if (one || campaign) return;
    EXPECT_GT(days, 600) << "a simulation in which little happens proves little";
    EXPECT_GT(sum.granted, 150u);
    EXPECT_GT(sum.noes, 10u);
    EXPECT_GT(sum.copiesNoticed, 0u);
}

TEST(Simulation, OneSeedIsOneHistory) {
    std::uint64_t digests[2];
    for (auto& digest : digests) {
        World world({77, 3, true, Defect::none});
        world.run();
        digest = world.stage().digest();
    }
    EXPECT_EQ(digests[0], digests[1]);
}

// A rule that cannot fail proves nothing: each is shown a defect that it must notice. Not every history meets it, so
// the first few are looked at.
::testing::AssertionResult noticed(Defect defect, const std::vector<std::string>& words) {
    constexpr std::uint64_t first = 7, histories = 8;
    std::string report;
    for (auto seed = first; seed < first + histories; ++seed) {
        World world({seed, 20, false, defect});
        world.run();
        report = world.stage().report();
        for (const auto& word : words)
            if (report.find(word) != std::string::npos) return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "in " << histories << " histories nobody noticed; the last was\n" << report;
}

TEST(SimulationsRules, NoticeAnAuthorityThatLosesCountOfSeats) {
    EXPECT_TRUE(noticed(Defect::seatsUncounted, {"seats taken"}));
}

TEST(SimulationsRules, NoticeAnAuthorityThatForgetsARevocation) {
    EXPECT_TRUE(noticed(Defect::revocationsUndone, {"was revoked, and is not any more"}));
}

TEST(SimulationsRules, NoticeAClockThatNobodyToldThemOf) {
    EXPECT_TRUE(noticed(Defect::clockHidden, {"before its deadline", "past the promise"}));
}

TEST(SimulationsRules, NoticeALicenseThatIsGoneAfterARestart) {
    EXPECT_TRUE(noticed(Defect::edited, {"another license after a restart"}));
}

}  // namespace
}  // namespace entitle::simulation
