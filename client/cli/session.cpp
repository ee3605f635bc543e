#include "client/cli/session.h"

#include <boost/asio/local/stream_protocol.hpp>

#include "client/cli/exit_code.h"

namespace entitle::cli {

Session::Session(const Endpoint& endpoint, bool admin, std::chrono::milliseconds timeout)
    : timeout_(timeout), path_(endpoint.path), admin_(admin), context_(oneIoThread), loop_(context_), timer_(context_) {
    auto opened = openDaemon(endpoint, Accounts::ofThisProcess());
    if (!opened.socket) throw Failure(exitNoDaemon, toString(opened.why), opened.detail, adviceFor(opened.why, admin));
    using Local = boost::asio::local::stream_protocol;
    Local::socket socket(context_);
    socket.assign(Local(), opened.socket.release());
    connection_ = std::make_unique<Connection>(loop_, std::move(socket), WireLimits::client(), [](CloseReason) {});
}

Session::~Session() = default;

kj::Promise<void> Session::startLimit() {
    auto limit = kj::newPromiseAndFulfiller<void>();
    auto fulfiller = std::make_shared<kj::Own<kj::PromiseFulfiller<void>>>(kj::mv(limit.fulfiller));
    timer_.expires_after(timeout_);
    timer_.async_wait([this, fulfiller](boost::system::error_code error) {
        if (error) return;
        loop_.enter([&] {
            timedOut_ = true;
            (*fulfiller)->reject(KJ_EXCEPTION(OVERLOADED, "time limit"));
        });
    });
    return kj::mv(limit.promise);
}

void Session::explain(const kj::Exception& failure) const {
    if (timedOut_)
        throw Failure(exitNoDaemon, toString(Unavailable::unresponsive), "The daemon does not answer in time.",
                      adviceFor(Unavailable::unresponsive, admin_));
    if (failure.getType() == kj::Exception::Type::DISCONNECTED)
        throw Failure(exitNoDaemon, toString(Unavailable::disconnected), "The daemon closed the connection.",
                      adviceFor(Unavailable::unresponsive, admin_));
    // UNIMPLEMENTED, most often: the other socket's interface, or an older daemon.
    throw Failure(exitNoDaemon, toString(Unavailable::protocol),
                  "What listens on " + path_ + " could not answer: " + std::string(failure.getDescription().cStr()),
                  adviceFor(Unavailable::protocol, admin_));
}

}  // namespace entitle::cli
