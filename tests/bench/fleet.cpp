#include "tests/bench/fleet.h"

#include <chrono>
#include <stdexcept>

#include "license/base64url.h"
#include "tests/bench/load.h"
#include "tests/bench/server_process.h"

namespace entitle::bench {

namespace {

FingerprintTemplate aMachine() {
    return enroll({false,
                   false,
                   {{"product_uuid", {"5f8c1a52-9d1e-4c3b-a1b2-77a0c2d4e6f8"}},
                    {"board_serial", {"BS-0123456789"}},
                    {"disk", {"wwn-0x5000c500a1b2c3d4"}},
                    {"machine_id", {"4c4c4544004b3510804ab9c04f4d3032"}},
                    {"nic", {"00:1b:21:3a:4b:5c"}},
                    {"cpu", {"authenticamd/25/33"}}}});
}

// The payload of a v4.public token, not verified: tests/server says whether answers are what they should be.
std::string payloadOf(std::string_view token) {
    token.remove_prefix(std::string_view("v4.public.").size());
    const auto bytes = fromBase64url(token.substr(0, token.find('.')));
    if (!bytes || bytes->size() < 64) throw std::runtime_error("no token in an answer");
    return {bytes->begin(), bytes->end() - 64};
}

}  // namespace

std::string memberOf(std::string_view json, std::string_view name) {
    const std::string sought = "\"" + std::string(name) + "\":";
    const auto at = json.find(sought);
    if (at == std::string_view::npos) throw std::runtime_error("no " + sought + " in " + std::string(json));
    auto rest = json.substr(at + sought.size());
    if (rest.starts_with('"')) return std::string(rest.substr(1, rest.find('"', 1) - 1));
    return std::string(rest.substr(0, rest.find_first_of(",}")));
}

std::string adminToken(std::uint16_t port) {
    Asker asker(port);
    return memberOf(asker.ask(request("POST", "/v1/tokens", "application/json",
                                      R"({"email":")" + std::string(ServerProcess::adminEmail) + R"(","password":")" +
                                          std::string(ServerProcess::adminPassword) + R"("})"),
                              201),
                    "token");
}

std::string registerUser(Asker& asker, std::string_view email) {
    return memberOf(asker.ask(request("POST", "/v1/accounts", "application/json",
                                      R"({"email":")" + std::string(email) + R"(","password":"a long enough one"})"),
                              201),
                    "user_id");
}

Minted mint(Asker& asker, std::string_view token, std::string_view user, std::string_view type) {
    const auto body = asker.ask(
        request("POST", "/api/licensing/generate", "application/json",
                R"({"user_id":")" + std::string(user) + R"(","license_type":")" + std::string(type) + R"("})", token),
        201);
    return {memberOf(body, "license_id"), memberOf(body, "license_key")};
}

Fleet::Fleet(std::string authority, std::uint16_t port, std::size_t devices, std::string_view token)
    : authority_(std::move(authority)), hardware_(aMachine()), devices_(devices) {
    Asker asker(port);
    const auto user = registerUser(asker, "fleet@example.com");
    const auto order = request("POST", "/api/licensing/generate", "application/json",
                               R"({"user_id":")" + user + R"(","license_type":"pro"})", token);
    Load load(port, std::min<std::size_t>(16, devices));
    std::vector<std::string> keys;
    std::size_t next = 0;
    load.run(
        std::chrono::minutes(5),
        [&](std::size_t) { return next++ < devices ? std::string_view(order) : std::string_view(); },
        [&](std::size_t, int status, std::string_view body) {
            if (status != 201) throw std::runtime_error("generate: " + std::string(body));
            keys.push_back(memberOf(body, "license_key"));
        });
    next = 0;
    std::vector<std::size_t> at(load.connections());
    load.run(
        std::chrono::minutes(5),
        [&](std::size_t connection) -> std::string_view {
            if (next >= devices) return {};
            at[connection] = next++;
            auto question = ask(devices_[at[connection]], Operation::activate);
            question.key = keys[at[connection]];
            text_ = request("POST", routeOf(Operation::activate), requestContentType,
                            signRequest(devices_[at[connection]].key, question));
            return text_;
        },
        [&](std::size_t connection, int status, std::string_view body) { renewed(at[connection], status, body); });
}

ExchangeRequest Fleet::ask(const Device& device, Operation operation) const {
    ExchangeRequest out;
    out.authority = authority_;
    out.operation = operation;
    out.deviceKey = device.key.verifyKey();
    out.license = device.license;
    out.token = device.token;
    out.rid = freshNonce();
    out.sentAt = std::chrono::floor<Seconds>(std::chrono::system_clock::now());
    out.fingerprint = hardware_;
    out.hostLabel = "trader-17";
    out.productVersion = "0.1.0";
    out.highestSequence = device.sequence;
    out.keySetVersion = 1;
    out.keyLevel = "file";
    out.bots = 2;
    return out;
}

std::string_view Fleet::renewal(std::size_t i) {
    text_ = request("POST", routeOf(Operation::renew), requestContentType,
                    signRequest(devices_[i].key, ask(devices_[i], Operation::renew)));
    return text_;
}

std::string Fleet::waiting(std::size_t i, std::string_view client) const {
    auto out = request("POST", routeOf(Operation::wait), requestContentType,
                       signRequest(devices_[i].key, ask(devices_[i], Operation::wait)));
    return out.insert(out.find("\r\n") + 2, "X-Forwarded-For: " + std::string(client) + "\r\n");
}

void Fleet::renewed(std::size_t i, int status, std::string_view body) {
    if (status != 200) throw std::runtime_error("HTTP " + std::to_string(status) + ": " + std::string(body));
    const auto answer = payloadOf(memberOf(body, "answer"));
    if (memberOf(answer, "outcome") != "granted") throw std::runtime_error("not granted: " + answer);
    auto& device = devices_[i];
    device.token = memberOf(answer, "tok");
    device.sequence = std::stoull(memberOf(answer, "seq"));
    if (device.license.value.empty()) device.license = LicenseId{memberOf(answer, "lic")};
}

}  // namespace entitle::bench
