#include "tests/simulation/rules.h"

#include <algorithm>

#include <boost/json.hpp>

#include "license/exchange.h"
#include "license/fingerprint.h"

namespace entitle::simulation {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr Seconds slack = 3min;                // between a moment and the timer that notices it
constexpr Seconds clockError = 12h;            // of an honest clock
constexpr Seconds longestDocument = 21 * 24h;  // freshness and grace

Instant endOf(const License& document) {
    const Instant end = document.freshUntil + document.grace;
    return document.endsAt ? std::min(end, *document.endsAt) : end;
}

FingerprintTemplate presentHardware(const Machine& machine) {
    HardwareFacts facts;
    for (const auto& [component, value] : machine.hardware) facts.facts.push_back({component, {value}});
    return enroll(facts);
}

std::string say(const Machine& machine, const std::string& what) {
    return machine.name + " " + what;
}

// Which parts of two states differ.
std::string difference(const State& a, const State& b) {
    std::string words;
    const auto compare = [&](const char* word, bool same) {
        if (!same) words += std::string(words.empty() ? "" : ", ") + word;
    };
    compare("license", a.current == b.current);
    compare("pending", a.pending == b.pending);
    compare("ended", a.ended == b.ended);
    compare("binding", a.binding == b.binding);
    compare("floors", a.minimumSequence == b.minimumSequence);
    compare("shrinkAt", a.shrinkAt == b.shrinkAt);
    compare("attempts", a.attempts == b.attempts);
    compare("token", a.token == b.token);
    compare("renewAt", a.renewAt == b.renewAt);
    compare("conflict", a.conflictAt == b.conflictAt);
    compare("epoch", a.revocationEpoch == b.revocationEpoch);
    compare("clock", a.clockSpent == b.clockSpent);
    compare("standing", a.reported == b.reported && a.reportedHold == b.reportedHold);
    return words;
}

State withoutLicense(State state) {
    state.current.reset();
    return state;
}

}  // namespace

void Rules::copied(Machine& original) {
    copies_[original.device().value] = {};
}

void Rules::restored() {
    restoredAt_ = stage_.now();
    copies_.clear();
    for (auto& [id, license] : licenses_) license.revoked = false;  // that was forgotten too, if it was of this hour
    mayLeave_ = {"*"};
}

// --- state is a function of the log ----------------------------------------------------------------------------------

void Rules::stepped(Machine& machine, const State& state, const Event& event, const Now& now) {
    ++tally_.steps;
    Journal& journal = journals_[&machine];
    if (!journal.first) {
        journal.first = journal.last = state;
    } else if (state != *journal.last) {
        // What was asked and could not be stored, or was refused, has not happened.
        const bool undone = state == *journal.before &&
                            (journal.refusal != Refusal::none || machine.store.refusals > journal.savesRefused);
        // A document whose key the newest key set does not list any more is none, as at a start. Whether it may be so
        // is for `observed` to say.
        if (!undone && !state.current && state == withoutLicense(*journal.last)) {
            replay(machine);
            return stepped(machine, state, event, now);
        }
        if (!undone)
            return stage_.fail(
                say(machine, "has another state than its events make: " + difference(state, *journal.last) +
                                 " after event " + std::to_string(journal.events.back().first.index())));
        journal.events.pop_back();
        journal.last = state;
    }
    Step step = entitle::step(state, event, now);
    journal.before = state;
    journal.last = std::move(step.state);
    journal.refusal = step.refusal;
    journal.savesRefused = machine.store.refusals;
    journal.events.emplace_back(event, now);
}

void Rules::saved(Machine& machine, const Record& record) {
    const Journal& journal = journals_[&machine];
    if (journal.last) {
        const State stored = withoutLicense(record.state);
        if (stored != withoutLicense(*journal.last) && stored != withoutLicense(*journal.before))
            stage_.fail(say(machine, "stores another state than its events make"));
    }
    const ClockTrust& clock = record.clock;
    if (!clock.signedAt) return;
    const Instant lower = plus(clock.anchor, std::chrono::duration_cast<Seconds>(clock.uptime));
    if (machine.account.lower && lower < *machine.account.lower)
        stage_.fail(say(machine, "forgets that " + toRfc3339(*machine.account.lower) + " has been"));
    machine.account.lower = lower;
}

