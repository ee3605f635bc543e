#include "daemon/journal.h"

#include <algorithm>

namespace entitle {
namespace {

std::optional<Journal>& chosenJournal() {
    static std::optional<Journal> journal;
    return journal;
}

// syslog(3)
std::string priorityOf(LogLevel level) {
    switch (level) {
        case LogLevel::debug:
            return "7";
        case LogLevel::info:
            return "6";
        case LogLevel::warning:
            return "4";
        case LogLevel::error:
            return "3";
    }
    return "6";
}

// Not in the middle of a letter of several bytes.
std::string_view cut(std::string_view text) {
    if (text.size() <= maxJournalValue) return text;
    std::size_t end = maxJournalValue;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
    return text.substr(0, end);
}

}  // namespace

std::string journalDatagram(const JournalFields& fields) {
    std::string out;
    for (std::size_t i = 0; i < std::min(fields.size(), maxJournalFields); ++i) {
        const std::string_view value = cut(fields[i].second);
        out += fields[i].first;
        if (value.find('\n') == std::string_view::npos) {
            out += '=';
        } else {
            // The length goes before, 64 bits little endian: the newlines within are the value's.
            out += '\n';
            for (unsigned shift = 0; shift < 64; shift += 8)
                out += static_cast<char>((std::uint64_t{value.size()} >> shift) & 0xff);
        }
        out += value;
        out += '\n';
    }
    return out;
}

void tellTo(std::optional<Journal> journal) {
    chosenJournal() = std::move(journal);
}

void tell(Occurrence what, std::string_view message, JournalFields more) {
    const auto& kind = kindOf(what);
    const auto level = spdlogLevel(kind.level);
    if (!log().should_log(level)) return;
    if (const auto& journal = chosenJournal()) {
        JournalFields fields{{"MESSAGE", std::string(message)},
                             {"PRIORITY", priorityOf(kind.level)},
                             {"MESSAGE_ID", std::string(kind.messageId)},
                             {"SYSLOG_IDENTIFIER", "entitled"}};
        for (auto& field : more) fields.push_back(std::move(field));
        if (journal->send(fields)) return;
    }
    log().log(level, "{}", message);
}

}  // namespace entitle
