#include "daemon/sealing.h"

#include <algorithm>
#include <stdexcept>

#include <boost/throw_exception.hpp>
#include <sodium.h>

namespace entitle {

std::string_view toString(SealFault fault) {
    switch (fault) {
        case SealFault::absent:
            return "absent";
        case SealFault::busy:
            return "busy";
        case SealFault::foreign:
            return "foreign";
        case SealFault::damaged:
            return "damaged";
    }
    return "unknown";
}

void throw_exception_from_error(const SealProblem& problem, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(problem.message), where);
}

Seed::Seed(Seed&& other) noexcept : bytes_(other.bytes_) {
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

Seed& Seed::operator=(Seed&& other) noexcept {
    if (this != &other) {
        bytes_ = other.bytes_;
        sodium_memzero(other.bytes_.data(), other.bytes_.size());
    }
    return *this;
}

Seed::~Seed() {
    sodium_memzero(bytes_.data(), bytes_.size());
}

Seed Seed::of(const SecretKey& key) {
    Seed seed;
    // libsodium's secret key begins with the seed it was made of.
    std::copy_n(key.bytes().begin(), seed.bytes_.size(), seed.bytes_.begin());
    return seed;
}

}  // namespace entitle
