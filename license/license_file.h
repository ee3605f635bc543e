// What a person carries between machines: text around tokens, at most 64 KiB, exactly
//   -----BEGIN ENTITLED LICENSE-----        or  -----BEGIN ENTITLED REQUEST-----
//   keyset: <token>                             request: <token>
//   document: <token>
//   -----END ENTITLED LICENSE-----              -----END ENTITLED REQUEST-----
// or, what an air-gapped machine would hear online,
//   -----BEGIN ENTITLED UPDATE-----
//   keyset: <token>
//   revocations: <token>
//   -----END ENTITLED UPDATE-----
// Lines end in '\n' ("\r\n" accepted; the last may lack it). Lines before BEGIN that begin with '#' are comments for
// people. Anything else is badForm, a file that is too long tooLong; the tokens inside are not looked at here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "license/token.h"

namespace entitle {

inline constexpr std::size_t maxFileBytes = 64 * 1024;

struct LicenseFile {
    std::string keySetToken;
    std::string documentToken;
    bool operator==(const LicenseFile&) const = default;
};

// `comment` may have several lines; each becomes a comment line. Control characters in it are left out.
std::string printLicenseFile(const LicenseFile&, std::string_view comment);
DocumentResult<LicenseFile> parseLicenseFile(std::string_view);

std::string printRequestFile(std::string_view token, std::string_view comment);
DocumentResult<std::string> parseRequestFile(std::string_view);  // the token

struct UpdateFile {
    std::string keySetToken;
    std::string revocationsToken;
    bool operator==(const UpdateFile&) const = default;
};
std::string printUpdateFile(const UpdateFile&, std::string_view comment);
DocumentResult<UpdateFile> parseUpdateFile(std::string_view);

// By its BEGIN line alone: whoever takes several kinds parses by this. nullopt: none of them.
enum class FileKind { license, request, update };
std::optional<FileKind> fileKindOf(std::string_view);

}  // namespace entitle
