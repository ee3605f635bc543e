// The real authority without sockets and without a clock: requests come over a pipe, each with the time it arrives at.
// One JSON object a line in, one out. A process of its own: daemon and server never share one.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>

#include <boost/json.hpp>

#include "server/accounts.h"
#include "server/backup.h"
#include "server/rotation.h"
#include "server/service.h"
#include "tests/server/desk.h"
#include "tests/simulation/chance.h"

namespace entitle::simulation {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

Instant instantOf(const json::value& value) {
    return Instant{Seconds{value.to_number<std::int64_t>()}};
}
std::string stringOf(const json::object& object, std::string_view name) {
    const auto* found = object.if_contains(name);
    return found ? std::string(found->as_string()) : std::string();
}

class SimulatedAuthority {
  public:
    SimulatedAuthority() { start(); }

    json::object obey(const json::object& order) {
        if (order.contains("now")) now_ = instantOf(order.at("now"));
        const std::string what = stringOf(order, "do");
        json::object out;
        if (what == "ask") {
            out = ask(order);
        } else if (what == "answer") {
            out = answer(order);
        } else if (what == "leave") {
            waiting_.erase(order.at("wait").to_number<std::uint64_t>());
        } else if (what == "mint") {
            out = mint(order);
        } else if (what == "restart") {
            stop();
            start();
        } else if (what == "backup") {
            fs::remove(backup());
            backUp(desk_.authority(), backup()).value();
        } else if (what == "restore") {
            putBack();
        } else if (what == "rotate") {
            const auto made = rotateSigningKey(desk_.authority(), desk_.roots(), std::chrono::days{3}, now_);
            if (!made && made.error().reason != DenialReason::tooManyKeys)
                throw std::runtime_error(made.error().message);
            out["rotated"] = made.has_value();
        } else if (what == "sql") {
            desk_.execute(stringOf(order, "text"));
        } else if (what == "roots") {
            out["roots"] = printRoots(desk_.authority().roots());
        } else {
            throw std::runtime_error("no such order: " + what);
        }
        json::array woken;
        for (const auto& [number, waiting] : waiting_)
            if (waiting.wake.fired()) woken.push_back(number);
        out["woken"] = std::move(woken);
        if (order.contains("look")) out["licenses"] = look();
        return out;
    }

  private:
    fs::path backup() const { return desk_.scratch("backup.db"); }

    void start() {
        desk_.reopen(now_);
        service_ =
            std::make_unique<Service>(desk_.authority(), desk_.secrets(), config_,
                                      HttpClock{[this] { return now_; }, [] { return std::chrono::nanoseconds{}; }},
                                      metrics_, [] { return false; });
        router_ = std::make_unique<Router>(service_->routes());
        worker_ = service_->makeWorker();
        admin_ = Caller{"acc_admin", true, "", 0, ""};
    }
    void stop() {
        waiting_.clear();
        worker_.reset();
        router_.reset();
        service_.reset();
        desk_.close();
    }
    void putBack() {
        stop();
        for (const char* part : {"authority.db", "authority.db-wal", "authority.db-shm"})
            fs::remove(desk_.directory() / part);
        restore(desk_.directory(), backup(), now_).value();
        start();
    }

    json::object ask(const json::object& order) {
        HttpRequest request;
        request.method = stringOf(order, "method");
        request.path = stringOf(order, "path");
        request.body = stringOf(order, "body");
        request.peer = "127.0.0.1";
        request.now = now_;
        const auto found = router_->find(request.method, request.path);
        const auto* match = std::get_if<Router::Match>(&found);
        if (match == nullptr) throw std::runtime_error("no such route: " + request.path);
        Call call{request, match->parameters, std::nullopt, *match->route};
        if (match->route->access == Access::admin) call.caller = admin_;
        auto reply = match->route->handler(*worker_, call);
        if (auto* response = std::get_if<HttpResponse>(&reply)) return told(*response);
        waiting_.emplace(++last_, std::move(std::get<Waiting>(reply)));
        return {{"wait", last_}};
    }
    json::object answer(const json::object& order) {
        const auto found = waiting_.find(order.at("wait").to_number<std::uint64_t>());
        if (found == waiting_.end()) throw std::runtime_error("nobody waits");
        const Waiting waiting = std::move(found->second);
        waiting_.erase(found);
        return told(waiting.answer(*worker_, waiting.wake.fired(), now_));
    }
    static json::object told(const HttpResponse& response) {
        return {{"status", response.status}, {"type", response.contentType}, {"body", response.body}};
    }

    json::object mint(const json::object& order) {
        NewLicense wish;
        wish.type = stringOf(order, "type");
        wish.deviceLimit = order.at("devices").to_number<int>();
        if (const auto* total = order.if_contains("total")) wish.totalBots = total->to_number<std::int64_t>();
        if (const auto* days = order.if_contains("days")) wish.days = days->to_number<int>();
        const auto minted = mintLicense(worker_->store, desk_.secrets(), wish, now_).value();
        return {{"license", minted.row.id.value}, {"key", minted.key.text()}};
    }

    // What stands in the rows, all of it: the simulation counts for itself.
    json::object look() {
        json::object licenses;
        for (const auto& row : worker_->store.licenses(0, 500)) {
            json::array devices;
            for (const auto& device : worker_->store.devices(row.id)) {
                json::object seen{{"device", device.device.value},
                                  {"number", device.number},
                                  {"held", !device.releasedAt},
                                  {"leased", device.botsLeased}};
                if (device.leasedUntil) seen["leased_until"] = device.leasedUntil->time_since_epoch().count();
                devices.push_back(std::move(seen));
            }
            json::object license{{"status", toString(row.status)},
                                 {"limit", row.deviceLimit},
                                 {"held", row.devicesHeld},
                                 {"devices", std::move(devices)}};
            if (row.totalBots) license["total"] = *row.totalBots;
            licenses[row.id.value] = std::move(license);
        }
        return licenses;
    }

    Instant now_ = testing::noon;
    testing::Desk desk_;
    const ServeConfig config_;
    HttpMetrics metrics_;
    std::unique_ptr<Service> service_;
    std::unique_ptr<Router> router_;
    std::shared_ptr<Worker> worker_;
    Caller admin_;
    std::map<std::uint64_t, Waiting> waiting_;
    std::uint64_t last_ = 0;
};

}  // namespace
}  // namespace entitle::simulation

int main(int count, char** arguments) {
    using namespace entitle::simulation;
    std::ios::sync_with_stdio(false);
    seedSodium(count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 0);
    try {
        SimulatedAuthority authority;
        for (std::string line; std::getline(std::cin, line);) {
            json::object out;
            try {
                out = authority.obey(json::parse(line).as_object());
            } catch (const std::exception& fault) {
                out = {{"fault", fault.what()}};
            }
            std::cout << json::serialize(out) << std::endl;
        }
    } catch (const std::exception& fault) {
        std::cerr << "simulated_authority: " << fault.what() << std::endl;
        return 1;
    }
    return 0;
}
