#include "client/client.h"

#include <utility>

#include "client/core.h"
#include "client/process.h"

namespace entitle {
inline namespace v0 {

namespace {

bool inOtherProcess(const SlotRecord& record) {
    return record.process != processId();
}

}  // namespace

Client::Client(Options options) : core_(ClientCore::start(std::move(options))) {}

Client::~Client() {
    if (!core_->forked()) {
        core_->stop();
        return;
    }
    // The thread that would have to end does not exist here, and its locks and Asio's descriptors are shared with the
    // parent or in an unknown state: leave them be, and close the one thing that concerns others.
    core_->abandon();
    new std::shared_ptr<ClientCore>(std::move(core_));
}

Answer Client::check(std::string_view feature) {
    return core_->check(feature);
}
Features Client::features() {
    return core_->features();
}
Quota Client::quota(std::string_view name) {
    return core_->quota(name);
}
Status Client::status() {
    return core_->status();
}
Fingerprint Client::fingerprint() {
    return core_->fingerprint();
}
Acquired Client::acquire(std::string_view quota, std::uint32_t count, std::string_view label) {
    return core_->acquire(quota, count, label);
}
Watch Client::onChange(std::function<void(const Change&)> callback) {
    return core_->onChange(std::move(callback));
}

Slots::Slots() noexcept = default;
Slots::Slots(std::shared_ptr<SlotRecord> record) noexcept : record_(std::move(record)) {}
Slots::Slots(Slots&&) noexcept = default;

Slots& Slots::operator=(Slots&& other) noexcept {
    Slots(std::move(other)).record_.swap(record_);  // the temporary gives back what we held
    return *this;
}

Slots::~Slots() {
    if (!record_ || inOtherProcess(*record_)) return;
    if (const auto core = record_->core.lock()) core->drop(record_);
}

Slots::State Slots::state() const {
    if (!record_) return State::released;
    return inOtherProcess(*record_) ? State::lost : record_->state();
}

std::string Slots::reason() const {
    if (!record_) return {};
    return inOtherProcess(*record_) ? "These slots belong to the parent process." : record_->view().reason;
}

std::uint64_t Slots::id() const {
    return !record_ || inOtherProcess(*record_) ? 0 : record_->view().id;
}

std::uint32_t Slots::count() const {
    return record_ ? record_->count : 0;
}

std::string Slots::quota() const {
    return record_ ? record_->quota : std::string();
}

std::string Slots::label() const {
    return record_ ? record_->label : std::string();
}

bool Slots::release() {
    if (!record_ || inOtherProcess(*record_)) return true;
    const auto core = record_->core.lock();
    return core ? core->release(record_) : true;
}

Watch::Watch() noexcept = default;
Watch::Watch(std::shared_ptr<WatchRecord> record) noexcept : record_(std::move(record)) {}
Watch::Watch(Watch&&) noexcept = default;

Watch& Watch::operator=(Watch&& other) noexcept {
    Watch(std::move(other)).record_.swap(record_);
    return *this;
}

Watch::~Watch() {
    if (record_) record_->remove();
}

}  // namespace v0
}  // namespace entitle
