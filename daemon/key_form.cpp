#include "daemon/key_form.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <sodium.h>

#include "daemon/sealing.h"

namespace entitle {
namespace {

constexpr std::string_view magic = "ENTSEAL\n";
constexpr std::uint32_t version = 1;
constexpr std::string_view formerly = "formerly ";
constexpr std::size_t sumBytes = 32;

void put(std::string& out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(value >> shift & 0xff));
}

void put(std::string& out, const VerifyKey::Bytes& bytes) {
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::string sumOf(std::string_view bytes) {
    std::string sum(sumBytes, '\0');
    crypto_generichash(reinterpret_cast<unsigned char*>(sum.data()), sum.size(),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), nullptr, 0);
    return sum;
}

// Takes from the front; past the end everything is refused.
class Cursor {
  public:
    explicit Cursor(std::string_view bytes) : rest_(bytes) {}
    std::string_view take(std::size_t count) {
        if (count > rest_.size()) good_ = false;
        const auto taken = rest_.substr(0, good_ ? count : 0);
        rest_.remove_prefix(taken.size());
        return taken;
    }
    std::uint32_t number() {
        std::uint32_t value = 0;
        int shift = 0;
        for (const char c : take(4)) {
            value |= std::uint32_t{static_cast<unsigned char>(c)} << shift;
            shift += 8;
        }
        return value;
    }
    VerifyKey::Bytes key() {
        VerifyKey::Bytes bytes{};
        const auto taken = take(bytes.size());
        std::copy(taken.begin(), taken.end(), reinterpret_cast<char*>(bytes.data()));
        return bytes;
    }
    bool good() const { return good_; }
    std::size_t left() const { return rest_.size(); }

  private:
    std::string_view rest_;
    bool good_ = true;
};

std::optional<KeyLevel> sealedLevel(std::uint32_t number) {
    if (number == static_cast<std::uint32_t>(KeyLevel::systemdCreds)) return KeyLevel::systemdCreds;
    if (number == static_cast<std::uint32_t>(KeyLevel::tpm2)) return KeyLevel::tpm2;
    return std::nullopt;
}

std::optional<std::vector<VerifyKey>> takeFormers(Cursor& cursor) {
    const auto count = cursor.number();
    if (count > maxFormers) return std::nullopt;
    std::vector<VerifyKey> formers;
    for (std::uint32_t i = 0; i < count; ++i) formers.emplace_back(cursor.key());
    if (!cursor.good()) return std::nullopt;
    return formers;
}

std::variant<KeyFormError, PlainKey, SealedKey> readSealed(std::string_view bytes) {
    Cursor cursor(bytes);
    cursor.take(magic.size());
    // The version first: a newer form may end otherwise.
    if (const auto stated = cursor.number(); stated > version && cursor.good()) return KeyFormError::newerVersion;
    if (bytes.size() < magic.size() + sumBytes) return KeyFormError::damaged;
    const auto content = bytes.substr(0, bytes.size() - sumBytes);
    if (sumOf(content) != bytes.substr(content.size())) return KeyFormError::damaged;

    cursor = Cursor(content.substr(magic.size()));
    SealedKey key;
    const auto stated = cursor.number();
    const auto level = sealedLevel(cursor.number());
    key.device = VerifyKey(cursor.key());
    const auto formers = takeFormers(cursor);
    if (!formers) return KeyFormError::damaged;
    key.formers = *formers;
    const auto length = cursor.number();
    if (!cursor.good() || stated != version || !level || length == 0 || length > maxSealedBytes ||
        length != cursor.left())
        return KeyFormError::damaged;
    key.level = *level;
    key.sealed = cursor.take(length);
    return key;
}

std::variant<KeyFormError, PlainKey, SealedKey> readPlain(std::string_view text) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return KeyFormError::damaged;
    auto key = SecretKey::fromPaserk(text.substr(0, end));
    if (!key) return KeyFormError::damaged;
    PlainKey plain{*std::move(key), {}};
    text.remove_prefix(end + 1);
    while (!text.empty()) {
        const auto stop = text.find('\n');
        if (!text.starts_with(formerly) || stop == std::string_view::npos || plain.formers.size() == maxFormers)
            return KeyFormError::damaged;
        const auto former = VerifyKey::fromPaserk(text.substr(formerly.size(), stop - formerly.size()));
        if (!former) return KeyFormError::damaged;
        plain.formers.push_back(*former);
        text.remove_prefix(stop + 1);
    }
    return plain;
}

}  // namespace

std::string printKey(const PlainKey& plain) {
    if (plain.formers.size() > maxFormers) throw std::invalid_argument("a key with too many before it");
    std::string text = plain.key.paserk() + "\n";
    for (const auto& former : plain.formers) text += std::string(formerly) + former.paserk() + "\n";
    return text;
}

std::string printKey(const SealedKey& key) {
    if (key.level == KeyLevel::file || key.sealed.empty() || key.sealed.size() > maxSealedBytes ||
        key.formers.size() > maxFormers)
        throw std::invalid_argument("a sealed key that nobody could read");
    std::string out(magic);
    put(out, version);
    put(out, static_cast<std::uint32_t>(key.level));
    put(out, key.device.bytes());
    put(out, static_cast<std::uint32_t>(key.formers.size()));
    for (const auto& former : key.formers) put(out, former.bytes());
    put(out, static_cast<std::uint32_t>(key.sealed.size()));
    out += key.sealed;
    return out + sumOf(out);
}

std::variant<KeyFormError, PlainKey, SealedKey> readKey(std::string_view bytes) {
    if (bytes.size() > maxKeyFileBytes) return KeyFormError::damaged;
    return bytes.starts_with(magic) ? readSealed(bytes) : readPlain(bytes);
}

std::vector<VerifyKey> devicesNamedIn(std::string_view damaged) {
    if (!damaged.starts_with(magic)) return {};
    Cursor cursor(damaged.substr(magic.size()));
    if (cursor.number() != version) return {};
    cursor.number();  // the level
    std::vector<VerifyKey> devices{VerifyKey(cursor.key())};
    if (!cursor.good()) return {};
    if (const auto formers = takeFormers(cursor)) devices.insert(devices.end(), formers->begin(), formers->end());
    if (devices.size() > maxFormers) devices.resize(maxFormers);
    return devices;
}

}  // namespace entitle
