#include "tests/bench/daemon_process.h"

#include <csignal>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/measure.h"

namespace entitle::bench {
namespace {

namespace fs = std::filesystem;

std::runtime_error failed(const std::string& what) {
    return std::runtime_error(what + ": " + std::generic_category().message(errno));
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

DaemonProcess::DaemonProcess(Programs programs) : programs_(std::move(programs)) {
    for (const char* each : {"state", "run", "run-admin"}) {
        fs::create_directory(directory_ / each);
        fs::permissions(directory_ / each, fs::perms::owner_all);
    }
    makeMachine(directory_ / "hardware");
    writeConfiguration();

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
}

void DaemonProcess::writeConfiguration() const {
    std::ofstream file(directory_ / "entitled.toml");
    file << "state_dir = \"" << (directory_ / "state").string() << "\"\n"
         << "runtime_dir = \"" << (directory_ / "run").string() << "\"\n"
         << "[query]\npath = \"" << socket() << "\"\n"
         << "[admin]\npath = \"" << (directory_ / "run-admin/admin.sock").string() << "\"\ngroup = \"\"\n"
         << "[log]\nlevel = \"warning\"\n"
         << "[limits]\nconnections_per_user = 16384\nactivations_per_minute = 1000\n"
         << "[development]\nhardware_root = \"" << (directory_ / "hardware").string() << "\"\n";
    if (!roots_.empty()) file << "roots = \"" << roots_.string() << "\"\n";
    if (!url_.empty()) file << "[authority]\nurl = \"" << url_ << "\"\n";
    file.close();
    fs::permissions(directory_ / "entitled.toml", fs::perms::owner_read | fs::perms::owner_write);
}

std::vector<std::string> DaemonProcess::environment() const {
    return {"PATH=/usr/bin:/bin", "LC_ALL=C", "ENTITLED_ALLOW_DEVELOPMENT=1", "ENTITLED_SOCKET=" + socket(),
            "ENTITLED_ADMIN_SOCKET=" + (directory_ / "run-admin/admin.sock").string(),
            "ENTITLE_SERVER_DIR=" + (directory_ / "authority").string(),
            // Without the machine's bus, which the figures would hang on.
            "DBUS_SYSTEM_BUS_ADDRESS=unix:path=" + (directory_ / "no-bus").string(),
            "NOTIFY_SOCKET=" + (directory_ / "notify").string()};
}

double DaemonProcess::start() {
    const int log = ::open((directory_ / "log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const std::int64_t before = nowNanos();
    pid_ = spawnProgram({programs_.entitled, "--config", (directory_ / "entitled.toml").string()}, environment(), log);
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
    stopProgram(std::exchange(pid_, -1), "the daemon");
    char dropped[512];
    while (::recv(ready_, dropped, sizeof dropped, MSG_DONTWAIT) > 0) continue;  // STOPPING=1
}

std::string DaemonProcess::run(const std::vector<std::string>& command) const {
    return runProgram(command, environment());
}

void DaemonProcess::activate(const std::string& url, const fs::path& roots, const std::string& key) {
    if (url_ != url || roots_ != roots) {
        url_ = url;
        roots_ = roots;
        writeConfiguration();
        stop();
        start();
    }
    run({programs_.entitlectl, "activate", key});
}

void DaemonProcess::refresh() {
    run({programs_.entitlectl, "refresh"});
}

void DaemonProcess::license() {
    run({programs_.server, "init", "--roots", (directory_ / "roots").string(), "--name", "bench"});
    const std::string minted = run({programs_.server, "license", "new", "--type", "enterprise"});
    const std::size_t at = minted.find("lic_");
    if (at == std::string::npos) throw std::runtime_error("no license id in: " + minted);
    const std::string id =
        minted.substr(at, minted.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", at) - at);
    roots_ = directory_ / "authority/roots.pub";
    writeConfiguration();
    stop();
    start();
    const std::string request = (directory_ / "request").string();
    const std::string issued = (directory_ / "license").string();
    run({programs_.entitlectl, "request", "--out", request});
    run({programs_.server, "issue", "--license", id, "--request", request, "--out", issued});
    run({programs_.entitlectl, "import", issued});
}

}  // namespace entitle::bench
