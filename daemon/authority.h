// The way to the authority: bytes there, bytes back, or why there are none. Knows no license and decides nothing.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/system/result.hpp>

#include "license/exchange.h"
#include "license/time.h"

namespace entitle {

inline constexpr std::size_t maxAnswerBytes = 64 * 1024;
inline constexpr Seconds maxRetryAfter = std::chrono::hours{24};

// Why no answer came. None of these says anything about the license: the daemon treats all of them as "unreachable".
enum class ContactFault {
    noTransport = 1,  // libcurl cannot be loaded
    unresolved,       // the name is not known here: no network, or a wrong name
    unconnected,      // nobody listens there, or a proxy refuses
    untrusted,        // TLS: wrong host, unknown issuer, expired, a protocol too old
    silent,           // it took longer than the question's limit
    tooLarge,         // over maxAnswerBytes
    notAuthority,     // another content type, a redirect, a status without a signed answer
    busy,             // 429, or 500 and above
};
std::string_view toString(ContactFault);  // one word: "untrusted"

struct ContactFailure {
    ContactFault fault = ContactFault::unconnected;
    std::string message;                // for people: what happened, and where
    std::optional<Seconds> retryAfter;  // as the server asked, capped at maxRetryAfter
};
[[noreturn]] void throw_exception_from_error(const ContactFailure&, const boost::source_location&);

struct Question {
    std::string path;  // below the authority's address: "/v1/device/renew"
    std::string body;
    std::chrono::milliseconds limit{30'000};  // for all of it; at most two minutes
};

class Authority {
  public:
    // A question under way. Dropping it withdraws the question: `done` is not called any more.
    class Asking {
      public:
        virtual ~Asking() = default;
    };
    using Result = boost::system::result<std::string, ContactFailure>;
    // Called once, on the io_context, never from within ask().
    using Done = std::function<void(Result)>;

    virtual ~Authority() = default;
    [[nodiscard]] virtual std::unique_ptr<Asking> ask(Question, Done) = 0;
};

struct AuthorityPlace {
    std::string url;     // checkAuthorityUrl found nothing wrong with it
    std::string caFile;  // "": the system's trust store
    std::string proxy;   // "": as the environment says; "none": no proxy
    bool operator==(const AuthorityPlace&) const = default;
};

// What is wrong with an address, for people; nothing if it may be used: https, or http to this very machine; a host, a
// port, a path; no user, no query, no fragment.
std::optional<std::string> checkAuthorityUrl(std::string_view);

// Over HTTPS, by libcurl in one thread of its own. Nothing is loaded and no thread runs before the first question.
std::unique_ptr<Authority> httpsAuthority(boost::asio::io_context&, AuthorityPlace);

}  // namespace entitle
