#include "daemon/entitled.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "daemon/log.h"
#include "daemon/process.h"

namespace entitle {
namespace {

// The names by which systemd/*.socket hand over the sockets.
constexpr std::string_view handedQuery = "query", handedAdmin = "admin";

template <class T>
T orCannotStart(FileResult<T> result) {
    if (result) return std::move(*result);
    throw CannotStart{result.error().fault == FileFault::locked ? alreadyRunning : failed, result.error().message};
}

Config::Limits fitting(Config::Limits limits, std::size_t descriptors) {
    // Two for each connection, and some for our own files: running out is refused at the door, not inside.
    auto most = static_cast<std::uint32_t>(std::max<std::size_t>(descriptors / 2, 96) - 64);
    limits.connections = std::min(limits.connections, most);
    return limits;
}

AccessPolicy accessPolicy(const Config& config) {
    AccessPolicy policy;
    policy.ownUid = ownUser();
    policy.adminGroup = findGroup(config.admin.group);
    if (!config.query.group.empty()) {
        policy.queryGroup = findGroup(config.query.group);
        if (!policy.queryGroup) throw CannotStart{badConfig, "there is no group " + config.query.group};
    }
    return policy;
}

Daemon::Settings settingsOf(const Config& config, std::string_view keyLevel) {
    auto anchor = loadTrustAnchor(config);
    if (!anchor.roots) log().warn("no authority is known: {}", anchor.problem);
    Daemon::Settings settings;
    settings.roots = anchor.roots;
    settings.rootsProblem = anchor.problem;
    settings.trust = anchor.trust;
    settings.builtAt = fromRfc3339(ENTITLE_BUILT_ON).value_or(Instant{});
    settings.lower = config.lower;
    settings.slots = config.slots;
    settings.keyLevel = keyLevel;
    settings.version = ENTITLE_VERSION;
    settings.hostLabel = hostLabelFrom(hostName());
    settings.activationsPerMinute = config.limits.activationsPerMinute;
    return settings;
}

// The transport answers on the loop, but outside KJ's: what an answer changes is told to observers from within it.
class OnLoop final : public Authority {
  public:
    OnLoop(KjLoop& loop, Authority& transport) : loop_(loop), transport_(transport) {}

    std::unique_ptr<Asking> ask(Question question, Done done) override {
        return transport_.ask(std::move(question), [&loop = loop_, done = std::move(done)](Result result) {
            loop.enter([&] {
                try {
                    done(std::move(result));
                } catch (const std::exception& fault) {
                    log().error("an answer of the authority could not be dealt with: {}", fault.what());
                }
            });
        });
    }

