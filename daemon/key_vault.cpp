#include "daemon/key_vault.h"

#include <sodium.h>

namespace entitle {

namespace {

constexpr std::string_view keyName = "device.key";
constexpr std::string_view nextName = "device.key.next";  // what is about to take its place

// Secret text that is wiped when it goes.
struct Wiped {
    std::string text;
    Wiped(std::string given) : text(std::move(given)) {}
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    ~Wiped() { sodium_memzero(text.data(), text.size()); }
};

Finding problem(std::string message, std::string advice) {
    return {"key", Finding::Level::problem, std::move(message), std::move(advice)};
}

struct NotHad {
    KeyLevel level;
    std::string why;
};

// Said once it is settled where the key rests.
Finding notMoved(const NotHad& to, KeyLevel rests) {
    return {"key", Finding::Level::warning,
            "The device key could not be moved to " + std::string(toString(to.level)) + " and rests as " +
                std::string(toString(rests)) + ": " + to.why + ".",
            "It is tried again at the next start. To leave it as it is, name the level in entitled.toml ([key] "
            "protection)."};
}

Finding lost(const std::string& why, const std::string& aside, const std::string& license) {
    return problem("The device key was lost (" + why + ") and is kept as " + aside + "; a new one was made.",
                   "This machine has a new device id. " + license +
                       ": activate it anew (entitlectl activate KEY), or ask for a new file (entitlectl request).");
}

// What is left of the license, as the start of a sentence.
std::string licenseAfter(bool damaged, bool remembered) {
    if (!remembered) return "Whose the license was is not known any more, so it is not in force";
    if (damaged)
        return "The license stays in force while its grace lasts if the damaged file still says whose it was "
               "(entitlectl status)";
    return "The license stays in force while its grace lasts";
}

std::string adviceForAwaited(KeyLevel level) {
    if (level == KeyLevel::tpm2)
        return "Nothing is lost: the license stays in force while its grace lasts, and the key is tried again. If that "
               "TPM is gone for good, make a new key (entitled --new-key) and activate the license anew.";
    return "Nothing is lost: the license stays in force while its grace lasts. If the credential is gone for good, "
           "make "
           "a new key (entitled --new-key) and activate the license anew.";
}

// Of the one that takes its place.
std::vector<VerifyKey> formersAfter(const VerifyKey& lost, const std::vector<VerifyKey>& before) {
    std::vector<VerifyKey> formers{lost};
    formers.insert(formers.end(), before.begin(), before.end());
    if (formers.size() > maxFormers) formers.resize(maxFormers);
    return formers;
}

}  // namespace

DeviceKeyVault::DeviceKeyVault(OwnedDirectory& directory, std::optional<KeyLevel> wanted, std::vector<Sealer*> sealers)
    : directory_(directory), wanted_(wanted), sealers_(std::move(sealers)) {}

std::string DeviceKeyVault::pathOfKey() const {
    return directory_.path() + "/" + std::string(keyName);
}

Sealer* DeviceKeyVault::sealerOf(KeyLevel level) const {
    for (Sealer* sealer : sealers_)
        if (sealer->level() == level) return sealer;
    return nullptr;
}

FileResult<OpenedKey> DeviceKeyVault::open() {
    awaited_.reset();
    auto content = directory_.read(keyName, maxKeyFileBytes);
    if (content.has_error() && content.error().fault != FileFault::tooLarge) return content.error();
    if (content && !*content) {
        // A death while a lost key was being replaced: its successor was whole already.
        content = directory_.read(nextName, maxKeyFileBytes);
        const bool whole = content && *content && readKey(**content).index() != 0;
        if (!whole) return make({}, {});
        if (auto taken = directory_.rename(nextName, keyName); taken.has_error()) return taken.error();
    } else {
        // What such a death leaves may hold the key in the clear.
        for (const auto* left : {"device.key.next", "device.key.next.new"}) (void)directory_.remove(left);
    }
    const Wiped file(content ? **std::move(content) : std::string());
    auto key = readKey(file.text);
    if (auto* plain = std::get_if<PlainKey>(&key)) return settle(std::move(*plain), KeyLevel::file);
    if (auto* sealed = std::get_if<SealedKey>(&key)) return unsealed(std::move(*sealed));
    if (std::get<KeyFormError>(key) == KeyFormError::newerVersion) {
        return FileProblem{FileFault::newerFormat,
                           pathOfKey() + " was written by a newer entitled: install that version again"};
    }
    return make(devicesNamedIn(file.text), {"it is damaged", true});
}

FileResult<OpenedKey> DeviceKeyVault::unsealed(SealedKey sealed) {
    Sealer* sealer = sealerOf(sealed.level);
    auto seed = sealer ? sealer->unseal(sealed.sealed, sealed.device)
                       : SealResult<Seed>(SealProblem{SealFault::absent, "this program cannot open that level"});
    if (seed) {
        auto key = SecretKey::fromSeed(seed->bytes());
        if (key.verifyKey() == sealed.device) return settle({std::move(key), std::move(sealed.formers)}, sealed.level);
        return make(formersAfter(sealed.device, sealed.formers), {"what was sealed is not its seed", true});
    }
    const auto& why = seed.error();
    if (why.fault == SealFault::foreign || why.fault == SealFault::damaged)
        return make(formersAfter(sealed.device, sealed.formers), {why.message});
    OpenedKey opened{DeviceKey::outOfReach(sealed.device, why.message), sealed.level, {}};
    opened.key.formers = sealed.formers;
    opened.findings.push_back(problem(
        "The device key is sealed (" + std::string(toString(sealed.level)) + ") and out of reach: " + why.message + ".",
        adviceForAwaited(sealed.level)));
    awaited_ = std::move(sealed);
    return opened;
}

SealResult<SecretKey> DeviceKeyVault::accept(const Seed& seed) const {
    auto key = SecretKey::fromSeed(seed.bytes());
    if (!awaited_ || key.verifyKey() != awaited_->device)
        return SealProblem{SealFault::damaged, "what was sealed is not the seed of this device"};
    return key;
}

// --- choosing a level
// -------------------------------------------------------------------------------------------------

FileResult<OpenedKey> DeviceKeyVault::settle(PlainKey plain, KeyLevel level) {
    std::vector<NotHad> notHad;
    if (wanted_ && *wanted_ != level) {
        const auto stored = store(plain, *wanted_, Before::wiped);
        if (stored && stored->obstacle.empty()) {
            level = *wanted_;
        } else if (stored) {
            return FileProblem{FileFault::unavailable,
                               "the device key rests as " + std::string(toString(level)) + " and cannot be moved to " +
                                   std::string(toString(*wanted_)) + ", as [key] protection asks: " + stored->obstacle};
        } else {
            notHad.push_back({*wanted_, stored.error().message});
        }
    } else if (!wanted_) {
        for (Sealer* sealer : sealers_) {
            if (sealer->level() <= level) break;
            if (!sealer->obstacle().empty()) continue;
            const auto stored = store(plain, sealer->level(), Before::wiped);
            if (stored && stored->obstacle.empty()) {
                level = sealer->level();
                break;
            }
            notHad.push_back({sealer->level(), stored ? stored->obstacle : stored.error().message});
        }
    }
    OpenedKey opened{DeviceKey(std::move(plain.key)), level, {}};
    for (const auto& one : notHad) opened.findings.push_back(notMoved(one, level));
    opened.key.formers = std::move(plain.formers);
    return opened;
}

FileResult<OpenedKey> DeviceKeyVault::make(std::vector<VerifyKey> formers, const Loss& loss) {
    PlainKey plain{SecretKey::generate(), std::move(formers)};
    std::vector<KeyLevel> levels;
    if (wanted_) {
        levels.push_back(*wanted_);
    } else {
        for (Sealer* sealer : sealers_)
            if (sealer->obstacle().empty()) levels.push_back(sealer->level());
        levels.push_back(KeyLevel::file);
    }
    std::vector<NotHad> notHad;
    for (const auto level : levels) {
        auto stored = store(plain, level, Before::setAside);
        if (stored.has_error()) return stored.error();
        if (!stored->obstacle.empty()) {
            notHad.push_back({level, std::move(stored->obstacle)});
            continue;
        }
        OpenedKey opened{DeviceKey(std::move(plain.key)), level, {}};
        for (const auto& one : notHad) opened.findings.push_back(notMoved(one, level));
        if (!loss.why.empty()) {
            const auto license = licenseAfter(loss.damaged, !plain.formers.empty());
            opened.findings.push_back(lost(loss.why, stored->aside, license));
        }
        opened.key.formers = std::move(plain.formers);
        return opened;
    }
    return FileProblem{FileFault::unavailable, "no device key can be made at the level " +
                                                   std::string(toString(*wanted_)) +
                                                   ", as [key] protection asks: " + notHad.back().why};
}

FileResult<OpenedKey> DeviceKeyVault::replace() {
    auto content = directory_.read(keyName, maxKeyFileBytes);
    if (content.has_error() && content.error().fault != FileFault::tooLarge) return content.error();
    std::vector<VerifyKey> formers;
    if (content && *content) {
        const Wiped file(**std::move(content));
        formers = devicesNamedIn(file.text);
        const auto key = readKey(file.text);
        if (const auto* plain = std::get_if<PlainKey>(&key))
            formers = formersAfter(plain->key.verifyKey(), plain->formers);
        if (const auto* sealed = std::get_if<SealedKey>(&key)) formers = formersAfter(sealed->device, sealed->formers);
    }
    awaited_.reset();
    return make(std::move(formers), {});
}

// --- storing
// ----------------------------------------------------------------------------------------------------------

FileResult<DeviceKeyVault::Stored> DeviceKeyVault::store(const PlainKey& plain, KeyLevel level, Before before) {
    const auto device = plain.key.verifyKey();
    const Seed seed = Seed::of(plain.key);
    Sealer* sealer = nullptr;
    std::string bytes;
    if (level == KeyLevel::file) {
        bytes = printKey(plain);
    } else {
        sealer = sealerOf(level);
        if (!sealer) return Stored{"this program cannot seal at that level", ""};
        auto sealed = sealer->seal(seed, device);
        if (!sealed) return Stored{sealed.error().message, ""};
        bytes = printKey(SealedKey{level, device, plain.formers, *std::move(sealed)});
    }
    const Wiped next(std::move(bytes));
    if (auto written = directory_.replace(nextName, next.text); written.has_error()) return written.error();

    // What cannot be read back and opened must never replace what can.
    auto content = directory_.read(nextName, maxKeyFileBytes);
    if (content.has_error()) return content.error();
    const Wiped found(*content ? **std::move(content) : std::string());
    if (found.text != next.text)
        return FileProblem{FileFault::io,
                           pathOfKey() + " was not stored: the disk gives other bytes than it was given"};
    if (sealer) {
        const auto key = readKey(found.text);
        const auto* sealed = std::get_if<SealedKey>(&key);
        auto opened = sealed ? sealer->unseal(sealed->sealed, device)
                             : SealResult<Seed>(SealProblem{SealFault::damaged, "it cannot be read back"});
        if (!opened || opened->bytes() != seed.bytes()) {
            (void)directory_.remove(nextName);
            return Stored{"what was sealed cannot be opened again" + (opened ? "" : ": " + opened.error().message), ""};
        }
    }
    Stored stored;
    if (before == Before::setAside) {
        auto aside = directory_.setAside(keyName);
        if (aside.has_error() && aside.error().fault != FileFault::missing) return aside.error();
        if (aside) stored.aside = *std::move(aside);
        if (auto taken = directory_.rename(nextName, keyName); taken.has_error()) return taken.error();
    } else if (auto taken = directory_.renameOver(nextName, keyName); taken.has_error()) {
        return taken.error();
    }
    return stored;
}

}  // namespace entitle
