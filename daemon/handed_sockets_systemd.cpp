// Socket activation, as sd_listen_fds(3) documents it for programs that do not link libsystemd: see
// service_systemd.cpp.
#include "daemon/handed_sockets.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/log.h"

namespace entitle {
namespace {

constexpr int firstHanded = 3;  // SD_LISTEN_FDS_START
constexpr int mostHanded = 64;

std::optional<long> number(const char* text) {
    if (!text) return std::nullopt;
    const std::string_view digits(text);
    long value = 0;
    auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0) return std::nullopt;
    return value;
}

int option(int fd, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

// Ours alone, never a child's; and accept() must not wait.
bool settle(int fd) {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags >= 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

std::string listed(const std::vector<std::string_view>& words) {
    std::string text;
    for (const auto word : words) text += (text.empty() ? "" : ", ") + std::string(word);
    return text;
}

}  // namespace

HandedSockets::Result HandedSockets::take(const std::vector<std::string_view>& known) {
    const auto process = number(std::getenv("LISTEN_PID")), count = number(std::getenv("LISTEN_FDS"));
    const char* given = std::getenv("LISTEN_FDNAMES");
    const std::string names = given ? given : "";
    for (const char* name : {"LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
    // Meant for a parent of ours that passed its environment on.
    if (!process || *process != ::getpid() || !count) return HandedSockets();
    return check(firstHanded, static_cast<int>(std::min<long>(*count, mostHanded + 1)), names, known);
}

HandedSockets::Result HandedSockets::check(int first, int count, std::string_view names,
                                           const std::vector<std::string_view>& known) {
    auto fail = [](std::string why) { return Result(boost::system::in_place_error, std::move(why)); };
    if (count > mostHanded)
        return fail("the supervisor hands over more than " + std::to_string(mostHanded) + " sockets");
    std::vector<Descriptor> taken;
    for (int i = 0; i < count; ++i) taken.emplace_back(first + i);
    HandedSockets out;
    for (auto& socket : taken) {
        const auto end = std::min(names.find(':'), names.size());
        const std::string name(names.substr(0, end));
        names.remove_prefix(std::min(end + 1, names.size()));
        const std::string what = "the socket \"" + printable(name) + "\" that the supervisor hands over ";
        if (std::find(known.begin(), known.end(), name) == known.end()) {
            return fail(what + "has a name nobody knows here: FileDescriptorName= must be one of " + listed(known));
        }
        if (!settle(socket.get())) return fail(what + "is not an open descriptor");
        if (option(socket.get(), SO_DOMAIN) != AF_UNIX || option(socket.get(), SO_TYPE) != SOCK_STREAM) {
            return fail(what + "is not a Unix stream socket: use ListenStream= with a path");
        }
        if (option(socket.get(), SO_ACCEPTCONN) != 1) return fail(what + "does not listen: use Accept=no");
        if (!out.sockets_.emplace(name, std::move(socket)).second) return fail(what + "is handed over twice");
    }
    return out;
}

Descriptor HandedSockets::give(std::string_view name) {
    auto found = sockets_.find(name);
    return found == sockets_.end() ? Descriptor() : std::move(found->second);
}

}  // namespace entitle
