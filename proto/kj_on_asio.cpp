#include "proto/kj_on_asio.h"

#include <boost/asio/post.hpp>
#include <kj/common.h>

namespace entitle {
namespace {

// A bound on KJ's work between two looks at the sockets: enough for dozens of calls, too little for anybody to starve.
constexpr kj::uint eventsPerTurn = 1'000;

}  // namespace

KjLoop::KjLoop(boost::asio::io_context& context)
    : context_(context),
      work_(context.get_executor()),
      port_(*this),
      loop_(port_),
      waitScope_(loop_),
      self_(std::make_shared<KjLoop*>(this)) {
    waitScope_.setBusyPollInterval(eventsPerTurn);
}

void KjLoop::run() {
    if (context_.stopped()) context_.restart();
    running_ = true;
    KJ_DEFER(running_ = false);
    turn();  // what was queued before we came
    context_.run();
}

void KjLoop::poll() {
    if (context_.stopped()) context_.restart();
    running_ = true;
    KJ_DEFER(running_ = false);
    do {
        turn();
    } while (context_.poll() != 0 || loop_.isRunnable());
}

void KjLoop::turn() {
    // Outside run() this may be a KJ continuation under promise.wait(), which must not re-enter KJ's loop and need not.
    if (inside_ != 0 || !running_) return;
    Inside inside(*this);
    loop_.run(eventsPerTurn);
    flush();
    // More than one turn's worth, or a flush that broke a stream: I/O first, then on.
    if (loop_.isRunnable()) postTurn();
}

void KjLoop::postTurn() {
    if (turnPosted_) return;
    turnPosted_ = true;
    boost::asio::post(context_, [self = std::weak_ptr<KjLoop*>(self_)] {
        const auto alive = self.lock();
        if (!alive) return;
        (*alive)->turnPosted_ = false;
        (*alive)->turn();
    });
}

void KjLoop::callBeforeSleep(BeforeSleep& work) noexcept {
    if (work.link_ != nullptr) return;
    work.next_ = listed_;
    work.link_ = &listed_;
    if (listed_ != nullptr) listed_->link_ = &work.next_;
    listed_ = &work;
    if (running_ && inside_ == 0) postTurn();
}

void KjLoop::BeforeSleep::withdraw() noexcept {
    if (link_ == nullptr) return;
    *link_ = next_;
    if (next_ != nullptr) next_->link_ = link_;
    next_ = nullptr;
    link_ = nullptr;
}

void KjLoop::flush() noexcept {
    while (listed_ != nullptr) {
        BeforeSleep& work = *listed_;
        work.withdraw();
        work.beforeSleep();
    }
}

bool KjLoop::Port::wait() {
    // KJ's queue is empty and it takes the next turn itself as soon as we return, so handlers below need not.
    Inside inside(loop_);
    loop_.flush();
    // 0 means that somebody called stop(), and would be returned for ever. Promises cannot be left waiting by an
    // exception (KJ keeps pointers into our caller's frame), so a stop() has no effect here.
    while (!loop_.loop_.isRunnable() && loop_.context_.run_one() == 0) loop_.context_.restart();
    return woken_.exchange(false);
}

bool KjLoop::Port::poll() {
    Inside inside(loop_);
    loop_.flush();
    loop_.context_.poll();
    return woken_.exchange(false);
}

void KjLoop::Port::setRunnable(bool runnable) {
    // Called on transitions only. Every frame counted in inside_ takes a turn before the loop sleeps; wait() and run()
    // do so before they sleep for the first time. What is left is a handler that did not enter().
    if (runnable && loop_.running_ && loop_.inside_ == 0) loop_.postTurn();
}

void KjLoop::Port::wake() const {
    // From any thread. Ends the sleep: wait() then reports the flag, and run() has KJ ask for it.
    woken_.store(true);
    boost::asio::post(loop_.context_, [self = std::weak_ptr<KjLoop*>(loop_.self_)] {
        const auto alive = self.lock();
        if (!alive || (*alive)->inside_ != 0) return;
        Inside inside(**alive);
        (*alive)->waitScope_.poll();
    });
}

}  // namespace entitle
