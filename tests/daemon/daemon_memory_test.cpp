// Every allocation of every operation fails once. Where it does, the caller hears of it and nothing is half done: what
// the RPC boundary catches leaves a daemon that agrees with its own files.
#include <cstdlib>
#include <functional>
#include <new>

#include "daemon/log.h"
#include "daemon/rpc_query.h"
#include "tests/daemon/rpc_fixture.h"

namespace {

long allocationsLeft = -1;  // -1: memory without end

}  // namespace

// Not inlined: GCC sees malloc where it expects operator new, and warns, when it sees inside.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (allocationsLeft >= 0 && allocationsLeft-- == 0) throw std::bad_alloc();
    if (void* memory = std::malloc(size ? size : 1)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace entitle::testing {
namespace {

constexpr Holder alice{1000, 41};

class ScarceMemoryTest : public DaemonTest {
  protected:
    void SetUp() override {
        DaemonTest::SetUp();
        startLog(LogLevel::error, false);
        importPro();
        daemon->ready();
    }

    // Runs it with the first allocation failing, then the second … until it gets through; checks after each.
    void exhaust(const std::function<void()>& operation) {
        for (long nth = 0; nth < 20'000; ++nth) {
            bool through = false;
            allocationsLeft = nth;
            try {
                operation();
                through = allocationsLeft >= 0;
            } catch (const std::bad_alloc&) {
            }
            allocationsLeft = -1;
            consistent(nth);
            if (through || HasFailure()) return;
        }
        FAIL() << "it never got through";
    }

    void consistent(long nth) {
        daemon->wake();  // as the alarm does, at once, after a fault
        auto status = daemon->status();
        ASSERT_EQ(daemon->check("live_trading").allowed, status.standing == Standing::active) << "allocation " << nth;
        std::uint64_t units = 0;
        std::vector<SlotId> ids;
        for (const auto& slot : daemon->slots(0, 200, std::nullopt).slots) {
            units += slot.count;
            ids.push_back(slot.id);
        }
        ASSERT_EQ(status.botsInUse, units) << "allocation " << nth;
        // The files are looked at when something may have been written.
        auto written = std::pair(store.saves, audit->lastIndex());
        auto slotFile = readFile(files / "run/slots");
        if (written == seenWritten_ && slotFile == seenSlotFile_) return;
        auto log = daemon->verifyAudit();
        ASSERT_TRUE(log.intact) << "allocation " << nth << ": " << log.message;
        restart();
        std::vector<SlotId> after;
        for (const auto& slot : daemon->slots(0, 200, std::nullopt).slots) after.push_back(slot.id);
        ASSERT_EQ(after, ids) << "the file tells other slots than the ledger; allocation " << nth;
        ASSERT_EQ(daemon->status().standing, status.standing) << "allocation " << nth;
        seenWritten_ = {store.saves, audit->lastIndex()};
        seenSlotFile_ = readFile(files / "run/slots");
    }

    std::pair<unsigned, std::uint64_t> seenWritten_;
    std::string seenSlotFile_;
};

TEST_F(ScarceMemoryTest, AcquireAndRelease) {
    exhaust([&] {
        auto held = daemon->acquire("bots", 1, "a label that is longer than a short string", alice);
        ASSERT_TRUE(held);
        daemon->release(held->id, held->generation);
    });
}

TEST_F(ScarceMemoryTest, Reclaim) {
    auto secret = must(daemon->acquire("bots", 2, "", alice)).secret;
    restart();
    exhaust([&] { ASSERT_TRUE(daemon->reclaim(secret, alice)); });
}

TEST_F(ScarceMemoryTest, Questions) {
    exhaust([&] {
        (void)daemon->features();
        (void)daemon->quota("bots", 1000);
        (void)daemon->check("a_feature_that_nobody_knows");
        (void)daemon->fingerprint();
        (void)daemon->diagnose();
        (void)daemon->slots(0, 10, 1000);
    });
}

TEST_F(ScarceMemoryTest, Import) {
    std::uint64_t sequence = 2;
    const std::string file = issuer.file(pro(sequence));
    exhaust([&] { (void)daemon->import(file, 0); });
    EXPECT_EQ(daemon->status().license->sequence, sequence);
}

TEST_F(ScarceMemoryTest, Request) {
    exhaust([&] { ASSERT_TRUE(daemon->request("desk", true, 0)); });
}

TEST_F(ScarceMemoryTest, Deactivate) {
    exhaust([&] { (void)daemon->deactivate(0); });
    EXPECT_EQ(daemon->status().standing, Standing::demo);
}

// Memory runs out while watchers are told: they hear of it when the alarm has run.
TEST_F(ScarceMemoryTest, Announcement) {
    struct Listener final : ChangeWatcher {
        explicit Listener(Daemon& d) : daemon(d) { daemon.watch(*this); }
        ~Listener() { daemon.unwatch(*this); }
        void answersChanged() override {
            std::string taken(100, 'x');  // memory, as a real one needs
            heard = daemon.generation();
        }
        Daemon& daemon;
        std::uint64_t heard = 0;
    };
    for (long nth = 0; nth < 20'000; ++nth) {
        Listener first(*daemon), second(*daemon);
        const auto held = must(daemon->acquire("bots", 1, "", alice));
        allocationsLeft = nth;
        bool through = false;
        try {
            (void)daemon->releaseSlot(held.id, 0);
            through = allocationsLeft >= 0;
        } catch (const std::bad_alloc&) {
        }
        allocationsLeft = -1;
        daemon->wake();
        EXPECT_EQ(first.heard, through || first.heard ? daemon->generation() : 0) << nth;
        EXPECT_EQ(first.heard, second.heard) << nth;
        daemon->release(held.id, held.generation);
        if (through || HasFailure()) return;
    }
    FAIL() << "it never got through";
}

TEST_F(ScarceMemoryTest, TimePasses) {
    clock.pass(std::chrono::days{30});
    exhaust([&] { daemon->wake(); });
    EXPECT_EQ(daemon->status().standing, Standing::expired);
}

// The same over RPC, without the socket: the fault strikes anywhere between a call and its answer.
class ScarceMemoryRpcTest : public RpcTest {
  protected:
    void SetUp() override {
        RpcTest::SetUp();
        startLog(LogLevel::error, false);
        importPro();
        daemon->ready();
    }

    // A program on a session of its own calls it with the first allocation failing, then the second … until it gets
    // through. `check` follows, when the program is gone again.
    void exhaust(const std::function<void(wire::Entitled::Client&)>& call, const std::function<void()>& check) {
        for (long nth = 0; nth < 20'000; ++nth) {
            bool through = false;
            {
                auto session = std::make_shared<Session>(
                    *daemon, Peer{1000, 1000, 0, {}}, Descriptor(),
                    [](Descriptor, std::function<void()>) { return nullptr; }, nullptr);
                auto query = makeQueryServer(session);
                nth_ = nth;
                try {
                    call(query);
                    through = allocationsLeft >= 0;
                } catch (const std::exception&) {  // KJ's are among them
                }
                allocationsLeft = -1;
                std::vector<Session::Place> places;
                loop.poll();
                while (auto place = session->placeForSubscription()) places.push_back(*std::move(place));
                ASSERT_EQ(places.size(), Session::maxSubscriptions) << "allocation " << nth;
            }
            loop.poll();
            daemon->wake();
            check();
            if (through || HasFailure()) return;
        }
        FAIL() << "it never got through";
    }
    template <class Request>
    auto scarcely(Request request) {
        auto sent = request.send();
        allocationsLeft = nth_;
        return sent.wait(loop.waitScope());
    }
    long nth_ = 0;
};

TEST_F(ScarceMemoryRpcTest, SubscribeLeavesNoWatcherBehind) {
    unsigned told = 0;
    std::uint64_t sequence = 1;
    exhaust(
        [&](wire::Entitled::Client& query) {
            auto request = query.subscribeRequest();
            request.setObserver(kj::heap<CountingObserver>(told));
            (void)scarcely(std::move(request));
        },
        [&] { importPro(++sequence); });  // tells whoever watches
    EXPECT_GT(told, 0U);
}

TEST_F(ScarceMemoryRpcTest, AcquireLeavesNoSlotBehind) {
    exhaust(
        [&](wire::Entitled::Client& query) {
            auto request = query.acquireRequest();
            request.setQuota("bots");
            request.setCount(1);
            request.setLabel("a label that is longer than a short string");
            ASSERT_TRUE(scarcely(std::move(request)).getOutcome().isHeld());
        },
        [&] { ASSERT_EQ(daemon->status().botsInUse, 0U); });
}

}  // namespace
}  // namespace entitle::testing