void Rules::replay(Machine& machine) {
    const auto found = journals_.find(&machine);
    if (found == journals_.end() || !found->second.first) return;
    const Journal& journal = found->second;
    State state = *journal.first;
    for (const auto& [event, now] : journal.events) state = step(state, event, now).state;
    if (state != *journal.last) stage_.fail(say(machine, "comes to another state when its events are replayed"));
    journals_.erase(found);
}

void Rules::ended(Machine& machine) {
    replay(machine);
    left_.erase(&machine);
    if (machine.account.saveWasLost || !machine.store.holdsAll) return;
    const auto status = machine.daemon()->status();
    left_.emplace(&machine, Left{status.standing, status.license ? status.license->sequence : 0, status.botsInUse,
                                 status.maxBots, stage_.now(), machine.now().bootId});
}

void Rules::started(Machine& machine) {
    ++tally_.restarts;
    const auto status = machine.daemon()->status();
    checkRestart(machine, status);
    Account& account = machine.account;
    account.mayGoBack = true;
    if (account.saveWasLost || !machine.store.holdsAll) account.saidNoAt.reset();  // it may have forgotten
    account.saveWasLost = false;
    machine.store.holdsAll = true;
    // An older one that it fell back to is no new beginning. One that it stored in the moment it died is: nobody has
    // seen it yet.
    const auto& newest = account.newestSeen;
    if (!status.license || (newest && status.license->issuedAt <= *newest)) account.document = status.license;
    observed(machine);
}

void Rules::checkRestart(Machine& machine, const StatusAnswer& status) {
    const auto found = left_.find(&machine);
    if (found == left_.end()) return;
    const Left left = found->second;
    left_.erase(found);
    if (machine.account.saveWasLost) return;
    const std::uint64_t sequence = status.license ? status.license->sequence : 0;
    if (sequence != left.sequence) return stage_.fail(say(machine, "has another license after a restart"));
    if (left.at != stage_.now() || left.bootId != machine.now().bootId) return;
    if (status.standing != left.standing || status.maxBots != left.maxBots)
        return stage_.fail(say(machine, "is " + std::string(toString(left.standing)) + " before a restart and " +
                                            std::string(toString(status.standing)) + " after it"));
    if (status.botsInUse != left.botsInUse) stage_.fail(say(machine, "loses slots in a restart"));
}

// --- what a daemon says ----------------------------------------------------------------------------------------------

void Rules::observed(Machine& machine) {
    if (machine.daemon() == nullptr) return;
    Account& account = machine.account;
    const auto status = machine.daemon()->status();
    if (status.license && status.license != account.document) {
        account.document = status.license;
        const Instant issued = status.license->issuedAt;
        account.newestSeen = std::max(account.newestSeen.value_or(issued), issued);
        if (account.excusedSince && issued > *account.excusedSince) account.excusedSince.reset();
        account.conflictSince.reset();
        account.driftSince.reset();
        account.uptime = 0s;
        account.countedSince = stage_.now();
        account.uptimeCounts = true;
        ++tally_.granted;
    }
    if (!status.license && account.document) {
        if (!account.excusedSince && !account.copied && stage_.now() < endOf(*account.document))
            stage_.fail(say(machine, "has lost its license, and nobody took it"));
        account.document.reset();
    }
    if (status.conflictAt && !account.conflictSince) {
        account.conflictSince = stage_.now();
        ++tally_.conflicts;
        if (!account.copied) stage_.fail(say(machine, "is accused of being a copy, and is none"));
    }
    if (account.document) {
        const auto report = match(account.document->fingerprint, presentHardware(machine));
        if (report.match != Match::drift) account.driftSince.reset();
        if (report.match == Match::drift && !account.driftSince) account.driftSince = stage_.now();
        if (report.match == Match::different) account.excusedSince = stage_.now();
    }
    const bool ended = status.standing == Standing::revoked || status.standing == Standing::suspended;
    if (ended && !account.windsDownSince) account.aheadThen = std::max(machine.offset(), 0s);
    account.windsDownSince = ended ? std::optional(account.windsDownSince.value_or(stage_.now())) : std::nullopt;
    inForce(status.standing) ? checkRights(machine, status) : checkDenial(machine, status);
    checkBelief(machine, status);
}

