#include "daemon/credential_seal.h"

#include <algorithm>
#include <fstream>
#include <utility>

#include <sodium.h>

namespace entitle {
namespace {

constexpr std::size_t nonceBytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tagBytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr std::size_t keyBytes = crypto_aead_xchacha20poly1305_ietf_KEYBYTES;
constexpr std::size_t seedBytes = std::tuple_size_v<SecretKey::Seed>;

unsigned char* raw(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}
const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string purposeOf(const VerifyKey& device) {
    return "entitled device seed 1 " + device.paserk();
}

}  // namespace

CredentialSealer::CredentialSealer(std::string credential) : credential_(std::move(credential)) {
    if (credential_.size() != keyBytes) credential_.clear();
}

std::string CredentialSealer::read(const std::string& credentialsDirectory) {
    if (credentialsDirectory.empty()) return {};
    std::ifstream file;
    file.rdbuf()->pubsetbuf(nullptr, 0);  // no copy of it stays behind
    file.open(credentialsDirectory + "/entitled.wrap", std::ios::binary);
    std::string content(keyBytes + 1, '\0');  // one more than is taken, so that a longer file is none
    file.read(content.data(), static_cast<std::streamsize>(content.size()));
    content.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
    return content;
}

CredentialSealer::~CredentialSealer() {
    sodium_memzero(credential_.data(), credential_.size());
}

std::string CredentialSealer::obstacle() const {
    if (!credential_.empty()) return {};
    return "systemd hands over no credential entitled.wrap: start entitled by its unit, after entitled-key.service has "
           "made the credential (systemctl status entitled-key)";
}

SealResult<std::string> CredentialSealer::seal(const Seed& seed, const VerifyKey& device) {
    if (credential_.empty()) return SealProblem{SealFault::absent, obstacle()};
    const auto purpose = purposeOf(device);
    std::string sealed(nonceBytes + seedBytes + tagBytes, '\0');
    randombytes_buf(sealed.data(), nonceBytes);
    crypto_aead_xchacha20poly1305_ietf_encrypt(raw(sealed) + nonceBytes, nullptr, seed.bytes().data(), seedBytes,
                                               raw(std::string_view(purpose)), purpose.size(), nullptr, raw(sealed),
                                               raw(std::string_view(credential_)));
    return {boost::system::in_place_value, std::move(sealed)};
}

SealResult<Seed> CredentialSealer::unseal(std::string_view sealed, const VerifyKey& device) {
    if (credential_.empty()) return SealProblem{SealFault::absent, obstacle()};
    if (sealed.size() != nonceBytes + seedBytes + tagBytes)
        return SealProblem{SealFault::damaged, "what was sealed is not of the length it was stored with"};
    const auto purpose = purposeOf(device);
    Seed seed;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            seed.bytes().data(), nullptr, nullptr, raw(sealed) + nonceBytes, sealed.size() - nonceBytes,
            raw(std::string_view(purpose)), purpose.size(), raw(sealed), raw(std::string_view(credential_))) != 0)
        return SealProblem{SealFault::foreign, "it was sealed with another credential than systemd hands over now"};
    return seed;
}

}  // namespace entitle
