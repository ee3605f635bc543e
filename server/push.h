// News of a license → the connections that wait for them. Events come from this process's own commits, and from others
// on the same database.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>

#include "server/database_address.h"
#include "server/http/waiting.h"
#include "server/rows.h"

namespace entitle {

// Any thread.
class Push : public std::enable_shared_from_this<Push> {
  public:
    // What keeps `wake` registered; it may go after the Push.
    std::shared_ptr<void> listen(const LicenseId&, const Wake&);
    // Wakes whoever waits for news of its license. An event of no license, a new key set, concerns everybody: it wakes
    // a few hundred, and the others hear of it when their wait is over, each in its own moment.
    // Once: an event of this process's own is told with its commit, and comes again by the feed.
    void tell(const EventRow&);
    struct Change {
        std::int64_t number = 0;  // EventRow::number
        Instant at{};
    };
    // The license's last change, as far as it is remembered here: of the latest thousands.
    std::optional<Change> lastChange(const LicenseId&) const;
    std::size_t listening() const;

  private:
    struct Registration;
    void forget(const LicenseId&, std::uint64_t);

    mutable std::mutex mutex_;
    std::uint64_t last_ = 0;
    std::unordered_map<std::string, std::map<std::uint64_t, Wake>> listeners_;
    std::unordered_map<std::string, Change> changed_;
    std::unordered_map<std::string, Change> changedBefore_;  // the generation before: bounds what is remembered
    std::unordered_set<std::int64_t> told_, toldBefore_;     // numbers of events, likewise
};

// A thread that hears what other processes on the database did.
class PushFeed {
  public:
    PushFeed(DatabaseAddress, std::shared_ptr<Push>, std::function<void(const std::string&)> complain);
    ~PushFeed();

  private:
    void run(const DatabaseAddress&, const std::function<void(const std::string&)>& complain);
    std::shared_ptr<Push> push_;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace entitle
