// What stands behind a Client: the caller's side of every question, and the thread that asks the daemon.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "client/client.h"
#include "client/link.h"
#include "client/memory.h"
#include "client/reachability.h"
#include "client/reply.h"
#include "client/slot_record.h"
#include "client/watches.h"

namespace entitle {
inline namespace v0 {

// Threads: the members below are for any thread, except serve() and what stands under `client's thread only`. KJ's
// objects live in Io, on the client's thread; nothing of KJ crosses over, only posted functions and Reply cells.
class ClientCore : public std::enable_shared_from_this<ClientCore> {
  public:
    static std::shared_ptr<ClientCore> start(Options);
    explicit ClientCore(Options);
    ~ClientCore();
    void stop();

    // True in a child of the process that made it: only constants may be touched then, no lock.
    bool forked() const;
    // In a forked child, in place of stop(): closes the child's copy of the socket.
    void abandon() const;

    Answer check(std::string_view feature);
    Features features();
    Quota quota(std::string_view name);
    Status status();
    Fingerprint fingerprint();
    Acquired acquire(std::string_view quota, std::uint32_t count, std::string_view label);
    bool release(const std::shared_ptr<SlotRecord>&);  // waits
    void drop(const std::shared_ptr<SlotRecord>&);     // does not
    Watch onChange(std::function<void(const Change&)>);

  private:
    struct Io;

    void serve();
    template <class F>
    void post(F);
    // Asks the daemon by `call(Io&, wire::Entitled::Client&, ReplySender<T>)`. Nothing: it did not answer, and `origin`
    // says why. `known()`: another answer is at hand, so do not wait for a daemon that is away.
    template <class T, class Known, class Call>
    std::optional<T> ask(Origin& origin, Known known, Call call);
    Acquired acquireProvisionally(const std::shared_ptr<SlotRecord>&, Origin);
    std::shared_ptr<SlotRecord> newRecord(std::string_view quota, std::uint32_t count, std::string_view label);
    void remember(const std::shared_ptr<SlotRecord>&);
    std::uint32_t provisionalUnits() const;  // under handlesMutex_
    Change present() const;

    const Options options_;
    const std::int64_t process_;
    Reachability reachability_;
    Memory memory_;
    Watches watches_;

    mutable std::mutex handlesMutex_;
    std::vector<std::weak_ptr<SlotRecord>> handles_;
    std::size_t tidyAt_ = 64;

    // For a forked child only, hence without a lock.
    std::atomic<int> socket_{-1};
    std::atomic<std::uint64_t> socketDevice_{0}, socketInode_{0};

    boost::asio::io_context context_;
    Io* io_ = nullptr;  // client's thread only
    std::thread thread_;
};

}  // namespace v0
}  // namespace entitle
