// A `serve` process that dies, whose database dies, goes back in time, or whose clients behave as none should.
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>

#include <gtest/gtest.h>

#include "tests/server/killable_server.h"
#include "tests/server/postgres_cluster.h"
#include "tests/server/store_fixture.h"

namespace entitle::testing {
namespace {

namespace fs = std::filesystem;

class ServeFault : public ::testing::TestWithParam<Dialect> {
  protected:
    void SetUp() override {
        if (GetParam() == Dialect::postgresql) {
            std::string whyNot;
            cluster = PostgresCluster::shared(whyNot);
            if (cluster == nullptr) GTEST_SKIP() << whyNot;
            desk = std::make_unique<ServedAuthority>(cluster->newDatabase());
        } else {
            desk = std::make_unique<ServedAuthority>();
        }
    }
    static std::string wire(const TestDevice& device, Operation operation, const std::string& rid,
                            const std::string& licenseKey = "") {
        const std::string key = operation == Operation::activate ? licenseKey : std::string();
        return post(routeOf(operation), device.request(operation, rid, key), "", requestContentType);
    }
    // Asks until there is an answer, always with the same rid, as a daemon does.
    OpenedReply settle(const RunningServer& server, TestDevice& device, Operation operation, const std::string& rid,
                       const std::string& licenseKey = "") {
        const auto answer = server.ask(wire(device, operation, rid, licenseKey));
        if (!answer || answer->status != 200)
            throw std::runtime_error("no answer: " + (answer ? answer->body : "none at all"));
        return device.take(operation, rid, answer->body, desk->pinned());
    }
    Outcome renewed(const RunningServer& server, TestDevice& device) {
        return settle(server, device, Operation::renew, freshNonce()).answer.outcome;
    }

