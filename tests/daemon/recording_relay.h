// Stands between a program and a server on a Unix socket, and hears every byte that crosses, both ways.
#pragma once

#include <mutex>
#include <string>
#include <thread>

#include "daemon/owned_directory.h"

namespace entitle::testing {

class RecordingRelay {
  public:
    RecordingRelay(const std::string& at, std::string server);
    ~RecordingRelay();
    RecordingRelay(const RecordingRelay&) = delete;
    RecordingRelay& operator=(const RecordingRelay&) = delete;
    std::string heard() const;

  private:
    void run();
    void carry(int client, int server);
    bool pass(int from, int to);

    std::string server_;
    Descriptor listening_, stop_;
    mutable std::mutex mutex_;
    std::string heard_;
    std::thread thread_;
};

}  // namespace entitle::testing
