// A small daemon's end for tests of the transport, and a peer that speaks its bytes by hand.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <kj/vector.h>
#include <proto/entitled.capnp.h>

#include "proto/connection.h"
#include "proto/kj_on_asio.h"
#include "tests/sanitized.h"

namespace entitle::test {

using Socket = boost::asio::local::stream_protocol::socket;
using Bytes = std::vector<std::byte>;

// `check`: "live_trading" is allowed; the message repeats the feature, or is `answerBytes` long. `status` is answered
// when `release` is called.
class FakeDaemon final : public wire::Entitled::Server {
  public:
    struct Seen {
        std::uint64_t calls = 0;               // of check
        std::uint64_t quick = 0;               // of those, answered without the RPC system
        std::deque<std::string> lastFeatures;  // the latest 1,000
        kj::Vector<wire::Observer::Client> observers;
        kj::Vector<kj::Own<kj::PromiseFulfiller<void>>> held;
        bool destroyed = false;
        std::size_t answerBytes = 0;
    };
    explicit FakeDaemon(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
    ~FakeDaemon() noexcept(false) { seen_->destroyed = true; }

    kj::Promise<void> check(CheckContext context) override {
        judge(*seen_, context.getParams(), context.initResults());
        return kj::READY_NOW;
    }
    static std::vector<QuickMethod> quick(std::shared_ptr<Seen> seen) {
        return {{capnp::typeId<wire::Entitled>(), 1,
                 [seen = std::move(seen)](capnp::AnyPointer::Reader params, capnp::AnyPointer::Builder results) {
                     judge(*seen, params.getAs<wire::Entitled::CheckParams>(),
                           results.initAs<wire::Entitled::CheckResults>());
                     ++seen->quick;
                 }}};
    }
    kj::Promise<void> status(StatusContext context) override {
        auto gate = kj::newPromiseAndFulfiller<void>();
        seen_->held.add(kj::mv(gate.fulfiller));
        return gate.promise.then([context]() mutable { context.initResults().initStatus().setPlan("pro"); });
    }
    kj::Promise<void> subscribe(SubscribeContext context) override {
        seen_->observers.add(context.getParams().getObserver());
        return kj::READY_NOW;
    }

  private:
    static void judge(Seen& seen, wire::Entitled::CheckParams::Reader params,
                      wire::Entitled::CheckResults::Builder results) {
        const auto feature = params.getFeature();
        ++seen.calls;
        seen.lastFeatures.emplace_back(feature.cStr());
        if (seen.lastFeatures.size() > 1'000) seen.lastFeatures.pop_front();
        auto verdict = results.initVerdict();
        verdict.setAllowed(feature == "live_trading");
        if (seen.answerBytes == 0) {
            verdict.setMessage(feature);
        } else {
            verdict.setMessage(std::string(seen.answerBytes, 'x').c_str());
        }
    }

    std::shared_ptr<Seen> seen_;
};

// A serving connection, and the other end of its socket pair for the test.
class Served {
  public:
    // `quickly`: check is a quick method.
    explicit Served(KjLoop& loop, WireLimits limits = WireLimits{}, std::shared_ptr<Budget> budget = nullptr,
                    bool quickly = false)
        : peer(loop.context()), closing_(kj::newPromiseAndFulfiller<CloseReason>()) {
        Socket ours(loop.context());
        boost::asio::local::connect_pair(ours, peer);
        connection = std::make_unique<Connection>(
            loop, std::move(ours), limits,
            Connection::Serving{kj::heap<FakeDaemon>(seen), std::move(budget),
                                quickly ? FakeDaemon::quick(seen) : std::vector<QuickMethod>()},
            [this](CloseReason why) {
                closed = why;
                connection.reset();
                closing_.fulfiller->fulfill(kj::mv(why));
            });
    }
    ~Served() noexcept {}  // KJ's destructors may throw; a fixture's may not

    // Waits for the end of the connection; the test's own time limit is the deadline.
    CloseReason waitClosed(KjLoop& loop) { return closing_.promise.wait(loop.waitScope()); }

    std::shared_ptr<FakeDaemon::Seen> seen = std::make_shared<FakeDaemon::Seen>();
    std::optional<CloseReason> closed;
    std::unique_ptr<Connection> connection;
    Socket peer;

  private:
    kj::PromiseFulfillerPair<CloseReason> closing_;
};

kj::Promise<bool> check(wire::Entitled::Client client, const std::string& feature);

// Messages of the RPC protocol as bytes on the wire. Calls go to the answer of question 0, a Bootstrap.
Bytes bootstrapMessage(std::uint32_t question);
Bytes checkMessage(std::uint32_t question, const std::string& feature);
Bytes statusMessage(std::uint32_t question);
Bytes finishMessage(std::uint32_t question);
Bytes abortMessage();
Bytes flat(capnp::MessageBuilder&);  // any other
Bytes operator+(Bytes left, const Bytes& right);

// Sends, serving the loop whenever the socket is full, until all is sent, the other side has closed or it takes nothing
// any more. Returns how many bytes went.
std::size_t sendAll(KjLoop&, Socket&, const Bytes&);
// Everything that can be read now. Serves the loop.
Bytes readSome(KjLoop&, Socket&);

std::size_t residentBytes();

}  // namespace entitle::test
