// A real daemon with a license authority beside it.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/daemon/issuer.h"
#include "tests/daemon/real_daemon.h"

namespace entitle::testing {

class ProcessTest : public ::testing::Test {
  protected:
    void SetUp() override {
        daemon.writeRoots(printRoots(issuer.roots()));
        daemon.start();
    }

    // As the administrator would: a request, carried to the authority, and its answer imported.
    void license(std::int64_t bots, std::uint64_t sequence = 1) {
        auto administrator = daemon.puppet(daemon.admin());
        const auto request = daemon.files / "request", answer = daemon.files / "answer";
        ASSERT_EQ(administrator->ask("request " + request), "ok");
        auto asked = verifyOfflineRequest(parseRequestFile(readFile(request)).value()).value();
        License license = issuer.pro(asked.device(), asked.fingerprint, sequence);
        license.nonce = asked.nonce;
        license.maxBots = bots;
        writeFile(answer, issuer.file(license));
        ASSERT_EQ(administrator->ask("import " + answer), "ok");
    }
    void restart() {
        daemon.crash();
        daemon.start();
    }
    std::string status() { return daemon.puppet(daemon.query())->ask("status"); }
    bool inUse(unsigned bots) {
        auto text = status();
        return text.substr(text.rfind(' ') + 1) == std::to_string(bots);
    }
    // The directories, so that another user reaches the sockets.
    void openDirectories() {
        for (const auto& path : {daemon.files.path(), daemon.files / "run", daemon.files / "adm"}) {
            std::filesystem::permissions(path, static_cast<std::filesystem::perms>(0755));
        }
        std::filesystem::permissions(daemon.admin(), static_cast<std::filesystem::perms>(0666));
    }

    static std::string secretOf(const std::string& held) { return held.substr(held.rfind(' ') + 1); }

    Issuer issuer{std::chrono::floor<Seconds>(std::chrono::system_clock::now()) - std::chrono::hours{1}};
    RealDaemon daemon{"[slots]\nreclaim_window_s = 20\n"};
};

}  // namespace entitle::testing
