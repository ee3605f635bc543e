// An HTTP client that can say anything, also what no client should.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace entitle::testing {

struct Received {
    int status = 0;  // 0: the connection ended, or the deadline passed, before a whole response
    std::string head;
    std::multimap<std::string, std::string> headers;  // names in lower case
    std::string body;
    std::string header(const std::string& name) const;
    std::string code() const;  // of a problem; empty if it is none
};

class Client {
  public:
    explicit Client(std::uint16_t port, const char* from = nullptr);  // `from`: another address of 127.0.0.0/8
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    bool send(std::string_view bytes);  // false: the server has closed
    // One response. `head`: of a HEAD request.
    Received receive(bool head = false, std::chrono::milliseconds atMost = std::chrono::seconds(10));
    Received ask(std::string_view bytes) { return send(bytes) ? receive() : Received{}; }
    // True: the server closed the connection within the time, whatever it sent before.
    bool closedWithin(std::chrono::milliseconds);
    bool silentFor(std::chrono::milliseconds);  // nothing arrives, nothing closes
    void halfClose();
    void reset();  // RST, not FIN
    int fd() const { return fd_; }

  private:
    bool fill(std::chrono::steady_clock::time_point until);
    int fd_ = -1;
    std::string buffer_;
    bool ended_ = false;
};

std::string get(std::string_view path, std::string_view headers = "");  // "GET … HTTP/1.1", with a Host
std::string post(std::string_view path, std::string_view body, std::string_view headers = "",
                 std::string_view type = "application/json");

// Polls until it is so. False: not within ten seconds.
bool eventually(const std::function<bool()>&);

}  // namespace entitle::testing
