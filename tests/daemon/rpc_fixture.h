// The daemon in process behind its real connections: each program is one end of a socket pair on the same loop.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/write.hpp>
#include <proto/entitled.capnp.h>

#include "daemon/connections.h"
#include "tests/daemon/core_fixture.h"

namespace entitle::testing {

struct CountingObserver final : wire::Observer::Server {
    explicit CountingObserver(unsigned& count) : calls(count) {}
    kj::Promise<void> changed(ChangedContext) override {
        ++calls;
        return kj::READY_NOW;
    }
    unsigned& calls;
};

class RpcTest : public DaemonTest {
  protected:
    // A connection as the kernel would show it, of `uid`.
    LocalSocket connectRaw(std::uint32_t uid, Door door = Door::query) {
        LocalSocket ours(io), theirs(io);
        boost::asio::local::connect_pair(ours, theirs);
        loop.enter([&] { served->serve(door, Accepted{std::move(theirs), Peer{uid, uid, 0, {}}, PeerProcess{}}); });
        ours.non_blocking(true);
        return ours;
    }
    struct Program {
        Program(KjLoop& loop, LocalSocket socket)
            : connection(loop, std::move(socket), WireLimits::client(), [](CloseReason) {}),
              query(connection.bootstrap<wire::Entitled>()) {}
        Connection connection;
        wire::Entitled::Client query;
    };
    std::unique_ptr<Program> program(std::uint32_t uid) { return std::make_unique<Program>(loop, connectRaw(uid)); }

    // Whether the daemon has closed it, after all that was sent has been dealt with.
    bool closed(LocalSocket& socket) {
        loop.poll();
        std::array<char, 4096> bytes;
        boost::system::error_code error;
        while (!error) socket.read_some(boost::asio::buffer(bytes), error);
        return error != boost::asio::error::would_block;
    }

    void serve(const Config::Limits& limits) { served.emplace(loop, *daemon, limits, AccessPolicy{}); }
    double metric(const std::string& name) {
        for (const auto& sample : served->metrics()) {
            if (sample.name == name) return sample.value;
        }
        throw std::runtime_error("no metric " + name);
    }

    void SetUp() override {
        DaemonTest::SetUp();
        serve({});
    }
    void TearDown() override {
        served.reset();
        DaemonTest::TearDown();
    }

    boost::asio::io_context io{oneIoThread};
    KjLoop loop{io};
    std::optional<Connections> served;
};

}  // namespace entitle::testing
