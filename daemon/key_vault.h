// The device's key at rest, in the state directory, at the level that was chosen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "daemon/answers.h"
#include "daemon/device_key.h"
#include "daemon/file_problem.h"
#include "daemon/key_form.h"
#include "daemon/owned_directory.h"
#include "daemon/sealing.h"

namespace entitle {

struct OpenedKey {
    DeviceKey key;
    KeyLevel level = KeyLevel::file;
    std::vector<Finding> findings;  // what was found wrong, and what was done about it
};

// "device.key" (0600), in one of the forms of key_form.h. It is only ever replaced as a whole: what takes its place was
// stored, synced, read back and opened before, so that a death at any moment leaves one of the two, whole.
class DeviceKeyVault {
  public:
    // `wanted`: nothing is the best that can be had. `sealers`: from the strongest to the weakest, at most one of a
    // level. All of them, and the directory, must outlive the vault.
    DeviceKeyVault(OwnedDirectory& directory, std::optional<KeyLevel> wanted, std::vector<Sealer*> sealers);

    // The key, made if there is none, and moved to the level that is wanted. One that is damaged, or that nothing opens
    // again, is set aside, and a new one takes its place. One that is out of reach for now is left alone.
    // An error: do not start, say the message. `unavailable`: the level that was asked for is not there.
    FileResult<OpenedKey> open();

    // Gives up the key, whatever state it is in: set aside, and a new one made.
    FileResult<OpenedKey> replace();

    // What is out of reach, sealed: to be tried again. Nothing if open() gave the secret, or none is there.
    const std::optional<SealedKey>& awaited() const { return awaited_; }
    // What became of it later: fits the device or is damaged.
    SealResult<SecretKey> accept(const Seed&) const;

  private:
    enum class Before { wiped, setAside };  // what becomes of the file that stood there
    struct Stored {
        std::string obstacle;  // why this level cannot be had: nothing was changed. "": it was stored
        std::string aside;     // the name that the file before has now
    };
    struct Loss {
        std::string why;  // "": it was not lost, there was none or it was given up
        bool damaged = false;
    };
    FileResult<OpenedKey> make(std::vector<VerifyKey> formers, const Loss&);
    FileResult<OpenedKey> settle(PlainKey key, KeyLevel level);
    FileResult<OpenedKey> unsealed(SealedKey sealed);
    FileResult<Stored> store(const PlainKey& key, KeyLevel level, Before before);
    std::string pathOfKey() const;
    Sealer* sealerOf(KeyLevel) const;

    OwnedDirectory& directory_;
    std::optional<KeyLevel> wanted_;
    std::vector<Sealer*> sealers_;
    std::optional<SealedKey> awaited_;
};

}  // namespace entitle
