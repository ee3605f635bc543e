// A seed that a TPM has sealed, as it is stored. Pure. Nothing of a TPM's own structures is parsed: what is constant in
// them is made anew (tpm_work.cpp), and the rest has these fixed places.
//
//   34 bytes the name of the primary key it lies under (2 bytes of algorithm, then SHA-256 of its public area)
//   32 bytes `unique` of the sealed object
//   u16      length of the rest, little endian, 1 to 512
//   …        TPM2B_PRIVATE without its size: encrypted and authenticated by the TPM
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entitle {

inline constexpr std::size_t maxTpmPrivateBytes = 512;

struct TpmBlob {
    std::array<std::uint8_t, 34> primary{};
    std::array<std::uint8_t, 32> unique{};
    std::string sealed;
    bool operator==(const TpmBlob&) const = default;
};

std::string printTpmBlob(const TpmBlob&);  // throws std::invalid_argument for what readTpmBlob would refuse
std::optional<TpmBlob> readTpmBlob(std::string_view);

}  // namespace entitle
