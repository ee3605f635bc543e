// An authority in a fresh directory and the machines that ask it: what every test of this room starts from.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "license/document.h"
#include "server/authority.h"
#include "server/mint.h"
#include "server/signing.h"

namespace soci {
class session;
}

namespace entitle::testing {

inline constexpr Instant noon{Seconds{1795348800}};  // 2026-11-22T12:00:00Z
inline constexpr Seconds day = std::chrono::days{1};

class TemporaryDirectory {
  public:
    TemporaryDirectory();
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    ~TemporaryDirectory();
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

std::string readFile(const std::filesystem::path&);
void writeFile(const std::filesystem::path&, const std::string&);

// A machine with a device key of its own.
class Machine {
  public:
    explicit Machine(std::string label = "host");  // of hardware like no other
    Machine(std::string label, std::string machineId);
    DeviceId device() const { return deviceIdOf(key_.verifyKey()); }
    OfflineRequest request(const std::string& authority) const;  // with a fresh nonce
    std::string file(const OfflineRequest&) const;               // signed, as `entitlectl request` writes it
    std::string file(const std::string& authority) const { return file(request(authority)); }

  private:
    SecretKey key_ = SecretKey::generate();
    std::string label_;
    std::string machineId_;
};

// A founded authority named "desk", opened.
class Desk {
  public:
    Desk();
    std::filesystem::path directory() const { return temporary_.path() / "authority"; }
    std::filesystem::path roots() const { return temporary_.path() / "roots"; }
    std::filesystem::path scratch(const std::string& name) const { return temporary_.path() / name; }
    Authority& authority() { return *authority_; }
    Store& store() { return authority_->store(); }
    LicenseSecrets secrets() const;
    void reopen(Instant now = noon);
    void close() { authority_.reset(); }

    MintedLicense mint(const std::string& type, Instant now = noon);
    MintedLicense mint(const NewLicense&, Instant now = noon);
    Granted<IssuedFile> answer(const LicenseId&, const std::string& requestFile, Instant now = noon,
                               const IssueRights& rights = {});
    // Raw SQL beside the store, for what the store never does.
    void execute(const std::string& sql);

  private:
    TemporaryDirectory temporary_;
    std::unique_ptr<Authority> authority_;
};

// The document inside a license file, verified by nothing but the roots: what a daemon that pins them does.
DocumentResult<License> importFile(const std::string& text, const Roots&, const DeviceId&,
                                   std::uint64_t minimumKeySet = 0);

}  // namespace entitle::testing
