#include "daemon/tpm_blob.h"

#include <algorithm>
#include <stdexcept>

namespace entitle {
namespace {

constexpr std::size_t headBytes = std::tuple_size_v<decltype(TpmBlob::primary)> +
                                  std::tuple_size_v<decltype(TpmBlob::unique)> + sizeof(std::uint16_t);

template <class Bytes>
void append(std::string& out, const Bytes& bytes) {
    out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

template <class Bytes>
void take(std::string_view& from, Bytes& into) {
    std::copy_n(from.begin(), into.size(), reinterpret_cast<char*>(into.data()));
    from.remove_prefix(into.size());
}

}  // namespace

std::string printTpmBlob(const TpmBlob& blob) {
    if (blob.sealed.empty() || blob.sealed.size() > maxTpmPrivateBytes)
        throw std::invalid_argument("a sealed object that nobody could read");
    std::string out;
    append(out, blob.primary);
    append(out, blob.unique);
    out.push_back(static_cast<char>(blob.sealed.size() & 0xff));
    out.push_back(static_cast<char>(blob.sealed.size() >> 8));
    return out + blob.sealed;
}

std::optional<TpmBlob> readTpmBlob(std::string_view bytes) {
    if (bytes.size() <= headBytes) return std::nullopt;
    TpmBlob blob;
    take(bytes, blob.primary);
    take(bytes, blob.unique);
    const std::size_t length = static_cast<unsigned char>(bytes[0]) | static_cast<unsigned char>(bytes[1]) << 8;
    bytes.remove_prefix(sizeof(std::uint16_t));
    if (length != bytes.size() || length > maxTpmPrivateBytes) return std::nullopt;
    blob.sealed = bytes;
    return blob;
}

}  // namespace entitle
