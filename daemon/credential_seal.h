// Seals with a credential that systemd hands over: `entitled-key.service` makes it once, systemd keeps it encrypted
// with the system's own key (systemd-creds, --with-key=host) and decrypts it for this service alone.
//
// Form: 24 bytes of nonce, then XChaCha20-Poly1305 of the 32 bytes of seed. The device's public key and the purpose are
// authenticated with it.
#pragma once

#include <string>

#include "daemon/sealing.h"

namespace entitle {

class CredentialSealer final : public Sealer {
  public:
    // `credential`: the file's 32 bytes; anything else means that there is none ("none", as the unit says in its
    // place).
    explicit CredentialSealer(std::string credential);
    // "entitled.wrap" in the directory that systemd names; "" names none.
    static std::string read(const std::string& credentialsDirectory);
    ~CredentialSealer() override;
    CredentialSealer(const CredentialSealer&) = delete;
    CredentialSealer& operator=(const CredentialSealer&) = delete;

    KeyLevel level() const override { return KeyLevel::systemdCreds; }
    std::string obstacle() const override;
    SealResult<std::string> seal(const Seed&, const VerifyKey& device) override;
    SealResult<Seed> unseal(std::string_view sealed, const VerifyKey& device) override;

  private:
    std::string credential_;
};

}  // namespace entitle
