#include "daemon/device_key.h"

#include <string>
#include <utility>

#include <sodium.h>

namespace entitle {

namespace {

constexpr std::string_view keyName = "device.key";
constexpr std::size_t maxKeyBytes = 256;

// Secret text that is wiped when it goes.
struct Wiped {
    std::string text;
    ~Wiped() { sodium_memzero(text.data(), text.size()); }
};

std::string pathOf(const OwnedDirectory& directory) {
    return directory.path() + "/" + std::string(keyName);
}

FileProblem corruptKey(const OwnedDirectory& directory) {
    return {FileFault::corrupt, pathOf(directory) +
                                    " is damaged: it does not hold this device's key. Restore it from a backup of this "
                                    "machine; without it the license must be issued anew for a new key"};
}

}  // namespace

FileResult<SecretKey> DeviceKeyFile::open() {
    auto content = directory_.read(keyName, maxKeyBytes);
    if (content.has_error()) {
        if (content.error().fault == FileFault::tooLarge) return corruptKey(directory_);
        return content.error();
    }
    if (!*content) return FileProblem{FileFault::missing, pathOf(directory_) + " does not exist"};
    const Wiped file{**std::move(content)};
    std::string_view text = file.text;
    if (!text.ends_with('\n')) return corruptKey(directory_);
    text.remove_suffix(1);
    auto key = SecretKey::fromPaserk(text);
    if (!key) return corruptKey(directory_);
    return *std::move(key);
}

FileResult<SecretKey> DeviceKeyFile::create() {
    // The directory is ours and locked, so nobody comes between the look and the write.
    auto present = directory_.read(keyName, maxKeyBytes);
    if (present.has_error() && present.error().fault != FileFault::tooLarge) return present.error();
    if (present.has_error() || *present) {
        return FileProblem{FileFault::corrupt, pathOf(directory_) + " exists; a device key is never overwritten"};
    }
    auto key = SecretKey::generate();
    const Wiped file{key.paserk() + "\n"};
    if (auto written = directory_.replace(keyName, file.text); written.has_error()) return written.error();
    return key;
}

FileResult<std::string> DeviceKeyFile::setAside() {
    return directory_.setAside(keyName);
}

}  // namespace entitle
