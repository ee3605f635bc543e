#include "server/keys.h"

#include <algorithm>
#include <array>
#include <system_error>

#include <sodium.h>

#include "server/files.h"

namespace entitle {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t maxKeyFileBytes = 4096;
constexpr std::size_t maxSealedBytes = 16 * 1024;

std::string trimmed(std::string text) {
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
    return text;
}

std::string toHex(const std::array<std::uint8_t, 32>& bytes) {
    std::array<char, 65> text{};
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    return text.data();
}

const char* nameOf(Sealed what) {
    switch (what) {
        case Sealed::signingKeys:
            return "entitle-server.signing-keys";
        case Sealed::licenseSecret:
            return "entitle-server.license-secret";
        case Sealed::databaseUrl:
            return "entitle-server.database-url";
    }
    return "";
}

// The sealed signing key that is the other half of `which`; none: it is not among them.
Granted<std::optional<SecretKey>> sealedSigningKey(const AuthorityFiles& files, const VerifyKey& which) {
    auto text = readSealed(files, Sealed::signingKeys);
    if (!text) return std::optional<SecretKey>();
    if (!*text) return text->error();
    std::string& keys = **text;
    std::optional<SecretKey> found;
    bool fine = true;
    for (std::size_t at = 0; at < keys.size();) {
        const auto end = std::min(keys.find('\n', at), keys.size());
        std::string line = trimmed(keys.substr(at, end - at));
        at = end + 1;
        if (line.empty()) continue;
        auto key = SecretKey::fromPaserk(line);
        sodium_memzero(line.data(), line.size());
        fine = fine && key;
        if (key && key->verifyKey() == which) found = std::move(*key);
    }
    sodium_memzero(keys.data(), keys.size());
    if (!fine)
        return Denial{DenialReason::unreadable, std::string("the credential ") + nameOf(Sealed::signingKeys) +
                                                    " holds a line that is no secret key: seal it anew from a backup"};
    return found;
}

bool isOneOf(const Roots& roots, const VerifyKey& key) {
    return std::find(roots.keys.begin(), roots.keys.end(), key) != roots.keys.end();
}

}  // namespace

AuthorityFiles::AuthorityFiles(fs::path where, fs::path handedOver)
    : credentials(std::move(handedOver)),
      directory(std::move(where)),
      database(directory / "authority.db"),
      roots(directory / "roots.pub"),
      licenseSecret(directory / "license-secret"),
      signingKeys(directory / "signing"),
      databaseUrl(directory / "database-url") {}

fs::path AuthorityFiles::signingKey(const VerifyKey& key) const {
    return signingKeys / (key.keyId() + ".key");
}

RootFiles::RootFiles(fs::path where)
    : directory(std::move(where)),
      active(directory / "root-active.key"),
      standby(directory / "root-standby.key"),
      roots(directory / "roots.pub") {}

std::optional<Granted<std::string>> readSealed(const AuthorityFiles& files, Sealed what) {
    if (files.credentials.empty()) return std::nullopt;
    const auto path = files.credentials / nameOf(what);
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return std::nullopt;
    // The directory is the service manager's, and so is the right to read in it: nobody else could have put it there.
    return readPlainFile(path, maxSealedBytes);
}

Granted<SecretKey> readSecretKey(const fs::path& path) {
    auto text = readSecretFile(path, maxKeyFileBytes);
    if (!text) return text.error();
    std::string line = trimmed(std::move(*text));
    auto key = SecretKey::fromPaserk(line);
    sodium_memzero(line.data(), line.size());
    if (!key) return Denial{DenialReason::unreadable, path.string() + " is not a secret key: restore it from a backup"};
    return std::move(*key);
}

void writeSecretKey(const fs::path& path, const SecretKey& key) {
    std::string line = key.paserk() + "\n";
    writeNewFile(path, line, 0600);
    sodium_memzero(line.data(), line.size());
}

Granted<Roots> readRoots(const fs::path& path) {
    const auto text = readPlainFile(path, maxKeyFileBytes);
    if (!text) return text.error();
    const auto roots = parseRoots(*text);
    if (!roots) return Denial{DenialReason::unreadable, path.string() + ": " + std::string(toString(roots.error()))};
    return *roots;
}

Granted<SecretKey> readRootKey(const RootFiles& files, const Roots& roots) {
    if (auto fine = checkPrivateDirectory(files.directory); !fine) return fine.error();
    std::error_code ignored;
    const fs::path& path = fs::exists(files.active, ignored) ? files.active : files.standby;
    auto key = readSecretKey(path);
    if (!key && key.error().reason == DenialReason::unreadable)
        return Denial{DenialReason::unreadable,
                      "no root key can be read: " + key.error().message +
                          ". Attach the roots made by `init` and name their directory by --roots"};
    if (key && !isOneOf(roots, key->verifyKey()))
        return Denial{DenialReason::wrongRoot,
                      path.string() + " is a root of another authority than '" + roots.authority + "'"};
    return key;
}

