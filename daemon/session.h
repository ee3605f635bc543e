// One program's connection as the daemon sees it: who it is, and what it holds.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "daemon/access.h"
#include "daemon/daemon.h"
#include "daemon/holder.h"

namespace entitle {

// Shared by the connection and every capability handed out over it. Single-threaded.
class Session : public std::enable_shared_from_this<Session> {
  public:
    using Watching = std::function<std::unique_ptr<ProcessWatch>(Descriptor, std::function<void()> ended)>;

    // `process` may be empty: then slots die with the connection alone. `onHolderDied` is called after everything that
    // was held is free; it closes the connection, which a child of the dead process may have inherited.
    Session(Daemon& daemon, Peer peer, Descriptor process, Watching watching, std::function<void()> onHolderDied)
        : daemon_(daemon),
          peer_(std::move(peer)),
          process_(std::move(process)),
          watching_(std::move(watching)),
          onHolderDied_(std::move(onHolderDied)) {}
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Daemon& daemon() { return daemon_; }
    const Peer& peer() const { return peer_; }
    Holder holder() const { return {peer_.uid, peer_.pid}; }

    // A slot of ours, until it is dropped here, released, or its holder dies. Watches the process from the first on.
    class Holding {
      public:
        Holding(std::shared_ptr<Session> session, SlotId id, std::uint64_t generation);
        Holding(const Holding&) = delete;
        Holding& operator=(const Holding&) = delete;
        ~Holding() { release(); }
        void release() noexcept;  // once; later calls are nothing
        const Slot* slot() const { return session_->daemon_.findSlot(id_, generation_); }  // nullptr: it ended
        SlotId id() const { return id_; }

      private:
        friend class Session;
        std::shared_ptr<Session> session_;
        SlotId id_;
        std::uint64_t generation_;
        Holding* next_ = nullptr;  // of the session's holdings
        Holding** link_ = nullptr;
    };

    // The connection is closing for good: nothing calls back.
    void detach() {
        watch_.reset();
        onHolderDied_ = nullptr;
    }

    // One of the places that a connection has for observers. Free again when it goes.
    class Place {
      public:
        Place(Place&&) noexcept = default;
        Place& operator=(Place&&) = delete;
        ~Place() {
            if (session_) --session_->subscriptions_;
        }

      private:
        friend class Session;
        explicit Place(std::shared_ptr<Session> session) : session_(std::move(session)) { ++session_->subscriptions_; }
        std::shared_ptr<Session> session_;
    };
    static constexpr unsigned maxSubscriptions = 16;
    std::optional<Place> placeForSubscription() {
        if (subscriptions_ >= maxSubscriptions) return std::nullopt;
        return Place(shared_from_this());
    }

  private:
    void watchHolder();
    void holderDied();

    Daemon& daemon_;
    Peer peer_;
    Descriptor process_;  // until it is watched
    Watching watching_;
    std::function<void()> onHolderDied_;
    std::unique_ptr<ProcessWatch> watch_;
    Holding* holdings_ = nullptr;
    unsigned subscriptions_ = 0;
};

}  // namespace entitle
