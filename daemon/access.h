// Who may come in, and how often: decided from what the kernel says of a peer. On uid and groups, never on pid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace entitle {

// The program at the other end of a connection, at the moment it connected, as the kernel tells it.
struct Peer {
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::int32_t pid = 0;               // diagnostic; 0 when it lives in a process namespace we cannot see
    std::vector<std::uint32_t> groups;  // supplementary
};

// The two sockets. What a connection may call follows from the door it came through; there is no way between them.
enum class Door { query, admin };

struct AccessPolicy {
    std::uint32_t ownUid = 0;  // whoever runs the daemon may administer it: a private daemon is its user's
    std::optional<std::uint32_t> adminGroup;  // none: the group does not exist here
    std::optional<std::uint32_t> queryGroup;  // none: every local user may ask
};

// Root may always; for the admin door also the daemon's own user and members of the admin group.
bool allowed(const Peer&, Door, const AccessPolicy&);

// Counts connections per user and in all. Single-threaded; must outlive its tickets.
class Admission {
  public:
    struct Limits {
        std::size_t perUid = 256;
        std::size_t total = 16'384;
    };

    // One admitted connection. Gives its place back when it goes.
    class Ticket {
      public:
        Ticket(Ticket&& other) noexcept : admission_(std::exchange(other.admission_, nullptr)), uid_(other.uid_) {}
        Ticket& operator=(Ticket&&) = delete;
        Ticket(const Ticket&) = delete;
        ~Ticket() {
            if (admission_) admission_->leave(uid_);
        }

      private:
        friend class Admission;
        Ticket(Admission* admission, std::uint32_t uid) : admission_(admission), uid_(uid) {}
        Admission* admission_;
        std::uint32_t uid_;
    };

    // What one user may have of `total`: at least `perUser`, and twice the bots of the license, for a program may need
    // a connection for each slot and one more to ask. Never all: a quarter is left to everybody else, whatever the
    // license gives. bots: -1 is unlimited.
    static Limits sharing(std::size_t total, std::size_t perUser, std::int64_t bots);

    explicit Admission(Limits limits) : limits_(limits) {}
    Admission(const Admission&) = delete;
    Admission& operator=(const Admission&) = delete;

    std::optional<Ticket> admit(std::uint32_t uid);      // nothing: over a limit
    void setLimits(Limits limits) { limits_ = limits; }  // of connections to come; present ones stay
    std::size_t connections() const { return total_; }
    std::size_t connectionsOf(std::uint32_t uid) const;

  private:
    void leave(std::uint32_t uid);

    Limits limits_;
    std::size_t total_ = 0;
    std::map<std::uint32_t, std::size_t> perUid_;
};

}  // namespace entitle
