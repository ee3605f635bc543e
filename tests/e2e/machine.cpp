#include "tests/e2e/machine.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace entitle::e2e {

namespace fs = std::filesystem;

namespace {

std::string freshDirectory() {
    std::string path = fs::temp_directory_path() / "entitled-e2e-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("mkdtemp failed for " + path);
    return path;
}

void makeDirectory(const std::string& path) {
    fs::create_directories(path);
    ::chmod(path.c_str(), 0700);
}

}  // namespace

Machine::Machine(char seed) : directory_(freshDirectory()) {
    for (const char* part : {"/etc", "/state", "/run", "/run-admin"}) makeDirectory(directory_ + part);
    changeHardware(seed);
    configure("");

    ticks_ = Descriptor(::open(pipe("ticks").c_str(), O_RDWR | O_CLOEXEC));
    notifications_ = Descriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = directory_ + "/notify";
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::bind(notifications_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        throw std::runtime_error("cannot bind " + path);
    }
}

void Machine::configure(const std::string& more) const {
    write(configFile(), "state_dir = \"" + stateDirectory() + "\"\nruntime_dir = \"" + directory_ +
                            "/run\"\n[query]\npath = \"" + querySocket() + "\"\n[admin]\npath = \"" + directory_ +
                            "/run-admin/admin.sock\"\n[development]\nroots = \"" + rootsFile() +
                            "\"\nhardware_root = \"" + directory_ + "/hardware\"\n" + more);
}

Machine::~Machine() {
    daemon_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

void Machine::changeHardware(char seed) const {
    const auto root = directory_ + "/hardware";
    fs::remove_all(root);
    const auto dmi = root + "/sys/class/dmi/id";
    const auto card = root + "/sys/devices/pci0000:00/0000:00:1f.6";
    for (const auto& path : {dmi, card + "/net/eth0", root + "/sys/class/net", root + "/etc"})
        fs::create_directories(path);
    const std::string two{seed, seed};  // a hexadecimal digit, doubled
    write(dmi + "/product_uuid", "1b4e28ba-2fa1-41d2-883f-00" + two + "16e4d3" + two + "\n");
    write(dmi + "/board_serial", "BS-40" + two + "71\n");
    write(dmi + "/sys_vendor", "Example Systems\n");
    write(root + "/etc/machine-id", "0f3c5d7e9a1b2c4d6e8f0a1b2c3d" + two + two + "\n");
    write(card + "/net/eth0/address", "00:1b:21:3c:" + two + ":" + two + "\n");
    write(card + "/net/eth0/addr_assign_type", "0\n");
    fs::create_directory_symlink("../../../0000:00:1f.6", card + "/net/eth0/device");
    fs::create_directory_symlink("../../devices/pci0000:00/0000:00:1f.6/net/eth0", root + "/sys/class/net/eth0");
}

Process Machine::launch() {
    auto added = environment();
    added["NOTIFY_SOCKET"] = directory_ + "/notify";
    added["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=" + busSocket();
    for (const auto& [name, value] : daemonEnvironment) added[name] = value;
    auto command = daemonWrapper;
    command.insert(command.end(), {ENTITLE_DAEMON, "--config", configFile()});
    return Process(command, added, logFile());
}

void Machine::start() {
    daemon_.emplace(launch());
    if (!waitNotified("READY=1")) throw std::runtime_error("the daemon is not ready:\n" + log());
}

std::optional<int> Machine::startRefused() {
    return launch().wait();
}

bool Machine::waitNotified(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    std::array<char, 4096> message{};
    while (waitReadable(notifications_.get(), deadline)) {
        const auto got = ::recv(notifications_.get(), message.data(), message.size(), 0);
        if (got > 0 && std::string(message.data(), static_cast<std::size_t>(got)).find(text) != std::string::npos)
            return true;
    }
    return false;
}

void Machine::killDaemon() {
    daemon_->signal(SIGKILL);
    daemon_->wait();
    daemon_.reset();
}

std::optional<int> Machine::stopDaemon() {
    daemon_->signal(SIGTERM);
    const auto status = daemon_->wait();
    daemon_.reset();
    return status;
}

Environment Machine::environment() const {
    return {{"ENTITLED_SOCKET", querySocket()},
            {"ENTITLED_ADMIN_SOCKET", directory_ + "/run-admin/admin.sock"},
            {"ENTITLED_ALLOW_DEVELOPMENT", "1"},
            {"NOTIFY_SOCKET", ""},
            {"JOURNAL_STREAM", ""}};
}

Output Machine::ctl(std::vector<std::string> arguments, Environment more) const {
    arguments.insert(arguments.begin(), ENTITLE_CTL);
    auto all = environment();
    for (auto& [name, value] : more) all[name] = value;
    return run(arguments, all, directory_);
}

Process Machine::startCtl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), ENTITLE_CTL);
    return Process(arguments, environment(), directory_ + "/ctl.log");
}

Process Machine::startBot(const std::string& name) const {
    return Process({ENTITLE_BOT, name}, environment(), directory_ + "/bots.log", pipe("ticks"));
}

std::string Machine::pipe(const std::string& name) const {
    auto path = directory_ + "/" + name;
    if (::mkfifo(path.c_str(), 0600) != 0 && errno != EEXIST) throw std::runtime_error("cannot make " + path);
    return path;
}

void Machine::write(const std::string& path, const std::string& text, unsigned mode) const {
    std::ofstream out(path, std::ios::binary);
    out << text;
    out.close();
    if (!out || ::chmod(path.c_str(), mode) != 0) throw std::runtime_error("cannot write " + path);
}

std::string Machine::read(const std::string& path) const {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string Machine::log() const {
    return read(logFile());
}

}  // namespace entitle::e2e
