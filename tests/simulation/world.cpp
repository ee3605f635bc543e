#include "tests/simulation/world.h"

#include <algorithm>
#include <functional>

#include <boost/json.hpp>

namespace entitle::simulation {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr Instant firstDay{Seconds{1795348800}};  // 2026-11-22T12:00:00Z
constexpr Seconds aDay = 24h;

std::map<std::string, std::string> newHardware(Chance& chance) {
    const auto draw = [&] { return std::to_string(chance.draw()); };
    return {{"product_uuid", "uuid-" + draw()}, {"board_serial", "board-" + draw()},
            {"disk", "disk-" + draw()},         {"machine_id", "id-" + draw()},
            {"nic", "nic-" + draw()},           {"cpu", "intel/6/158"}};
}

// One of several things, each as often as its weight says.
class Lot {
  public:
    void add(int weight, std::function<void()> what) {
        sum_ += weight;
        all_.emplace_back(weight, std::move(what));
    }
    void draw(Chance& chance) const {
        auto at = chance.between(1, sum_);
        for (const auto& [weight, what] : all_)
            if ((at -= weight) <= 0) return what();
    }

  private:
    std::vector<std::pair<int, std::function<void()>>> all_;
    int sum_ = 0;
};

}  // namespace

World::World(const Plan& plan)
    : plan_(plan), stage_(plan.seed, firstDay), link_(plan.seed), network_(stage_, link_, rules_) {
    seedSodium(plan.seed + 1);
    const auto printed = network_.order({{"do", "roots"}});
    roots_ = parseRoots(std::string(printed.at("roots").as_string())).value();
    contracts_.push_back(mint("pro", 2, std::nullopt));
    contracts_.push_back(mint("pro", 3, 30));
    contracts_.push_back(mint("basic", 1, std::nullopt, 45));
    for (std::size_t i = 0; i < 6; ++i) {
        auto& machine = addMachine("m" + std::to_string(i), newHardware(stage_.chance),
                                   std::make_shared<const DeviceKey>(SecretKey::generate()));
        // Three machines on two seats; three that share thirty bots, one of which tries the small license now and then.
        live(machine, i / 3);
    }
    stage_.after(stage_.chance.span(1h, aDay), [this] { happen(); });
    stage_.after(stage_.chance.span(1h, aDay), [this] { govern(); });
    if (plan_.defect != Defect::none) stage_.after(4 * aDay, [this] { plantDefect(); });
}

World::~World() = default;

void World::run() {
    stage_.run(firstDay + plan_.days * aDay);
    // The daemons end while the world they know is still there.
    for (auto& machine : machines_)
        if (machine->power() != Machine::Power::off) machine->powerOff();
}

double World::machineDays() const {
    return static_cast<double>(machines_.size()) * static_cast<double>((stage_.now() - firstDay).count()) /
           static_cast<double>(aDay.count());
}

World::Contract World::mint(const std::string& type, int devices, std::optional<int> total, std::optional<int> days) {
    json::object order{{"do", "mint"}, {"type", type}, {"devices", devices}, {"look", true}};
    if (total) order["total"] = *total;
    if (days) order["days"] = *days;
    const auto out = network_.order(order);
    Contract contract{std::string(out.at("license").as_string()), std::string(out.at("key").as_string()), devices,
                      false};
    stage_.tell("admin", "sells " + contract.license + ", " + type + " for " + std::to_string(devices));
    return contract;
}

Machine& World::addMachine(const std::string& name, std::map<std::string, std::string> hardware,
                           std::shared_ptr<const DeviceKey> key) {
    machines_.push_back(std::make_unique<Machine>(
        stage_, rules_, Machine::Making{name, std::move(hardware), roots_, firstDay - 20 * aDay}, directory_ / name,
        std::move(key)));
    Machine& machine = *machines_.back();
    machine.connect(network_.lineOf(machine));
    rules_.know(machine);
    if (stage_.chance.percent(40)) machine.setClock(Seconds{stage_.chance.between(-12 * 3600, 12 * 3600)});
    return machine;
}

// --- machines --------------------------------------------------------------------------------------------------------

void World::live(Machine& machine, std::size_t contract) {
    stage_.after(stage_.chance.span(1s, 6h), [this, &machine, contract] {
        machine.boot();
        std::function<void()> next = [this, &machine, contract] { befall(machine, contract); };
        stage_.after(60s, next);
    });
}

