#include "tests/simulation/chance.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

#include <sodium.h>

namespace entitle::simulation {
namespace {

Chance& sodiumsChance() {
    static Chance chance(0);
    return chance;
}

const char* nameOfSource() {
    return "seeded";
}
std::uint32_t number() {
    return static_cast<std::uint32_t>(sodiumsChance().draw() >> 32);
}
void fill(void* const into, const std::size_t size) {
    auto* at = static_cast<unsigned char*>(into);
    for (std::size_t done = 0; done < size; done += 8) {
        const std::uint64_t bytes = sodiumsChance().draw();
        std::memcpy(at + done, &bytes, std::min<std::size_t>(8, size - done));
    }
}

}  // namespace

// SplitMix64. Source: https://prng.di.unimi.it/splitmix64.c
std::uint64_t Chance::draw() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

std::int64_t Chance::between(std::int64_t least, std::int64_t most) {
    const std::uint64_t width = static_cast<std::uint64_t>(most - least) + 1;
    return least + static_cast<std::int64_t>(width == 0 ? draw() : draw() % width);
}

Seconds Chance::span(Seconds least, Seconds most) {
    const auto bits = [](Seconds span) {
        return static_cast<int>(std::bit_width(static_cast<std::uint64_t>(span.count())));
    };
    const std::int64_t scale = std::int64_t{1} << between(bits(least), bits(most));
    return std::clamp(Seconds{between(scale / 2, scale)}, least, most);
}

void seedSodium(std::uint64_t seed) {
    static randombytes_implementation seeded{nameOfSource, number, nullptr, nullptr, fill, nullptr};
    randombytes_set_implementation(&seeded);
    if (sodium_init() < 0) throw std::runtime_error("libsodium does not start");
    sodiumsChance() = Chance(seed);  // after the start, which draws for itself the first time
}

}  // namespace entitle::simulation
