// The device's Ed25519 key at rest. Sealing by TPM 2 or systemd-creds comes in behind the same seam.
#pragma once

#include <memory>
#include <string_view>

#include "daemon/file_problem.h"
#include "daemon/owned_directory.h"
#include "license/keyring.h"

namespace entitle {

class DeviceKeyVault {
  public:
    virtual ~DeviceKeyVault() = default;
    // `missing`: there never was one, or it was lost. `corrupt`: readable but not a key: setAside, then create.
    // Other faults: do not start, say the message.
    virtual FileResult<SecretKey> open() = 0;
    // Makes one and stores it durably before giving it. Refused while one exists.
    virtual FileResult<SecretKey> create() = 0;
    // Puts a corrupt key out of the way without deleting it; gives its new name.
    virtual FileResult<std::string> setAside() = 0;
    // How the key rests: "file"; later "systemd-creds", "tpm2". Recorded and reported.
    virtual std::string_view level() const = 0;
};

// "device.key" (0600) in the state directory: the PASERK k4.secret.… and a newline. The PASERK holds seed and public
// half, so a damaged one is noticed. The directory must outlive the vault.
class DeviceKeyFile final : public DeviceKeyVault {
  public:
    explicit DeviceKeyFile(OwnedDirectory& directory) : directory_(directory) {}
    FileResult<SecretKey> open() override;
    FileResult<SecretKey> create() override;
    FileResult<std::string> setAside() override;
    std::string_view level() const override { return "file"; }

  private:
    OwnedDirectory& directory_;
};

}  // namespace entitle
