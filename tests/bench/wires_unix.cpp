#include "tests/bench/wires.h"

#include <stdexcept>
#include <system_error>

#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include "license/entitlements.h"
#include "proto/connection.h"
#include "tests/bench/measure.h"

namespace entitle::bench {
namespace {

using Local = boost::asio::local::stream_protocol;

// What the daemon does to answer a check, without the daemon: so that transports are compared and nothing else.
class CheckServer final : public wire::Entitled::Server {
  public:
    CheckServer() : catalogue_(builtinCatalogue()), entitlements_(evaluate(State{}, catalogue_, Now{})) {}

    kj::Promise<void> check(CheckContext context) override {
        const Verdict verdict = judge(context.getParams());
        fill(context.getResults(capnp::MessageSize{8 + verdict.message.size() / 8, 0}).initVerdict(), verdict);
        return kj::READY_NOW;
    }

    // `check` without the RPC system, as the daemon answers it. For as long as the server lives.
    std::vector<QuickMethod> quick() const {
        return {{capnp::typeId<wire::Entitled>(), 1,
                 [this](capnp::AnyPointer::Reader params, capnp::AnyPointer::Builder results) {
                     fill(results.initAs<wire::Entitled::CheckResults>().initVerdict(),
                          judge(params.getAs<wire::Entitled::CheckParams>()));
                 }}};
    }

  private:
    Verdict judge(wire::Entitled::CheckParams::Reader params) const {
        const auto name = params.getFeature();
        return entitle::check(entitlements_, catalogue_, {name.begin(), name.size()});
    }
    static void fill(wire::Verdict::Builder out, const Verdict& verdict) {
        out.setAllowed(verdict.allowed);
        out.setReason(static_cast<wire::Reason>(verdict.reason));
        if (!verdict.message.empty()) out.setMessage(verdict.message.c_str());
    }

    Catalogue catalogue_;
    Entitlements entitlements_;
};

void talk(KjLoop& loop, Local::socket socket, const Talk& what) {
    Connection connection(loop, std::move(socket), WireLimits::client(), [](CloseReason) {});
    what(connection.bootstrap<wire::Entitled>(), loop.waitScope());
}

void exchange(int fd, bool first, std::size_t times) {
    char bytes[64] = {};
    for (std::size_t i = 0; i < times; ++i) {
        if (first && ::send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes) break;
        if (::recv(fd, bytes, sizeof bytes, 0) != sizeof bytes) break;
        if (!first && ::send(fd, bytes, sizeof bytes, MSG_NOSIGNAL) != sizeof bytes) break;
    }
}

}  // namespace

double rawPingPong(std::size_t times) {
    Child echo([](int fd) { exchange(fd, false, SIZE_MAX); });
    const int fd = echo.releaseSocket();
    exchange(fd, true, times / 4);
    const double nanos = medianNanos(times, [fd] { exchange(fd, true, 1); });
    ::close(fd);
    return nanos;
}

namespace {

void serveOnOurs(int fd, bool quickly) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    auto server = kj::heap<CheckServer>();
    auto quick = quickly ? server->quick() : std::vector<QuickMethod>();
    Connection connection(loop, Local::socket(context, Local(), fd), WireLimits{},
                          Connection::Serving{kj::mv(server), nullptr, std::move(quick)},
                          [&](CloseReason) { context.stop(); });
    loop.run();
}

}  // namespace

void checkServerOnOurs(int fd) {
    serveOnOurs(fd, true);
}

void rpcServerOnOurs(int fd) {
    serveOnOurs(fd, false);
}

void checkServerOnKj(int fd) {
    auto io = kj::setupAsyncIo();
    auto stream = io.lowLevelProvider->wrapSocketFd(fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
    capnp::TwoPartyVatNetwork network(*stream, capnp::rpc::twoparty::Side::SERVER);
    auto rpc = capnp::makeRpcServer(network, wire::Entitled::Client(kj::heap<CheckServer>()));
    network.onDisconnect().wait(io.waitScope);
}

void talkOverOurs(int fd, const Talk& what) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    talk(loop, Local::socket(context, Local(), fd), what);
}

void talkOverOurs(const char* path, const Talk& what) {
    boost::asio::io_context context(oneIoThread);
    KjLoop loop(context);
    Local::socket socket(context);
    socket.connect(Local::endpoint(path));
    talk(loop, std::move(socket), what);
}

void talkOverKj(int fd, const Talk& what) {
    auto io = kj::setupAsyncIo();
    auto stream = io.lowLevelProvider->wrapSocketFd(fd, kj::LowLevelAsyncIoProvider::TAKE_OWNERSHIP);
    capnp::TwoPartyClient client(*stream);
    what(client.bootstrap().castAs<wire::Entitled>(), io.waitScope);
}

namespace {

auto ask(wire::Entitled::Client& client) {
    auto request = client.checkRequest(capnp::MessageSize{5, 0});
    request.setFeature("paper_trading");
    return request.send();
}

void expectAllowed(const capnp::Response<wire::Entitled::CheckResults>& response) {
    if (!response.getVerdict().getAllowed()) throw std::runtime_error("paper_trading was denied");
}

}  // namespace

void askOnce(wire::Entitled::Client& client, kj::WaitScope& scope) {
    expectAllowed(ask(client).wait(scope));
}

double askPipelined(wire::Entitled::Client& client, kj::WaitScope& scope, std::size_t total, std::size_t inFlight) {
    std::size_t left = total;
    kj::Function<kj::Promise<void>()> lane = [&]() -> kj::Promise<void> {
        if (left == 0) return kj::READY_NOW;
        --left;
        return ask(client).then([&](capnp::Response<wire::Entitled::CheckResults>&& response) {
            expectAllowed(response);
            return lane();
        });
    };
    const std::int64_t before = nowNanos();
    auto lanes = kj::heapArrayBuilder<kj::Promise<void>>(inFlight);
    for (std::size_t i = 0; i < inFlight; ++i) lanes.add(lane());
    kj::joinPromises(lanes.finish()).wait(scope);
    return static_cast<double>(total) * 1e9 / static_cast<double>(nowNanos() - before);
}

}  // namespace entitle::bench
