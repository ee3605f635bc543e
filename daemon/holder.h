// The process behind a connection. A slot dies with it, even if a child of it keeps the socket open.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <boost/asio/io_context.hpp>

#include "daemon/owned_directory.h"

namespace entitle {

// A handle that names the peer's process and no later one with the same number. Empty where the kernel gives none
// (before Linux 5.3, or in a sandbox): slots then die with their connection alone.
struct PeerProcess {
    Descriptor handle;
    enum class Found { running, ended, unknown, noRoom } found = Found::unknown;  // noRoom: no descriptor left
};
PeerProcess openPeerProcess(int connectedSocket, std::int32_t pid);

class ProcessWatch {
  public:
    virtual ~ProcessWatch() = default;  // `ended` is not called any more
};

// Calls `ended` once, from the context, when the process ends; at the next turn if it has already. May throw
// boost::system::system_error when the context cannot watch it.
std::unique_ptr<ProcessWatch> watchProcess(boost::asio::io_context&, Descriptor process, std::function<void()> ended);

}  // namespace entitle
