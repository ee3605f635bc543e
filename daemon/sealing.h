// The seam behind which a secret is closed while it rests, so that a copy of the disk alone does not open it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/system/result.hpp>

#include "daemon/key_level.h"
#include "license/keyring.h"

namespace entitle {

enum class SealFault : std::uint8_t {
    absent = 1,  // what seals is not there: no TPM, no credential, no library. Another start may find it
    busy,        // it is there and does not answer now, or not in time
    foreign,     // it never opens here again: sealed elsewhere, or since cleared
    damaged,     // what was stored is not of the form, or is changed
};
std::string_view toString(SealFault);  // "absent", …

struct SealProblem {
    SealFault fault = SealFault::absent;
    std::string message;  // a sentence without a final stop: what was found, and what to do where that is known
};

template <class T>
using SealResult = boost::system::result<T, SealProblem>;
[[noreturn]] void throw_exception_from_error(const SealProblem&, const boost::source_location&);

// Bytes that are wiped when they go.
class Seed {
  public:
    Seed() = default;
    explicit Seed(const SecretKey::Seed& bytes) : bytes_(bytes) {}
    Seed(const Seed&) = delete;
    Seed& operator=(const Seed&) = delete;
    Seed(Seed&&) noexcept;
    Seed& operator=(Seed&&) noexcept;
    ~Seed();
    static Seed of(const SecretKey&);
    const SecretKey::Seed& bytes() const { return bytes_; }
    SecretKey::Seed& bytes() { return bytes_; }

  private:
    SecretKey::Seed bytes_{};
};

inline constexpr std::size_t maxSealedBytes = 1024;

class Sealer {
  public:
    virtual ~Sealer() = default;
    virtual KeyLevel level() const = 0;
    // Why it cannot be used here and now; asked before anything is sealed, and cheap. Empty: it may be tried.
    virtual std::string obstacle() const = 0;
    // For `device`, whose seed it is: what was sealed for one device is not opened for another where the means allow.
    virtual SealResult<std::string> seal(const Seed&, const VerifyKey& device) = 0;
    virtual SealResult<Seed> unseal(std::string_view sealed, const VerifyKey& device) = 0;
};

}  // namespace entitle
