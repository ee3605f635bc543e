#include "client/process.h"

#include <string>

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/endpoint.h"

namespace entitle {

std::int64_t processId() {
    return getpid();
}

struct SignalsBlocked::Mask {
    sigset_t set;
};

SignalsBlocked::SignalsBlocked() : before_(std::make_unique<Mask>()) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_->set);
}

SignalsBlocked::~SignalsBlocked() {
    pthread_sigmask(SIG_SETMASK, &before_->set, nullptr);
}

SocketName nameOf(int fd) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return {};
    return {fd, status.st_dev, status.st_ino};
}

void closeIfStill(const SocketName& name) {
    if (name.fd < 0) return;
    const auto now = nameOf(name.fd);
    if (now.fd == name.fd && now.device == name.device && now.inode == name.inode) close(name.fd);
}

void shutDown(int fd) {
    shutdown(fd, SHUT_RDWR);
}

bool developmentAllowedByEnvironment() {
    return endpointVariable("ENTITLED_ALLOW_DEVELOPMENT") == "1";
}

}  // namespace entitle
