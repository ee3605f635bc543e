// KJ's event loop on Asio's: one thread, one io_context, one KjLoop.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <kj/async.h>

namespace entitle {

// The io_context's concurrency hint for a KjLoop: no locks around sockets, which belong to the loop's thread. Other
// threads may post() into the context, and nothing else.
inline constexpr int oneIoThread = BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO;

// Lets Asio's handlers use KJ promises, and lets KJ code wait for Asio.
//
// The thread that constructs it owns it: it becomes that thread's KJ loop. Drive it in one of two ways:
//   run()                       a program that lives in handlers (the daemon, a client's own thread). A handler that
//                               touches KJ does so inside enter(); KJ's work then runs inline, before the handler
//                               returns. A handler that forgets is only slower: its turn is posted.
//   promise.wait(waitScope())   straight-line code at top level (tests, a CLI). Handlers run while it waits. Never
//   inside a
//                               handler or a KJ continuation.
// Do not call io_context::run() and its kin yourself. io_context::stop() ends run(), and does nothing to a wait(). A
// handler may throw under run(), not under wait(). Destroy every promise, capability and connection before the loop.
class KjLoop {
  public:
    explicit KjLoop(boost::asio::io_context&);
    ~KjLoop() noexcept = default;
    KjLoop(const KjLoop&) = delete;
    KjLoop& operator=(const KjLoop&) = delete;

    boost::asio::io_context& context() { return context_; }
    kj::WaitScope& waitScope() { return waitScope_; }

    // Serves handlers and promises until context().stop(). Exceptions of handlers pass through; it may be called again.
    void run();
    // Serves what is ready now, and returns without sleeping.
    void poll();

    // Runs `f`, which may touch KJ; then all that KJ has ready; then sends what that wrote. Nests.
    template <class F>
    void enter(F&& f) {
        {
            Inside inside(*this);
            std::forward<F>(f)();
        }
        turn();
    }

    // Work that is done once per turn, after KJ has run and before the loop sleeps: a stream with unsent bytes.
    class BeforeSleep {
      public:
        BeforeSleep() = default;
        BeforeSleep(const BeforeSleep&) = delete;
        BeforeSleep& operator=(const BeforeSleep&) = delete;
        virtual void beforeSleep() noexcept = 0;

      protected:
        ~BeforeSleep() { withdraw(); }
        void withdraw() noexcept;

      private:
        friend class KjLoop;
        BeforeSleep* next_ = nullptr;
        BeforeSleep** link_ = nullptr;  // what points at us; null: not listed
    };
    // Lists it for one call. Repeating is harmless.
    void callBeforeSleep(BeforeSleep&) noexcept;

  private:
    class Port final : public kj::EventPort {
      public:
        explicit Port(KjLoop& loop) : loop_(loop) {}
        bool wait() override;
        bool poll() override;
        void setRunnable(bool) override;
        void wake() const override;

      private:
        KjLoop& loop_;
        mutable std::atomic<bool> woken_{false};
    };
    class Inside {
      public:
        explicit Inside(KjLoop& loop) : loop_(loop) { ++loop_.inside_; }
        ~Inside() { --loop_.inside_; }

      private:
        KjLoop& loop_;
    };

    void turn();
    void postTurn();
    void flush() noexcept;

    boost::asio::io_context& context_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    Port port_;
    kj::EventLoop loop_;
    kj::WaitScope waitScope_;
    std::shared_ptr<KjLoop*> self_;  // posted handlers hold it weakly: they may outlive us in the context's queue
    BeforeSleep* listed_ = nullptr;
    int inside_ = 0;        // frames above us that will take a turn before the loop sleeps
    bool running_ = false;  // run() or poll() is below us
    bool turnPosted_ = false;
};

}  // namespace entitle