    PostgresCluster* cluster = nullptr;
    std::unique_ptr<ServedAuthority> desk;
};
ENTITLE_ON_BOTH_DATABASES(ServeFault);

// Every step with ENTITLE_TEST_EVERY_STEP=1: some ten seconds a database. Else some of them, and always the last, which
// says the answer, behind the commit.
int nextStep(int nth, int steps, int& counted) {
    if (nth == 0) return ++counted < 3 ? 0 : 1;
    const int stride = std::getenv("ENTITLE_TEST_EVERY_STEP") != nullptr ? 1 : std::max(1, steps / 8);
    return nth < steps ? std::min(nth + stride, steps) : steps + 1;
}

TEST_P(ServeFault, KilledAtAnyStepOfAnActivationOrRenewalEndsWithOneSeatAndAGoodToken) {
    if (!KillableServer::possible()) GTEST_SKIP() << "needs ptrace, which is not allowed here";
    desk->configure("[workers]\ndatabase = 1\npassword = 1\n");
    auto server = std::make_unique<KillableServer>(*desk);
    int device = 0, killsBefore = 0, killsBehind = 0;
    const auto ask = [&](TestDevice& of, Operation operation, const std::string& rid, const std::string& key = "") {
        const auto answer = server->ask(wire(of, operation, rid, key));
        if (!answer || answer->status != 200) return false;
        EXPECT_EQ(of.take(operation, rid, answer->body, desk->pinned()).answer.outcome, Outcome::granted)
            << answer->body;
        return true;
    };
    for (const auto operation : {Operation::activate, Operation::renew}) {
        // Counted three times before anybody is killed: what else the server does now and then counts as well.
        int steps = 1'000'000, counted = 0;
        for (int nth = 0; nth <= steps; nth = nextStep(nth, steps, counted)) {
            const auto made = desk->mint();
            const auto id = made.row.id;
            auto asked = TestDevice::number(++device);
            if (operation == Operation::renew) {
                ASSERT_TRUE(ask(asked, Operation::activate, freshNonce(), made.key.text()));
            }
            const auto tokenBefore = asked.token;
            const auto rid = freshNonce();
            server->killAt(nth);
            const bool answered = ask(asked, operation, rid, made.key.text());
            if (nth == 0) {
                ASSERT_TRUE(answered);
                steps = std::min(steps, server->counted());
                EXPECT_GT(steps, 5) << "nothing was counted";
            }
            server->killAt(0);
            if (server->killed()) {
                server->waitForEnd();
                const auto rows = desk->store().devices(id);
                ASSERT_LE(rows.size(), 1u) << "step " << nth;
                const bool written = !rows.empty() && rows[0].rolling.previousRid == rid;
                (written ? killsBehind : killsBefore) += 1;
                server = std::make_unique<KillableServer>(*desk);
            }
            if (!answered) {
                ASSERT_EQ(asked.token, tokenBefore);
                ASSERT_TRUE(ask(asked, operation, rid, made.key.text())) << "step " << nth;
            }
            ASSERT_EQ(desk->held(id), 1) << "step " << nth;
            ASSERT_EQ(desk->store().license(id)->devicesHeld, 1);
            ASSERT_TRUE(ask(asked, Operation::renew, freshNonce())) << "its token is good, step " << nth;
            ASSERT_FALSE(desk->store().devices(id).back().conflictAt) << "step " << nth;
        }
    }
    EXPECT_GT(killsBefore, 0) << "some kills must fall before the commit";
    EXPECT_GT(killsBehind, 0) << "and some behind it";
    RecordProperty("kills", killsBefore + killsBehind);
}

// The one key that may sign seems to be gone, and may well be in what cannot be read.
TEST_P(ServeFault, ADamagedCredentialOfSigningKeysIsSaidToTheOperatorAndToNobodyElse) {
    const auto made = desk->mint();
    const auto credentials = desk->scratch("credentials");
    fs::create_directory(credentials);
    writeFile(credentials / "entitle-server.signing-keys", "k4.secret.nonsense\n");
    fs::remove_all(desk->directory() / "signing");
    const RunningServer server(*desk, "127.0.0.1:0", {{"CREDENTIALS_DIRECTORY", credentials.string()}});
    const std::string words = "the credential entitle-server.signing-keys holds a line that is no secret key";
    EXPECT_NE(server.log().find(words), std::string::npos) << "at the start: " << server.log();
    auto device = TestDevice::number(1);
    const auto answer = server.ask(wire(device, Operation::activate, freshNonce(), made.key.text()));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 503) << "it comes again";
    EXPECT_EQ(answer->body.find("credential"), std::string::npos) << answer->body;
    EXPECT_EQ(desk->held(made.row.id), 0);
}

TEST_P(ServeFault, ADatabaseAnHourBackDeniesNobodyAndRevokesNobody) {
    auto server = std::make_unique<RunningServer>(*desk);
    const auto start = [&](int number, const MintedLicense& made) {
        auto device = TestDevice::number(number);
        settle(*server, device, Operation::activate, freshNonce(), made.key.text());
        return device;
    };
    const auto shared = desk->mint(3), late = desk->mint(), given = desk->mint();
    auto often = start(1, shared), once = start(2, shared), never = start(3, shared), back = start(4, given);
    ASSERT_EQ(renewed(*server, often), Outcome::granted);
    const auto backup = desk->scratch("backup").string();
    const auto made = desk->command({"backup", "--out", backup});
    ASSERT_EQ(made.status, 0) << made.both();

    // The hour that will be lost: renewals, one of them without its answer, a new seat, one given back, a revocation.
    ASSERT_EQ(renewed(*server, often), Outcome::granted);
    ASSERT_EQ(renewed(*server, often), Outcome::granted);
    const auto lost = freshNonce();
    ASSERT_TRUE(server->ask(once, Operation::renew, lost));
    auto fresh = start(5, late);
    ASSERT_EQ(renewed(*server, fresh), Outcome::granted);
    settle(*server, back, Operation::deactivate, freshNonce());
    ASSERT_EQ(server->post("/v1/admin/licenses/" + given.row.id.value + "/revoke", "{}", desk->admin()).status, 200);
    const auto seen = often.sequence;

    server.reset();
    desk->close();
    if (cluster != nullptr) {
        writeFile(desk->directory() / "database-url", cluster->newDatabase().url() + "\n");
    } else {
        for (const auto* suffix : {"", "-wal", "-shm"})
            fs::remove((desk->directory() / "authority.db").string() + suffix);
    }
    const auto restored = desk->command({"restore", "--from", backup});
    ASSERT_EQ(restored.status, 0) << restored.both();
    desk->reopen();
    server = std::make_unique<RunningServer>(*desk);

    for (auto* device : {&often, &never, &fresh}) {
        const auto reply = settle(*server, *device, Operation::renew, freshNonce());
        EXPECT_EQ(reply.answer.outcome, Outcome::granted) << reply.answer.message;
        EXPECT_EQ(reply.answer.ended, SignedEnd::none);
    }
    EXPECT_GT(often.sequence, seen) << "documents go on above what devices have seen";
    EXPECT_EQ(settle(*server, once, Operation::renew, lost).answer.outcome, Outcome::granted) << "the same rid again";
    for (auto* device : {&often, &once, &never, &fresh}) EXPECT_EQ(renewed(*server, *device), Outcome::granted);
    EXPECT_EQ(desk->held(shared.row.id), 3);
    EXPECT_EQ(desk->held(late.row.id), 1);
    for (const auto& id : {shared.row.id, late.row.id}) {
        EXPECT_EQ(desk->store().license(id)->status, LicenseStatus::active);
        for (const auto& row : desk->store().devices(id)) EXPECT_FALSE(row.conflictAt) << row.device.value;
    }
    // What an administrator said in that hour must be said again, and a device that heard of it does as it is told.
    EXPECT_EQ(server->post("/v1/admin/licenses/" + given.row.id.value + "/revoke", "{}", desk->admin()).status, 401)
        << "the token made in that hour is gone with it";
}

TEST_P(ServeFault, TheSameRenewalEightTimesAtOnceAdvancesTheTokenOnceAndAccusesNobody) {
    const RunningServer server(*desk);
    const auto made = desk->mint();
    auto device = TestDevice::number(1);
    settle(server, device, Operation::activate, freshNonce(), made.key.text());
    const auto rid = freshNonce();
    const auto bytes = wire(device, Operation::renew, rid);
    std::vector<TestDevice> copies(8, device);
    std::vector<std::thread> threads;
    std::atomic<int> granted = 0;
    for (auto& copy : copies)
        threads.emplace_back([&] {
            const auto answer = server.ask(bytes);
            if (answer && answer->status == 200 &&
                copy.take(Operation::renew, rid, answer->body, desk->pinned()).answer.outcome == Outcome::granted)
                ++granted;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(granted, 8);
    for (const auto& copy : copies) EXPECT_EQ(copy.token, copies[0].token);
    const auto row = desk->store().devices(made.row.id).back();
    EXPECT_EQ(row.rolling.number, 2u);
    EXPECT_FALSE(row.conflictAt);
    EXPECT_EQ(renewed(server, copies[3]), Outcome::granted);
}

TEST_P(ServeFault, TwoCopiesWithOnePendingRequestAreNoticedByTheSecondRoundAndNobodyIsRevoked) {
    const RunningServer server(*desk);
    const auto made = desk->mint();
    auto device = TestDevice::number(1);
    settle(server, device, Operation::activate, freshNonce(), made.key.text());
    // The state directory is copied while a renewal is under way: both copies ask with its rid, and are answered alike.
    const auto pending = freshNonce();
    auto copy = device;
    EXPECT_EQ(settle(server, device, Operation::renew, pending).answer.outcome, Outcome::granted);
    EXPECT_EQ(settle(server, copy, Operation::renew, pending).answer.outcome, Outcome::granted);
    EXPECT_EQ(copy.token, device.token);
    EXPECT_EQ(renewed(server, device), Outcome::granted);
    EXPECT_EQ(renewed(server, copy), Outcome::conflict);
    EXPECT_TRUE(desk->store().devices(made.row.id).back().conflictAt);
    EXPECT_EQ(desk->store().license(made.row.id)->status, LicenseStatus::active);
    EXPECT_EQ(desk->held(made.row.id), 1);
    // Neither takes the seat from the other by enrolling anew: two days of quiet must come first, or an administrator.
    EXPECT_EQ(renewed(server, device), Outcome::granted);
    EXPECT_EQ(settle(server, copy, Operation::reenrol, freshNonce()).answer.outcome, Outcome::retry);
    EXPECT_EQ(renewed(server, device), Outcome::granted);
}

TEST_P(ServeFault, AReplayedRequestGivesNobodyAnythingAndTakesNothingFromItsOwner) {
    const RunningServer server(*desk);
    const auto made = desk->mint();
    auto device = TestDevice::number(1);
    settle(server, device, Operation::activate, freshNonce(), made.key.text());
    const auto rid = freshNonce();
    auto asWas = device;
    const auto captured = wire(device, Operation::renew, rid);
    const auto first = server.ask(captured).value();
    device.take(Operation::renew, rid, first.body, desk->pinned());
    ASSERT_EQ(renewed(server, device), Outcome::granted);

    const auto replayed = server.ask(captured).value();
    ASSERT_EQ(replayed.status, 200);
    const auto told = asWas.take(Operation::renew, rid, replayed.body, desk->pinned());
    EXPECT_EQ(told.answer.outcome, Outcome::conflict);
    EXPECT_TRUE(told.answer.token.empty());
    EXPECT_FALSE(told.license);
    EXPECT_EQ(renewed(server, device), Outcome::granted) << "its owner goes on";
    EXPECT_EQ(desk->store().license(made.row.id)->status, LicenseStatus::active);
    EXPECT_EQ(desk->held(made.row.id), 1);
    // On another path, or with its rid changed, it is no request at all.
    auto moved = captured;
    moved.replace(moved.find("/renew"), 6, "/reenrol");
    EXPECT_EQ(server.ask(moved)->code(), "bad-envelope");
}

TEST_P(ServeFault, BodiesWithoutEndAreRefusedEarlyAndCostNothing) {
    RunningServer server(*desk);
    ASSERT_EQ(server.get("/healthz").status, 200);
    const auto before = server.peakKilobytes();
    const auto head =
        "POST /v1/device/activate HTTP/1.1\r\nHost: h\r\nContent-Type: " + std::string(requestContentType) + "\r\n";
    // Announced: refused unread.
    Client gigabyte(server.port());
    const auto refused = gigabyte.ask(head + "Content-Length: 1073741824\r\n\r\n");
    EXPECT_EQ(refused.status, 413);
    EXPECT_EQ(refused.code(), "body-too-large");
    // Not announced: cut off where the limit is.
    Client endless(server.port());
    ASSERT_TRUE(endless.send(head + "Transfer-Encoding: chunked\r\n\r\n"));
    const std::string chunk = "10000\r\n" + std::string(65'536, 'x') + "\r\n";
    std::size_t sent = 0;
    while (sent < 64u << 20 && endless.send(chunk)) sent += chunk.size();
    EXPECT_LT(sent, 32u << 20) << "nobody reads a gigabyte to say no";
    // A head of a million lines.
    Client lines(server.port());
    ASSERT_TRUE(lines.send("GET /healthz HTTP/1.1\r\nHost: h\r\n"));
    std::string thousand;
    for (int i = 0; i < 1000; ++i) thousand += "X-Line: y\r\n";
    int thousands = 0;
    while (thousands < 1000 && lines.send(thousand)) ++thousands;
    EXPECT_LT(thousands, 1000);
    EXPECT_LT(server.peakKilobytes() - before, 8 * 1024);
    EXPECT_EQ(server.get("/readyz").status, 200);
}

class ServePostgresql : public ServeFault {};
INSTANTIATE_TEST_SUITE_P(Alone, ServePostgresql, ::testing::Values(Dialect::postgresql), dialectName);

TEST_P(ServePostgresql, AwayIsSaidByEveryAnswerAndBackIsNoticedByWhoeverWaits) {
    RunningServer server(*desk);
    const auto made = desk->mint();
    auto device = TestDevice::number(1);
    settle(server, device, Operation::activate, freshNonce(), made.key.text());
    Client waiter(server.port());
    const auto rid = freshNonce();
    ASSERT_TRUE(waiter.send(wire(device, Operation::wait, rid)));
    ASSERT_TRUE(eventually([&] { return server.waiting() == 1; }));

    cluster->stop(PostgresCluster::Stop::immediate);
    EXPECT_EQ(server.get("/healthz").status, 200) << "the process is well";
    const auto ready = server.get("/readyz");
    EXPECT_EQ(ready.status, 503) << "and should be sent nobody";
    EXPECT_EQ(ready.code(), "database-unavailable");
    const auto unsaid = server.ask(device, Operation::renew, freshNonce()).value();
    EXPECT_EQ(unsaid.status, 503) << "unsigned: to the device it is unreachable, and nothing ends";
    EXPECT_EQ(unsaid.header("retry-after"), "5");
    EXPECT_TRUE(server.waitLog("news of other processes are not heard"));
    EXPECT_EQ(server.log().find("postgresql://entitle:"), std::string::npos);
    cluster->start();

    EXPECT_EQ(server.get("/readyz").status, 200);
    ASSERT_TRUE(desk->store().changeLicense(made.row.id, realNow(), [](LicenseRow row) -> Granted<LicenseRow> {
        row.status = LicenseStatus::suspended;
        return row;
    }));
    const auto heard = waiter.receive();
    ASSERT_EQ(heard.status, 200) << heard.body;
    EXPECT_EQ(device.take(Operation::wait, rid, heard.body, desk->pinned()).answer.ended, SignedEnd::suspended);
}

// ENTITLE_TEST_RESTARTS: more of them.
TEST_P(ServePostgresql, RestartedUnderLoadLosesNoAcceptedActivationAndDoublesNone) {
    constexpr int threads = 4, limit = 100;
    const auto* more = std::getenv("ENTITLE_TEST_RESTARTS");
    const int restarts = more != nullptr ? std::atoi(more) : 3;
    const RunningServer server(*desk);
    const auto made = desk->mint(limit * restarts);
    std::mutex mutex;
    std::condition_variable changed;
    int accepted = 0, failed = 0, full = 0;
    bool away = false;
    std::atomic<bool> enough = false;
    std::vector<std::vector<TestDevice>> granted(threads);
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
        running.emplace_back([&, i] {
            for (int n = 0; !enough; ++n) {
                auto device = TestDevice::number(i * 10'000 + n);
                const auto rid = freshNonce();
                const auto bytes = wire(device, Operation::activate, rid, made.key.text());
                for (;;) {
                    const auto answer = server.ask(bytes);
                    if (answer && answer->status == 200) {
                        const auto told = device.take(Operation::activate, rid, answer->body, desk->pinned());
                        const std::lock_guard lock(mutex);
                        if (told.answer.outcome == Outcome::granted) {
                            ++accepted;
                            granted[static_cast<std::size_t>(i)].push_back(device);
                        } else {
                            ++full;
                            enough = true;
                        }
                        changed.notify_all();
                        break;
                    }
                    std::unique_lock lock(mutex);
                    ++failed;
                    changed.wait_for(lock, std::chrono::seconds(30), [&] { return !away; });
                }
            }
        });
    const auto more30 = [&] {
        std::unique_lock lock(mutex);
        const int before = accepted;
        return changed.wait_for(lock, std::chrono::seconds(60), [&] { return accepted >= before + 15 || full > 0; });
    };
    bool went = true;
    for (int round = 0; round < restarts && went; ++round) {
        went = more30();
        {
            const std::lock_guard lock(mutex);
            away = true;
        }
        cluster->restart(round % 2 == 0 ? PostgresCluster::Stop::immediate : PostgresCluster::Stop::kill);
        {
            const std::lock_guard lock(mutex);
            away = false;
        }
        changed.notify_all();
    }
    EXPECT_TRUE(went && more30()) << server.log();
    enough = true;
    for (auto& thread : running) thread.join();
    EXPECT_GT(failed, 0) << "the restarts were noticed";

    std::map<DeviceId, int> rows;
    int held = 0;
    for (const auto& row : desk->store().devices(made.row.id)) {
        ++rows[row.device];
        held += row.releasedAt ? 0 : 1;
    }
    std::size_t all = 0;
    for (auto& devices : granted)
        for (auto& device : devices) {
            ++all;
            EXPECT_EQ(rows[device.id()], 1);
        }
    EXPECT_EQ(rows.size(), all) << "a seat for every answer, and none besides";
    EXPECT_EQ(held, static_cast<int>(all));
    EXPECT_EQ(desk->store().license(made.row.id)->devicesHeld, held);
    EXPECT_LE(held, made.row.deviceLimit);
    for (auto& devices : granted) EXPECT_EQ(renewed(server, devices.back()), Outcome::granted);
    RecordProperty("activations", static_cast<int>(all));
}

}  // namespace
}  // namespace entitle::testing
