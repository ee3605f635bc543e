// The way to the daemon: connects, proves whom it talks to, comes back by itself. Lives on the client's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/steady_timer.hpp>
#include <kj/async.h>
#include <kj/function.h>
#include <proto/entitled.capnp.h>

#include "client/client.h"
#include "client/identity.h"
#include "client/reachability.h"
#include "proto/connection.h"
#include "proto/endpoint.h"
#include "proto/kj_on_asio.h"

namespace entitle {

class Link {
  public:
    // What the owner is told. Called on the client's thread, inside KjLoop::enter.
    class Events {
      public:
        virtual ~Events() = default;
        virtual void opened(int socket) = 0;  // before anything is sent
        virtual void established(wire::Entitled::Client&) = 0;
        virtual void told(const Status&) = 0;  // at once after `established`, then after every change
        virtual void ended() = 0;              // of an opened connection; capabilities are gone
        virtual void settled() = 0;            // reachability has changed
    };
    // Made from the daemon's interface. Dropped unasked while there is no daemon, or when the connection breaks.
    using Call = kj::Function<kj::Promise<void>(wire::Entitled::Client&)>;

    struct Settings {
        std::optional<Endpoint> endpoint;  // none: `endpointProblem` says why
        std::string endpointProblem;
        bool allowDevelopment = false;
        std::chrono::milliseconds handshake{1000};  // until callers are told that the daemon is unresponsive
    };

    Link(KjLoop&, Settings, Reachability&, Events&);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    void connect();
    void ask(Call);
    void background(kj::Promise<void>);  // lives as long as the present connection
    wire::Entitled::Client* daemon();    // nullptr: not ready
    // Ends the connection; the next attempt follows by itself.
    void end(Unavailable, std::string detail);

  private:
    struct Session;
    class Told;
    void greet();
    void greeted(wire::Status::Reader);
    void endLater(Unavailable, std::string detail);
    void away(Unavailable, std::string detail);
    void answered();
    void schedule();

    KjLoop& loop_;
    const Settings settings_;
    Reachability& reachability_;
    Events& events_;
    boost::asio::steady_timer retry_;
    boost::asio::steady_timer handshake_;
    std::chrono::milliseconds delay_;
    std::chrono::steady_clock::time_point readySince_;
    unsigned unheard_ = 0;  // connections in a row that ended before their first answer
    std::unique_ptr<Session> session_;
    std::uint64_t sessions_ = 0;  // tells a posted end which connection it meant
};

}  // namespace entitle
