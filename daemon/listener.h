// Accepts local connections and says who is at the other end, as the kernel tells it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/result.hpp>

#include "daemon/access.h"
#include "daemon/holder.h"

namespace entitle {

using LocalSocket = boost::asio::local::stream_protocol::socket;

struct Accepted {
    LocalSocket socket;
    Peer peer;
    PeerProcess process;
};

// Where to listen. The directory is made if it is missing; one that others could write is refused, for they could put
// a socket of their own in our place.
struct ListenPlace {
    std::string path;
    std::uint32_t mode = 0666;  // of the socket
    std::uint32_t directoryMode = 0755;
    std::optional<std::uint32_t> group;  // of socket and directory; none: the process's
};

class Listener {
  public:
    // May throw: it is logged, that connection is dropped, and accepting goes on.
    using OnAccept = std::function<void(Accepted)>;

    // Replaces a socket that a crashed daemon left there: the caller holds the lock of the state directory, so there is
    // no other daemon of this place. The new socket has its owner and mode before anybody can find it. The error is a
    // sentence.
    static boost::system::result<std::unique_ptr<Listener>, std::string> open(boost::asio::io_context&,
                                                                              const ListenPlace&, OnAccept);
    // Accepts on a socket that somebody else made and keeps: see handed_sockets.h.
    static std::unique_ptr<Listener> adopt(boost::asio::io_context&, Descriptor listening, OnAccept);

    virtual ~Listener() = default;  // stops accepting and removes the socket, if we made it and it is still ours
    virtual const std::string& path() const = 0;
};

// The group's number, from /etc/group alone: name services would load libraries into a process that holds keys. Digits
// stand for themselves.
std::optional<std::uint32_t> findGroup(std::string_view name);
bool maySetGroup(std::uint32_t group);  // root, or a member
std::uint32_t ownUser();

}  // namespace entitle