  private:
    KjLoop& loop_;
    Authority& transport_;
};

HandedSockets takeHandedSockets() {
    auto handed = HandedSockets::take({handedQuery, handedAdmin});
    if (!handed) throw CannotStart{failed, handed.error()};
    return std::move(*handed);
}

std::string directoryOf(const std::string& path) {
    return std::filesystem::path(path).parent_path().string();
}

std::string credentialsDirectory() {
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    return directory ? directory : "";
}

}  // namespace

std::string makeNewKey(const Config& config) {
    auto state = orCannotStart(OwnedDirectory::open(config.stateDirectory, OwnedDirectory::Privacy::secret));
    Tpm tpm(Tpm::placeBelow(config.hardwareRoot, config.tcti));
    CredentialSealer credential(CredentialSealer::read(credentialsDirectory()));
    DeviceKeyVault vault(*state, config.keyProtection, {&tpm, &credential});
    const auto made = orCannotStart(vault.replace());
    return "This machine's new device id is " + deviceIdOf(made.key.verifyKey()).value + "; its key rests as " +
           std::string(toString(made.level)) +
           (made.key.formers.empty() ? ". Start entitled, and activate the license anew."
                                     : ". A license that was in force stays so while its grace lasts: start entitled, "
                                       "and activate it anew.");
}

Entitled::Entitled(Config config, std::optional<std::string> configPath)
    : config_(std::move(config)),
      configPath_(std::move(configPath)),
      descriptors_(raiseDescriptorLimit()),
      handed_(takeHandedSockets()) {
    if (directoryOf(config_.query.path) == directoryOf(config_.admin.path)) {
        throw CannotStart{badConfig, "the admin socket must lie in a directory of its own, not in " +
                                         directoryOf(config_.query.path)};
    }
    openState();
    connections_.emplace(loop_, *daemon_, fitting(config_.limits, descriptors_), accessPolicy(config_));
}

Entitled::~Entitled() = default;

void Entitled::openState() {
    const std::string credentials = credentialsDirectory();
    clock_ = std::make_unique<SystemClock>(credentials);
    state_ = orCannotStart(OwnedDirectory::open(config_.stateDirectory, OwnedDirectory::Privacy::secret));
    runtime_ = orCannotStart(OwnedDirectory::open(config_.runtimeDirectory, OwnedDirectory::Privacy::shared));
    std::vector<Finding> findings;
    openKey(credentials, findings);
    store_ = std::make_unique<FileStore>(*state_);
    auto loaded = orCannotStart(store_->load());
    auto audit = orCannotStart(AuditLog::open(*state_, key_->key, {config_.audit.fileBytes, config_.audit.files, 256},
                                              loaded.record.lastAudit, clock_->now()));
    audit_ = std::move(audit.log);
    for (auto& finding : audit.findings) {
        log().warn("{}", finding);
        findings.push_back({"audit", Finding::Level::warning, std::move(finding), ""});
    }
    auto slots = orCannotStart(SlotFile::open(*runtime_, clock_->now().bootId));
    auto settings = settingsOf(config_, toString(key_->level));
    settings.startFindings = std::move(findings);
    alarm_.emplace(loop_, [this] { daemon_->wake(); });
    HardwareSource hardware{config_.hardwareRoot, credentials, [this] { return tpm_->endorsementKey(); }};
    Daemon::Seams seams{*clock_,
                        *store_,
                        *audit_,
                        key_->key,
                        [hardware] { return probeHardware(hardware); },
                        [this](std::optional<Instant> moment) { alarm_->arm(moment); },
                        {},
                        [this] { return bus_ ? std::vector{bus_->finding()} : std::vector<Finding>(); }};
    daemon_.emplace(std::move(seams), std::move(settings), std::move(loaded), std::move(slots));
}

void Entitled::openKey(const std::string& credentials, std::vector<Finding>& findings) {
    tpm_ = std::make_unique<Tpm>(Tpm::placeBelow(config_.hardwareRoot, config_.tcti));
    credential_ = std::make_unique<CredentialSealer>(CredentialSealer::read(credentials));
    vault_ = std::make_unique<DeviceKeyVault>(*state_, config_.keyProtection,
                                              std::vector<Sealer*>{tpm_.get(), credential_.get()});
    key_.emplace(orCannotStart(vault_->open()));
    for (const auto& finding : key_->findings) {
        finding.level == Finding::Level::problem ? log().error("{} {}", finding.message, finding.advice)
                                                 : log().warn("{} {}", finding.message, finding.advice);
        findings.push_back(finding);
    }
}

// A TPM that was not there, or did not answer, may do so any moment; a credential comes with a start only.
void Entitled::awaitKey() {
    if (!vault_->awaited() || vault_->awaited()->level != KeyLevel::tpm2) return;
    awaitedKey_.emplace(io_, *tpm_, *vault_, [this](SealResult<SecretKey> found) {
        loop_.enter([&] {
            auto formers = std::move(key_->key.formers);
            key_->key =
                found ? DeviceKey(std::move(*found)) : DeviceKey::lost(key_->key.verifyKey(), found.error().message);
            key_->key.formers = std::move(formers);
            if (found) {
                log().info("the device key is in reach again");
                daemon_->keyReturned();
            } else {
                log().error("the device key is lost: {}. {}", key_->key.obstacle(), wayBackFromLostKey);
                daemon_->keyLost();
            }
        });
    });
}

void Entitled::listen(Door door, const ListenPlace& place) {
    auto serve = [this, door](Accepted accepted) {
        loop_.enter([&] { connections_->serve(door, std::move(accepted)); });
    };
    auto& listener = door == Door::query ? queryListener_ : adminListener_;
    if (auto handed = handed_.give(door == Door::query ? handedQuery : handedAdmin)) {
        listener = Listener::adopt(loop_.context(), std::move(handed), std::move(serve));
        if (listener->path() != place.path) {
            log().warn("{} is the supervisor's socket, and is used instead of {}", listener->path(), place.path);
        }
        return;
    }
    auto opened = Listener::open(loop_.context(), place, std::move(serve));
    if (!opened) throw CannotStart{failed, opened.error()};
    listener = std::move(*opened);
}

void Entitled::waitForSignal() {
    signals_.async_wait([this](const boost::system::error_code& error, int signal) {
        if (error) return;
        if (signal != SIGHUP) return stop();
        loop_.enter([&] { reload(); });
        waitForSignal();
    });
}

void Entitled::stop() {
    service_.stopping();
    queryListener_.reset();
    adminListener_.reset();
    bus_.reset();
    daemon_->retire();  // before the connections go: held slots are the successor's
    io_.stop();
}

void Entitled::reload() {
    service_.reloading();
    auto loaded = loadConfig(configPath_, processEnvironment(), thisBuild());
    if (!loaded) {
        for (const auto& error : loaded.error().errors) log().error("{}", toString(error));
        log().error("the configuration was not changed");
    } else {
        try {
            auto policy = accessPolicy(*loaded);
            auto settings = settingsOf(*loaded, toString(key_->level));
            for (const auto& ignored : loaded->ignored) log().warn("{}", ignored);
            setLogLevel(loaded->logLevel);
            daemon_->reconfigure(std::move(settings));
            if (config_.authority != loaded->authority) {
                config_.authority = loaded->authority;
                connectAuthority();
            }
            connections_->reconfigure(fitting(loaded->limits, descriptors_), policy);
            bus_->configure(loaded->bus, policy);
            log().info("the configuration was read again");
        } catch (const CannotStart& wrong) {
            log().error("{}; the configuration was not changed", wrong.why);
        } catch (const std::exception& fault) {
            log().error("the configuration could not be put in force: {}", fault.what());
        }
    }
    service_.ready(daemon_->status().message);
}

void Entitled::connectAuthority() {
    daemon_->connect(nullptr, {});
    authority_.reset();
    transport_.reset();
    const auto& place = config_.authority;
    if (place.url.empty()) return;
    transport_ = httpsAuthority(io_, {place.url, place.caFile, place.proxy});
    authority_ = std::make_unique<OnLoop>(loop_, *transport_);
    daemon_->connect(authority_.get(), place.url);
}

void Entitled::keepAlive() {
    service_.alive();
    watchdog_.expires_after(*service_.aliveEvery());
    watchdog_.async_wait([this](const boost::system::error_code& error) {
        if (!error) keepAlive();
    });
}

void Entitled::run() {
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.add(SIGHUP);
    waitForSignal();
    auto policy = accessPolicy(config_);
    // A daemon without root cannot give a socket to a group it is not in: its own user and root administer it then.
    auto adminGroup = policy.adminGroup && maySetGroup(*policy.adminGroup) ? policy.adminGroup : std::nullopt;
    listen(Door::query, {config_.query.path, config_.query.mode, 0755, policy.queryGroup});
    listen(Door::admin, {config_.admin.path, config_.admin.mode, 0750, adminGroup});
    daemon_->ready();
    loop_.enter([&] { connectAuthority(); });
    awaitKey();
    service_.ready(daemon_->status().message);
    log().info("listening on {} and {}", queryListener_->path(), adminListener_->path());
    if (service_.aliveEvery()) keepAlive();
    bus_ = std::make_unique<SystemBus>(loop_, *daemon_);
    bus_->configure(config_.bus, policy);
    loop_.run();
    log().info("stopped");
}

}  // namespace entitle
