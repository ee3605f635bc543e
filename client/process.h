// What the client needs to know of, and do to, the process it lives in.
#pragma once

#include <cstdint>
#include <memory>

namespace entitle {

// This process. A value kept from before a fork differs from the child's.
std::int64_t processId();

// While it lives, threads started from here have every signal blocked: the program's handlers run on its own threads.
class SignalsBlocked {
  public:
    SignalsBlocked();
    ~SignalsBlocked();
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    struct Mask;
    std::unique_ptr<Mask> before_;
};

// A connected socket as seen from other threads and from a forked child. The numbers tell whether the descriptor still
// is that socket: a child may have closed it, and opened something else under its number.
struct SocketName {
    int fd = -1;
    std::uint64_t device = 0, inode = 0;
};
SocketName nameOf(int fd);
void closeIfStill(const SocketName&);

// Ends the connection for every process that has the socket: a forked child must not keep it alive.
void shutDown(int fd);

// ENTITLED_ALLOW_DEVELOPMENT=1; never in a program that runs with more rights than its caller.
bool developmentAllowedByEnvironment();

}  // namespace entitle
