// What lies between the machines and the authority, and everything that goes wrong there.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "daemon/authority.h"
#include "tests/simulation/authority_link.h"
#include "tests/simulation/machine.h"

namespace entitle::simulation {

// One question on its way, and its answer.
struct Parcel {
    Machine& machine;
    Operation operation;
    std::string body;
    std::chrono::milliseconds limit;
    Authority::Done done;  // empty: answered or withdrawn
    Now sentAt;
    std::optional<std::uint64_t> wait{};  // the authority keeps it
    std::string license{};                // what it asks about; empty in activate
    std::string rid{};
};

// What the claims of a token say, its signature unchecked: for watching, never for believing.
boost::json::object peek(std::string_view token);

class Network final {
  public:
    // Told of what the authority did and said, before anybody else hears of it.
    class Listener {
      public:
        virtual void served(Parcel&, const boost::json::object& out) = 0;           // a request
        virtual void heard(Parcel&, const std::optional<std::string>& answer) = 0;  // by a daemon, intact; or not
        virtual void ordered(const boost::json::object& order, const boost::json::object& out) = 0;

      protected:
        ~Listener() = default;
    };
    Network(Stage&, AuthorityLink&, Listener&);
    ~Network();

    Authority& lineOf(Machine&);

    // The authority, through the front door or its administrator's.
    boost::json::object order(boost::json::object);
    boost::json::object administer(const std::string& method, const std::string& path, const std::string& body = "");

    // --- weather ----------------------------------------------------------------------------------------------------
    struct Weather {
        int lost = 1, answerLost = 1, twice = 1, late = 1, tampered = 1, busy = 1;  // of a hundred
    } weather;
    void cutOff(Machine&, Instant until);
    void authorityDown(Instant until);
    void authorityGone();  // its connections are: it was started anew
    bool reaches(const Machine&) const;

  private:
    class Line;
    using Sent = std::shared_ptr<Parcel>;

    void send(const Sent&);
    void carry(const Sent&, bool answerLost, bool tampered);
    void serve(const Sent&, bool answerLost, bool tampered);
    void keep(const Sent&);
    void finishWait(std::uint64_t wait);
    void giveUp(const Sent&, ContactFault, std::optional<Seconds> retryAfter = std::nullopt);
    void giveUpAtLimit(const Sent&);
    void deliver(const Sent&, const boost::json::object& out, bool tampered);
    void hand(const Sent&, Authority::Result, bool intact);
    std::string spoiled(const Sent&, std::string answer);

    Stage& stage_;
    AuthorityLink& authority_;
    Listener& listener_;
    std::map<const Machine*, std::unique_ptr<Line>> lines_;
    std::map<const Machine*, Instant> cutUntil_;
    Instant downUntil_{};
    std::map<std::uint64_t, Sent> waiting_;
    std::vector<std::string> answers_;  // the latest, anybody's: for those who mix them up
};

}  // namespace entitle::simulation
