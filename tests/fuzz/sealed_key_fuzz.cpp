// The device key's file, and what a TPM has sealed in it. An input is tried as a whole file, as what lies inside a
// frame whose checksum holds, and as a blob. What is read must print as the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <sodium.h>

#include "daemon/key_form.h"
#include "daemon/tpm_blob.h"

using namespace entitle;

namespace {

void require(bool condition) {
    if (!condition) std::abort();
}

void file(std::string_view bytes) {
    const auto key = readKey(bytes);
    if (const auto* sealed = std::get_if<SealedKey>(&key)) require(printKey(*sealed) == bytes);
    if (const auto* plain = std::get_if<PlainKey>(&key)) require(printKey(*plain) == bytes);
}

std::string framed(std::string_view content) {
    std::string out = "ENTSEAL\n" + std::string("\1\0\0\0", 4) + std::string(content);
    std::string sum(32, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(sum.data()), sum.size(),
                       reinterpret_cast<const unsigned char*>(out.data()), out.size(), nullptr, 0);
    return out + sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    file(bytes);
    file(framed(bytes));
    if (const auto blob = readTpmBlob(bytes)) require(printTpmBlob(*blob) == bytes);
    return 0;
}
