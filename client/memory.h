// What the daemon has answered, for the time it is away.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "client/client.h"

namespace entitle {

// The longest time an answer is given again: as long as the default wind-down, enough to mend an outage by hand.
inline constexpr std::chrono::hours rememberFor{24};

// Thread-safe. An answer is forgotten at its own `until` (wall clock) and `rememberFor` after it was given (steady
// clock, so that a changed wall clock prolongs nothing).
class Memory {
  public:
    struct Now {
        std::chrono::system_clock::time_point wall;
        std::chrono::steady_clock::time_point steady;
    };
    static Now readClocks() { return {std::chrono::system_clock::now(), std::chrono::steady_clock::now()}; }

    void keep(std::string_view feature, const Answer&, const Now&);
    void keep(const Features&, const Now&);
    void keep(const Quota&, const Now&);
    void keep(const Status&, const Now&);

    std::optional<Answer> answer(std::string_view feature, const Now&) const;
    std::optional<Features> features(const Now&) const;
    std::optional<Quota> quota(std::string_view name, const Now&) const;
    std::optional<Status> status(const Now&) const;

  private:
    template <class T>
    struct Kept {
        T value;
        std::chrono::steady_clock::time_point at;
    };
    // Names come from the program: a loop over invented ones must not grow us.
    static constexpr std::size_t mostNames = 256;

    mutable std::mutex mutex_;
    std::map<std::string, Kept<Answer>, std::less<>> answers_;
    std::map<std::string, Kept<Quota>, std::less<>> quotas_;
    std::optional<Kept<Features>> features_;
    std::optional<Kept<Status>> status_;
};

}  // namespace entitle
