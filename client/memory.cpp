#include "client/memory.h"

namespace entitle {

namespace {

bool passed(const std::optional<TimePoint>& until, const Memory::Now& now) {
    return until && *until <= now.wall;
}

bool tooOld(std::chrono::steady_clock::time_point at, const Memory::Now& now) {
    return now.steady - at > rememberFor;
}

// The last moment at which rights of this status may still be in force, as far as the daemon said.
std::optional<TimePoint> endOf(const Status& status) {
    switch (status.standing) {
        case Status::Standing::active:
            return status.graceUntil;
        case Status::Standing::grace:
            return status.graceUntil;
        case Status::Standing::windingDown:
            return status.windDownUntil;
        default:
            return std::nullopt;
    }
}

template <class Map, class T>
void put(Map& map, std::string_view name, const T& value, std::chrono::steady_clock::time_point at, std::size_t most) {
    const auto found = map.find(name);
    if (found != map.end())
        found->second = {value, at};
    else if (map.size() < most)
        map.emplace(std::string(name), typename Map::mapped_type{value, at});
}

}  // namespace

void Memory::keep(std::string_view feature, const Answer& answer, const Now& now) {
    const std::lock_guard lock(mutex_);
    put(answers_, feature, answer, now.steady, mostNames);
}

void Memory::keep(const Features& features, const Now& now) {
    const std::lock_guard lock(mutex_);
    features_ = {features, now.steady};
    for (const auto& feature : features.list) put(answers_, feature.name, feature.answer, now.steady, mostNames);
}

void Memory::keep(const Quota& quota, const Now& now) {
    const std::lock_guard lock(mutex_);
    put(quotas_, quota.name, quota, now.steady, mostNames);
}

void Memory::keep(const Status& status, const Now& now) {
    const std::lock_guard lock(mutex_);
    // Another license or standing: what was answered under the old one says nothing any more.
    if (status_ && (status_->value.standing != status.standing || status_->value.licenseId != status.licenseId ||
                    status_->value.sequence != status.sequence)) {
        answers_.clear();
        quotas_.clear();
        features_.reset();
    }
    status_ = {status, now.steady};
}

std::optional<Answer> Memory::answer(std::string_view feature, const Now& now) const {
    const std::lock_guard lock(mutex_);
    const auto found = answers_.find(feature);
    if (found == answers_.end() || tooOld(found->second.at, now) || passed(found->second.value.until, now)) return {};
    return found->second.value;
}

std::optional<Features> Memory::features(const Now& now) const {
    const std::lock_guard lock(mutex_);
    if (!features_ || tooOld(features_->at, now)) return {};
    for (const auto& feature : features_->value.list) {
        if (passed(feature.answer.until, now)) return {};
    }
    return features_->value;
}

std::optional<Quota> Memory::quota(std::string_view name, const Now& now) const {
    const std::lock_guard lock(mutex_);
    const auto found = quotas_.find(name);
    if (found == quotas_.end() || tooOld(found->second.at, now) || passed(found->second.value.oneMore.until, now))
        return {};
    return found->second.value;
}

std::optional<Status> Memory::status(const Now& now) const {
    const std::lock_guard lock(mutex_);
    if (!status_ || tooOld(status_->at, now) || passed(endOf(status_->value), now)) return {};
    return status_->value;
}

}  // namespace entitle
