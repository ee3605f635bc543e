// A trading bot without the trading: takes a slot, tells what happens to it, works until its input ends.
#include <iostream>
#include <string>

#include "client/client.h"  // once installed: <entitle/client.h>

int main(int argc, char** argv) {
    const std::string name = argc > 1 ? argv[1] : "bot";
    entitle::Client client;
    const auto acquired = client.acquire("bots", 1, name);
    if (!acquired) {
        std::cerr << name << ": " << acquired.answer.message << '\n';
        return 1;
    }

    // Called with the present state first, then after every change; the callback is never run twice at a time.
    std::string told;
    const auto watch = client.onChange([&](const entitle::Change& change) {
        const auto& slot = acquired.slots;
        std::string now = "slot " + std::to_string(slot.id()) + " is " + toString(slot.state());
        if (!slot.reason().empty()) now += " (" + slot.reason() + ")";
        now += std::string(", license ") + toString(change.status.standing);
        if (now != told) std::cout << name << ": " << now << std::endl;
        told = now;
    });

    for (std::string line; std::getline(std::cin, line);) {
        std::cout << name << ": " << (client.check(line) ? "may" : "may not") << " use " << line << std::endl;
    }
}
