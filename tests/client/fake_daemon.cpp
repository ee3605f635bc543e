#include "tests/client/fake_daemon.h"

#include <future>
#include <list>
#include <stdexcept>
#include <utility>

#include <unistd.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <proto/entitled.capnp.h>

#include "proto/connection.h"
#include "proto/kj_on_asio.h"

namespace entitle::testing {

namespace {

using Local = boost::asio::local::stream_protocol;

void fill(wire::Status::Builder out, const FakeRules& rules) {
    out.setStanding(wire::Standing::ACTIVE);
    out.setLicenseId("lic_0123456789abcdef");
    out.setMaxBots(rules.maxBots);
    out.setTrust(rules.compiledIn ? wire::Trust::COMPILED_IN : wire::Trust::DEVELOPMENT);
    out.setGeneration(rules.generation);
    out.setVersion("fake");
}

class SlotServer final : public wire::Slot::Server {
  public:
    SlotServer(FakeRules& rules, std::string secret, const bool& dying)
        : rules_(rules), secret_(std::move(secret)), dying_(dying) {}
    // A killed daemon forgets nothing; a dropped capability frees its slot.
    ~SlotServer() {
        if (!dying_) rules_.slots.erase(secret_);
    }
    kj::Promise<void> release(ReleaseContext) override {
        rules_.slots.erase(secret_);
        return kj::READY_NOW;
    }

  private:
    FakeRules& rules_;
    const std::string secret_;
    const bool& dying_;
};

}  // namespace

struct FakeDaemon::Serving final : kj::TaskSet::ErrorHandler {
    Serving(boost::asio::io_context& context, const std::string& path, FakeRules& fakeRules)
        : loop(context), acceptor(context, Local::endpoint(path)), rules(fakeRules) {
        accept();
    }
    void taskFailed(kj::Exception&&) override {}

    void accept();
    void announce();
    void tell(wire::Observer::Client& observer);

    KjLoop loop;
    Local::acceptor acceptor;
    FakeRules& rules;
    bool dying = false;
    std::list<wire::Observer::Client> observers;
    std::map<int, std::unique_ptr<Connection>> connections;
    kj::TaskSet tasks{*this};
};

namespace {

class Service final : public wire::Entitled::Server {
  public:
    using Observe = std::function<void(wire::Observer::Client)>;
    Service(FakeRules& rules, const bool& dying, Observe observe)
        : rules_(rules), dying_(dying), observe_(std::move(observe)) {}

    kj::Promise<void> status(StatusContext context) override {
        if (!rules_.answersStatus) return kj::NEVER_DONE;
        fill(context.getResults().initStatus(), rules_);
        return kj::READY_NOW;
    }
    kj::Promise<void> check(CheckContext context) override {
        ++rules_.checks;
        if (!rules_.answersChecks) return kj::NEVER_DONE;
        auto verdict = context.getResults().initVerdict();
        verdict.setAllowed(true);
        verdict.setReason(wire::Reason::GRANTED);
        return kj::READY_NOW;
    }
    kj::Promise<void> acquire(AcquireContext context) override {
        ++rules_.acquires;
        const auto params = context.getParams();
        std::int64_t inUse = 0;
        for (const auto& [secret, slot] : rules_.slots) inUse += slot.count;
        if (rules_.maxBots >= 0 && inUse + params.getCount() > rules_.maxBots) {
            auto denied = context.getResults().initOutcome().initDenied();
            denied.setReason(wire::Reason::QUOTA_EXCEEDED);
            denied.setMessage("No more.");
            return kj::READY_NOW;
        }
        const FakeSlot slot{++rules_.lastId, params.getCount(), params.getLabel().cStr()};
        auto secret = std::to_string(slot.id);
        secret.insert(0, 16 - secret.size(), 's');
        rules_.slots[secret] = slot;
        give(context.getResults().initOutcome().initHeld(), secret);
        return kj::READY_NOW;
    }
    kj::Promise<void> reclaim(ReclaimContext context) override {
        const auto bytes = context.getParams().getSecret();
        const std::string secret(bytes.begin(), bytes.end());
        auto outcome = context.getResults().initOutcome();
        if (rules_.knowsSecrets && rules_.slots.count(secret) == 1)
            give(outcome.initHeld(), secret);
        else
            outcome.setUnknownSecret();
        return kj::READY_NOW;
    }
    kj::Promise<void> slots(SlotsContext context) override {
        // Two a page, so that paging is exercised.
        std::map<std::uint64_t, FakeSlot> above;
        for (const auto& [secret, slot] : rules_.slots) {
            if (slot.id > context.getParams().getAfter()) above[slot.id] = slot;
        }
        const auto size = std::min<std::size_t>(2, above.size());
        auto out = context.getResults().initSlots(static_cast<unsigned>(size));
        auto next = above.begin();
        for (unsigned i = 0; i < size; ++i, ++next) out[i].setId(next->first);
        if (next != above.end()) context.getResults().setNext(std::prev(next)->first);
        return kj::READY_NOW;
    }
    kj::Promise<void> subscribe(SubscribeContext context) override {
        observe_(context.getParams().getObserver());
        context.getResults().setSubscription(kj::heap<Subscribed>());
        return kj::READY_NOW;
    }

