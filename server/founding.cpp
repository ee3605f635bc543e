#include "server/founding.h"

#include <algorithm>
#include <stdexcept>
#include <system_error>

#include "server/files.h"
#include "server/keys.h"
#include "server/store.h"

namespace entitle {
namespace {

namespace fs = std::filesystem;

fs::path resolved(const fs::path& path) {
    fs::path out = fs::weakly_canonical(fs::absolute(path));
    return out.has_filename() ? out : out.parent_path();  // "dir/" names dir
}

bool isWithin(const fs::path& inner, const fs::path& outer) {
    const auto [mismatch, unused] = std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end());
    return mismatch == outer.end();
}

Granted<void> checkPlaces(const fs::path& directory, const fs::path& roots) {
    if (isWithin(roots, directory) || isWithin(directory, roots))
        return Denial{DenialReason::rootsInReach,
                      "the roots must lie apart from the authority, to be taken offline: " + roots.string() + " and " +
                          directory.string() + " are the same or one inside the other"};
    return {};
}

// An empty directory may stand there: a package makes one, and a rename replaces it.
Granted<void> checkVacant(const fs::path& directory) {
    std::error_code error;
    const auto status = fs::symlink_status(directory, error);
    if (!fs::exists(status)) return {};
    if (!fs::is_directory(status))
        return Denial{DenialReason::alreadyFounded,
                      directory.string() + " exists and is not a directory: choose another"};
    if (fs::exists(AuthorityFiles(directory).database))
        return Denial{DenialReason::alreadyFounded, "there is an authority in " + directory.string() +
                                                        " already: it is never overwritten. Choose another directory"};
    if (!fs::is_empty(directory))
        return Denial{DenialReason::alreadyFounded, directory.string() + " is not empty: choose another directory"};
    return {};
}

Granted<void> checkEmpty(const DatabaseAddress& database, Instant now) {
    if (database.dialect() == Dialect::sqlite)
        return Denial{DenialReason::usage,
                      "--database names a PostgreSQL database; without it the authority keeps a file of its own"};
    auto store = Store::open(database, now);
    if (!store) return store.error();
    if (const auto known = store->authority(); !known.empty())
        return Denial{DenialReason::alreadyFounded, "the database " + database.shown() + " belongs to the authority '" +
                                                        known +
                                                        "' already: it is never overwritten. Name an empty database"};
    return {};
}

// A killed founding leaves its unfinished directory, which never served: its roots, known by the same roots.pub, never
// signed for anybody either. The roots go first, so that a kill in here is cleared the same way.
void clearUnfinished(const fs::path& staging, const RootFiles& rootFiles) {
    if (fs::is_empty(staging)) return;
    const auto staged = readRoots(AuthorityFiles(staging).roots);
    const auto written = readRoots(rootFiles.roots);
    if (staged && written && *staged == *written) {
        fs::remove(rootFiles.active);
        fs::remove(rootFiles.standby);
        fs::remove(rootFiles.roots);
        syncDirectory(rootFiles.directory);
    }
    for (const auto& entry : fs::directory_iterator(staging)) fs::remove_all(entry.path());
}

void writeAuthority(const AuthorityFiles& files, const Roots& anchor, const SecretKey& signingKey,
                    const std::string& licenseSecret, const std::optional<DatabaseAddress>& database,
                    const KeySetRow& keySet, Instant now) {
    if (auto made = makePrivateDirectory(files.signingKeys); !made) throw std::runtime_error(made.error().message);
    writeSecretKey(files.signingKey(signingKey.verifyKey()), signingKey);
    syncDirectory(files.signingKeys);
    writeNewFile(files.licenseSecret, licenseSecret + "\n", 0600);
    const bool ownFile = !database || database->dialect() == Dialect::sqlite;
    if (ownFile) {
        writeNewFile(files.database, "", 0600);
    } else {
        writeNewFile(files.databaseUrl, database->url() + "\n", 0600);
    }
    {
        auto store = Store::open(ownFile ? DatabaseAddress(files.database) : *database, now);
        if (!store) throw std::runtime_error(store.error().message);
        if (auto fine = store->found(anchor.authority, keySet, now); !fine)
            throw std::runtime_error(fine.error().message);
    }  // closing the last connection folds the write-ahead log into the file
    if (ownFile) syncFile(files.database);
    // Last: it says that what a later run finds here is whole enough to compare with the roots.
    writeNewFile(files.roots, printRoots(anchor) + "\n", 0644);
    syncDirectory(files.directory);
}

void writeRoots(const RootFiles& files, const Roots& anchor, const SecretKey& active, const SecretKey& standby) {
    // First, and in one step: by it a later run knows whose key files these are.
    if (auto put = replaceFile(files.roots, printRoots(anchor) + "\n", 0644); !put)
        throw std::runtime_error(put.error().message);
    writeSecretKey(files.active, active);
    writeSecretKey(files.standby, standby);
    syncDirectory(files.directory);
    syncDirectory(files.directory.parent_path());
}

}  // namespace