// No honest device is denied before its grace deadline.
void Rules::checkDenial(Machine& machine, const StatusAnswer& status) {
    const Account& account = machine.account;
    if (!account.document) return;
    ++tally_.denials;
    const auto& document = *account.document;
    // The end is told to people as a moment of this machine's time, and stays that moment when its clock is set back.
    const Seconds setBack = std::max(account.aheadThen - machine.offset(), 0s);
    if (status.botsInUse > static_cast<std::uint64_t>(std::max<std::int64_t>(status.maxBots, 0)) &&
        account.windsDownSince && account.clockIsHonest &&
        stage_.now() - setBack > *account.windsDownSince + document.windDown + slack)
        stage_.fail(say(machine, "holds bots after the wind-down of a license that was ended"));

    if (account.excusedSince || !account.clockIsHonest) return;
    Instant deadline = endOf(document);
    if (account.conflictSince) deadline = std::min(deadline, *account.conflictSince + 72h);
    if (account.driftSince) deadline = std::min(deadline, *account.driftSince + 7 * 24h);
    if (stage_.now() + account.ahead + slack < deadline)
        stage_.fail(say(machine, "is denied (" + std::string(toString(status.standing)) + ") before its deadline, " +
                                     toRfc3339(deadline)));
}

// No revoked device keeps rights past the promise; none at all past its document's.
void Rules::checkRights(Machine& machine, const StatusAnswer& status) {
    const Account& account = machine.account;
    const auto& document = *account.document;
    const Instant end = endOf(document);
    if (account.clockIsHonest && stage_.now() + std::min(machine.offset(), 0s) - slack >= end)
        return stage_.fail(say(machine, "keeps its rights past the promise, " + toRfc3339(end)));
    if (account.uptimeCounts) {
        const Seconds uptime = account.uptime + (stage_.now() - account.countedSince);
        if (uptime - slack > end - document.issuedAt + document.offline)
            return stage_.fail(say(machine, "uses its license offline for " + describeDuration(uptime)));
    }
    if (status.maxBots != unlimited && document.botsLeased && status.maxBots > *document.botsLeased)
        return stage_.fail(say(machine, "allows more bots than it leased"));

    const auto known = licenses_.find(document.id.value);
    if (known == licenses_.end()) return;
    const License& license = known->second;
    if (license.noSince) {
        if (document.issuedAt > *license.noSince)
            return stage_.fail(say(machine, "was given a document after its license was " + license.status));
        if (account.saidNoAt && *account.saidNoAt >= *license.noSince && document.issuedAt <= *account.saidNoAt)
            return stage_.fail(say(machine, "was told that its license is " + license.status + ", and goes on"));
    }
    const bool forgotten = restoredAt_ && stage_.now() < *restoredAt_ + longestDocument;
    if (!account.copied && !account.excusedSince && !forgotten && stage_.now() < end &&
        license.held.count(machine.device().value) == 0)
        stage_.fail(say(machine, "has rights without a seat"));
}

void Rules::checkBelief(Machine& machine, const StatusAnswer& status) {
    Account& account = machine.account;
    if (account.believed && !account.mayGoBack && status.believed < *account.believed)
        stage_.fail(say(machine, "believes " + toRfc3339(status.believed) + " after " + toRfc3339(*account.believed) +
                                     ", and nothing set it back"));
    account.believed = status.believed;
    account.mayGoBack = false;
}

