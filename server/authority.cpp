#include "server/authority.h"

#include <stdexcept>
#include <system_error>

#include <sodium.h>

#include "license/sodium.h"
#include "server/files.h"

namespace entitle {

Granted<DatabaseAddress> databaseOf(const AuthorityFiles& files) {
    std::error_code error;
    auto sealed = readSealed(files, Sealed::databaseUrl);
    if (sealed || std::filesystem::exists(files.databaseUrl, error)) {
        auto url = sealed ? std::move(*sealed) : readSecretFile(files.databaseUrl, 4096);
        if (!url) return url.error();
        while (!url->empty() && url->back() == '\n') url->pop_back();
        return DatabaseAddress::parse(*url);
    }
    if (!std::filesystem::exists(files.database, error) && !error)
        return Denial{DenialReason::noAuthority,
                      "there is no authority in " + files.directory.string() +
                          ": create one with `entitle-server init --dir DIR --roots DIR`, or "
                          "name its directory by --dir or ENTITLE_SERVER_DIR"};
    return DatabaseAddress(files.database);
}

Granted<Authority> Authority::open(AuthorityFiles files, Instant now, std::chrono::milliseconds wait) {
    auto database = databaseOf(files);
    if (!database) return database.error();
    if (auto fine = checkPrivateDirectory(files.directory); !fine) return fine.error();
    if (database->dialect() == Dialect::sqlite)
        if (auto fine = checkPrivateFile(files.database); !fine) return fine.error();
    auto roots = readRoots(files.roots);
    if (!roots) return roots.error();
    auto store = Store::open(*database, now, wait);
    if (!store) return store.error();
    if (store->authority() != roots->authority)
        throw std::runtime_error(files.roots.string() + " names the authority '" + roots->authority +
                                 "', and the database belongs to '" + store->authority() +
                                 "': restore both from the same backup");
    return Authority(std::move(files), std::move(*roots), std::move(*database), std::move(*store));
}

KeySet Authority::verified(const KeySetRow& row) const {
    auto set = verifyKeySet(row.token, roots_, 0);
    if (!set)
        throw std::runtime_error("key set version " + std::to_string(row.version) + " in the database is damaged (" +
                                 std::string(toString(set.error())) +
                                 "): restore authority.db and roots.pub from a backup");
    return std::move(*set);
}

KeySet Authority::keySet() {
    return verified(store_.keySet());
}

Granted<void> Authority::checkRootsAreAway() const {
    if (const auto found = findRootSecret(files_.directory, roots_))
        return Denial{DenialReason::rootsInReach, found->string() +
                                                      " is a root key of this authority, and must not lie where "
                                                      "documents are signed: move it to a medium you take offline"};
    return {};
}

std::string randomWord(std::size_t count) {
    startSodium();
    constexpr std::string_view letters = "abcdefghijkmnpqrstuvwxyz23456789";
    static_assert(letters.size() == 32);
    std::string word;
    while (word.size() < count) word += letters[randombytes_uniform(letters.size())];
    return word;
}

std::string randomAuthorityId() {
    return "authority-" + randomWord(12);
}

}  // namespace entitle
