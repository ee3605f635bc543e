#include "tests/e2e/serving.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>

#include "tests/server/postgres_cluster.h"

namespace entitle::e2e {
namespace {

using boost::asio::ip::tcp;

void write(const std::string& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

// Without a connection of its own the body ends where the connection does.
std::string converse(std::uint16_t port, const std::string& request) {
    boost::asio::io_context context;
    tcp::socket socket(context);
    socket.connect({boost::asio::ip::address_v4::loopback(), port});
    boost::asio::write(socket, boost::asio::buffer(request));
    std::string answer;
    boost::system::error_code end;
    boost::asio::read(socket, boost::asio::dynamic_buffer(answer), end);
    return answer;
}

std::string databaseUrl() {
    const char* wish = std::getenv("ENTITLE_TEST_DATABASE");
    if (wish == nullptr || std::string_view(wish) == "sqlite") return "";
    if (std::string_view(wish) != "postgresql") throw std::runtime_error("ENTITLE_TEST_DATABASE: sqlite or postgresql");
    std::string whyNot;
    auto* cluster = testing::PostgresCluster::shared(whyNot);
    if (cluster == nullptr) throw std::runtime_error(whyNot);
    return cluster->newDatabase().url();
}

}  // namespace

Serving::Serving(std::string directory, const std::string& more) : directory_(std::move(directory)) {
    std::filesystem::create_directories(directory_);
    write(directory_ + "/password", "correct horse battery\n");
    std::vector<std::string> founding{"init", "--roots", directory_ + "/roots"};
    if (const auto url = databaseUrl(); !url.empty()) founding.insert(founding.end(), {"--database", url});
    const auto founded = command(founding);
    if (founded.status != 0) throw std::runtime_error("no authority: " + founded.both());
    // What signs key sets is not where documents are signed.
    std::filesystem::rename(directory_ + "/roots", rootsAway());
    Process admin({ENTITLE_SERVER, "--dir", this->directory(), "admin", "create", "admin@example.com"}, {},
                  directory_ + "/admin.log", directory_ + "/password");
    if (admin.wait() != 0) throw std::runtime_error("no administrator");
    configure(more);
}

void Serving::configure(const std::string& toml) const {
    write(directory() + "/server.toml",
          toml +
              "\n[log]\nrequests = false\nlevel = \"error\"\n[rates]\nrequests_per_minute = 0\n"
              "account_requests_per_minute = 0\n");
    std::filesystem::permissions(directory() + "/server.toml", std::filesystem::perms(0600));
}

void Serving::start() {
    const auto address = "127.0.0.1:" + std::to_string(port_);
    // Its log is what it says to us.
    process_.emplace(std::vector<std::string>{"/bin/sh", "-c", "exec \"$0\" \"$@\" 2>&1", ENTITLE_SERVER, "--dir",
                                              directory(), "serve", "--listen", address},
                     Environment{{"ENTITLE_SERVER_LOG_LEVEL", "info"}}, directory_ + "/serve.log");
    while (const auto line = process_->readLine()) {
        const auto at = line->find("listening on ");
        if (at == std::string::npos) continue;
        port_ = static_cast<std::uint16_t>(std::stoi(line->substr(line->rfind(':') + 1)));
        return;
    }
    throw std::runtime_error("the authority does not listen");
}

void Serving::stop() {
    process_->signal(SIGTERM);
    if (!process_->wait()) throw std::runtime_error("the authority does not stop");
    process_.reset();
}

boost::json::object Serving::ask(const std::string& method, const std::string& path, const std::string& body) {
    const auto request = [&](const std::string& bearer) {
        return method + " " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
               (bearer.empty() ? "" : "Authorization: Bearer " + bearer + "\r\n") +
               "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    };
    const bool open = path == "/v1/tokens" || path == "/v1/accounts";
    if (!open && token_.empty()) {
        const auto made =
            ask("POST", "/v1/tokens", R"({"email":"admin@example.com","password":"correct horse battery"})");
        token_ = made.at("token").as_string();
    }
    const auto answer = converse(port_, request(open ? "" : token_));
    const auto head = answer.find("\r\n\r\n");
    if (answer.size() < 12 || head == std::string::npos || answer[9] != '2')
        throw std::runtime_error(method + " " + path + ": " + answer);
    const auto content = answer.substr(head + 4);
    return content.empty() ? boost::json::object() : boost::json::parse(content).as_object();
}

Serving::License Serving::license(const std::string& type, const std::string& more) {
    if (customer_.empty()) {
        const auto made =
            ask("POST", "/v1/accounts", R"({"email":"trader@example.com","password":"another long password"})");
        customer_ = made.at("user_id").as_string();
    }
    const auto made = ask("POST", "/api/licensing/generate",
                          R"({"user_id":")" + customer_ + R"(","license_type":")" + type + "\"" + more + "}");
    return {std::string(made.at("license_id").as_string()), std::string(made.at("license_key").as_string())};
}

boost::json::object Serving::show(const License& license) {
    return ask("GET", "/v1/admin/licenses/" + license.id);
}

std::vector<boost::json::object> Serving::seats(const License& license) {
    std::vector<boost::json::object> held;
    const auto shown = show(license);
    for (const auto& device : shown.at("devices").as_array())
        if (device.at("released_at").is_null()) held.push_back(device.as_object());
    return held;
}

void Serving::decide(const License& license, const std::string& word) {
    ask("POST", "/v1/admin/licenses/" + license.id + "/" + word, "{}");
}

Output Serving::command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {ENTITLE_SERVER, "--dir", directory()});
    return run(arguments, {}, directory_);
}

}  // namespace entitle::e2e
