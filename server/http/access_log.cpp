#include "server/http/access_log.h"

#include <iterator>

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>
#include <fmt/format.h>

namespace entitle {

namespace {

// What a peer chose may hold anything; JSON's escapes keep it within its line.
std::string jsonText(std::string_view text) {
    std::string plain;
    for (const char c : text.substr(0, 64)) plain += static_cast<unsigned char>(c) < 0x80 ? c : '?';
    return boost::json::serialize(boost::json::string(plain));
}

}  // namespace

std::string toJsonLine(const AccessRecord& record) {
    std::string line;
    auto out = std::back_inserter(line);
    fmt::format_to(out, R"({{"at":"{}","request":"{}","peer":"{}","method":{},"route":"{}","status":{})",
                   toRfc3339(record.at), record.requestId, record.peer, jsonText(record.method), record.route,
                   record.status);
    if (!record.code.empty()) fmt::format_to(out, R"(,"code":{})", jsonText(record.code));
    if (!record.account.empty()) fmt::format_to(out, R"(,"account":{})", jsonText(record.account));
    fmt::format_to(out, R"(,"bytes_in":{},"bytes_out":{},"ms":{:.3f}}})", record.bytesIn, record.bytesOut,
                   std::chrono::duration<double, std::milli>(record.took).count());
    return line;
}

}  // namespace entitle
