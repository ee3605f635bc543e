// The daemon's one timer on its loop. Nothing else of the daemon wakes by itself.
#pragma once

#include <functional>
#include <optional>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "daemon/clock.h"
#include "proto/kj_on_asio.h"

namespace entitle {

class Alarm {
  public:
    // `due` is called inside the loop when the moment has come or somebody has set the clock. It may throw: that is
    // logged.
    Alarm(KjLoop&, std::function<void()> due);
    ~Alarm();
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;

    void arm(std::optional<Instant> moment) { timer_.arm(moment); }

  private:
    void wait();

    KjLoop& loop_;
    std::function<void()> due_;
    WallTimer timer_;
    boost::asio::posix::stream_descriptor descriptor_;  // borrows the timer's
    std::shared_ptr<bool> alive_;
};

}  // namespace entitle