void World::befall(Machine& machine, std::size_t contract) {
    Chance& chance = stage_.chance;
    stage_.after(chance.span(10min, 20h), [this, &machine, contract] { befall(machine, contract); });
    if (!machine.runs()) return;
    const auto tell = [&](const std::string& what) { stage_.tell(machine.name, what); };
    const auto later = [this](Seconds after, std::function<void()> what) { stage_.after(after, std::move(what)); };
    Lot lot;

    // --- people and programs
    const auto activate = [&, this] {
        const auto& key = contracts_[chance.percent(90) ? contract : chance.draw() % contracts_.size()].key;
        tell("somebody activates " + key);
        machine.with([&](Daemon& daemon) { (void)daemon.activate(key, 0, machine.nobody); });
    };
    lot.add(machine.account.document ? 2 : 30, activate);
    lot.add(5, [&] { machine.with([&](Daemon& daemon) { (void)daemon.refresh(0, machine.nobody); }); });
    lot.add(14, [&] { machine.acquire(static_cast<std::uint32_t>(chance.between(1, 9))); });
    lot.add(8, [&] { machine.releaseOne(); });
    lot.add(1, [&] {
        if (!chance.percent(60)) return;
        tell("somebody deactivates it");
        machine.account.excusedSince = stage_.now();
        machine.with([](Daemon& daemon) { (void)daemon.deactivate(0); });
    });

    // --- power
    lot.add(8, [&] {
        const Seconds off = chance.span(1min, 10 * aDay);
        tell("switched off for " + describeDuration(off));
        machine.powerOff();
        later(off, [&machine] {
            if (machine.power() == Machine::Power::off) machine.boot();
        });
    });
    lot.add(10, [&] {
        const Seconds asleep = chance.span(1min, 4 * aDay);
        tell("sleeps for " + describeDuration(asleep));
        machine.suspend();
        later(asleep, [&machine] {
            if (machine.power() == Machine::Power::asleep) machine.resume();
        });
    });
    lot.add(8, [&] {
        tell("its daemon is killed and starts again");
        machine.restart();
    });

    // --- disk
    lot.add(9, [&] {
        using Next = FailingStore::Next;
        machine.store.arrange(
            std::array{Next::refuses, Next::refusesButWrites, Next::diesBefore, Next::diesAfter}[chance.draw() % 4],
            static_cast<int>(chance.between(1, 5)));
    });
    lot.add(2, [&] {
        tell("its disk is full");
        machine.store.full = true;
        later(chance.span(1min, 2 * aDay), [&machine] { machine.store.full = false; });
    });

    // --- network
    lot.add(6, [&] {
        const Seconds alone = chance.span(1min, 30 * aDay);
        tell("cut off for " + describeDuration(alone));
        network_.cutOff(machine, stage_.now() + alone);
    });

    // --- clock
    lot.add(3, [&] {
        const Seconds offset{chance.between(-12 * 3600, 12 * 3600)};
        tell("its clock is set " + std::to_string(offset.count()) + " s off");
        machine.setClock(offset);
    });
    lot.add(2, [&] {
        const Seconds offset = (chance.percent(50) ? 1 : -1) * chance.span(12h, 4000 * aDay);
        tell("its clock is set " + std::to_string(offset.count() / 86400) + " days off");
        machine.setClock(offset);
        if (chance.percent(80)) later(chance.span(1min, 5 * aDay), [&machine] { machine.setClock(0s); });
    });
    lot.add(3, [&] { machine.setClock(0s); });

    // --- hardware and copies
    lot.add(2, [&] { changeHardware(machine); });
    lot.add(2, [&] { images_.insert_or_assign(&machine, machine.image()); });
    lot.add(1, [&, this] {
        const auto found = images_.find(&machine);
        if (!plan_.copies || found == images_.end()) return;
        const bool boots = chance.percent(50);
        tell("put back to its image of " + toRfc3339(found->second.takenAt));
        if (boots) machine.powerOff();
        machine.putBack(found->second, chance.percent(50));
    });
    lot.add(1, [&, this] {
        if (plan_.copies && machines_.size() < 9 && chance.percent(50)) copy(machine, contract);
    });
    lot.draw(chance);
}

void World::changeHardware(Machine& machine) {
    machine.powerOff();
    Chance& chance = stage_.chance;
    std::vector<std::string> changed{chance.percent(70) ? "nic" : "disk"};
    if (chance.percent(15)) changed = {"board_serial", "product_uuid", "nic"};
    for (const auto& component : changed) {
        stage_.tell(machine.name, "another " + component);
        machine.hardware[component] = component + "-" + std::to_string(chance.draw());
    }
    stage_.after(chance.span(1min, 3h), [&machine] {
        if (machine.power() == Machine::Power::off) machine.boot();
    });
}

// Its whole state directory, device key included, on a machine beside it: the same virtual hardware, or another.
void World::copy(Machine& machine, std::size_t contract) {
    const bool sameHardware = stage_.chance.percent(60);
    auto& copy = addMachine(machine.name + "-" + std::to_string(machines_.size()),
                            sameHardware ? machine.hardware : newHardware(stage_.chance), machine.key());
    stage_.tell(machine.name, std::string("copied to ") + (sameHardware ? "the same" : "other") + " hardware");
    copy.takeOver(machine.image());
    machine.account.copied = true;
    rules_.copied(machine);
    live(copy, contract);
}

// --- the authority and the weather -----------------------------------------------------------------------------------

