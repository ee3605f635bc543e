#include "tests/server/desk.h"

#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <sodium.h>

#include "license/fingerprint.h"
#include "license/sodium.h"
#include "server/founding.h"

namespace entitle::testing {

namespace fs = std::filesystem;

namespace {

std::string freshMachineId() {
    startSodium();
    std::array<unsigned char, 16> random{};
    randombytes_buf(random.data(), random.size());
    std::array<char, 33> hex{};
    return sodium_bin2hex(hex.data(), hex.size(), random.data(), random.size());
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
    // In memory where there is such a place: the tests kill processes, not machines, and an fsync there costs nothing.
    std::error_code none;
    const bool memory = std::getenv("TMPDIR") == nullptr && fs::is_directory("/dev/shm", none);
    std::string pattern =
        ((memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "entitle-server-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

std::string readFile(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path.string());
    return {std::istreambuf_iterator<char>(in), {}};
}

void writeFile(const fs::path& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

Machine::Machine(std::string label) : Machine(std::move(label), freshMachineId()) {}

Machine::Machine(std::string label, std::string machineId)
    : label_(std::move(label)), machineId_(std::move(machineId)) {}

OfflineRequest Machine::request(const std::string& authority) const {
    OfflineRequest request;
    request.authority = authority;
    request.deviceKey = key_.verifyKey();
    request.fingerprint = enroll({false, false, {{"machine_id", {machineId_}}, {"cpu", {"genuineintel/6/158"}}}});
    request.nonce = freshNonce();
    request.issuedAt = noon;
    request.hostLabel = label_;
    request.productVersion = "0.1.0";
    return request;
}

std::string Machine::file(const OfflineRequest& request) const {
    return printRequestFile(signOfflineRequest(key_, request), "");
}

Desk::Desk() {
    const auto founded = foundAuthority({directory(), roots(), "desk", std::nullopt}, noon);
    if (!founded) throw std::runtime_error(founded.error().message);
    reopen();
}

void Desk::reopen(Instant now) {
    auto opened = Authority::open(directory(), now, std::chrono::seconds(10));
    if (!opened) throw std::runtime_error(opened.error().message);
    authority_ = std::make_unique<Authority>(std::move(*opened));
}

LicenseSecrets Desk::secrets() const {
    auto secrets = LicenseSecrets::read(AuthorityFiles(directory()), std::nullopt);
    if (!secrets) throw std::runtime_error(secrets.error().message);
    return std::move(*secrets);
}

MintedLicense Desk::mint(const std::string& type, Instant now) {
    NewLicense wish;
    wish.type = type;
    return mint(wish, now);
}

MintedLicense Desk::mint(const NewLicense& wish, Instant now) {
    auto minted = mintLicense(store(), secrets(), wish, now);
    if (!minted) throw std::runtime_error(minted.error().message);
    return std::move(*minted);
}

Granted<IssuedFile> Desk::answer(const LicenseId& id, const std::string& requestFile, Instant now,
                                 const IssueRights& rights) {
    return answerRequest(authority(), id, requestFile, IssueTerms{}, rights, now);
}

void Desk::execute(const std::string& sql) {
    soci::session session(*soci::factory_sqlite3(), "dbname=\"" + (directory() / "authority.db").string() + "\"");
    session << sql;
}

DocumentResult<License> importFile(const std::string& text, const Roots& roots, const DeviceId& device,
                                   std::uint64_t minimumKeySet) {
    const auto file = parseLicenseFile(text);
    if (!file) return file.error();
    const auto keySet = verifyKeySet(file->keySetToken, roots, minimumKeySet);
    if (!keySet) return keySet.error();
    return verifyLicense(file->documentToken, *keySet, device);
}

}  // namespace entitle::testing
