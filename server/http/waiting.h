// A response that comes later: a request that waits for news holds a connection, but no thread and no buffer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "server/http/message.h"

namespace entitle {

// Defined by the composition: what one worker thread owns (its database session and the like). Only referred to here.
struct Worker;

// Wakes one waiting response. Copies are the same wake. From any thread, any number of times, before the response began
// to wait or long after it ended: a wake is never lost and never harms.
class Wake {
  public:
    Wake();
    void fire() const;
    bool fired() const;

    // For the session: `woken` is called once, at once if it was fired already, on the thread that fires.
    void onFire(std::function<void()> woken) const;
    void forget() const;  // `woken` is dropped, uncalled

  private:
    struct State;
    std::shared_ptr<State> state_;
};

// How to wait without missing anything: make a Wake, register it, look at the database, and return a Waiting if there
// is nothing to tell yet. What happens in between has fired the wake already.
struct Waiting {
    Wake wake;
    // What keeps the wake registered. Dropped when the response was sent or the client has gone; on the server's
    // thread, so its destructor must not block.
    std::shared_ptr<void> registration;
    std::chrono::milliseconds atMost{std::chrono::seconds(50)};
    // Makes the response on a worker, when woken or out of time. Not called when the client has gone.
    std::function<HttpResponse(Worker&, bool woken, Instant now)> answer;
};

}  // namespace entitle
