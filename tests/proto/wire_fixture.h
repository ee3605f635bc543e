// A small daemon's end for tests of the transport: answers `check` and `status`, counts calls, can hold answers back.
#pragma once

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
#include <gtest/gtest.h>
#include <proto/entitled.capnp.h>

#include "proto/connection.h"
#include "proto/kj_on_asio.h"

namespace entitle::test {

using Socket = boost::asio::local::stream_protocol::socket;

// "live_trading" is allowed; the message repeats the feature. Features are noted in the order they were asked.
class FakeDaemon final : public wire::Entitled::Server {
  public:
    struct Seen {
        std::uint64_t calls = 0;
        std::deque<std::string> lastFeatures;  // the latest 1,000
        kj::Vector<wire::Observer::Client> observers;
        bool destroyed = false;
        std::size_t answerBytes = 0;  // padding of each answer
    };
    explicit FakeDaemon(std::shared_ptr<Seen> seen) : seen_(std::move(seen)) {}
    ~FakeDaemon() noexcept(false) { seen_->destroyed = true; }

    kj::Promise<void> check(CheckContext context) override {
        const auto feature = context.getParams().getFeature();
        ++seen_->calls;
        seen_->lastFeatures.emplace_back(feature.cStr());
        if (seen_->lastFeatures.size() > 1'000) seen_->lastFeatures.pop_front();
        auto verdict = context.initResults().initVerdict();
        verdict.setAllowed(feature == "live_trading");
        if (seen_->answerBytes == 0) {
            verdict.setMessage(feature);
        } else {
            verdict.setMessage(std::string(seen_->answerBytes, 'x').c_str());
        }
        return kj::READY_NOW;
    }
    kj::Promise<void> subscribe(SubscribeContext context) override {
        seen_->observers.add(context.getParams().getObserver());
        return kj::READY_NOW;
    }

  private:
    std::shared_ptr<Seen> seen_;
};

// One loop with a serving connection; the other end of its socket pair is for the test.
class Served {
  public:
    explicit Served(KjLoop& loop, WireLimits limits = WireLimits{}, std::shared_ptr<Budget> budget = nullptr)
        : peer(loop.context()) {
        Socket ours(loop.context());
        boost::asio::local::connect_pair(ours, peer);
        connection = std::make_unique<Connection>(loop, std::move(ours), limits,
                                                  Connection::Serving{kj::heap<FakeDaemon>(seen), std::move(budget)},
                                                  [this](CloseReason why) {
                                                      closed = why;
                                                      connection.reset();
                                                  });
    }

    std::shared_ptr<FakeDaemon::Seen> seen = std::make_shared<FakeDaemon::Seen>();
    std::optional<CloseReason> closed;
    std::unique_ptr<Connection> connection;
    Socket peer;
};

inline kj::Promise<bool> check(wire::Entitled::Client client, const std::string& feature) {
    auto request = client.checkRequest();
    request.setFeature(feature.c_str());
    return request.send().then([](capnp::Response<wire::Entitled::CheckResults>&& response) { return response.getVerdict().getAllowed(); });
}

}  // namespace entitle::test
