#include "tests/e2e/private_bus.h"

#include <csignal>
#include <filesystem>
#include <stdexcept>

#include <unistd.h>

namespace entitle::e2e {
namespace {

// Debian's own, for python-dbusmock: another Python found first would not have it.
constexpr const char* python = "/usr/bin/python3";

// Where a tool lies; "" if it is not installed.
std::string placeOf(const std::string& tool) {
    if (tool.find('/') != std::string::npos) return tool;
    for (const char* directory : {"/usr/bin/", "/bin/", "/usr/local/bin/", "/usr/sbin/"})
        if (::access((directory + tool).c_str(), X_OK) == 0) return directory + tool;
    return "";
}

}  // namespace

bool busEventually(const std::function<bool()>& so) {
    const auto end = std::chrono::steady_clock::now() + patience;
    do {
        if (so()) return true;
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

std::string PrivateBus::obstacle() {
    for (const char* tool : {"dbus-daemon", "busctl", "gdbus", "setpriv"})
        if (placeOf(tool).empty()) return std::string(tool) + " is not installed (packaging/dependencies.sh test)";
    if (run({python, "-c", "import dbusmock, gi"}, {}, std::filesystem::temp_directory_path()).status != 0)
        return "python3-dbusmock and python3-gi are not installed (packaging/dependencies.sh test)";
    return "";
}

void PrivateBus::start(const std::string& policy) {
    const auto config = machine_.directory() + "/bus.conf";
    machine_.write(config,
                   "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\" "
                   "\"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig>\n"
                   "<type>system</type>\n<listen>" +
                       address() +
                       "</listen>\n<auth>EXTERNAL</auth>\n<policy context=\"default\">\n<allow user=\"*\"/>\n"
                       "<allow own=\"*\"/>\n<allow send_type=\"*\"/>\n<allow receive_type=\"*\"/>\n"
                       "<allow send_destination=\"*\" eavesdrop=\"false\"/>\n" +
                       policy + "</policy>\n</busconfig>\n");
    std::filesystem::permissions(machine_.directory(), std::filesystem::perms(0711));  // other users call, too
    std::filesystem::remove(machine_.busSocket());
    daemon_ = std::make_unique<Process>(std::vector<std::string>{placeOf("dbus-daemon"), "--config-file=" + config,
                                                                 "--nofork", "--nopidfile", "--print-address=1"},
                                        Environment{}, machine_.directory() + "/bus.log");
    if (!daemon_->readLine()) throw std::runtime_error("no bus: " + machine_.read(machine_.directory() + "/bus.log"));
    std::filesystem::permissions(machine_.busSocket(), std::filesystem::perms(0666));
}

void PrivateBus::kill() {
    mocks_.clear();
    daemon_->signal(SIGKILL);
    daemon_->wait();
    daemon_.reset();
}

void PrivateBus::mock(const std::string& service, const std::string& name) {
    const auto log = machine_.directory() + "/" + service + ".calls";
    std::filesystem::remove(log);
    // polkit's has no withdrawal of a question and writes nothing down: we have our own.
    const std::string own = ENTITLE_SOURCE_DIR "/tests/e2e/polkit_mock.py";
    mocks_[service] =
        launch({python, "-m", "dbusmock", "--logfile", log, "--template", service == "polkit" ? own : service});
    if (!waitNamed(name)) throw std::runtime_error("no " + service);
}

void PrivateBus::unmock(const std::string& service) {
    mocks_.erase(service);
}

std::string PrivateBus::callsOf(const std::string& service) const {
    return machine_.read(machine_.directory() + "/" + service + ".calls");
}

std::vector<std::string> PrivateBus::as(std::optional<unsigned> uid, std::vector<std::string> command) const {
    command[0] = placeOf(command[0]);
    if (uid) {
        const auto id = std::to_string(*uid);
        command.insert(command.begin(), {placeOf("setpriv"), "--reuid=" + id, "--regid=" + id, "--clear-groups"});
    }
    return command;
}

Environment PrivateBus::environment() const {
    return {{"DBUS_SYSTEM_BUS_ADDRESS", address()}, {"DBUS_SESSION_BUS_ADDRESS", ""}};
}

std::unique_ptr<Process> PrivateBus::launch(std::vector<std::string> command, std::optional<unsigned> uid) const {
    return std::make_unique<Process>(as(uid, std::move(command)), environment(), machine_.directory() + "/clients.log");
}

Output PrivateBus::busctl(std::vector<std::string> arguments, std::optional<unsigned> uid) const {
    arguments.insert(arguments.begin(), {"busctl", "--system"});
    return run(as(uid, std::move(arguments)), environment(), machine_.directory());
}

Output PrivateBus::call(const std::string& method, std::vector<std::string> arguments, std::optional<unsigned> uid,
                        bool ask) const {
    std::vector<std::string> command{std::string("--allow-interactive-authorization=") + (ask ? "yes" : "no"),
                                     "--timeout=60",
                                     "call",
                                     entitledName,
                                     entitledPath,
                                     entitledName,
                                     method};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return busctl(std::move(command), uid);
}

std::string PrivateBus::refusal(const std::string& method, std::vector<std::string> arguments,
                                std::optional<unsigned> uid, bool ask) const {
    std::vector<std::string> command{
        "gdbus",      "call",          "--system",   "--timeout=60", "--dest",
        entitledName, "--object-path", entitledPath, "--method",     std::string(entitledName) + "." + method};
    if (ask) command.insert(command.begin() + 2, "--interactive");
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto said = run(as(uid, std::move(command)), environment(), machine_.directory());
    return said.status == 0 ? "" : said.err;
}

std::string PrivateBus::importing(const std::string& source) const {
    const auto said =
        run({"/bin/sh", "-c", std::string(python) + " " ENTITLE_SOURCE_DIR "/tests/e2e/bus_import.py 3" + source},
            environment(), machine_.directory());
    return said.both();
}

std::string PrivateBus::property(const std::string& name) const {
    const auto got = busctl({"get-property", entitledName, entitledPath, entitledName, name});
    if (got.status != 0) return got.err;
    return got.out.substr(0, got.out.find_last_not_of('\n') + 1);
}

std::unique_ptr<Process> PrivateBus::listen() const {
    auto listening = launch({"gdbus", "monitor", "--system", "--dest", entitledName, "--object-path", entitledPath});
    while (const auto line = listening->readLine()) {
        // "The name org.cryptoorchestrator.Entitled1 is owned by :1.4": it listens from here on.
        if (line->find("is owned by") != std::string::npos) return listening;
    }
    throw std::runtime_error("gdbus does not listen");
}

bool PrivateBus::named(const std::string& name) const {
    return busctl({"call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", "s",
                   name})
               .out == "b true\n";
}

bool PrivateBus::waitNamed(const std::string& name) const {
    return busEventually([&] { return named(name); });
}

}  // namespace entitle::e2e
