// A machine whose daemon asks a real authority, with the fault proxy in between.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "license/exchange.h"
#include "tests/e2e/fault_proxy.h"
#include "tests/e2e/machine.h"
#include "tests/e2e/serving.h"

namespace entitle::e2e {

inline const std::string activatePath = "/v1/device/activate";
inline const std::string renewPath = "/v1/device/renew";
inline const std::string reenrolPath = "/v1/device/reenrol";
inline const std::string deactivatePath = "/v1/device/deactivate";
inline const std::string waitPath = "/v1/device/wait";

class Online : public testing::Test {
  protected:
    using Kind = FaultProxy::Deed::Kind;
    using License = Serving::License;

    void SetUp() override {
        server.start();
        proxy = std::make_unique<FaultProxy>(server.port());
        machine.write(machine.rootsFile(), machine.read(server.rootsFile()));
        configure(proxy->url());
        machine.start();
    }
    void configure(const std::string& url, const std::string& more = "") {
        machine.configure("[authority]\nurl = \"" + url + "\"\n" + more +
                          "[limits]\nactivations_per_minute = 1000\n[log]\nlevel = \"debug\"\n");
    }

    static boost::json::object statusOf(const Machine& of) {
        const auto output = of.ctl({"status", "--json"});
        boost::system::error_code bad;
        const auto value = boost::json::parse(output.out, bad);
        return value.is_object() ? value.get_object() : boost::json::object();
    }
    boost::json::object status() const { return statusOf(machine); }
    static std::string text(const boost::json::object& of, std::string_view member) {
        const auto* value = of.if_contains(member);
        return value && value->is_string() ? std::string(value->get_string()) : std::string();
    }
    static bool is(const boost::json::object& of, std::string_view member) {
        const auto* value = of.if_contains(member);
        return value && value->is_bool() && value->get_bool();
    }
    std::string standing() const { return text(status(), "standing"); }

    // Each asking is a program that runs and ends, so this is no busy loop.
    static bool eventually(const std::function<bool()>& so) {
        const auto end = std::chrono::steady_clock::now() + patience;
        do {
            if (so()) return true;
        } while (std::chrono::steady_clock::now() < end);
        return false;
    }
    // How often the daemon has found that there is no answer. The status may tell of a later one already.
    std::size_t failures() const {
        const auto log = machine.log();
        std::size_t count = 0;
        const std::string words = "the authority was not reached";
        for (auto at = log.find(words); at != std::string::npos; at = log.find(words, at + 1)) ++count;
        return count;
    }
    bool noticed(std::size_t since) const {
        return eventually([&] { return failures() > since; });
    }

    void activate(const License& license) {
        const auto done = machine.ctl({"activate", license.key});
        ASSERT_EQ(done.status, 0) << done.both() << machine.log();
    }
    // Where every fault must end: the right license, one seat, a token that the next renewal is granted with.
    void settled(const License& license) {
        const auto now = status();
        ASSERT_EQ(text(now, "license_id"), license.id) << now;
        ASSERT_EQ(text(now, "standing"), "active") << now;
        const auto renewed = machine.ctl({"refresh"});
        ASSERT_EQ(renewed.status, 0) << renewed.both() << machine.log();
        const auto after = status();
        ASSERT_EQ(text(after, "standing"), "active") << after;
        ASSERT_TRUE(after.at("conflict_at").is_null()) << after;
        ASSERT_GT(after.at("sequence").to_number<std::uint64_t>(), now.at("sequence").to_number<std::uint64_t>());
        const auto seats = server.seats(license);
        ASSERT_EQ(seats.size(), 1u);
        ASSERT_TRUE(seats[0].at("conflict_at").is_null()) << seats[0];
        ASSERT_EQ(text(seats[0], "device"), text(after, "device_id"));
        ASSERT_THAT(machine.log(), testing::Not(testing::HasSubstr("recovered")));
    }
    // The rids under which a question was sent; retries of one carry the same.
    std::set<std::string> rids(const std::string& path, std::size_t from = 0, std::size_t most = SIZE_MAX) {
        std::set<std::string> found;
        const auto all = proxy->exchanges(path);
        for (std::size_t i = from; i < all.size() && i - from < most; ++i) {
            const auto& request = all[i].request;
            const auto operation = operationFrom(path.substr(path.rfind('/') + 1)).value();
            found.insert(verifyRequest(request.substr(request.find("\r\n\r\n") + 4), authority(), operation)->rid);
        }
        return found;
    }
    std::string authority() const { return parseRoots(machine.read(machine.rootsFile()))->authority; }
    // Every offset of `size` bytes with ENTITLE_FAULT_OFFSETS=all, so many with a number, else some: both ends, and a
    // stride between.
    static std::vector<std::size_t> offsets(std::size_t size, std::size_t some = 8) {
        const char* wish = std::getenv("ENTITLE_FAULT_OFFSETS");
        const bool all = wish && std::string(wish) == "all";
        if (wish && !all) some = std::max<std::size_t>(1, std::strtoul(wish, nullptr, 10));
        const auto stride = all ? 1 : std::max<std::size_t>(1, size / some);
        std::vector<std::size_t> out;
        for (std::size_t at = 0; at < size; at += stride) out.push_back(at);
        if (out.empty() || out.back() != size - 1) out.push_back(size - 1);
        return out;
    }

    Machine machine;
    Serving server{machine.directory() + "/server"};
    std::unique_ptr<FaultProxy> proxy;
};

}  // namespace entitle::e2e
