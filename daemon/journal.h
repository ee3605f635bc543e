// Messages with fields for journald, in its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL). libsystemd is not
// linked for the reasons that service_systemd.cpp gives.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/occurrence.h"
#include "daemon/owned_directory.h"

namespace entitle {

// Names in capital letters, digits and underscores.
using JournalFields = std::vector<std::pair<std::string_view, std::string>>;

inline constexpr std::size_t maxJournalValue = 2048;  // bytes of one field; the rest is cut off
inline constexpr std::size_t maxJournalFields = 24;   // so that a message always fits into one datagram

// The datagram: any byte may stand in a value, none of them makes a field of its own.
std::string journalDatagram(const JournalFields&);

class Journal {
  public:
    static std::optional<Journal> connect(const std::string& socketPath = "/run/systemd/journal/socket");
    bool send(const JournalFields&) const;  // false: it was not taken. Never waits

  private:
    explicit Journal(Descriptor socket) : socket_(std::move(socket)) {}
    Descriptor socket_;
};

// From now on occurrences go there with their fields; none: they are lines of the log like any other.
void tellTo(std::optional<Journal>);

// Says once, where it is found out, what has happened. `message` is a sentence, `more` what stands beside it
// (ENTITLED_…). Kept back by the log's level as any line is.
void tell(Occurrence, std::string_view message, JournalFields more = {});

}  // namespace entitle
