#include "license/paseto.h"

#include <algorithm>
#include <tuple>

#include <sodium.h>

#include "license/base64url.h"
#include "license/sodium.h"

namespace entitle {
namespace {

constexpr std::string_view header = "v4.public.";
static_assert(std::tuple_size_v<decltype(PasetoParts::signature)> == crypto_sign_BYTES);

void appendNumber(std::string& out, std::uint64_t number) {
    number &= ~(std::uint64_t{1} << 63);  // as the specification asks, for languages without unsigned integers
    for (int shift = 0; shift < 64; shift += 8) out.push_back(static_cast<char>(number >> shift & 0xff));
}

std::string signedBytes(std::string_view message, std::string_view footer, std::string_view implicit) {
    const std::array pieces{header, message, footer, implicit};
    return preAuthEncode(pieces);
}

const unsigned char* bytesOf(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string preAuthEncode(std::span<const std::string_view> pieces) {
    std::string out;
    appendNumber(out, pieces.size());
    for (const auto piece : pieces) {
        appendNumber(out, piece.size());
        out.append(piece);
    }
    return out;
}

std::string signPaseto(const SecretKey& key, std::string_view message, std::string_view footer,
                       std::string_view implicit) {
    startSodium();
    const std::string toSign = signedBytes(message, footer, implicit);
    std::array<unsigned char, crypto_sign_BYTES> signature{};
    crypto_sign_detached(signature.data(), nullptr, bytesOf(toSign), toSign.size(), key.bytes().data());

    std::string body(message);
    body.append(reinterpret_cast<const char*>(signature.data()), signature.size());
    std::string token(header);
    token += toBase64url(body);
    if (!footer.empty()) token.append(1, '.').append(toBase64url(footer));
    return token;
}

std::optional<PasetoParts> splitPaseto(std::string_view token) {
    if (token.substr(0, header.size()) != header) return std::nullopt;
    token.remove_prefix(header.size());

    PasetoParts parts;
    if (const auto dot = token.find('.'); dot != std::string_view::npos) {
        // A further dot is no letter of base64url, and so refused with the footer.
        auto footer = fromBase64url(token.substr(dot + 1));
        if (!footer || footer->empty()) return std::nullopt;
        parts.footer = std::move(*footer);
        token = token.substr(0, dot);
    }
    auto body = fromBase64url(token);
    if (!body || body->size() < parts.signature.size()) return std::nullopt;
    const auto messageSize = body->size() - parts.signature.size();
    std::copy_n(body->begin() + static_cast<std::ptrdiff_t>(messageSize), parts.signature.size(),
                reinterpret_cast<char*>(parts.signature.data()));
    body->resize(messageSize);
    parts.message = std::move(*body);
    return parts;
}

bool verifyPaseto(const PasetoParts& parts, const VerifyKey& key, std::string_view implicit) {
    startSodium();
    const std::string toVerify = signedBytes(parts.message, parts.footer, implicit);
    return crypto_sign_verify_detached(parts.signature.data(), bytesOf(toVerify), toVerify.size(),
                                       key.bytes().data()) == 0;
}

}  // namespace entitle