Granted<Founded> foundAuthority(const Founding& wish, Instant now) {
    if (!isAuthorityId(wish.name))
        return Denial{DenialReason::usage,
                      "--name must be 3 to 40 of a-z, 0-9 and '-': it names the authority in every document"};
    const fs::path directory = resolved(wish.directory);
    const RootFiles rootFiles(resolved(wish.roots));
    if (auto fine = checkPlaces(directory, rootFiles.directory); !fine) return fine.error();
    if (auto fine = checkVacant(directory); !fine) return fine.error();
    if (wish.database)
        if (auto fine = checkEmpty(*wish.database, now); !fine) return fine.error();

    std::string licenseSecret = wish.licenseSecret.value_or("");
    if (licenseSecret.empty()) licenseSecret = LicenseSecrets::generate();
    if (auto fine = LicenseSecrets::parse(licenseSecret, "LICENSE_SECRET_KEY"); !fine) return fine.error();

    const fs::path staging = directory.parent_path() / ("." + directory.filename().string() + ".unfinished");
    if (auto made = makePrivateDirectory(staging); !made) return made.error();
    const auto lock = DirectoryLock::tryTake(staging);
    if (!lock)
        return Denial{DenialReason::alreadyFounded,
                      "another `entitle-server init` is at work on " + directory.string() + ": wait for it"};
    // Again, now that nobody else founds here: one who was faster has moved the directory we locked to its place.
    if (auto fine = checkVacant(directory); !fine) return fine.error();
    if (auto made = makePrivateDirectory(rootFiles.directory); !made) return made.error();
    clearUnfinished(staging, rootFiles);
    for (const auto& path : {rootFiles.roots, rootFiles.active, rootFiles.standby}) {
        if (!fs::exists(fs::symlink_status(path))) continue;
        fs::remove_all(staging);
        return Denial{DenialReason::alreadyFounded, path.string() +
                                                        " exists: these are the roots of another authority. Give this "
                                                        "one a roots directory of its own"};
    }

    const SecretKey active = SecretKey::generate();
    const SecretKey standby = SecretKey::generate();
    const SecretKey signingKey = SecretKey::generate();
    const Roots anchor{wish.name, {active.verifyKey(), standby.verifyKey()}};
    const KeySet keySet{wish.name, 1, now, {{signingKey.verifyKey(), now, now + signingKeyLifetime, false}}};
    const std::string token = signKeySet(active, keySet);
    if (verifyKeySet(token, anchor, 0).value() != keySet) throw std::logic_error("the first key set does not verify");

    writeAuthority(AuthorityFiles(staging), anchor, signingKey, licenseSecret, wish.database, {1, token, now}, now);
    syncDirectory(staging.parent_path());
    writeRoots(rootFiles, anchor, active, standby);
    fs::rename(staging, directory);
    syncDirectory(directory.parent_path());
    return Founded{directory, rootFiles.directory, anchor, keySet};
}

}  // namespace entitle
