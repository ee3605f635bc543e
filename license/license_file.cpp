#include "license/license_file.h"

#include <algorithm>
#include <iterator>
#include <optional>

namespace entitle {
namespace {

constexpr std::string_view licenseBegin = "-----BEGIN ENTITLED LICENSE-----";
constexpr std::string_view licenseEnd = "-----END ENTITLED LICENSE-----";
constexpr std::string_view requestBegin = "-----BEGIN ENTITLED REQUEST-----";
constexpr std::string_view requestEnd = "-----END ENTITLED REQUEST-----";
constexpr std::string_view updateBegin = "-----BEGIN ENTITLED UPDATE-----";
constexpr std::string_view updateEnd = "-----END ENTITLED UPDATE-----";

// Hands out a text line by line, without their ends.
class Lines {
  public:
    explicit Lines(std::string_view text) : rest_(text) {}

    std::optional<std::string_view> next() {
        if (rest_.empty()) return std::nullopt;
        const auto end = std::min(rest_.find('\n'), rest_.size());
        std::string_view line = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
        return line;
    }

    std::optional<std::string_view> nextAfterComments() {
        auto line = next();
        while (line && !line->empty() && line->front() == '#') line = next();
        return line;
    }

    // What stands after "name: " on the next line: not empty, no space, nothing outside of printable ASCII.
    std::optional<std::string_view> field(std::string_view name) {
        auto line = next();
        if (!line || line->substr(0, name.size()) != name) return std::nullopt;
        line->remove_prefix(name.size());
        if (line->substr(0, 2) != ": ") return std::nullopt;
        line->remove_prefix(2);
        const bool clean = std::all_of(line->begin(), line->end(), [](char c) { return c > ' ' && c < 0x7f; });
        return clean && !line->empty() ? line : std::nullopt;
    }

    bool done() const { return rest_.empty(); }

  private:
    std::string_view rest_;
};

std::string commentLines(std::string_view comment) {
    std::string out;
    Lines lines(comment);
    while (const auto line = lines.next()) {
        out += "# ";
        std::copy_if(line->begin(), line->end(), std::back_inserter(out),
                     [](char c) { return static_cast<unsigned char>(c) >= ' ' && c != 0x7f; });
        out += '\n';
    }
    return out;
}

void appendField(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append(1, '\n');
}

}  // namespace

std::string printLicenseFile(const LicenseFile& file, std::string_view comment) {
    std::string out = commentLines(comment);
    out.append(licenseBegin).append(1, '\n');
    appendField(out, "keyset", file.keySetToken);
    appendField(out, "document", file.documentToken);
    out.append(licenseEnd).append(1, '\n');
    return out;
}

DocumentResult<LicenseFile> parseLicenseFile(std::string_view text) {
    if (text.size() > maxFileBytes) return DocumentError::tooLong;
    Lines lines(text);
    if (lines.nextAfterComments() != licenseBegin) return DocumentError::badForm;
    const auto keySet = lines.field("keyset");
    if (!keySet) return DocumentError::badForm;
    const auto document = lines.field("document");
    if (!document || lines.next() != licenseEnd || !lines.done()) return DocumentError::badForm;
    return LicenseFile{std::string(*keySet), std::string(*document)};
}

std::string printRequestFile(std::string_view token, std::string_view comment) {
    std::string out = commentLines(comment);
    out.append(requestBegin).append(1, '\n');
    appendField(out, "request", token);
    out.append(requestEnd).append(1, '\n');
    return out;
}

DocumentResult<std::string> parseRequestFile(std::string_view text) {
    if (text.size() > maxFileBytes) return DocumentError::tooLong;
    Lines lines(text);
    if (lines.nextAfterComments() != requestBegin) return DocumentError::badForm;
    const auto request = lines.field("request");
    if (!request || lines.next() != requestEnd || !lines.done()) return DocumentError::badForm;
    return std::string(*request);
}

std::string printUpdateFile(const UpdateFile& file, std::string_view comment) {
    std::string out = commentLines(comment);
    out.append(updateBegin).append(1, '\n');
    appendField(out, "keyset", file.keySetToken);
    appendField(out, "revocations", file.revocationsToken);
    out.append(updateEnd).append(1, '\n');
    return out;
}

DocumentResult<UpdateFile> parseUpdateFile(std::string_view text) {
    if (text.size() > maxFileBytes) return DocumentError::tooLong;
    Lines lines(text);
    if (lines.nextAfterComments() != updateBegin) return DocumentError::badForm;
    const auto keySet = lines.field("keyset");
    if (!keySet) return DocumentError::badForm;
    const auto revocations = lines.field("revocations");
    if (!revocations || lines.next() != updateEnd || !lines.done()) return DocumentError::badForm;
    return UpdateFile{std::string(*keySet), std::string(*revocations)};
}

std::optional<FileKind> fileKindOf(std::string_view text) {
    if (text.size() > maxFileBytes) return std::nullopt;
    const auto line = Lines(text).nextAfterComments();
    if (line == licenseBegin) return FileKind::license;
    if (line == requestBegin) return FileKind::request;
    if (line == updateBegin) return FileKind::update;
    return std::nullopt;
}

}  // namespace entitle
