#include "server/signals.h"

#include <csignal>
#include <initializer_list>

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

namespace entitle {

struct Signals::Before {
    sigset_t mask{};
    struct sigaction pipe {};
    sigset_t ours{};
};

Signals::Signals() : before_(new Before) {
    sigemptyset(&before_->ours);
    for (const int each : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&before_->ours, each);
    pthread_sigmask(SIG_BLOCK, &before_->ours, &before_->mask);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &ignore, &before_->pipe);
}

Signals::~Signals() {
    sigaction(SIGPIPE, &before_->pipe, nullptr);
    pthread_sigmask(SIG_SETMASK, &before_->mask, nullptr);
    delete before_;
}

Signals::Asked Signals::next() {
    for (;;) {
        int which = 0;
        if (sigwait(&before_->ours, &which) == 0) return which == SIGHUP ? Asked::reload : Asked::stop;
    }
}

std::size_t raiseFileLimit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace entitle