  private:
    class Subscribed final : public wire::Subscription::Server {};

    void give(wire::Held::Builder out, const std::string& secret) {
        out.setId(rules_.slots[secret].id);
        out.setSecret(kj::arrayPtr(reinterpret_cast<const kj::byte*>(secret.data()), secret.size()));
        out.setSlot(kj::heap<SlotServer>(rules_, secret, dying_));
    }

    FakeRules& rules_;
    const bool& dying_;
    Observe observe_;
};

}  // namespace

void FakeDaemon::Serving::accept() {
    acceptor.async_accept([this](boost::system::error_code error, Local::socket socket) {
        if (error) return;
        loop.enter([&] {
            const int number = ++rules.connections;
            if (number <= rules.hangsUp) return;
            wire::Entitled::Client service = kj::heap<Service>(rules, dying, [this](wire::Observer::Client observer) {
                observers.push_back(kj::mv(observer));
                tell(observers.back());
            });
            connections[number] =
                std::make_unique<Connection>(loop, std::move(socket), WireLimits{}, Connection::Serving{service},
                                             [this, number](CloseReason) { connections.erase(number); });
        });
        accept();
    });
}

void FakeDaemon::Serving::tell(wire::Observer::Client& observer) {
    auto request = observer.changedRequest();
    auto change = request.initChange();
    change.setGeneration(rules.generation);
    fill(change.initStatus(), rules);
    tasks.add(request.send().ignoreResult());
}

void FakeDaemon::Serving::announce() {
    ++rules.generation;
    for (auto& observer : observers) tell(observer);
}

FakeDaemon::FakeDaemon(std::string path) : path_(std::move(path)) {}

FakeDaemon::~FakeDaemon() {
    stop();
}

void FakeDaemon::start() {
    context_ = std::make_unique<boost::asio::io_context>(oneIoThread);
    std::promise<void> listening;
    auto ready = listening.get_future();
    thread_ = std::thread([&] { serve([&] { listening.set_value(); }); });
    ready.get();
}

void FakeDaemon::serve(std::function<void()> listening) {
    Serving serving(*context_, path_, rules_);
    serving_ = &serving;
    listening();
    serving.loop.run();
    serving.dying = true;
    serving_ = nullptr;
}

void FakeDaemon::stop() {
    if (!thread_.joinable()) return;
    ::unlink(path_.c_str());
    boost::asio::post(*context_, [this] { context_->stop(); });
    thread_.join();
    context_.reset();
}

void FakeDaemon::with(std::function<void(FakeRules&)> change, bool announce) {
    if (!thread_.joinable()) return change(rules_);
    std::promise<void> done;
    boost::asio::post(*context_, [&] {
        serving_->loop.enter([&] {
            change(rules_);
            if (announce) serving_->announce();
        });
        done.set_value();
    });
    done.get_future().get();
}

FakeRules FakeDaemon::rules() {
    FakeRules out;
    with([&](FakeRules& rules) { out = rules; });
    return out;
}

}  // namespace entitle::testing
