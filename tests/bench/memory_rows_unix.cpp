#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tests/bench/fleet.h"
#include "tests/bench/load.h"
#include "tests/bench/measure.h"
#include "tests/bench/server_rows.h"
#include "tests/server/test_certificates.h"

namespace entitle::bench {

namespace {

constexpr double kilobyte = 1e3, megabyte = 1e6;

Row atMost(std::string name, std::string what, double value, std::string unit, double target, std::string note = "") {
    return {std::move(name),    std::move(what), value,           std::move(unit),
            Row::Bound::atMost, target,          std::move(note), false};
}

// A client's connection that is only written to, and read from when it is asked something at once.
class Stream {
  public:
    Stream(const std::string& source, std::uint16_t port, SSL_CTX* tls) : fd_(connectFrom(source, port)) {
        if (tls == nullptr) return;
        ssl_ = SSL_new(tls);
        SSL_set_fd(ssl_, fd_);
        if (SSL_connect(ssl_) != 1) throw std::runtime_error("no TLS");
    }
    ~Stream() {
        if (ssl_ != nullptr) SSL_free(ssl_);
        ::close(fd_);
    }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    void send(std::string_view bytes) const {
        if (ssl_ == nullptr) return sendAll(fd_, bytes);
        if (SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) <= 0) throw std::runtime_error("TLS write");
    }
    // The body of a response that says it is the last of the connection.
    std::string readAll() const {
        std::string out;
        char bytes[16'384];
        for (;;) {
            const auto got = ssl_ == nullptr ? static_cast<int>(::recv(fd_, bytes, sizeof bytes, 0))
                                             : SSL_read(ssl_, bytes, sizeof bytes);
            if (got <= 0) return out;
            out.append(bytes, static_cast<std::size_t>(got));
        }
    }

  private:
    int fd_;
    SSL* ssl_ = nullptr;
};

// What the server says of itself.
double metric(const ServerProcess& server, SSL_CTX* tls, const std::string& name) {
    const Stream stream("127.0.0.1", server.port(), tls);
    stream.send("GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n");
    const auto text = stream.readAll();
    const auto at = text.find("\n" + name + " ");
    return at == std::string::npos ? 0 : std::stod(text.substr(at + 2 + name.size()));
}

double resident(const ServerProcess& server) {
    const auto facts = factsOf(server.pid());
    if (!facts) throw std::runtime_error("the server is gone");
    return static_cast<double>(facts->residentBytes);
}

void waitForWaiting(const ServerProcess& server, SSL_CTX* tls, double count) {
    const auto deadline = nowNanos() + 40'000'000'000;
    while (metric(server, tls, "entitle_http_waiting") < count) {
        if (nowNanos() > deadline) throw std::runtime_error("the push connections do not come to wait");
        ::poll(nullptr, 0, 10);
    }
}

// Resident bytes of the server for each of `count` connections that wait, the first ones not counted: what is paid once
// is not theirs.
double bytesEach(const ServerProcess& server, const Fleet& fleet, std::size_t count, SSL_CTX* tls) {
    constexpr std::size_t batch = 500;
    const std::size_t warm = std::min(batch, count / 5);
    std::vector<std::unique_ptr<Stream>> all;
    double before = 0;
    while (all.size() < count) {
        const auto goal = all.size() < warm ? warm : std::min(count, all.size() + batch);
        while (all.size() < goal) {
            const auto i = all.size();
            all.push_back(std::make_unique<Stream>("127.0.0." + std::to_string(2 + i % 8), server.port(), tls));
            all.back()->send(fleet.waiting(i % fleet.size(), "10." + std::to_string(i / 65'536) + "." +
                                                                 std::to_string(i / 256 % 256) + "." +
                                                                 std::to_string(i % 256)));
        }
        waitForWaiting(server, tls, static_cast<double>(all.size()));
        if (before == 0) before = resident(server);
    }
    return (resident(server) - before) / static_cast<double>(count - warm);
}

}  // namespace

void measureMemory(const Programs& programs, const ServerScale& scale, Report& report) {
    ServerProcess server(programs, std::nullopt);
    server.start();
    metric(server, nullptr, "none");
    report.add(atMost("server_idle", "the server idle, on SQLite: resident", resident(server) / megabyte, "MB", 25));
    const auto token = adminToken(server.port());
    {
        Load load(server.port(), std::min<std::size_t>(8, scale.logIns));
        const auto logIn = request("POST", "/v1/tokens", "application/json",
                                   R"({"email":")" + std::string(ServerProcess::adminEmail) + R"(","password":")" +
                                       std::string(ServerProcess::adminPassword) + R"("})");
        std::size_t asked = 0;
        load.run(
            std::chrono::minutes(2),
            [&](std::size_t) { return asked++ < scale.logIns ? std::string_view(logIn) : std::string_view(); },
            [&](std::size_t, int status, std::string_view body) {
                if (status != 201) throw std::runtime_error("log in: " + std::string(body));
            });
    }
    report.add(atMost("server_after_logins",
                      "the same after " + std::to_string(scale.logIns) + " log-ins, 8 at once: resident",
                      resident(server) / megabyte, "MB", 25));
    const Fleet fleet(server.authority(), server.port(), std::min<std::size_t>(scale.devices, 1'000), token);
    server.stop();

    server.start();
    const double plainEach = bytesEach(server, fleet, scale.waiting, nullptr);
    report.add(atMost("waiting", std::to_string(scale.waiting) + " waiting push connections, plain HTTP: each",
                      plainEach / kilobyte, "kB", 20));
    server.stop();

    const testing::TestCa ca;
    const auto pem = ca.issue();
    writeText(server.directory() / "certificate.pem", pem.certificate);
    writeText(server.directory() / "key.pem", pem.key, true);
    server.start("[tls]\ncertificate = \"" + (server.directory() / "certificate.pem").string() + "\"\nkey = \"" +
                 (server.directory() / "key.pem").string() + "\"\n");
    const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> tls(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free);
    const double each = bytesEach(server, fleet, scale.waitingTls, tls.get());
    report.add({"waiting_tls", std::to_string(scale.waitingTls) + " waiting push connections over TLS 1.3: each",
                each / kilobyte, "kB", Row::Bound::none, 0, "", false});
    server.stop();
}

}  // namespace entitle::bench
