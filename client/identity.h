// Is what listens on the socket the daemon? Judged before a byte is sent. Source: SECURITY.md, "Local authorization".
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/client.h"
#include "proto/endpoint.h"

namespace entitle {

// A file descriptor, closed on destruction.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    int get() const { return fd_; }
    int release() {
        const int fd = fd_;
        fd_ = -1;
        return fd;
    }
    explicit operator bool() const { return fd_ >= 0; }

  private:
    int fd_ = -1;
};

// Whom a directory, a socket and a process on the way to the daemon may belong to, root apart.
struct Accounts {
    std::uint32_t self = 0;                // counts for endpoints of trust `user` only
    std::optional<std::uint32_t> service;  // the account the daemon runs as, if there is one

    static Accounts ofThisProcess();  // effective uid, and the account `entitled`
};

struct Opened {
    Descriptor socket;  // connected, non-blocking, close-on-exec; empty: see why
    Unavailable why = Unavailable::none;
    std::string detail;                 // a sentence
    std::optional<std::uint32_t> peer;  // the daemon's uid, if it was asked
};

// Opens the endpoint's directory without following a link in its last part, checks directory and socket (owner; not
// writable by others), connects through the directory just checked, and checks the listener's uid. Never blocks.
Opened openDaemon(const Endpoint&, const Accounts&);

}  // namespace entitle
