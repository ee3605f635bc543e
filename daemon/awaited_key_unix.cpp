#include "daemon/awaited_key.h"

#include <algorithm>
#include <utility>

#include <unistd.h>

#include "daemon/log.h"

namespace entitle {
namespace {

constexpr std::chrono::seconds longestPause{300};
constexpr std::chrono::seconds patience{8};

}  // namespace

AwaitedKey::AwaitedKey(boost::asio::io_context& io, Tpm& tpm, const DeviceKeyVault& vault, Done done)
    : tpm_(tpm), vault_(vault), done_(std::move(done)), timer_(io), answer_(io) {
    tryLater();
}

void AwaitedKey::tryLater() {
    asking_.reset();
    timer_.expires_after(pause_);
    pause_ = std::min(pause_ * 2, longestPause);
    timer_.async_wait([this](const boost::system::error_code& error) {
        if (!error) tryNow();
    });
}

void AwaitedKey::tryNow() {
    auto begun = tpm_.beginUnsealing(vault_.awaited()->sealed);
    if (!begun) return tryLater();
    asking_.emplace(std::move(*begun));
    boost::system::error_code failed;
    answer_.assign(::dup(asking_->descriptor()), failed);
    if (failed) return tryLater();
    const auto over = [this](const boost::system::error_code& error) {
        if (error == boost::asio::error::operation_aborted) return;
        if (asking_) answered();  // both may be due at once: the first is the one that counts
    };
    timer_.expires_after(patience);
    timer_.async_wait(over);
    answer_.async_wait(boost::asio::posix::stream_descriptor::wait_read, over);
}

// Or the deadline has passed: then it is the end of the question.
void AwaitedKey::answered() {
    timer_.cancel();
    auto seed = tpm_.finishUnsealing(*asking_);
    boost::system::error_code ignored;
    answer_.close(ignored);
    if (!seed && (seed.error().fault == SealFault::absent || seed.error().fault == SealFault::busy)) {
        log().debug("the device key is still out of reach: {}", seed.error().message);
        return tryLater();
    }
    asking_.reset();
    done_(seed ? vault_.accept(*seed) : SealResult<SecretKey>(seed.error()));
}

}  // namespace entitle
