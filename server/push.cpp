#include "server/push.h"

#include <chrono>
#include <vector>

#include "server/event_feed.h"

namespace entitle {
namespace {

constexpr std::size_t rememberedLicenses = 8'192;
constexpr std::size_t rememberedEvents = 8'192;
constexpr std::size_t wokenAtOnce = 500;
constexpr auto feedWait = std::chrono::milliseconds(500);  // how long a stop may take

}  // namespace

struct Push::Registration {
    std::weak_ptr<Push> push;
    LicenseId license;
    std::uint64_t number;
    Registration(std::weak_ptr<Push> to, LicenseId of, std::uint64_t n)
        : push(std::move(to)), license(std::move(of)), number(n) {}
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration() {
        if (const auto alive = push.lock()) alive->forget(license, number);
    }
};

std::shared_ptr<void> Push::listen(const LicenseId& license, const Wake& wake) {
    const std::lock_guard lock(mutex_);
    listeners_[license.value].emplace(++last_, wake);
    return std::make_shared<Registration>(weak_from_this(), license, last_);
}

void Push::forget(const LicenseId& license, std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    const auto found = listeners_.find(license.value);
    if (found == listeners_.end()) return;
    found->second.erase(number);
    if (found->second.empty()) listeners_.erase(found);
}

void Push::tell(const EventRow& event) {
    // That another machine took a seat is no news to those who hold theirs.
    if (event.what == "activated") return;
    std::vector<Wake> wakes;
    {
        const std::lock_guard lock(mutex_);
        if (toldBefore_.count(event.number) != 0 || !told_.insert(event.number).second) return;
        if (told_.size() >= rememberedEvents) {
            toldBefore_ = std::move(told_);
            told_.clear();
        }
        if (changed_.size() >= rememberedLicenses) {
            changedBefore_ = std::move(changed_);
            changed_.clear();
        }
        if (event.license.value.empty()) {
            for (const auto& [license, each] : listeners_)
                for (const auto& [number, wake] : each)
                    if (wakes.size() < wokenAtOnce) wakes.push_back(wake);
        } else {
            changed_[event.license.value] = {event.number, event.at};
        }
        if (const auto found = listeners_.find(event.license.value); found != listeners_.end())
            for (const auto& [number, wake] : found->second) wakes.push_back(wake);
    }
    for (const auto& wake : wakes) wake.fire();
}

std::optional<Push::Change> Push::lastChange(const LicenseId& license) const {
    const std::lock_guard lock(mutex_);
    for (const auto* generation : {&changed_, &changedBefore_})
        if (const auto found = generation->find(license.value); found != generation->end()) return found->second;
    return std::nullopt;
}

std::size_t Push::listening() const {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const auto& [license, each] : listeners_) count += each.size();
    return count;
}

PushFeed::PushFeed(DatabaseAddress address, std::shared_ptr<Push> push,
                   std::function<void(const std::string&)> complain)
    : push_(std::move(push)),
      thread_([this, address = std::move(address), complain = std::move(complain)] { run(address, complain); }) {}

PushFeed::~PushFeed() {
    stop_ = true;
    thread_.join();
}

void PushFeed::run(const DatabaseAddress& address, const std::function<void(const std::string&)>& complain) {
    std::unique_ptr<EventFeed> feed;
    bool told = false;
    while (!stop_) {
        try {
            if (!feed) feed = std::make_unique<EventFeed>(address);
            for (const auto& event : feed->next(feedWait)) push_->tell(event);
            told = false;
        } catch (const std::exception& fault) {
            if (!told) complain(std::string("news of other processes are not heard: ") + fault.what());
            told = true;
            std::this_thread::sleep_for(feedWait);
        }
    }
}

}  // namespace entitle
