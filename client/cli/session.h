// Straight-line calls on one of the daemon's sockets, each with a time limit.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <kj/async.h>
#include <proto/entitled.capnp.h>

#include "client/cli/failure.h"
#include "client/identity.h"
#include "proto/connection.h"
#include "proto/endpoint.h"
#include "proto/kj_on_asio.h"

namespace entitle::cli {

// Throws Failure (exitNoDaemon) when the daemon cannot be reached, is not who it should be, or does not answer in time.
class Session {
  public:
    Session(const Endpoint&, bool admin, std::chrono::milliseconds timeout);
    ~Session();

    wire::Entitled::Client query() { return connection_->bootstrap<wire::Entitled>(); }
    wire::Admin::Client admin() { return connection_->bootstrap<wire::Admin>(); }

    // Waits for a call. T: capnp::Response<…>.
    template <class T>
    T wait(kj::Promise<T> promise) {
        auto limit = startLimit();
        try {
            return promise.exclusiveJoin(kj::mv(limit).then([]() -> kj::Promise<T> { return kj::NEVER_DONE; }))
                .wait(loop_.waitScope());
        } catch (const kj::Exception& failure) {
            explain(failure);
        }
    }

  private:
    kj::Promise<void> startLimit();
    [[noreturn]] void explain(const kj::Exception&) const;

    const std::chrono::milliseconds timeout_;
    const std::string path_;
    const bool admin_;
    bool timedOut_ = false;
    boost::asio::io_context context_;
    KjLoop loop_;
    boost::asio::steady_timer timer_;
    std::unique_ptr<Connection> connection_;
};

}  // namespace entitle::cli
