// What a waiting connection costs: push keeps one for every daemon.
#include <atomic>
#include <cstdio>
#include <fstream>
#include <string>

#include <sys/resource.h>

#include <gtest/gtest.h>

#include "tests/sanitized.h"
#include "tests/server/http_fixture.h"

namespace entitle::testing {
namespace {

std::size_t residentBytes() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6)) * 1024;
    return 0;
}

TEST(HttpMemory, TenThousandWaitingRequestsTakeLessThanTwentyKilobytesEach) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    // Both ends are in this process, and so is the memory of both.
    const std::size_t wanted = 10'000;
    const auto count = std::min<std::size_t>(wanted, (limit.rlim_cur - 200) / 2);
    if (count < 1'000) GTEST_SKIP() << "only " << limit.rlim_cur << " files may be open here";

    HttpFixture http;
    http.options.connections = 20'000;
    http.options.connectionsPerAddress = 20'000;
    http.options.rates.general = {};
    std::mutex mutex;
    std::vector<Wake> wakes;
    std::atomic<std::size_t> registered{0};
    auto route = says("POST", "/wait", "");
    route.accepts = "";
    route.handler = [&](Worker&, const Call&) -> Reply {
        Waiting waiting;
        waiting.atMost = std::chrono::minutes(5);
        waiting.answer = [](Worker&, bool woken, Instant) {
            HttpResponse response;
            response.body = woken ? "news" : "nothing";
            return response;
        };
        const std::scoped_lock lock(mutex);
        wakes.push_back(waiting.wake);
        ++registered;
        return waiting;
    };
    http.start({route});
    // A request as large as a daemon's: a signed envelope of 2 KiB.
    const auto request = post("/wait", std::string(2'048, 'x'), "User-Agent: entitled/0.1\r\nAccept: */*\r\n");
    std::vector<std::unique_ptr<Client>> clients;
    clients.reserve(count);
    wakes.reserve(count + 100);
    for (int i = 0; i < 100; ++i) {  // what is paid once is not counted
        clients.push_back(std::make_unique<Client>(http.port()));
        ASSERT_TRUE(clients.back()->send(request));
    }
    ASSERT_TRUE(eventually([&] { return registered == 100; }));
    const auto before = residentBytes();
    while (clients.size() < count) {
        clients.push_back(std::make_unique<Client>(http.port()));
        ASSERT_TRUE(clients.back()->send(request));
        // Not more at once than the accept queue holds.
        ASSERT_TRUE(clients.size() % 200 != 0 || eventually([&] { return registered + 100 >= clients.size(); }));
    }
    ASSERT_TRUE(eventually([&] { return registered == count; }));
    const auto each = (residentBytes() - before) / (count - 100);
    RecordProperty("bytes_each", std::to_string(each));
    std::printf("%zu waiting requests: %zu bytes each, both ends\n", count, each);
    if (residentSizeIsOurs) {
        EXPECT_LT(each, 20'000u);
    }

    for (const auto& wake : wakes) wake.fire();
    for (auto& client : clients) ASSERT_EQ(client->receive(false, std::chrono::seconds(60)).body, "news");
}

}  // namespace
}  // namespace entitle::testing
