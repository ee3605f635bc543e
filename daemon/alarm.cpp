#include "daemon/alarm.h"

#include <exception>

#include "daemon/log.h"

namespace entitle {

Alarm::Alarm(KjLoop& loop, std::function<void()> due)
    : loop_(loop),
      due_(std::move(due)),
      descriptor_(loop.context(), timer_.descriptor()),
      alive_(std::make_shared<bool>(true)) {
    timer_.arm(std::nullopt);
    wait();
}

Alarm::~Alarm() {
    *alive_ = false;
    descriptor_.release();
}

void Alarm::wait() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [this, alive = alive_](const boost::system::error_code& error) {
                               if (error || !*alive) return;
                               if (timer_.drain() != WallTimer::Fired::nothing) {
                                   loop_.enter([&] {
                                       try {
                                           due_();
                                       } catch (const std::exception& fault) {
                                           log().error("a due change could not be made: {}", fault.what());
                                       }
                                   });
                               }
                               if (*alive) wait();
                           });
}

}  // namespace entitle
