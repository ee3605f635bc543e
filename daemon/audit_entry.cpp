#include "daemon/audit_entry.h"

#include <algorithm>

#include <boost/json.hpp>
#include <sodium.h>

#include "license/base64url.h"

namespace entitle {

namespace {

namespace json = boost::json;

constexpr std::string_view hashDomain = "entitled-audit-1\n";

std::optional<json::value> parseJson(std::string_view text) {
    json::parse_options options;
    options.max_depth = 8;
    boost::system::error_code error;
    auto value = json::parse(text, error, {}, options);
    if (error) return std::nullopt;
    return value;
}

// A fixed point of parsing and printing, so that a line can be checked by writing it anew.
std::optional<std::string> canonicalObject(std::string_view text) {
    const auto value = parseJson(text);
    if (!value || !value->is_object()) return std::nullopt;
    const auto once = json::serialize(*value);
    const auto again = parseJson(once);
    if (!again || json::serialize(*again) != once) return std::nullopt;  // a floating-point number, most likely
    return once;
}

std::string canonicalDetail(std::string_view detail) {
    std::string canonical;
    if (auto object = canonicalObject(detail)) {
        canonical = *std::move(object);
    } else {
        canonical = json::serialize(json::object{{"text", detail.substr(0, maxAuditDetail)}});
    }
    // What cannot be read back must not be written: bytes that are no UTF-8 make no JSON.
    if (!parseJson(canonical)) return R"({"unprintable":true})";
    return canonical.size() <= maxAuditDetail ? canonical : R"({"truncated":true})";
}

bool isKind(std::string_view kind) {
    return !kind.empty() && kind.size() <= 32 &&
           std::ranges::all_of(kind, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
}

std::string withoutHash(const AuditEntry& entry) {
    return R"({"index":)" + std::to_string(entry.index) + R"(,"time":")" + toRfc3339(entry.time) + R"(","kind":")" +
           entry.kind + R"(","detail":)" + entry.detail + R"(,"prev":")" + toBase64url(entry.previous) + '"';
}

AuditHash hashOf(const AuditEntry& entry) {
    const auto text = std::string(hashDomain) + withoutHash(entry) + '}';
    AuditHash hash{};
    crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                       nullptr, 0);
    return hash;
}

}  // namespace

AuditEntry makeAuditEntry(std::uint64_t index, Instant time, std::string_view kind, std::string_view detail,
                          const AuditHash& previous) {
    AuditEntry entry{index, time, isKind(kind) ? std::string(kind) : "other", canonicalDetail(detail), previous, {}};
    entry.hash = hashOf(entry);
    return entry;
}

std::string printAuditEntry(const AuditEntry& entry) {
    return withoutHash(entry) + R"(,"hash":")" + toBase64url(entry.hash) + R"("})";
}

std::optional<AuditEntry> parseAuditEntry(std::string_view line) {
    if (line.size() > maxAuditDetail + 1024) return std::nullopt;
    const auto value = parseJson(line);
    if (!value || !value->is_object()) return std::nullopt;
    const auto& object = value->get_object();
    const auto text = [&](std::string_view name) -> std::optional<std::string_view> {
        const auto* member = object.if_contains(name);
        if (!member || !member->is_string()) return std::nullopt;
        return std::string_view(member->get_string());
    };
    const auto *index = object.if_contains("index"), *detail = object.if_contains("detail");
    const auto time = text("time"), kind = text("kind"), previous = text("prev"), hash = text("hash");
    if (!index || !index->is_number() || !detail || !detail->is_object() || !time || !kind || !previous || !hash) {
        return std::nullopt;
    }
    boost::system::error_code error;
    AuditEntry entry;
    entry.index = index->to_number<std::uint64_t>(error);
    const auto instant = fromRfc3339(*time);
    if (error || !instant || !isKind(*kind)) return std::nullopt;
    if (!fromBase64url(*previous, entry.previous) || !fromBase64url(*hash, entry.hash)) return std::nullopt;
    entry.time = *instant;
    entry.kind = std::string(*kind);
    entry.detail = json::serialize(detail->get_object());
    if (printAuditEntry(entry) != line || hashOf(entry) != entry.hash) return std::nullopt;
    return entry;
}

}  // namespace entitle
