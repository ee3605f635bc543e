// The real entitle-server: founded in a directory of its own, serving on loopback, and what its administrator does
// there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/object.hpp>

#include "tests/e2e/process.h"

namespace entitle::e2e {

class Serving {
  public:
    // Founds an authority below `directory`, with an administrator and a customer. `more`: of server.toml. Its database
    // is an SQLite file; with ENTITLE_TEST_DATABASE=postgresql one of a PostgreSQL server that the test program starts.
    explicit Serving(std::string directory, const std::string& more = "");
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;

    // Returns when it listens; on the same port at every start.
    void start();
    void stop();  // SIGTERM, and waits
    std::uint16_t port() const { return port_; }
    std::string rootsFile() const { return directory_ + "/authority/roots.pub"; }
    std::string rootsAway() const { return directory_ + "/offline"; }  // the secret ones
    std::string directory() const { return directory_ + "/authority"; }
    // With TLS: its own requests are not made then.
    void configure(const std::string& toml) const;

    struct License {
        std::string id, key;
    };
    License license(const std::string& type = "pro", const std::string& more = "");
    boost::json::object show(const License&);
    std::vector<boost::json::object> seats(const License&);  // the devices that hold one now
    void decide(const License&, const std::string& word);    // "revoke", "suspend", "reinstate"
    // Any request as the administrator; throws unless the status is 2xx.
    boost::json::object ask(const std::string& method, const std::string& path, const std::string& body = "");
    Output command(std::vector<std::string> arguments) const;  // entitle-server, to its end

  private:
    std::string directory_;
    std::optional<Process> process_;
    std::uint16_t port_ = 0;
    std::string token_, customer_;
};

}  // namespace entitle::e2e
