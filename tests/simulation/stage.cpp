#include "tests/simulation/stage.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace entitle::simulation {
namespace {

constexpr std::size_t rememberedLines = 60;

}  // namespace

void Stage::at(Instant when, std::function<void()> what) {
    queue_.emplace(std::pair(std::max(when, now_), ++order_), std::move(what));
}

void Stage::run(Instant until) {
    while (!failure_ && !queue_.empty() && queue_.begin()->first.first <= until) {
        auto next = queue_.extract(queue_.begin());
        now_ = next.key().first;
        next.mapped()();
    }
    if (!failure_) now_ = until;
}

void Stage::tell(const std::string& who, const std::string& what) {
    static const bool aloud = std::getenv("ENTITLE_SIMULATION_ALOUD") != nullptr;
    std::string line = toRfc3339(now_) + "  " + who + ": " + what;
    if (aloud) std::puts(line.c_str());
    for (const char c : line) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
    told_.push_back(std::move(line));
    if (told_.size() > rememberedLines) told_.pop_front();
}

void Stage::fail(const std::string& what) {
    if (!failure_) failure_ = what;
}

std::string Stage::report() const {
    std::string text = "ENTITLE_SIMULATION_SEED=" + std::to_string(seed_) + ", day " + std::to_string(day()) + ": " +
                       failure_.value_or("nothing failed") + "\n";
    for (const auto& line : told_) text += "  " + line + "\n";
    return text;
}

}  // namespace entitle::simulation
