// The same question over different transports.
#pragma once

#include <functional>

#include <kj/async.h>
#include <proto/entitled.capnp.h>

namespace entitle::bench {

// The yardstick: the median of 64 bytes to and fro between two processes that do nothing else, in nanoseconds.
double rawPingPong(std::size_t times);

// A client of the daemon's interface, and the scope to wait in.
using Talk = std::function<void(wire::Entitled::Client, kj::WaitScope&)>;

void checkServerOnOurs(int fd);                    // serves until the peer goes: proto/, over Asio, as the daemon does
void rpcServerOnOurs(int fd);                      // the same, with every call through the RPC system
void checkServerOnKj(int fd);                      // serves until the peer goes: Cap'n Proto's own transport and loop
void talkOverOurs(int fd, const Talk&);            // closes fd
void talkOverOurs(const char* path, const Talk&);  // connects to a daemon
void talkOverKj(int fd, const Talk&);              // closes fd

// One question and its answer.
void askOnce(wire::Entitled::Client&, kj::WaitScope&);
// Questions per second, with so many under way at a time.
double askPipelined(wire::Entitled::Client&, kj::WaitScope&, std::size_t total, std::size_t inFlight);

}  // namespace entitle::bench
