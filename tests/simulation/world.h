// One history: an authority, its customers' machines, and months of what happens to both, drawn from a seed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/simulation/rules.h"

namespace entitle::simulation {

// What a test breaks on purpose, to see that the rules notice.
enum class Defect {
    none,
    seatsUncounted,     // the authority forgets how many seats are taken
    revocationsUndone,  // … and whom it revoked
    clockHidden,        // the rules are not told that a clock was set
    edited,             // somebody edits what the daemon stored
};

class World {
  public:
    struct Plan {
        std::uint64_t seed = 0;
        int days = 20;
        bool copies = true;
        Defect defect = Defect::none;
    };
    explicit World(const Plan&);
    ~World();
    void run();

    const Stage& stage() const { return stage_; }
    const Rules::Tally& tally() const { return rules_.tally(); }
    double machineDays() const;

  private:
    struct Contract {
        std::string license, key;
        int devices = 1;
        bool over = false;
    };

    Contract mint(const std::string& type, int devices, std::optional<int> total, std::optional<int> days = {});
    Machine& addMachine(const std::string& name, std::map<std::string, std::string> hardware,
                        std::shared_ptr<const DeviceKey>);
    void live(Machine&, std::size_t contract);  // what befalls a machine, from now on
    void govern();                              // what the authority's people do
    void befall(Machine&, std::size_t contract);
    void changeHardware(Machine&);
    void copy(Machine&, std::size_t contract);
    void happen();
    void approveAll(bool yes);
    void plantDefect();

    const Plan plan_;
    Stage stage_;
    AuthorityLink link_;
    Rules rules_{stage_};
    Network network_;
    testing::TemporaryDirectory directory_;
    Roots roots_;
    std::vector<Contract> contracts_;
    std::vector<std::unique_ptr<Machine>> machines_;
    std::map<const Machine*, Machine::Image> images_;
};

}  // namespace entitle::simulation
