#include "daemon/session.h"

#include <exception>
#include <utility>

#include "daemon/log.h"

namespace entitle {

Session::Holding::Holding(std::shared_ptr<Session> session, SlotId id, std::uint64_t generation)
    : session_(std::move(session)),
      id_(id),
      generation_(generation),
      next_(session_->holdings_),
      link_(&session_->holdings_) {
    if (next_) next_->link_ = &next_;
    session_->holdings_ = this;
    try {
        session_->watchHolder();
    } catch (...) {
        release();  // a slot that nobody watches could outlive its holder
        throw;
    }
}

void Session::Holding::release() noexcept {
    if (!link_) return;
    *link_ = next_;
    if (next_) next_->link_ = link_;
    link_ = nullptr;
    next_ = nullptr;
    try {
        session_->daemon_.release(id_, generation_);
    } catch (const std::exception& fault) {
        log().error("slot {} could not be released: {}", id_, fault.what());
    }
}

void Session::watchHolder() {
    if (watch_ || !process_) return;
    watch_ = watching_(std::move(process_), [self = weak_from_this()] {
        if (auto session = self.lock()) session->holderDied();
    });
}

void Session::holderDied() {
    std::size_t slots = 0;
    for (; holdings_; ++slots) holdings_->release();
    if (slots > 0) {
        ++daemon_.counters().holdersDied;
        log().debug("process {} of user {} ended: {} slots are free again", peer_.pid, peer_.uid, slots);
    }
    if (auto close = std::exchange(onHolderDied_, nullptr)) close();
}

}  // namespace entitle
