#include "tests/server/store_fixture.h"

#include <cerrno>
#include <stdexcept>

#include <sys/wait.h>
#include <unistd.h>

namespace entitle::testing {

void StoreContract::SetUp() {
    if (onPostgresql()) {
        std::string whyNot;
        cluster_ = PostgresCluster::shared(whyNot);
        if (cluster_ == nullptr) GTEST_SKIP() << whyNot;
        address_ = cluster_->newDatabase();
    } else {
        writeFile(scratch("authority.db"), "");
        address_ = DatabaseAddress(scratch("authority.db"));
    }
    reopen();
    ASSERT_TRUE(store_->found("desk", {1, "first set", noon}, noon));
}

Store StoreContract::another(std::chrono::milliseconds wait) const {
    auto opened = Store::open(address(), noon, wait);
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
}

LicenseId StoreContract::sell(const std::function<void(LicenseRow&)>& change) {
    const auto made = store().addLicense([&](std::uint64_t serial) -> Granted<LicenseRow> {
        LicenseRow row;
        row.id = LicenseId{"lic_" + std::string(16, 'a') + std::to_string(serial)};
        row.keyIndex = std::to_string(serial);
        row.keyIndex.insert(0, 64 - row.keyIndex.size(), '0');
        row.payload.serial = serial;
        row.type = row.plan = "pro";
        row.features = {"live_trading", "advanced_ml"};
        row.maxBots = 100;
        row.createdAt = noon;
        if (change) change(row);
        return row;
    });
    if (!made) throw std::runtime_error(made.error().message);
    return made->id;
}

AccountId StoreContract::account(const std::string& email) {
    const AccountRow row{AccountId{"acc_" + email}, email, "$argon2id$", false, noon, noon};
    if (auto fine = store().addAccount(row); !fine) throw std::runtime_error(fine.error().message);
    return row.id;
}

DeviceId deviceNumber(int number) {
    std::string text = std::to_string(number);
    return DeviceId{std::string(22 - text.size(), 'A') + text};
}

Granted<Exchange> takeOrKeepSeat(const ExchangeFacts& facts, const DeviceId& device, Instant now) {
    Exchange made;
    if (facts.holds()) {
        made.device = facts.device;
    } else {
        if (facts.full()) return Denial{DenialReason::deviceLimit, "every seat of this license is taken"};
        made.device.emplace();
        made.device->device = device;
        made.device->deviceKey = "k4.public.x";
        made.device->takenAt = now;
        made.attempt = "granted";
    }
    made.sequence = facts.license.lastSequence + 1;
    made.device->lastSeenAt = now;
    made.device->document = DeviceDocument{made.sequence, now, now + 14 * day, 7 * day};
    made.signedWith = SigningUse{"k4.pid.x", now + 21 * day};
    return made;
}

Granted<Exchanged> activate(Store& store, const LicenseId& license, const DeviceId& device, Instant now) {
    ExchangeQuery query;
    query.license = license;
    query.device = device;
    query.now = now;
    query.countFrom = now - 90 * day;
    return store.exchange(query, [&](const ExchangeFacts& facts) { return takeOrKeepSeat(facts, device, now); });
}

std::vector<int> inProcesses(int count, const std::function<int(int)>& work) {
    std::vector<pid_t> children;
    for (int i = 0; i < count; ++i) {
        const pid_t pid = ::fork();
        if (pid < 0) throw std::runtime_error("cannot fork");
        if (pid == 0) {
            int code = 99;
            try {
                code = work(i);
            } catch (const std::exception& error) {
                ::fprintf(stderr, "child %d: %s\n", i, error.what());
            }
            ::_exit(code);
        }
        children.push_back(pid);
    }
    std::vector<int> codes;
    for (const pid_t pid : children) {
        int status = 0;
        while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        codes.push_back(WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    }
    return codes;
}

}  // namespace entitle::testing
