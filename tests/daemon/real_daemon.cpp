#include "tests/daemon/real_daemon.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace entitle::testing {
namespace {

using Clock = std::chrono::steady_clock;

bool readable(int descriptor, Clock::time_point deadline) {
    for (;;) {
        auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        if (left <= 0) return false;
        pollfd wait{descriptor, POLLIN, 0};
        int ready = ::poll(&wait, 1, static_cast<int>(left));
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    }
}

}  // namespace

Child::Child(const std::vector<std::string>& command, const std::string& errors,
             const std::map<std::string, std::string>& environment) {
    std::array<int, 2> to{}, from{};
    if (::pipe2(to.data(), O_CLOEXEC) != 0 || ::pipe2(from.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
        ::dup2(to[0], 0);
        ::dup2(from[1], 1);
        int log = ::open(errors.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
        ::dup2(log, 2);
        for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
        ::execvp(arguments[0], arguments.data());
        ::_exit(127);
    }
    ::close(to[0]);
    ::close(from[1]);
    in_ = to[1];
    out_ = from[0];
    pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
}

Child::~Child() {
    kill();
    ::close(in_);
    ::close(out_);
    ::close(pidfd_);
}

void Child::say(const std::string& line) const {
    std::string bytes = line + "\n";
    if (::write(in_, bytes.data(), bytes.size()) < 0) throw std::runtime_error("the child does not listen");
}

std::string Child::hear() {
    auto deadline = Clock::now() + patience;
    for (;;) {
        if (auto end = heard_.find('\n'); end != std::string::npos) {
            std::string line = heard_.substr(0, end);
            heard_.erase(0, end + 1);
            return line;
        }
        std::array<char, 4096> bytes;
        if (!readable(out_, deadline)) throw std::runtime_error("the child says nothing");
        auto size = ::read(out_, bytes.data(), bytes.size());
        if (size <= 0) throw std::runtime_error("the child has ended");
        heard_.append(bytes.data(), static_cast<std::size_t>(size));
    }
}

void Child::signal(int number) const {
    if (!ended_) ::kill(pid_, number);
}

int Child::end() {
    if (ended_) return *ended_;
    if (!readable(pidfd_, Clock::now() + patience)) throw std::runtime_error("the child does not end");
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return *ended_;
}

void Child::kill() {
    signal(SIGKILL);
    end();
}

RealDaemon::RealDaemon(std::string moreConfig) {
    for (const char* part : {"run", "adm", "state"}) {
        std::filesystem::create_directory(files / part);
        std::filesystem::permissions(files / part, std::filesystem::perms::owner_all);
    }
    setHardware("ab");
    configure(moreConfig);
    notifications_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, (files / "notify").c_str(), sizeof address.sun_path - 1);
    if (::bind(notifications_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("cannot bind " + (files / "notify"));
    }
    environment["NOTIFY_SOCKET"] = files / "notify";
    environment["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=" + (files / "no-bus");  // not this machine's
}

RealDaemon::~RealDaemon() {
    child.reset();
    ::close(notifications_);
}

void RealDaemon::configure(const std::string& more) {
    writeFile(config(), "state_dir = \"" + (files / "state") + "\"\nruntime_dir = \"" + (files / "run") +
                            "\"\n[query]\npath = \"" + query() + "\"\n[admin]\npath = \"" + admin() +
                            "\"\n[development]\nroots = \"" + (files / "roots") + "\"\nhardware_root = \"" +
                            (files / "hardware") + "\"\n" + more);
}

void RealDaemon::setHardware(const std::string& seed) {
    const auto root = files / "hardware";
    std::filesystem::remove_all(root);
    writeFile(root + "/sys/class/dmi/id/product_uuid", "1b4e28ba-2fa1-41d2-883f-0016e4d3" + seed + seed + "\n");
    writeFile(root + "/sys/class/dmi/id/board_serial", "BS-4071-" + seed + "\n");
    writeFile(root + "/sys/class/dmi/id/sys_vendor", "Example Systems\n");
    writeFile(root + "/etc/machine-id", "0f3c5d7e9a1b2c4d6e8f0a1b2c3d" + seed + seed + "\n");
}

void RealDaemon::writeRoots(const std::string& line) {
    writeFile(files / "roots", line);
}

std::unique_ptr<Child> RealDaemon::launch(const std::vector<std::string>& wrapper) {
    auto command = wrapper;
    command.insert(command.end(), {ENTITLED_BINARY, "--config", config()});
    return std::make_unique<Child>(command, files / "log", environment);
}

void RealDaemon::start(const std::vector<std::string>& wrapper) {
    child = launch(wrapper);
    waitNotified("READY=1");
}

int RealDaemon::startRefused() {
    return launch()->end();
}

void RealDaemon::waitNotified(const std::string& text) {
    auto deadline = Clock::now() + patience;
    std::array<char, 4096> message;
    while (readable(notifications_, deadline)) {
        auto size = ::recv(notifications_, message.data(), message.size(), 0);
        if (size > 0 && std::string(message.data(), static_cast<std::size_t>(size)).find(text) != std::string::npos) {
            return;
        }
    }
    throw std::runtime_error("the daemon never said " + text + ":\n" + log());
}

std::unique_ptr<Child> RealDaemon::puppet(const std::string& connectTo) {
    auto made = std::make_unique<Child>(std::vector<std::string>{PUPPET_BINARY}, files / "puppets");
    if (auto said = made->ask("connect " + connectTo); said != "ok") throw std::runtime_error(said);
    return made;
}

bool eventually(const std::function<bool()>& so) {
    auto deadline = Clock::now() + patience;
    while (Clock::now() < deadline) {
        if (so()) return true;
    }
    return false;
}

}  // namespace entitle::testing
