#include "server/http/waiting.h"

#include <mutex>
#include <utility>

namespace entitle {

struct Wake::State {
    std::mutex mutex;
    bool fired = false;
    std::function<void()> woken;
};

Wake::Wake() : state_(std::make_shared<State>()) {}

void Wake::fire() const {
    // Called under the lock, so that nothing is called any more once `forget` has returned.
    const std::scoped_lock lock(state_->mutex);
    if (std::exchange(state_->fired, true)) return;
    if (const auto woken = std::exchange(state_->woken, nullptr)) woken();
}

bool Wake::fired() const {
    const std::scoped_lock lock(state_->mutex);
    return state_->fired;
}

void Wake::onFire(std::function<void()> woken) const {
    const std::scoped_lock lock(state_->mutex);
    if (state_->fired)
        woken();
    else
        state_->woken = std::move(woken);
}

void Wake::forget() const {
    std::function<void()> dropped;  // its captures end outside the lock
    const std::scoped_lock lock(state_->mutex);
    dropped.swap(state_->woken);
}

}  // namespace entitle
