#include "tests/server/running_server.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <stdexcept>

#include "server/accounts.h"
#include "server/founding.h"
#include "server/service.h"

namespace entitle::testing {

namespace fs = std::filesystem;

Instant realNow() {
    return std::chrono::floor<Seconds>(std::chrono::system_clock::now());
}

ServedAuthority::ServedAuthority(const std::optional<DatabaseAddress>& database) {
    const auto founded = foundAuthority({directory(), roots(), "desk", std::nullopt, database}, realNow());
    if (!founded) throw std::runtime_error(founded.error().message);
    reopen();
    configure();
}

void ServedAuthority::reopen() {
    auto opened = Authority::open(directory(), realNow(), std::chrono::seconds(20));
    if (!opened) throw std::runtime_error(opened.error().message);
    authority_ = std::make_unique<Authority>(std::move(*opened));
}

void ServedAuthority::configure(const std::string& more) const {
    writeFile(directory() / "server.toml",
              more +
                  "\n[log]\nrequests = false\n[rates]\nrequests_per_minute = 0\naccount_requests_per_minute = 0\n"
                  "wrong_secrets_per_minute = 0\n");
    fs::permissions(directory() / "server.toml", fs::perms::owner_read | fs::perms::owner_write);
}

MintedLicense ServedAuthority::mint(int deviceLimit) {
    NewLicense wish;
    wish.type = "pro";
    wish.deviceLimit = deviceLimit;
    const auto secrets = LicenseSecrets::read(authority_->files(), std::nullopt);
    auto minted = mintLicense(store(), *secrets, wish, realNow());
    if (!minted) throw std::runtime_error(minted.error().message);
    return std::move(*minted);
}

std::string ServedAuthority::admin() {
    if (!admin_.empty()) return admin_;
    const auto now = realNow();
    const AccountRow row{AccountId{"acc_admin"}, "admin@example.com", "$argon2id$", true, now, now};
    store().addAccount(row).value();
    admin_ = freshToken();
    TokenRow token;
    token.hash = hashOfToken(admin_);
    token.account = row.id;
    token.createdAt = now;
    store().addToken(token);
    return admin_;
}

int ServedAuthority::held(const LicenseId& id) {
    const auto rows = store().devices(id);
    return static_cast<int>(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return !row.releasedAt; }));
}

e2e::Output ServedAuthority::command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {ENTITLE_SERVER_PROGRAM, "--dir", directory().string()});
    return e2e::run(arguments, {}, temporary_.path().string());
}

RunningServer::RunningServer(const ServedAuthority& authority, const std::string& listen,
                             const e2e::Environment& environment) {
    process_.emplace(std::vector<std::string>{"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1", ENTITLE_SERVER_PROGRAM,
                                              "--dir", authority.directory().string(), "serve", "--listen", listen},
                     environment, authority.scratch("serve.err").string());
    reader_ = std::thread([this] { readLog(); });
    const bool serves = waitLog("serving authority");
    const auto text = log();
    const auto at = text.find("listening on ");
    if (!serves || at == std::string::npos) {
        process_->signal(SIGKILL);
        reader_.join();
        throw std::runtime_error("it does not listen: " + text);
    }
    const auto line = text.substr(at, text.find('"', at) - at);
    port_ = static_cast<std::uint16_t>(std::stoi(line.substr(line.rfind(':') + 1)));
}

RunningServer::~RunningServer() {
    process_->signal(SIGKILL);
    if (reader_.joinable()) reader_.join();
}

void RunningServer::readLog() {
    while (const auto line = process_->readLine(std::chrono::hours(1))) {
        const std::lock_guard lock(mutex_);
        log_ += *line + "\n";
        said_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    said_.notify_all();
}

std::string RunningServer::log() const {
    const std::lock_guard lock(mutex_);
    return log_;
}

bool RunningServer::waitLog(const std::string& text) {
    std::unique_lock lock(mutex_);
    const auto said = [&] { return log_.find(text) != std::string::npos; };
    said_.wait_for(lock, e2e::patience, [&] { return said() || ended_; });
    return said();
}

std::optional<Received> RunningServer::ask(const std::string& bytes) const {
    try {
        Client client(port_);
        if (!client.send(bytes)) return std::nullopt;
        auto answer = client.receive(false, e2e::patience);
        if (answer.status == 0) return std::nullopt;
        return answer;
    } catch (const std::runtime_error&) {
        return std::nullopt;
    }
}

namespace {

std::string bearerHeader(const std::string& token) {
    return token.empty() ? "" : "Authorization: Bearer " + token + "\r\n";
}

}  // namespace

Received RunningServer::get(const std::string& path, const std::string& bearer) const {
    return ask(testing::get(path, bearerHeader(bearer))).value();
}

Received RunningServer::post(const std::string& path, const std::string& body, const std::string& bearer) const {
    return ask(testing::post(path, body, bearerHeader(bearer))).value();
}

std::optional<Received> RunningServer::ask(const TestDevice& device, Operation operation, const std::string& rid,
                                           const std::string& licenseKey) const {
    return ask(testing::post(routeOf(operation), device.request(operation, rid, licenseKey), "", requestContentType));
}

int RunningServer::waiting() const {
    const auto text = get("/metrics").body;
    const auto at = text.find("\nentitle_http_waiting ");
    return at == std::string::npos ? -1 : std::stoi(text.substr(at + 22));
}

long RunningServer::peakKilobytes() const {
    std::ifstream status("/proc/" + std::to_string(process_->pid()) + "/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
    return -1;
}

}  // namespace entitle::testing