void World::happen() {
    Chance& chance = stage_.chance;
    stage_.after(chance.span(1h, 30h), [this] { happen(); });
    Lot lot;
    lot.add(12, [&] {
        const auto some = [&] { return chance.percent(70) ? 1 : static_cast<int>(chance.between(0, 30)); };
        network_.weather = {some(), some(), some(), some(), some(), some()};
    });
    lot.add(5, [&] {
        const Seconds down = chance.percent(15) ? chance.span(aDay, 30 * aDay) : chance.span(1min, aDay);
        stage_.tell("authority", "down for " + describeDuration(down));
        network_.authorityDown(stage_.now() + down);
    });
    lot.add(5, [&] {
        stage_.tell("authority", "killed and started anew");
        network_.authorityGone();
        network_.order({{"do", "restart"}});
    });
    lot.add(2, [&] {
        network_.order({{"do", "backup"}});
        if (!plan_.copies || !chance.percent(40)) return;
        stage_.after(1h, [this] {
            stage_.tell("authority", "its database is put back by an hour");
            network_.authorityGone();
            rules_.restored();
            network_.order({{"do", "restore"}, {"look", true}});
        });
    });
    lot.add(2, [&] {
        const bool rotated = network_.order({{"do", "rotate"}}).at("rotated").as_bool();
        stage_.tell("authority", rotated ? "signs with a new key" : "has as many signing keys as a set may hold");
    });
    lot.draw(chance);
}

void World::approveAll(bool yes) {
    const auto listed = network_.administer("GET", "/v1/admin/approvals");
    const auto body = json::parse(listed.at("body").as_string());
    for (const auto& approval : body.at("approvals").as_array())
        network_.administer("POST", "/v1/admin/approvals/" +
                                        std::to_string(approval.at("number").to_number<std::int64_t>()) +
                                        (yes ? "/approve" : "/deny"));
}

void World::govern() {
    Chance& chance = stage_.chance;
    stage_.after(chance.span(1h, 40h), [this] { govern(); });
    const auto at = static_cast<std::size_t>(chance.draw() % contracts_.size());
    Contract& contract = contracts_[at];
    const std::string path = "/v1/admin/licenses/" + contract.license;
    Lot lot;
    lot.add(10, [&] { approveAll(chance.percent(75)); });
    lot.add(4, [&, this] {
        network_.administer("POST", path + "/suspend");
        stage_.after(chance.span(1min, 20 * aDay), [this, path] { network_.administer("POST", path + "/reinstate"); });
    });
    lot.add(1, [&, this] {
        network_.administer("POST", path + "/revoke");
        stage_.after(chance.span(1min, 10 * aDay), [this, at] {
            contracts_[at] = mint("pro", contracts_[at].devices, at == 1 ? std::optional(30) : std::nullopt);
        });
    });
    lot.add(3, [&] {
        const Instant end = stage_.now() + chance.span(aDay, 60 * aDay);
        network_.administer("PATCH", path,
                            chance.percent(50) ? R"({"expires_at":null})"
                                               : json::serialize(json::object{{"expires_at", toRfc3339(end)}}));
    });
    lot.add(3, [&] {
        network_.administer("PATCH", path,
                            chance.percent(70) ? R"({"license_type":"pro"})" : R"({"license_type":"enterprise"})");
    });
    lot.add(2, [&] {
        network_.administer("PATCH", path, json::serialize(json::object{{"device_limit", chance.between(1, 4)}}));
    });
    lot.add(2, [&] {
        if (at == 1)
            network_.administer("PATCH", path, json::serialize(json::object{{"total_bots", chance.between(10, 60)}}));
    });
    lot.add(3, [&] {
        const auto known = rules_.licenses().find(contract.license);
        if (known == rules_.licenses().end() || known->second.deviceOf.empty()) return;
        const int number = chance.among(known->second.deviceOf).first;
        network_.administer("DELETE", path + "/devices/" + std::to_string(number));
    });
    lot.draw(chance);
}

// --- defects ---------------------------------------------------------------------------------------------------------

void World::plantDefect() {
    switch (plan_.defect) {
        case Defect::seatsUncounted:
            network_.order({{"do", "sql"}, {"text", "UPDATE licenses SET devices_held = 0"}});
            break;
        case Defect::revocationsUndone:
            network_.administer("POST", "/v1/admin/licenses/" + contracts_[0].license + "/revoke");
            network_.order({{"do", "sql"}, {"text", "UPDATE licenses SET status = 'active'"}});
            break;
        case Defect::clockHidden:
            for (auto& machine : machines_) {
                const Account kept = machine->account;
                machine->setClock(40 * aDay);
                machine->account = kept;
                machine->account.mayGoBack = true;
            }
            break;
        case Defect::edited:
            for (auto& machine : machines_) {
                if (!machine->account.document) continue;
                machine->powerOff();
                Record record = decodeRecord(machine->store.bytes).value();
                record.documentToken.clear();
                machine->store.bytes = encodeRecord(record);
                machine->boot();
            }
            break;
        case Defect::none:
            break;
    }
    stage_.after(aDay, [this] { plantDefect(); });
}

}  // namespace entitle::simulation
