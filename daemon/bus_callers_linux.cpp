#include "daemon/bus_callers_linux.h"

#include <utility>

namespace entitle {
namespace {

// Names of those who left are not forgotten one by one: hearing of each would wake us for every program of the machine.
constexpr std::size_t mostKnown = 1'024;
constexpr std::chrono::seconds answerLimit{10};
constexpr std::size_t mostGroups = 65'536;

// a{sv}, of which we want UnixUserID and UnixGroupIDs. A bus that tells no groups leaves a caller without any.
std::optional<Peer> peerFrom(BusMessage& answer) {
    if (!answer.errorName().empty() || !answer.enter(SD_BUS_TYPE_ARRAY, "{sv}")) return std::nullopt;
    Peer peer;
    bool told = false;
    while (answer.enter(SD_BUS_TYPE_DICT_ENTRY, "sv")) {
        std::string key;
        if (!answer.read(key)) return std::nullopt;
        const std::string type = answer.variantType();
        if (key == "UnixUserID" && type == "u") {
            if (!answer.enter(SD_BUS_TYPE_VARIANT, "u") || !answer.read(peer.uid) || !answer.leave())
                return std::nullopt;
            told = true;
        } else if (key == "UnixGroupIDs" && type == "au") {
            if (!answer.enter(SD_BUS_TYPE_VARIANT, "au") || !answer.enter(SD_BUS_TYPE_ARRAY, "u")) return std::nullopt;
            std::uint32_t group = 0;
            while (peer.groups.size() < mostGroups && answer.read(group)) peer.groups.push_back(group);
            if (!answer.leave() || !answer.leave()) return std::nullopt;
        } else if (!answer.skip("v")) {
            return std::nullopt;
        }
        if (!answer.leave()) return std::nullopt;
    }
    if (!told) return std::nullopt;
    // `gid` is told among the groups, if at all; 0 would stand for root's.
    peer.gid = peer.groups.empty() ? static_cast<std::uint32_t>(-1) : peer.groups.front();
    return peer;
}

}  // namespace

void BusCallers::identify(const std::string& uniqueName, Known known) {
    if (const auto found = known_.find(uniqueName); found != known_.end()) return known(found->second);
    identifyAnew(uniqueName, std::move(known));
}

void BusCallers::identifyAnew(const std::string& uniqueName, Known known) {
    auto question = link_.newCall("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "GetConnectionCredentials");
    question.add(uniqueName);
    const auto number = ++last_;
    asking_[number] =
        link_.call(question, answerLimit, [this, number, uniqueName, known = std::move(known)](BusMessage answer) {
            const auto ended = asking_.extract(number);
            const auto peer = peerFrom(answer);
            if (peer) {
                if (known_.size() >= mostKnown) known_.clear();
                known_[uniqueName] = *peer;
            }
            known(peer);
        });
}

}  // namespace entitle
