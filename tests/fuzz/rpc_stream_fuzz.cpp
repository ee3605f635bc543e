// What a local program sends to the daemon's socket, and what a false daemon answers its client. The first byte says
// which of the two, and in pieces of how many bytes the rest arrives.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "tests/proto/wire_fixture.h"

using namespace entitle;
using namespace entitle::test;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void arrive(KjLoop& loop, Socket& socket, const Bytes& bytes, std::size_t piece) {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        const std::size_t size = std::min(piece, bytes.size() - at);
        if (sendAll(loop, socket, Bytes(bytes.data() + at, bytes.data() + at + size)) != size) return;
        loop.poll();
    }
}

void atTheDaemon(KjLoop& loop, const Bytes& bytes, std::size_t piece) {
    const auto budget = std::make_shared<Budget>(1 << 20);
    {
        Served served(loop, WireLimits{}, budget, true);
        arrive(loop, served.peer, bytes, piece);
        readSome(loop, served.peer);
        require(served.closed || served.connection->openQuestions() <= WireLimits{}.maxOpenQuestions);
        require(budget->used() <= budget->ceiling());
        served.peer.close();
        loop.poll();
        require(served.closed.has_value());
        served.seen->held.clear();
        served.seen->observers.clear();
    }
    loop.poll();
    require(budget->used() == 0);
}

void atTheClient(KjLoop& loop, const Bytes& bytes, std::size_t piece) {
    Socket ours(loop.context());
    Socket theirs(loop.context());
    boost::asio::local::connect_pair(ours, theirs);
    bool closed = false, answered = false;
    Connection client(loop, std::move(ours), WireLimits::client(), [&](CloseReason) { closed = true; });
    auto call = check(client.bootstrap<wire::Entitled>(), "live_trading")
                    .then([&](bool) { answered = true; }, [&](kj::Exception&&) { answered = true; })
                    .eagerlyEvaluate(nullptr);
    loop.poll();
    arrive(loop, theirs, bytes, piece);
    theirs.close();
    loop.poll();
    require(closed && answered);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static boost::asio::io_context context(oneIoThread);
    static KjLoop loop(context);
    if (size == 0 || size > 100'000) return 0;
    const auto* bytes = reinterpret_cast<const std::byte*>(data);
    const std::size_t piece = (data[0] & 0x7F) == 0 ? size : data[0] & 0x7F;
    const Bytes rest(bytes + 1, bytes + size);
    if ((data[0] & 0x80) == 0) {
        atTheDaemon(loop, rest, piece);
    } else {
        atTheClient(loop, rest, piece);
    }
    return 0;
}