Granted<std::vector<std::string>> signingKeysAtHand(const AuthorityFiles& files, const KeySet& set) {
    std::vector<std::string> out;
    std::error_code ignored;
    for (const auto& entry : set.keys) {
        const auto sealed = sealedSigningKey(files, entry.key);
        if (!sealed) return sealed.error();
        if (*sealed || fs::exists(fs::symlink_status(files.signingKey(entry.key), ignored)))
            out.push_back(entry.key.keyId());
    }
    return out;
}

Granted<SecretKey> readSigningKey(const AuthorityFiles& files, const VerifyKey& which) {
    auto sealed = sealedSigningKey(files, which);
    if (!sealed) return sealed.error();
    if (*sealed) return std::move(**sealed);
    if (auto fine = checkPrivateDirectory(files.signingKeys); !fine) return fine.error();
    const auto path = files.signingKey(which);
    auto key = readSecretKey(path);
    if (key && key->verifyKey() != which)
        return Denial{DenialReason::unreadable,
                      path.string() + " holds another key than its name says: restore it from a backup"};
    return key;
}

std::optional<fs::path> findRootSecret(const fs::path& directory, const Roots& roots) {
    constexpr int maxDepth = 4;
    constexpr int maxEntries = 20'000;
    int seen = 0;
    std::error_code error;
    const auto options =
        fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
    for (fs::recursive_directory_iterator it(directory, options, error), end; !error && it != end && seen < maxEntries;
         it.increment(error), ++seen) {
        if (it.depth() >= maxDepth) it.disable_recursion_pending();
        std::error_code gone;
        if (!it->is_regular_file(gone) || it->file_size(gone) > maxKeyFileBytes || gone) continue;
        auto text = readPlainFile(it->path(), maxKeyFileBytes);
        if (!text) continue;
        std::string line = trimmed(std::move(*text));
        const auto key = SecretKey::fromPaserk(line);
        sodium_memzero(line.data(), line.size());
        if (key && isOneOf(roots, key->verifyKey())) return it->path();
    }
    return std::nullopt;
}

Granted<LicenseSecrets> LicenseSecrets::parse(std::string_view hexList, std::string_view source) {
    std::string whyNot;
    auto all = KeySecrets::parse(hexList, &whyNot);
    if (!all)
        return Denial{DenialReason::badSecret, std::string(source) + ": " + whyNot +
                                                   " (LICENSE_SECRET_KEY is 64 hex digits; several, newest first, are "
                                                   "separated by commas)"};
    LicenseSecrets secrets(std::move(*all));
    while (!hexList.empty()) {
        const auto end = std::min(hexList.find(','), hexList.size());
        if (auto one = KeySecrets::parse(hexList.substr(0, end))) secrets.each_.push_back(std::move(*one));
        hexList.remove_prefix(std::min(end + 1, hexList.size()));
    }
    return secrets;
}

Granted<LicenseSecrets> LicenseSecrets::read(const AuthorityFiles& files,
                                             const std::optional<std::string>& environment) {
    if (environment && !environment->empty()) return parse(*environment, "LICENSE_SECRET_KEY");
    auto sealed = readSealed(files, Sealed::licenseSecret);
    auto text = sealed ? std::move(*sealed) : readSecretFile(files.licenseSecret, maxKeyFileBytes);
    if (!text) return text.error();
    std::string list = trimmed(std::move(*text));
    auto secrets = parse(list, sealed ? nameOf(Sealed::licenseSecret) : files.licenseSecret.string());
    sodium_memzero(list.data(), list.size());
    return secrets;
}

std::string LicenseSecrets::generate() {
    std::array<std::uint8_t, 32> secret{};
    randombytes_buf(secret.data(), secret.size());
    std::string hex = toHex(secret);
    sodium_memzero(secret.data(), secret.size());
    return hex;
}

std::string LicenseSecrets::indexOf(const LicenseKey& key) const {
    const auto index = all_.index(key);
    return index ? toHex(*index) : std::string();
}

std::optional<LicenseKey> LicenseSecrets::showAgain(const KeyPayload& payload, const std::string& index) const {
    for (const auto& secrets : each_) {
        const LicenseKey key = secrets.seal(payload);
        if (const auto made = secrets.index(key); made && toHex(*made) == index) return key;
    }
    return std::nullopt;
}

}  // namespace entitle
