#include "daemon/clock.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <fcntl.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <unistd.h>

#include <time.h>

namespace entitle {

namespace {

// A boot id as the kernel prints it: 36 characters and a newline.
std::string readBootId(const std::string& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) return {};
    std::array<char, 64> text{};
    const auto got = ::read(descriptor, text.data(), text.size());
    ::close(descriptor);
    if (got < 36) return {};
    std::string id(text.data(), 36);
    if (id.find_first_not_of("0123456789abcdef-") != std::string::npos) return {};
    return id;
}

timespec read(clockid_t clock) {
    timespec time{};
    ::clock_gettime(clock, &time);
    return time;
}

// Asks only; changes nothing, so no right is needed.
bool clockIsSynced() {
    timex query{};
    const int state = ::adjtimex(&query);
    return state >= 0 && state != TIME_ERROR && !(query.status & STA_UNSYNC);
}

}  // namespace

SystemClock::SystemClock(const std::string& credentialsDirectory) {
    bootId_ = readBootId("/proc/sys/kernel/random/boot_id");
    if (bootId_.empty() && !credentialsDirectory.empty()) bootId_ = readBootId(credentialsDirectory + "/boot_id");
}

Now SystemClock::now() {
    const auto wall = read(CLOCK_REALTIME), boot = read(CLOCK_BOOTTIME);
    return {.wall = Instant{Seconds{wall.tv_sec}},
            .boottime = Seconds{boot.tv_sec} + std::chrono::nanoseconds{boot.tv_nsec},
            .bootId = bootId_,
            .synced = clockIsSynced()};
}

WallTimer::WallTimer() : descriptor_(::timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC)) {
    if (descriptor_ < 0) throw std::system_error(errno, std::generic_category(), "timerfd_create");
    arm(std::nullopt);
}

WallTimer::~WallTimer() {
    ::close(descriptor_);
}

void WallTimer::arm(std::optional<Instant> at) {
    // Disarmed, the kernel would not tell of a changed clock: "never" is a moment far ahead. Zero would disarm too.
    const auto seconds = at.value_or(latestInstant).time_since_epoch().count();
    itimerspec when{};
    when.it_value.tv_sec = static_cast<time_t>(seconds > 0 ? seconds : 1);
    constexpr int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
    if (::timerfd_settime(descriptor_, flags, &when, nullptr) == 0) return;
    if (errno != ECANCELED) throw std::system_error(errno, std::generic_category(), "timerfd_settime");
    // The clock was set since the last look, and saying so here has used up the notice: fire at once instead.
    when.it_value.tv_sec = 1;
    ::timerfd_settime(descriptor_, flags, &when, nullptr);
}

WallTimer::Fired WallTimer::drain() {
    std::uint64_t count = 0;
    for (;;) {
        if (::read(descriptor_, &count, sizeof count) == static_cast<ssize_t>(sizeof count)) return Fired::deadline;
        if (errno == ECANCELED) return Fired::clockSet;
        if (errno != EINTR) return Fired::nothing;
    }
}

}  // namespace entitle
