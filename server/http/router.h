// The one table of routes: what may be asked, by whom, of which size, and who answers.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/http/message.h"
#include "server/http/waiting.h"

namespace entitle {

enum class Access {
    open,    // anybody
    bearer,  // any valid token: an account's, or a declared device's
    user,    // an account's token
    admin,   // an administrator's token
    device,  // anybody here: the signature in the body authenticates
};
enum class Work {
    none,      // on the network thread: must not block
    database,  // a worker with a database session
    password,  // the same, but few of them: hashing a password costs 64 MiB and a tenth of a second
};
// Every request of an address counts for `general`; see limits.h.
enum class Rate {
    general,
    account,  // registering, logging in and the like: few per minute and address
    secret,   // takes a license key: refused while the address has tried too many wrong secrets
};

// Whom a bearer token stands for.
struct Caller {
    std::string account;  // of an account's token
    bool admin = false;
    std::string license;  // of a declared device's token: the license, and
    int device = 0;       // the number of its device
    std::string tokenHash;
};

struct Route;

struct Call {
    const HttpRequest& request;
    std::map<std::string, std::string> parameters;  // {name} of the pattern → decoded text, never empty
    std::optional<Caller> caller;                   // set exactly for bearer, user and admin
    const Route& route;

    const std::string& parameter(const std::string& name) const { return parameters.at(name); }
    // A query parameter that the route says it takes; another is a fault of this program (std::logic_error).
    std::optional<std::string> query(std::string_view name) const;
};

using Reply = std::variant<HttpResponse, Waiting>;
// On a thread of the route's pool, with that thread's Worker. An exception is a fault: it is logged, and the client is
// told 500, or what Hooks::fault says.
using Handler = std::function<Reply(Worker&, const Call&)>;

struct Route {
    std::string method;   // "GET", "POST", "PUT", "PATCH", "DELETE"
    std::string pattern;  // "/v1/devices/{number}": a parameter is one whole segment
    Access access = Access::open;
    Work work = Work::database;
    Handler handler;  // empty for Work::none, which has `quick` instead
    Rate rate = Rate::general;
    std::string accepts = "application/json";  // content type of a body; another is 415
    std::size_t bodyLimit = 16 * 1024;         // more is 413
    std::function<HttpResponse(const Call&)> quick = {};
    // What it takes besides its path, and how it says yes: the document must say the same (openapi.h).
    std::vector<std::string> members = {};  // of a JSON body; another is 422
    std::vector<std::string> queries = {};
    int success = 200;
};

class Router {
  public:
    // Throws std::invalid_argument for a malformed pattern, or two routes that answer the same request.
    explicit Router(std::vector<Route>);
    Router(const Router&) = delete;  // patterns point into routes_
    Router& operator=(const Router&) = delete;

    struct Match {
        const Route* route = nullptr;
        std::map<std::string, std::string> parameters;
    };
    struct NotFound {};
    struct WrongMethod {
        std::string allow;  // "GET, HEAD, POST"
    };
    struct BadPath {};  // an escape that cannot be decoded
    // HEAD is answered by GET. Literal segments win over parameters.
    std::variant<Match, NotFound, WrongMethod, BadPath> find(std::string_view method, std::string_view path) const;

    const std::vector<Route>& routes() const { return routes_; }

  private:
    struct Pattern {
        std::vector<std::string> segments;
        std::vector<bool> isParameter;
        const Route* route = nullptr;
    };
    std::vector<Route> routes_;
    std::map<std::size_t, std::vector<Pattern>> bySegments_;  // more literal ones first
};

}  // namespace entitle
