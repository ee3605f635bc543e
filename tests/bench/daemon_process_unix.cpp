#include "tests/bench/daemon_process.h"

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <spawn.h>

#include "tests/bench/measure.h"

namespace entitle::bench {
namespace {

namespace fs = std::filesystem;

std::runtime_error failed(const std::string& what) {
    return std::runtime_error(what + ": " + std::generic_category().message(errno));
}

// `output` is the child's standard output and error; -1: nowhere.
pid_t spawn(const std::vector<std::string>& command, const std::vector<std::string>& environment, int output) {
    std::vector<char*> arguments, variables;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    for (const std::string& word : environment) variables.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    variables.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (const int standard : {1, 2}) {
        if (output < 0) {
            ::posix_spawn_file_actions_addopen(&actions, standard, "/dev/null", O_WRONLY, 0);
        } else {
            ::posix_spawn_file_actions_adddup2(&actions, output, standard);
        }
    }
    pid_t pid = -1;
    errno = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), variables.data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (pid < 0 || errno != 0) throw failed(command[0]);
    return pid;
}

void write(const fs::path& path, std::string_view text) {
    std::ofstream(path) << text;
}

// Hardware of make-believe, which a development build may be given: what this machine has would vary.
void makeMachine(const fs::path& root) {
    const fs::path device = root / "sys/devices/pci0000:00/0000:00:1f.6";
    for (const auto& each : {root / "sys/class/dmi/id", device / "net/eth0", root / "sys/class/net", root / "etc",
                             root / "proc/sys/kernel/random"}) {
        fs::create_directories(each);
    }
    write(root / "sys/class/dmi/id/product_uuid", "5f8c1a52-9d1e-4c3b-a1b2-77a0c2d4e6f8\n");
    write(root / "sys/class/dmi/id/board_serial", "BS-0123456789\n");
    write(root / "sys/class/dmi/id/sys_vendor", "Example Systems\n");
    write(root / "sys/class/dmi/id/product_name", "Workstation 7\n");
    write(root / "etc/machine-id", "3b9f0c6d2e8147a5b1c4d7e0f2a3968c\n");
    write(device / "net/eth0/address", "00:1b:21:3a:4b:5c\n");
    write(device / "net/eth0/addr_assign_type", "0\n");
    fs::create_directory_symlink("../../../0000:00:1f.6", device / "net/eth0/device");
    fs::create_directory_symlink("../../devices/pci0000:00/0000:00:1f.6/net/eth0", root / "sys/class/net/eth0");
}

}  // namespace

bool Programs::exist() const {
    return fs::exists(entitled) && fs::exists(entitlectl) && fs::exists(server);
}

DaemonProcess::DaemonProcess(Programs programs) : programs_(std::move(programs)) {
    std::string name = (fs::temp_directory_path() / "entitle_bench.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw failed("mkdtemp");
    directory_ = name;
    for (const char* each : {"state", "run", "run-admin"}) {
        fs::create_directory(directory_ / each);
        fs::permissions(directory_ / each, fs::perms::owner_all);
    }
    makeMachine(directory_ / "hardware");
    writeConfiguration(false);

    ready_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = (directory_ / "notify").string();
    std::memcpy(address.sun_path, path.c_str(), std::min(path.size() + 1, sizeof address.sun_path - 1));
    if (ready_ < 0 || ::bind(ready_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw failed("the socket for READY=1");
    }
}

DaemonProcess::~DaemonProcess() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    if (ready_ >= 0) ::close(ready_);
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

void DaemonProcess::writeConfiguration(bool withRoots) const {
    std::ofstream file(directory_ / "entitled.toml");
    file << "state_dir = \"" << (directory_ / "state").string() << "\"\n"
         << "runtime_dir = \"" << (directory_ / "run").string() << "\"\n"
         << "[query]\npath = \"" << socket() << "\"\n"
         << "[admin]\npath = \"" << (directory_ / "run-admin/admin.sock").string() << "\"\ngroup = \"\"\n"
         << "[log]\nlevel = \"warning\"\n"
         << "[limits]\nconnections_per_user = 16384\n"
         << "[development]\nhardware_root = \"" << (directory_ / "hardware").string() << "\"\n";
    if (withRoots) file << "roots = \"" << (directory_ / "authority/roots.pub").string() << "\"\n";
    file.close();
    fs::permissions(directory_ / "entitled.toml", fs::perms::owner_read | fs::perms::owner_write);
}

std::vector<std::string> DaemonProcess::environment() const {
    return {"PATH=/usr/bin:/bin",
            "LC_ALL=C",
            "ENTITLED_ALLOW_DEVELOPMENT=1",
            "ENTITLED_SOCKET=" + socket(),
            "ENTITLED_ADMIN_SOCKET=" + (directory_ / "run-admin/admin.sock").string(),
            "ENTITLE_SERVER_DIR=" + (directory_ / "authority").string(),
            "NOTIFY_SOCKET=" + (directory_ / "notify").string()};
}

double DaemonProcess::start() {
    const int log = ::open((directory_ / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::int64_t before = nowNanos();
    pid_ = spawn({programs_.entitled, "--config", (directory_ / "entitled.toml").string()}, environment(), log);
    ::close(log);
    while (true) {
        pollfd waiting{ready_, POLLIN, 0};
        if (::poll(&waiting, 1, 10'000) != 1) {
            std::ifstream said(directory_ / "log");
            throw std::runtime_error("the daemon was not ready within 10 s: " +
                                     std::string(std::istreambuf_iterator<char>(said), {}));
        }
        char message[512];
        const ssize_t size = ::recv(ready_, message, sizeof message, 0);
        if (size > 0 &&
            std::string_view(message, static_cast<std::size_t>(size)).find("READY=1") != std::string::npos) {
            break;
        }
    }
    return static_cast<double>(nowNanos() - before) / 1e6;
}

void DaemonProcess::stop() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    char dropped[512];
    while (::recv(ready_, dropped, sizeof dropped, MSG_DONTWAIT) > 0) continue;  // STOPPING=1
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("the daemon did not stop in order");
}

std::string DaemonProcess::run(const std::vector<std::string>& command) const {
    int fds[2];
    if (::pipe2(fds, O_CLOEXEC) != 0) throw failed("pipe2");
    const pid_t pid = spawn(command, environment(), fds[1]);
    ::close(fds[1]);
    std::string output;
    char chunk[4'096];
    for (ssize_t size = 0; (size = ::read(fds[0], chunk, sizeof chunk)) > 0;) {
        output.append(chunk, static_cast<std::size_t>(size));
    }
    ::close(fds[0]);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(command[0] + ": " + output);
    return output;
}

void DaemonProcess::license() {
    run({programs_.server, "init", "--roots", (directory_ / "roots").string(), "--name", "bench"});
    const std::string minted = run({programs_.server, "license", "new", "--type", "enterprise"});
    const std::size_t at = minted.find("lic_");
    if (at == std::string::npos) throw std::runtime_error("no license id in: " + minted);
    const std::string id =
        minted.substr(at, minted.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", at) - at);
    writeConfiguration(true);
    stop();
    start();
    const std::string request = (directory_ / "request").string();
    const std::string issued = (directory_ / "license").string();
    run({programs_.entitlectl, "request", "--out", request});
    run({programs_.server, "issue", "--license", id, "--request", request, "--out", issued});
    run({programs_.entitlectl, "import", issued});
}

}  // namespace entitle::bench
