// A hundred thousand devices that are told, lost or started in one moment must not ask in one moment: what their delays
// come to, second by second. Nothing is asked here.
#include <algorithm>
#include <cstdio>
#include <map>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "license/base64url.h"
#include "license/contact.h"

namespace entitle {
namespace {

constexpr std::size_t devices = 100'000;

class Herd : public ::testing::Test {
  protected:
    std::uint32_t draw() { return static_cast<std::uint32_t>(random_()); }
    std::vector<DeviceId> fleet() {
        std::vector<DeviceId> out;
        for (std::size_t i = 0; i < devices; ++i) {
            std::array<std::uint8_t, 16> hash{};
            for (auto& byte : hash) byte = static_cast<std::uint8_t>(random_());
            out.push_back({toBase64url(hash)});
        }
        return out;
    }
    // How many ask in the worst second.
    static int worstSecond(const std::vector<Seconds>& moments, const char* of) {
        std::map<Seconds, int> asked;
        for (const auto moment : moments) ++asked[moment];
        const auto most = std::max_element(asked.begin(), asked.end(), [](const auto& a, const auto& b) {
                              return a.second < b.second;
                          })->second;
        const auto width = asked.rbegin()->first - asked.begin()->first + Seconds{1};
        std::printf("%s: over %lld s, at most %d in one second\n", of, static_cast<long long>(width.count()), most);
        return most;
    }
    // When each one that lost the authority at 0 asks for the first time after `back`.
    std::vector<Seconds> firstWaitsAfter(Seconds back) {
        std::vector<Seconds> out;
        for (std::size_t i = 0; i < devices; ++i) {
            Seconds at{0};
            for (std::uint32_t failures = 1; at <= back; ++failures) at += waitDelay(failures, draw());
            out.push_back(at - back);
        }
        return out;
    }
    std::mt19937_64 random_{20260311};
};

TEST_F(Herd, DevicesThatWereActivatedInOneMomentRenewOverHours) {
    std::vector<Seconds> moments;
    for (const auto& device : fleet()) moments.push_back(renewalInterval(std::chrono::hours{24}, device));
    EXPECT_LT(worstSecond(moments, "renewals"), 30);
}

TEST_F(Herd, ANewKeySetIsFetchedOverAnHour) {
    std::vector<Seconds> moments;
    for (const auto& device : fleet()) moments.push_back(keySetDelay(device));
    EXPECT_LE(*std::max_element(moments.begin(), moments.end()), keySetRenewals);
    EXPECT_LT(worstSecond(moments, "a new key set"), 70);
}

TEST_F(Herd, ARestartedServerIsAskedOverAMinute) {
    EXPECT_LT(worstSecond(firstWaitsAfter(Seconds{0}), "waits after a restart"), 2'000);
}

TEST_F(Herd, AnOutageLeavesEverybodyAMomentOfItsOwn) {
    EXPECT_LT(worstSecond(firstWaitsAfter(std::chrono::minutes{10}), "waits after ten minutes"), 500);
    EXPECT_LT(worstSecond(firstWaitsAfter(std::chrono::hours{1}), "waits after an hour"), 250);
    EXPECT_LT(worstSecond(firstWaitsAfter(std::chrono::hours{24}), "waits after a day"), 250);
}

TEST_F(Herd, WhoeverIsToldToComeBackInAnHourComesOverTwelveMinutes) {
    std::vector<Seconds> moments;
    for (std::size_t i = 0; i < devices; ++i)
        moments.push_back(std::max(waitDelay(1, draw()), retryAfterDelay(std::chrono::hours{1}, draw())));
    EXPECT_GE(*std::min_element(moments.begin(), moments.end()), Seconds{3600});
    EXPECT_LT(worstSecond(moments, "Retry-After: 3600"), 250);
}

}  // namespace
}  // namespace entitle
