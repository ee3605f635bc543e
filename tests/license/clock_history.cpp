#include "tests/license/clock_history.h"

#include <charconv>
#include <sstream>
#include <vector>

#include "license/clock_claims.h"

namespace entitle::test {
namespace {

using Words = std::vector<std::string>;

Words wordsOf(const std::string& line) {
    std::istringstream in(line);
    Words words;
    for (std::string word; in >> word;) words.push_back(word);
    return words;
}

std::optional<Seconds> secondsOf(const std::string& word) {
    std::int64_t value = 0;
    const char* end = word.data() + word.size();
    const auto read = std::from_chars(word.data(), end, value);
    if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
    return Seconds{value};
}

std::string bootIdOf(const std::string& word) {
    return word == "-" ? "" : word;
}

struct Replay {
    ClockTrust trust;
    const ClockRules& rules;

    // "" when the line is none.
    std::string thinkOf(const Words& said, const Words& happened) {
        if (said.size() != 4 || (said[3] != "synced" && said[3] != "free")) return "";
        const auto wall = fromRfc3339(said[0]);
        const auto boottime = secondsOf(said[2]);
        if (!wall || !boottime) return "";
        const Now now{*wall, *boottime, bootIdOf(said[1]), said[3] == "synced"};
        std::string counted;
        if (happened.size() == 4 && happened[0] == "contact") {
            const auto server = fromRfc3339(happened[1]);
            const auto sent = secondsOf(happened[3]);
            if (!server || !sent) return "";
            counted = take(contact(trust, now, *server, {bootIdOf(happened[2]), *sent}));
        } else if (happened.size() == 2 && happened[0] == "import") {
            const auto signedAt = fromRfc3339(happened[1]);
            if (!signedAt) return "";
            counted = take(imported(trust, now, *signedAt));
        } else if (happened != Words{"look"}) {
            return "";
        }
        const auto look = judge(trust, now, rules);
        const auto stored = decodeClockTrust(encodeClockTrust(look.trust));
        if (stored != look.trust) return "not stored as it was";
        trust = *stored;
        const auto& is = look.judgement;
        return counted + std::string(toString(is.flag)) + " believed " + toRfc3339(is.believed) + " documents " +
               toRfc3339(is.forDocuments) + " left " + std::to_string(is.budgetLeft.count()) +
               (is.renew ? " renew" : "");
    }

    std::string take(ClockContact made) {
        trust = made.trust;
        return made.counted ? "counted, " : "not counted, ";
    }
};

}  // namespace

std::string replayClockHistory(const std::string& body, const ClockRules& rules) {
    Replay replay{{}, rules};
    std::istringstream lines(body);
    int number = 0;
    int events = 0;
    for (std::string line; std::getline(lines, line);) {
        const auto where = "line " + std::to_string(++number) + ": ";
        if (line.starts_with('#')) continue;
        const auto bar = line.find(" | ");
        const auto arrow = line.find(" => ");
        if (bar == std::string::npos || arrow == std::string::npos || arrow < bar) return where + "not a line";
        const auto thought =
            replay.thinkOf(wordsOf(line.substr(0, bar)), wordsOf(line.substr(bar + 3, arrow - bar - 3)));
        if (thought.empty()) return where + "not a line";
        if (thought != line.substr(arrow + 4)) return where + thought;
        ++events;
    }
    return events > 0 ? "ok" : "nothing happens";
}

}  // namespace entitle::test
