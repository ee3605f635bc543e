// The invariants. What was promised is worked out anew from what was seen from outside, and compared with what the
// daemons and the authority's rows say.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "tests/simulation/machine.h"
#include "tests/simulation/network.h"

namespace entitle::simulation {

class Rules final : public Witness, public Network::Listener {
  public:
    explicit Rules(Stage& stage) : stage_(stage) {}

    void know(Machine& machine) { machines_.push_back(&machine); }
    // From now on two machines hold one state.
    void copied(Machine& original);
    // The authority's database is an older one: what it did since is forgotten.
    void restored();

    // --- Witness ----------------------------------------------------------------------------------------------------
    void starting(Machine& machine) override { journals_.erase(&machine); }
    void started(Machine&) override;
    void ended(Machine&) override;
    void observed(Machine&) override;
    void stepped(Machine&, const State&, const Event&, const Now&) override;
    void saved(Machine&, const Record&) override;

    // --- Network::Listener ------------------------------------------------------------------------------------------
    void served(Parcel&, const boost::json::object& out) override;
    void heard(Parcel&, const std::optional<std::string>& answer) override;
    void ordered(const boost::json::object& order, const boost::json::object& out) override;

    struct License {
        std::string status;
        std::optional<Instant> noSince;  // revoked or suspended, if it is so
        bool revoked = false;            // an administrator was told so
        std::set<std::string> held;      // device ids
        std::map<int, std::string> deviceOf;
        std::int64_t mostBots = -1;  // the largest total it ever had; -1: none
    };
    const std::map<std::string, License>& licenses() const { return licenses_; }

    // What the world lived through: a simulation in which nothing happens proves nothing.
    struct Tally {
        std::uint64_t granted = 0, conflicts = 0, noes = 0, restarts = 0, steps = 0, denials = 0, copiesNoticed = 0;
    };
    const Tally& tally() const { return tally_; }

  private:
    void checkRestart(Machine&, const StatusAnswer&);
    void checkRights(Machine&, const StatusAnswer&);
    void checkDenial(Machine&, const StatusAnswer&);
    void checkBelief(Machine&, const StatusAnswer&);
    void checkRows(const boost::json::object& licenses);
    void checkBots(const std::string& license, Instant now);
    void replay(Machine&);

    struct Journal {
        std::optional<State> first, last, before;  // `before`: the state that the last event met
        Refusal refusal = Refusal::none;
        std::uint64_t savesRefused = 0;  // when the last event came
        std::vector<std::pair<Event, Now>> events;
    };
    struct Copies {
        // By license, rids of renewals since the copy was made. On two licenses each has a seat of its own.
        std::map<std::string, std::map<const Machine*, std::set<std::string>>> granted;
    };
    struct Left {
        Standing standing;
        std::uint64_t sequence, botsInUse;
        std::int64_t maxBots;
        Instant at;
        std::string bootId;
    };

    Stage& stage_;
    std::vector<Machine*> machines_;
    std::map<std::string, License> licenses_;
    std::map<const Machine*, Journal> journals_;
    std::map<const Machine*, Left> left_;
    std::map<std::string, Copies> copies_;  // by device id
    std::set<std::string> mayLeave_;        // device ids that the order under way may take a seat from; "*": any
    bool approved_ = false;
    std::optional<Instant> restoredAt_;
    Tally tally_;
};

}  // namespace entitle::simulation