// --- what the authority says -----------------------------------------------------------------------------------------

void Rules::served(Parcel& parcel, const json::object& out) {
    if (out.at("status").to_number<int>() != 200) return;
    const auto reply = parseReply(std::string(out.at("body").as_string())).value();
    const auto answer = peek(reply.answer);
    const std::string outcome(answer.at("outcome").as_string());
    const std::string device = parcel.machine.device().value;
    if (answer.at("rid").as_string() != parcel.rid) stage_.fail(say(parcel.machine, "is answered another's question"));
    if (!reply.document.empty() && peek(reply.document).at("dev").as_string() != device)
        stage_.fail(say(parcel.machine, "is answered with another device's rights"));
    if (parcel.operation != Operation::wait)
        stage_.tell(parcel.machine.name,
                    std::string(toString(parcel.operation)) + " -> " + outcome + " " +
                        std::string(answer.contains("code") ? answer.at("code").as_string() : json::string()));

    const auto found = copies_.find(device);
    if (found == copies_.end()) return;
    if (outcome == "conflict") {
        ++tally_.copiesNoticed;
        copies_.erase(found);
        return;
    }
    if (outcome != "granted" || parcel.operation == Operation::wait) return;
    auto& granted = found->second.granted[std::string(answer.at("lic").as_string())];
    if (parcel.operation != Operation::renew) return granted.clear();  // a new chain
    granted[&parcel.machine].insert(parcel.rid);
    const auto both =
        std::count_if(granted.begin(), granted.end(), [](const auto& each) { return each.second.size() >= 2; });
    if (both >= 2) stage_.fail(say(parcel.machine, "and its copy renew twice each, and nobody notices"));
}

void Rules::heard(Parcel& parcel, const std::optional<std::string>& answer) {
    if (!answer) return;
    Machine& machine = parcel.machine;
    Account& account = machine.account;
    account.mayGoBack = true;
    const auto said = peek(parseReply(*answer).value().answer);
    const Now now = machine.now();
    const bool counts = parcel.operation != Operation::wait && parcel.sentAt.bootId == now.bootId &&
                        now.boottime >= parcel.sentAt.boottime && now.boottime - parcel.sentAt.boottime <= 5min;
    if (counts && machine.store.holdsAll) {
        account.ahead = std::max(machine.offset(), 0s);
        account.clockIsHonest = machine.offset() <= clockError && machine.offset() >= -clockError;
    }
    const auto* ended = said.if_contains("ended");
    if (!ended || parcel.operation == Operation::activate || parcel.operation == Operation::deactivate) return;
    const std::string how(ended->as_string());
    if (how != "revoked" && how != "suspended") return;
    ++tally_.noes;
    account.saidNoAt = fromRfc3339(std::string(said.at("time").as_string()));
}

// Whose seats may an order take? A machine's own, those of the same machine under another key, and what people decide.
void Rules::ordered(const json::object& order, const json::object& out) {
    const auto* path = order.if_contains("path");
    const std::string route(path ? path->as_string() : json::string());
    if (route == routeOf(Operation::deactivate) || route == routeOf(Operation::activate)) {
        const auto request = peek(std::string(order.at("body").as_string()));
        const auto device = deviceIdOf(VerifyKey::fromPaserk(std::string(request.at("dev_key").as_string())).value());
        mayLeave_.insert(device.value);
        for (const Machine* asking : machines_)
            for (const Machine* other : machines_)
                if (asking->device() == device &&
                    match(presentHardware(*other), presentHardware(*asking)).match == Match::same)
                    mayLeave_.insert(other->device().value);
        if (approved_) mayLeave_.insert("*");
    }
    if (route.ends_with("/approve")) approved_ = true;  // from now on a seat may be moved
    if (route.ends_with("/revoke") && out.at("status").to_number<int>() == 200) {
        const std::string rest = route.substr(0, route.size() - std::string_view("/revoke").size());
        licenses_[rest.substr(rest.rfind('/') + 1)].revoked = true;
    }
    if (path && order.at("method").as_string() == "DELETE") mayLeave_.insert("*");
    if (const auto* licenses = out.if_contains("licenses")) {
        checkRows(licenses->as_object());
        mayLeave_.clear();
    }
}

