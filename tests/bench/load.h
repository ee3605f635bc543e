// A closed loop of HTTP requests: each connection asks its next question when its last one was answered.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace entitle::bench {

struct Loaded {
    std::size_t answered = 0;
    double seconds = 0;
    double p50 = 0, p99 = 0;  // ms from the first byte sent to the last received
    double rate() const { return seconds > 0 ? static_cast<double>(answered) / seconds : 0; }
};

// One thread and as little work as it can be: what the client takes of the machine is not the server's.
class Load {
  public:
    Load(std::uint16_t port, std::size_t connections);
    ~Load();
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    // The bytes of a connection's next request; empty: it rests.
    using Next = std::function<std::string_view(std::size_t connection)>;
    using Take = std::function<void(std::size_t connection, int status, std::string_view body)>;
    // Until the time is over, or every connection rests; then what was asked is still answered, and not counted. Throws
    // when a connection ends.
    Loaded run(std::chrono::milliseconds, const Next&, const Take&);

    std::size_t connections() const { return each_.size(); }

  private:
    struct Connection {
        int fd = -1;
        std::string in;
        std::int64_t sentAt = 0;
    };
    bool ask(std::size_t, const Next&);

    std::vector<Connection> each_;
    int poll_ = -1;
};

// One connection, one request at a time; throws unless the status is the one expected.
class Asker {
  public:
    explicit Asker(std::uint16_t port) : load_(port, 1) {}
    std::string ask(const std::string& request, int expected = 200);

  private:
    Load load_;
};

// The text of a request.
std::string request(std::string_view method, std::string_view path, std::string_view contentType = "",
                    std::string_view body = "", std::string_view bearer = "");

// To 127.0.0.1:port, from `source` (127.0.0.x). Throws.
int connectFrom(const std::string& source, std::uint16_t port);
void sendAll(int fd, std::string_view);

}  // namespace entitle::bench
