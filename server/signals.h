// The signals a running server answers.
#pragma once

#include <cstddef>

namespace entitle {

// Made before any thread: from then on the signals below are for `next` only, and SIGPIPE for nobody.
class Signals {
  public:
    Signals();
    ~Signals();  // as it was before
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

    enum class Asked { stop, reload };  // SIGTERM or SIGINT; SIGHUP
    Asked next();                       // waits

  private:
    struct Before;
    Before* before_;
};

// Lets this process open as many files as the system allows it to; how many that are.
std::size_t raiseFileLimit();

}  // namespace entitle