// Seats never exceed the limit; bots leased over all devices never exceed the license's total.
void Rules::checkRows(const json::object& rows) {
    const Instant now = stage_.now();
    for (const auto& [id, row] : rows) {
        const auto& object = row.as_object();
        License& license = licenses_[std::string(id)];
        license.status = object.at("status").as_string();
        if (license.revoked && license.status != "revoked")
            stage_.fail("license " + std::string(id) + " was revoked, and is not any more");
        if (license.status == "active") {
            license.noSince.reset();
        } else if (!license.noSince) {
            license.noSince = now;
        }
        if (const auto* total = object.if_contains("total"))
            license.mostBots = std::max(license.mostBots, total->to_number<std::int64_t>());

        std::set<std::string> held;
        std::int64_t seats = 0, leased = 0;
        std::map<std::string, std::int64_t> leases;  // whoever comes back after a release leases once
        license.deviceOf.clear();
        for (const auto& each : object.at("devices").as_array()) {
            const auto& device = each.as_object();
            const std::string name(device.at("device").as_string());
            if (device.at("held").as_bool()) {
                ++seats;
                held.insert(name);
                license.deviceOf[device.at("number").to_number<int>()] = name;
            }
            const auto* until = device.if_contains("leased_until");
            if (until && Instant{Seconds{until->to_number<std::int64_t>()}} > now) {
                auto& most = leases[name];
                most = std::max(most, device.at("leased").to_number<std::int64_t>());
            }
        }
        for (const auto& [device, most] : leases) leased += most;
        if (seats > object.at("limit").to_number<std::int64_t>() ||
            seats != object.at("held").to_number<std::int64_t>() || seats != static_cast<std::int64_t>(held.size()))
            stage_.fail("license " + std::string(id) + " has " + std::to_string(seats) + " seats taken, of " +
                        std::to_string(object.at("limit").to_number<std::int64_t>()));
        if (license.mostBots >= 0 && leased > license.mostBots)
            stage_.fail("license " + std::string(id) + " has leased " + std::to_string(leased) + " bots, of " +
                        std::to_string(license.mostBots));
        for (const auto& before : license.held) {
            if (held.count(before) != 0) continue;
            for (Machine* machine : machines_) {
                if (machine->device().value != before || !machine->account.document ||
                    machine->account.document->id.value != id)
                    continue;
                machine->account.excusedSince = now;
            }
            if (mayLeave_.count(before) == 0 && mayLeave_.count("*") == 0)
                stage_.fail("a seat of license " + std::string(id) + " was taken from " + before +
                            ", and nobody asked for it");
        }
        license.held = std::move(held);
        if (license.noSince) {
            for (Machine* machine : machines_)
                if (machine->account.document && machine->account.document->id.value == id)
                    machine->account.excusedSince = now;
        }
        checkBots(std::string(id), now);
    }
}

// The same, as the machines have it in their hands.
void Rules::checkBots(const std::string& id, Instant now) {
    const License& license = licenses_.at(id);
    if (license.mostBots < 0 || (restoredAt_ && now < *restoredAt_ + longestDocument)) return;
    std::map<std::string, std::int64_t> bots;  // a device and its copies lease once
    for (const Machine* machine : machines_) {
        const auto& document = machine->account.document;
        if (!document || document->id.value != id || !document->botsLeased || now >= endOf(*document)) continue;
        auto& most = bots[machine->device().value];
        most = std::max(most, *document->botsLeased);
    }
    std::int64_t sum = 0;
    for (const auto& [device, most] : bots) sum += most;
    if (sum > license.mostBots)
        stage_.fail("license " + id + " is used for " + std::to_string(sum) + " bots, of " +
                    std::to_string(license.mostBots));
}

}  // namespace entitle::simulation
