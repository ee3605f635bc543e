// A journald for one test: a datagram socket that is read and taken apart as its native protocol says.
#pragma once

#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/owned_directory.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {

class ListeningJournal {
  public:
    ListeningJournal() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path().copy(address.sun_path, sizeof address.sun_path - 1);
        if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("cannot bind " + path());
        }
    }
    std::string path() const { return files_ / "journal"; }

    // The next message, if one has come; a field that stands twice is an error here.
    std::optional<std::map<std::string, std::string>> next() {
        std::string bytes(1 << 18, '\0');
        const auto size = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
        if (size < 0) return std::nullopt;
        bytes.resize(static_cast<std::size_t>(size));
        return parsed(bytes);
    }
    // The next one of that id.
    std::optional<std::map<std::string, std::string>> next(std::string_view messageId) {
        while (auto message = next()) {
            if ((*message)["MESSAGE_ID"] == messageId) return message;
        }
        return std::nullopt;
    }

    static std::map<std::string, std::string> parsed(const std::string& bytes) {
        std::map<std::string, std::string> fields;
        for (std::size_t at = 0; at < bytes.size();) {
            const auto end = bytes.find_first_of("=\n", at);
            const std::string name = bytes.substr(at, end - at);
            std::size_t from = end + 1, length = 0;
            if (bytes.at(end) == '=') {
                length = bytes.find('\n', from) - from;
            } else {
                for (unsigned i = 0; i < 8; ++i) {
                    length |= std::size_t{static_cast<unsigned char>(bytes.at(from + i))} << (8 * i);
                }
                from += 8;
            }
            if (bytes.at(from + length) != '\n') throw std::runtime_error("a value without its end");
            if (!fields.emplace(name, bytes.substr(from, length)).second) throw std::runtime_error(name + " twice");
            at = from + length + 1;
        }
        return fields;
    }

  private:
    TemporaryDirectory files_;
    Descriptor socket_;
};

}  // namespace entitle::testing
