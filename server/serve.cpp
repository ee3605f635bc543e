#include "server/serve.h"

#include <memory>
#include <system_error>

#include "server/authority.h"
#include "server/files.h"
#include "server/log.h"
#include "server/service.h"
#include "server/signals.h"
#include "server/signer.h"
#include "server/sweeper.h"
#include "server/trusted_file.h"

namespace entitle {

namespace {

constexpr std::size_t maxPemBytes = 256 * 1024;

Granted<std::shared_ptr<const TlsCertificate>> readCertificate(const ServeConfig& config) {
    const auto chain = readTrustedFile(config.certificateFile, maxPemBytes);
    if (!chain) return chain.error();
    const auto key = readSecretFile(config.keyFile, maxPemBytes);
    if (!key) return key.error();
    auto certificate = TlsCertificate::parse(*chain, *key);
    if (!certificate)
        return Denial{DenialReason::unreadable,
                      config.certificateFile + ", " + config.keyFile + ": " + certificate.error().message};
    return std::move(*certificate);
}

// A machine that serves signs documents; whoever breaks into it must not find what key sets are signed with.
Granted<void> checkRootsAreAway(const Authority& authority, const Environment& environment) {
    if (auto away = authority.checkRootsAreAway(); !away) return away.error();
    const auto elsewhere = environment("ENTITLE_SERVER_ROOTS");
    std::error_code error;
    if (!elsewhere || elsewhere->empty() || !std::filesystem::is_directory(*elsewhere, error)) return {};
    if (const auto found = findRootSecret(*elsewhere, authority.roots()))
        return Denial{DenialReason::rootsInReach, found->string() +
                                                      " is a root key of this authority and can be read here "
                                                      "(ENTITLE_SERVER_ROOTS): take it offline before serving"};
    return {};
}

HttpHooks hooksOf(const Service& service, const ServeConfig& config) {
    HttpHooks hooks;
    hooks.makeWorker = [&service] { return service.makeWorker(); };
    hooks.authenticate = Service::authenticate;
    hooks.fault = Service::fault;
    if (config.logRequests) hooks.log = logRequest;
    hooks.complain = [](const std::string& words) { logMessage(LogLevel::error, words); };
    return hooks;
}

void reload(HttpServer& server, const ServeConfig& config) {
    if (config.certificateFile.empty()) return logMessage(LogLevel::info, "asked to reload: there is no certificate");
    const auto certificate = readCertificate(config);
    if (!certificate)
        return logMessage(LogLevel::error, "the certificate stays as it was: " + certificate.error().message);
    server.useCertificate(*certificate);
    logMessage(LogLevel::info, "new certificate: " + (*certificate)->describe());
}

}  // namespace

Granted<ServeConfig> readServeConfig(const ServeWish& wish, const Environment& environment) {
    const auto refused = [](const ServeConfigErrors& errors) { return Denial{DenialReason::usage, errors.text()}; };
    auto file = wish.configFile.value_or("");
    std::error_code error;
    if (file.empty() && std::filesystem::exists(wish.directory / "server.toml", error))
        file = (wish.directory / "server.toml").string();
    ServeConfig config;
    if (!file.empty()) {
        const auto text = readTrustedFile(file, maxServeConfigBytes);
        if (!text) return text.error();
        auto parsed = parseServeConfig(*text, file);
        if (!parsed) return refused(parsed.error());
        config = std::move(*parsed);
    }
    auto applied = applyServeEnvironment(std::move(config), environment);
    if (!applied) return refused(applied.error());
    if (!wish.listen.empty()) applied->http.listen = wish.listen;
    auto checked = checkServeConfig(std::move(*applied));
    if (!checked) return refused(checked.error());
    if (!checked->certificateFile.empty()) {
        auto certificate = readCertificate(*checked);
        if (!certificate) return certificate.error();
        checked->http.tls = std::move(*certificate);
    }
    if (const auto fine = checkListen(checked->http); !fine) return Denial{DenialReason::usage, fine.error().message};
    return std::move(*checked);
}

Granted<void> serve(const ServeWish& wish, const Environment& environment, const HttpClock& clock) {
    auto config = readServeConfig(wish, environment);
    if (!config) return config.error();
    startServerLog(config->logLevel, clock.now);
    Signals signals;

    auto authority = Authority::open(AuthorityFiles(wish.directory, environment("CREDENTIALS_DIRECTORY").value_or("")),
                                     clock.now(), wish.wait);
    if (!authority) return authority.error();
    if (auto away = checkRootsAreAway(*authority, environment); !away) return away.error();
    auto secrets = LicenseSecrets::read(authority->files(), environment("LICENSE_SECRET_KEY"));
    if (!secrets) return secrets.error();
    if (const auto key = signingKeyAt(authority->files(), authority->keySet(), clock.now()); !key)
        logMessage(LogLevel::error, "nothing can be signed: " + key.error().message);

    // Some are for the database and the log.
    constexpr std::size_t otherFiles = 256;
    if (const auto files = raiseFileLimit(); files < config->http.connections + otherFiles) {
        logMessage(LogLevel::warning, "only " + std::to_string(files) +
                                          " files may be open: fewer connections than the " +
                                          std::to_string(config->http.connections) + " configured");
        if (files > 2 * otherFiles) config->http.connections = files - otherFiles;
    }

    // SQLite's writers share a commit: the more of them, the fewer commits. PostgreSQL has a process for each.
    constexpr int workersOnSqlite = 8, workersOnPostgresql = 4;
    const bool sqlite = authority->database().dialect() == Dialect::sqlite;
    config->http.databaseWorkers = config->databaseWorkers.value_or(sqlite ? workersOnSqlite : workersOnPostgresql);

    HttpMetrics metrics;
    std::unique_ptr<HttpServer> server;
    Service service(*authority, std::move(*secrets), *config, clock, metrics,
                    [&server] { return server && server->draining(); });
    // Before anybody can wait: what other processes do from here on is heard.
    const PushFeed feed(authority->database(), service.push(),
                        [](const std::string& words) { logMessage(LogLevel::warning, words); });
    const Sweeper sweeper(authority->database(), config->retention, clock.now,
                          [](const std::string& words) { logMessage(LogLevel::warning, words); });
    auto started = HttpServer::start(config->http, service.routes(), hooksOf(service, *config), clock, metrics);
    if (!started) return Denial{DenialReason::noAddress, started.error().message};
    server = std::move(*started);

    const char* scheme = config->http.tls ? "https://" : "http://";
    const auto ports = server->ports();
    for (std::size_t i = 0; i < ports.size(); ++i) {
        const auto& text = config->http.listen[i];
        logMessage(LogLevel::info, std::string("listening on ") + scheme + text.substr(0, text.rfind(':') + 1) +
                                       std::to_string(ports[i]));
    }
    logMessage(LogLevel::info,
               "serving authority " + authority->roots().authority + " from " + authority->database().shown());
    if (config->http.tls) logMessage(LogLevel::info, "certificate: " + config->http.tls->describe());

    while (signals.next() == Signals::Asked::reload) reload(*server, *config);
    logMessage(LogLevel::info, "stopping: requests at work are finished");
    const bool all = server->drain(config->drain);
    server.reset();
    logMessage(all ? LogLevel::info : LogLevel::warning, all ? "stopped" : "stopped: some requests were cut off");
    return {};
}

}  // namespace entitle
