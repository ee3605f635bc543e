// The questions on their way to the authority, by rid. Knows neither what they ask nor what the answers mean.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/authority.h"
#include "license/clock_guard.h"
#include "license/contact.h"

namespace entitle {

class Correspondence {
  public:
    // What came of a question. `asked` is the attempt as it was sent, `sent` when.
    struct Heard {
        Attempt asked;
        ClockSent sent;
        Authority::Result result;
    };
    // `heard` is called on the authority's io_context, never from within send().
    explicit Correspondence(std::function<void(Heard)> heard) : heard_(std::move(heard)) {}
    Correspondence(const Correspondence&) = delete;
    Correspondence& operator=(const Correspondence&) = delete;

    // nullptr: nobody is asked. What is under way is withdrawn. The authority outlives this or is exchanged before.
    void connect(Authority* authority);
    bool connected() const { return authority_ != nullptr; }

    bool underWay(std::string_view rid) const { return underWay_.find(rid) != underWay_.end(); }
    bool idle() const { return underWay_.empty(); }
    // Nothing, if a question of this rid is under way.
    void send(const Attempt&, Question, const ClockSent&);
    void withdraw(std::string_view rid);
    // Withdraws what the predicate names.
    void withdrawIf(const std::function<bool(std::string_view rid)>&);

  private:
    Authority* authority_ = nullptr;
    std::function<void(Heard)> heard_;
    std::map<std::string, std::unique_ptr<Authority::Asking>, std::less<>> underWay_;
};

}  // namespace entitle
