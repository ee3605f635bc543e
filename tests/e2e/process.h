// A child process of a test: started with pipes, waited for with a deadline, never left behind.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace entitle::e2e {

using Environment = std::map<std::string, std::string>;  // added to ours; an empty value removes the variable
inline constexpr std::chrono::seconds patience{20};      // for one event, on a loaded machine under a sanitizer

// A file descriptor that closes itself.
class Descriptor {
  public:
    explicit Descriptor(int value = -1) : value_(value) {}
    Descriptor(Descriptor&& other) noexcept : value_(other.value_) { other.value_ = -1; }
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();
    int get() const { return value_; }

  private:
    int value_;
};

// True when `descriptor` has something to read (or its other end is gone) before `deadline`.
bool waitReadable(int descriptor, std::chrono::steady_clock::time_point deadline);

class Process {
  public:
    // Standard output goes to a pipe, standard error to `errorFile`.
    Process(const std::vector<std::string>& command, const Environment& environment, const std::string& errorFile,
            const std::string& inputFile = "/dev/null");
    Process(Process&&) noexcept;
    Process& operator=(Process&&) = delete;
    ~Process();  // SIGKILL and wait, if it still runs

    pid_t pid() const { return pid_; }
    void signal(int number) const;
    // The exit code, or 128 + the signal that ended it. Nothing: it did not end in time.
    std::optional<int> wait(std::chrono::milliseconds most = patience);
    // The next line of standard output. Nothing: the output ended or no line came in time.
    std::optional<std::string> readLine(std::chrono::milliseconds most = patience);
    std::string readAll(std::chrono::milliseconds most = patience);

  private:
    bool readMore(std::chrono::steady_clock::time_point deadline);

    pid_t pid_ = -1;
    Descriptor pidfd_;
    Descriptor output_;
    std::string buffer_;
    std::optional<int> ended_;
};

struct Output {
    int status = -1;  // exit code, 128 + signal, or -1 when it did not end in time
    std::string out;
    std::string err;
    std::string both() const { return out + err; }
};

// Runs to the end. `scratch` is a directory for the error output.
Output run(const std::vector<std::string>& command, const Environment& environment, const std::string& scratch);

}  // namespace entitle::e2e
