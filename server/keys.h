// The secrets on disk: root keys in a directory of their own, signing keys and the license secret in the authority's.
// Every one 0600 in a 0700 directory, checked each time it is read.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "license/key.h"
#include "license/keyring.h"
#include "server/denial.h"

namespace entitle {

// Where things lie in an authority's directory.
struct AuthorityFiles {
    // `credentials`: where the service manager puts what it has unsealed for this process ($CREDENTIALS_DIRECTORY), or
    // nothing. A secret that is there comes before the file in the directory.
    explicit AuthorityFiles(std::filesystem::path directory, std::filesystem::path credentials = {});
    std::filesystem::path credentials, directory, database, roots, licenseSecret, signingKeys;
    std::filesystem::path databaseUrl;  // there when the database is not `database` but a PostgreSQL server's
    std::filesystem::path signingKey(const VerifyKey&) const;
};

// Where things lie in a roots directory.
struct RootFiles {
    explicit RootFiles(std::filesystem::path directory);
    std::filesystem::path directory, active, standby, roots;
};

// What stands in a credential of entitle-server.service: signing keys, one a line; the secret of license keys; the
// database's address. Nothing: it was not handed over.
enum class Sealed { signingKeys, licenseSecret, databaseUrl };
std::optional<Granted<std::string>> readSealed(const AuthorityFiles&, Sealed);

// A secret key on one line, "k4.secret.…". The words name the file and what to do.
Granted<SecretKey> readSecretKey(const std::filesystem::path&);
void writeSecretKey(const std::filesystem::path&, const SecretKey&);

Granted<Roots> readRoots(const std::filesystem::path&);

// The secret key of one of `roots`: the active one, else the standby.
Granted<SecretKey> readRootKey(const RootFiles&, const Roots& roots);

// The ids of the signing keys that are sealed or whose file is there; what is in the files is checked when one is read.
// A credential that cannot be read is no answer: a key that seems to be gone may be in it.
Granted<std::vector<std::string>> signingKeysAtHand(const AuthorityFiles&, const KeySet&);
Granted<SecretKey> readSigningKey(const AuthorityFiles&, const VerifyKey&);

// Looks through `directory` for the secret half of a root, whatever the file is called; its path if there is one.
std::optional<std::filesystem::path> findRootSecret(const std::filesystem::path& directory, const Roots&);

// LICENSE_SECRET_KEY from the environment, else sealed, else from the authority's file. Each secret is also kept alone:
// a key is shown again by sealing its payload with the secret it was made with, which need not be the newest.
class LicenseSecrets {
  public:
    static Granted<LicenseSecrets> parse(std::string_view hexList, std::string_view source);
    static Granted<LicenseSecrets> read(const AuthorityFiles&, const std::optional<std::string>& environment);
    static std::string generate();  // 64 hex digits

    const KeySecrets& all() const { return all_; }
    std::string indexOf(const LicenseKey&) const;  // 64 hex digits; empty if no secret has the key's id
    // The key with this payload and index; nullopt when the secret it was made with is not here any more.
    std::optional<LicenseKey> showAgain(const KeyPayload&, const std::string& index) const;

  private:
    explicit LicenseSecrets(KeySecrets all) : all_(std::move(all)) {}
    KeySecrets all_;
    std::vector<KeySecrets> each_;
};

}  // namespace entitle
