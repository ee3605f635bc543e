// libcurl and real sockets: what an authority, and everybody who may stand in its place, can answer.
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "daemon/authority.h"
#include "daemon/idle_memory.h"
#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {
namespace {

using boost::asio::ip::tcp;

// Answers one connection with the bytes it is given, after it has read a request; keeps what it read.
class Scripted {
  public:
    explicit Scripted(std::function<void(tcp::socket&)> answer)
        : acceptor_(context_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
          url_("http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port())),
          thread_([this, answer = std::move(answer)] {
              boost::system::error_code error;
              tcp::socket socket(context_);
              acceptor_.accept(socket, error);
              if (error) return;
              readRequest(socket);
              answer(socket);
          }) {}
    ~Scripted() {
        boost::system::error_code ignored;
        tcp::socket nudge(context_);
        nudge.connect(acceptor_.local_endpoint(), ignored);
        nudge.close(ignored);
        thread_.join();
    }
    const std::string& url() const { return url_; }
    const std::string& request() const { return request_; }

  private:
    void readRequest(tcp::socket& socket) {
        std::array<char, 4096> bytes{};
        boost::system::error_code error;
        while (request_.find("the question") == std::string::npos) {
            const auto size = socket.read_some(boost::asio::buffer(bytes), error);
            if (error) return;
            request_.append(bytes.data(), size);
        }
    }
    boost::asio::io_context context_;
    tcp::acceptor acceptor_;
    std::string url_, request_;
    std::thread thread_;
};

void write(tcp::socket& socket, const std::string& text) {
    boost::system::error_code error;
    boost::asio::write(socket, boost::asio::buffer(text), error);
}

std::string reply(const std::string& status, const std::string& type, const std::string& body,
                  const std::string& more = "") {
    return "HTTP/1.1 " + status + "\r\nContent-Type: " + type + "\r\n" + more +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string answered(const std::string& body) {
    return reply("200 OK", std::string(answerContentType), body);
}

Authority::Result ask(AuthorityPlace place, std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    boost::asio::io_context context;
    auto guard = boost::asio::make_work_guard(context);
    auto authority = httpsAuthority(context, std::move(place));
    std::optional<Authority::Result> result;
    auto asking = authority->ask({"/v1/device/renew", "the question", limit}, [&](Authority::Result got) {
        result.emplace(std::move(got));
        context.stop();
    });
    context.run_for(std::chrono::seconds(60));
    if (!result) throw std::runtime_error("no result came");
    return std::move(*result);
}

ContactFault faultOf(const Authority::Result& result) {
    EXPECT_FALSE(result) << *result;
    return result ? ContactFault{} : result.error().fault;
}

TEST(HttpsAuthority, CarriesTheQuestionAndTheAnswerUnchanged) {
    Scripted server([](tcp::socket& socket) { write(socket, answered("{\"answer\":1}")); });
    const auto result = ask({server.url(), "", ""});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(*result, "{\"answer\":1}");
    EXPECT_TRUE(server.request().starts_with("POST /v1/device/renew HTTP/1.1\r\n")) << server.request();
    EXPECT_NE(server.request().find("Content-Type: application/vnd.entitled.request+paseto\r\n"), std::string::npos);
    EXPECT_TRUE(server.request().ends_with("\r\n\r\nthe question"));
    EXPECT_EQ(server.request().find("Accept-Encoding"), std::string::npos) << "nothing compressed is asked for";
}

TEST(HttpsAuthority, PathOfTheAddressStandsBeforeTheQuestions) {
    Scripted server([](tcp::socket& socket) { write(socket, answered("{}")); });
    EXPECT_TRUE(ask({server.url() + "/licensing/", "", ""}));
    EXPECT_TRUE(server.request().starts_with("POST /licensing/v1/device/renew ")) << server.request();
}

TEST(HttpsAuthority, CaptivePortalIsNotTheAuthority) {
    Scripted server([](tcp::socket& socket) { write(socket, reply("200 OK", "text/html", "<h1>Log in</h1>")); });
    EXPECT_EQ(faultOf(ask({server.url(), "", ""})), ContactFault::notAuthority);
}

TEST(HttpsAuthority, RedirectsAreNotFollowed) {
    Scripted server([](tcp::socket& socket) {
        write(socket, reply("302 Found", "text/html", "", "Location: http://169.254.169.254/latest/meta-data\r\n"));
    });
    EXPECT_EQ(faultOf(ask({server.url(), "", ""})), ContactFault::notAuthority);
}

TEST(HttpsAuthority, AProblemOfTheAuthorityIsNoAnswer) {
    Scripted server([](tcp::socket& socket) {
        write(socket, reply("404 Not Found", "application/problem+json", "{\"code\":\"revoked\"}"));
    });
    EXPECT_EQ(faultOf(ask({server.url(), "", ""})), ContactFault::notAuthority);
}

TEST(HttpsAuthority, BusyServersSayWhenToComeBackWithinADay) {
    for (const auto& [header, expected] :
         {std::pair<const char*, std::int64_t>{"Retry-After: 120\r\n", 120}, {"Retry-After: 1000000000\r\n", 86'400}}) {
        Scripted server([header = header](tcp::socket& socket) {
            write(socket, reply("503 Service Unavailable", "application/problem+json", "{}", header));
        });
        const auto result = ask({server.url(), "", ""});
        ASSERT_EQ(faultOf(result), ContactFault::busy);
        ASSERT_TRUE(result.error().retryAfter);
        EXPECT_EQ(result.error().retryAfter->count(), expected);
    }
}

TEST(HttpsAuthority, AnnouncedGigabyteIsRefusedUnread) {
    Scripted server([](tcp::socket& socket) {
        write(socket, "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(answerContentType) +
                          "\r\nContent-Length: 1000000000\r\n\r\n");
    });
    EXPECT_EQ(faultOf(ask({server.url(), "", ""})), ContactFault::tooLarge);
}

TEST(HttpsAuthority, EndlessBodyIsCutOff) {
    Scripted server([](tcp::socket& socket) {
        write(socket, "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(answerContentType) +
                          "\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string chunk = "1000\r\n" + std::string(4096, 'x') + "\r\n";
        boost::system::error_code error;
        for (int i = 0; i < 100'000 && !error; ++i) boost::asio::write(socket, boost::asio::buffer(chunk), error);
        EXPECT_TRUE(error) << "it went on listening";
    });
    EXPECT_EQ(faultOf(ask({server.url(), "", ""})), ContactFault::tooLarge);
}

TEST(HttpsAuthority, CompressedAnswerIsNotUnpacked) {
    Scripted server([](tcp::socket& socket) {
        write(socket, reply("200 OK", std::string(answerContentType), "\x1f\x8b packed", "Content-Encoding: gzip\r\n"));
    });
    const auto result = ask({server.url(), "", ""});
    ASSERT_TRUE(result);
    EXPECT_EQ(*result, "\x1f\x8b packed");
}

TEST(HttpsAuthority, SlowDripEndsAtTheLimit) {
    std::atomic<bool> over{false};
    Scripted server([&](tcp::socket& socket) {
        write(socket, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
        boost::system::error_code error;
        while (!over && !error) {
            boost::asio::write(socket, boost::asio::buffer("x", 1), error);
            boost::asio::steady_timer(socket.get_executor(), std::chrono::milliseconds(1)).wait();
            std::array<char, 1> byte{};
            socket.non_blocking(true);
            socket.read_some(boost::asio::buffer(byte), error);  // learns that the client has gone
            if (error == boost::asio::error::would_block) error = {};
        }
    });
    EXPECT_EQ(faultOf(ask({server.url(), "", ""}, std::chrono::milliseconds(300))), ContactFault::silent);
    over = true;
}

TEST(HttpsAuthority, AnswerCutShortIsNoAnswer) {
    Scripted server([](tcp::socket& socket) {
        write(socket, "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(answerContentType) +
                          "\r\nContent-Length: 100\r\n\r\n{\"answer\":");
        socket.close();
    });
    EXPECT_EQ(faultOf(ask({server.url(), "", ""})), ContactFault::unconnected);
}

TEST(HttpsAuthority, NobodyListensAndNoSuchName) {
    EXPECT_EQ(faultOf(ask({"http://127.0.0.1:1", "", ""})), ContactFault::unconnected);
    EXPECT_EQ(faultOf(ask({"https://no-such-name.invalid", "", "none"})), ContactFault::unresolved);
}

TEST(HttpsAuthority, TheProxyIsAskedAndCanBeSwitchedOff) {
    Scripted proxy([](tcp::socket& socket) { write(socket, answered("{}")); });
    EXPECT_TRUE(ask({"http://localhost:9", "", proxy.url()}));
    EXPECT_TRUE(proxy.request().starts_with("POST http://localhost:9/v1/device/renew HTTP/1.1\r\n")) << proxy.request();
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    Scripted direct([](tcp::socket& socket) { write(socket, answered("{}")); });
    EXPECT_TRUE(ask({direct.url(), "", "none"}));
    ::unsetenv("http_proxy");
}

TEST(HttpsAuthority, WithdrawnQuestionIsNeverAnswered) {
    Scripted server([](tcp::socket& socket) { write(socket, answered("{}")); });
    boost::asio::io_context context;
    auto authority = httpsAuthority(context, {server.url(), "", ""});
    bool called = false;
    auto asking = authority->ask({"/x", "the question", std::chrono::seconds(20)}, [&](auto) { called = true; });
    asking.reset();
    authority.reset();
    context.run_for(std::chrono::milliseconds(50));
    EXPECT_FALSE(called);
}

TEST(HttpsAuthority, ManyQuestionsAtOnceEachGetTheirOwnAnswer) {
    Scripted first([](tcp::socket& socket) { write(socket, answered("one")); });
    boost::asio::io_context context;
    auto guard = boost::asio::make_work_guard(context);
    auto authority = httpsAuthority(context, {first.url(), "", ""});
    int answers = 0, failures = 0;
    std::vector<std::unique_ptr<Authority::Asking>> askings;
    const auto done = [&](Authority::Result result) {
        (result ? answers : failures) += 1;
        if (answers + failures == 2) context.stop();
    };
    askings.push_back(authority->ask({"/a", "the question", std::chrono::seconds(20)}, done));
    askings.push_back(authority->ask({"/b", "the question", std::chrono::milliseconds(400)}, done));
    context.run_for(std::chrono::seconds(30));
    EXPECT_EQ(answers, 1);  // the server takes one connection only
    EXPECT_EQ(failures, 1);
}

// A TLS server of OpenSSL's own, with a certificate of a test authority.
class TlsServer {
  public:
    TlsServer(const std::string& hostName, const std::string& days) {
        const auto sh = [&](const std::string& command) {
            if (std::system(("cd '" + files_.path() + "' && (" + command + ") >log 2>&1").c_str()) != 0) {
                throw std::runtime_error(readFile(files_ / "log"));
            }
        };
        sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -subj "
           "/CN=test-ca -days 10");
        sh("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout host.key -out host.csr -subj /CN=" +
           hostName);
        writeFile(files_ / "names", "subjectAltName=DNS:" + hostName + "\n");
        sh("openssl x509 -req -in host.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out host.pem -extfile names "
           "-days " +
           days);
        // The port: whatever the system gives to a socket that is closed again at once.
        boost::asio::io_context context;
        port_ =
            tcp::acceptor(context, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)).local_endpoint().port();
        const std::string port = std::to_string(port_), directory = files_.path();
        pid_ = ::fork();
        if (pid_ == 0) {
            if (::chdir(directory.c_str()) != 0 || !std::freopen("served", "w", stdout) ||
                !std::freopen("served", "w", stderr)) {
                ::_exit(126);
            }
            ::execlp("openssl", "openssl", "s_server", "-accept", ("127.0.0.1:" + port).c_str(), "-cert", "host.pem",
                     "-key", "host.key", "-www", nullptr);
            ::_exit(127);
        }
        for (int i = 0; i < 5'000; ++i) {
            tcp::socket probe(context);
            boost::system::error_code error;
            probe.connect(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port_), error);
            if (!error) return;
            boost::asio::steady_timer(context, std::chrono::milliseconds(2)).wait();
        }
        throw std::runtime_error("openssl s_server does not come up");
    }
    ~TlsServer() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    std::string url() const { return "https://localhost:" + std::to_string(port_); }
    std::string ca() const { return files_ / "ca.pem"; }

  private:
    TemporaryDirectory files_;
    unsigned short port_ = 0;
    pid_t pid_ = -1;
};

TEST(HttpsAuthority, TlsIsTrustedByItsAuthorityAndItsHostName) {
    if (std::system("openssl version >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs the openssl command";
    TlsServer good("localhost", "5"), other("elsewhere", "5");
    // s_server does not answer a POST: past TLS, nobody says anything.
    EXPECT_EQ(faultOf(ask({good.url(), good.ca(), "none"}, std::chrono::seconds(2))), ContactFault::silent);
    EXPECT_EQ(faultOf(ask({good.url(), "", "none"})), ContactFault::untrusted) << "an unknown authority";
    EXPECT_EQ(faultOf(ask({good.url(), other.ca(), "none"})), ContactFault::untrusted) << "another authority";
    EXPECT_EQ(faultOf(ask({other.url(), other.ca(), "none"})), ContactFault::untrusted) << "another host's name";
    EXPECT_EQ(faultOf(ask({good.url(), "/no/such/file", "none"})), ContactFault::untrusted);
}

// Of files that are mapped: code above all.
std::size_t residentKilobytesOfFiles() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("RssFile:")) return std::stoul(line.substr(8));
    return 0;
}

TEST(IdleMemory, WhatLibcurlRanThroughOnceIsGivenBack) {
    Scripted server([](tcp::socket& socket) { write(socket, answered("{}")); });
    ASSERT_TRUE(ask({server.url(), "", ""}));
    const auto before = residentKilobytesOfFiles();
    giveBackIdleMemory();
    const auto after = residentKilobytesOfFiles();
    EXPECT_LT(after + 1'000, before);
}

TEST(IdleMemory, MayBeGivenBackInTheMiddleOfAnything) {
    std::atomic<bool> stop{false};
    std::thread giver([&] {
        while (!stop) giveBackIdleMemory();
    });
    for (int i = 0; i < 20; ++i) {
        Scripted server([](tcp::socket& socket) { write(socket, answered("{\"answer\":1}")); });
        const auto result = ask({server.url(), "", ""});
        EXPECT_TRUE(result && *result == "{\"answer\":1}");
    }
    stop = true;
    giver.join();
}

TEST(AuthorityUrl, OnlyHttpsLeavesTheMachine) {
    for (const char* good :
         {"https://license.example.com", "https://license.example.com:8443/licensing/", "http://127.0.0.1:8000",
          "http://localhost:8000", "http://[::1]:8000", "https://[2001:db8::1]"}) {
        EXPECT_EQ(checkAuthorityUrl(good), std::nullopt) << good;
    }
    for (const char* bad :
         {"", "license.example.com", "http://license.example.com", "http://169.254.169.254/latest",
          "file:///etc/passwd", "https://", "https://user:secret@host", "https://host:0", "https://host:70000",
          "https://host:", "https://a b", "https://host/?query", "https://host/#fragment", "https://host/../up",
          "\\\\server\\share", "http://127.0.0.1.example.com", "http://localhost.example.com",
          "https://host\r\nHeader: x", "ftp://host"}) {
        EXPECT_NE(checkAuthorityUrl(bad), std::nullopt) << bad;
    }
    EXPECT_NE(checkAuthorityUrl("https://" + std::string(600, 'a')), std::nullopt);
}

}  // namespace
}  // namespace entitle::testing
