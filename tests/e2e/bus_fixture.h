// A machine with a bus of its own, and its daemon on it.
#pragma once

#include <string>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/private_bus.h"

namespace entitle::e2e {

// Mixed into any fixture that has a `machine`.
inline std::string logHas(const Machine& machine, const std::string& words) {
    return machine.log().find(words) == std::string::npos ? "" : words;
}

class OnBus : public testing::Test {
  protected:
    void SetUp() override {
        if (const auto why = PrivateBus::obstacle(); !why.empty()) GTEST_SKIP() << why;
    }
    // The bus, then the daemon on it.
    void startBoth(const std::string& policy = "", const std::string& config = "") {
        bus.start(policy);
        machine.configure(config);
        machine.start();
        ASSERT_TRUE(bus.waitNamed(entitledName)) << machine.log();
    }
    bool logged(const std::string& words) const {
        return busEventually([&] { return machine.log().find(words) != std::string::npos; });
    }
    // What `entitlectl doctor` finds about the bus.
    std::string doctor() const {
        const auto said = machine.ctl({"doctor"}).out;
        std::string found;
        std::size_t from = 0;
        while (from < said.size()) {
            const auto end = std::min(said.find('\n', from), said.size());
            const auto line = said.substr(from, end - from);
            if (line.find("bus") != std::string::npos) found += line + "\n";
            from = end + 1;
        }
        return found;
    }

    Machine machine;
    PrivateBus bus{machine};
};

inline constexpr unsigned stranger = 65534;
inline bool mayBecomeAnother() {
    return ::geteuid() == 0;
}

}  // namespace entitle::e2e
