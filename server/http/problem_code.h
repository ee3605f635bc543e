// Every `code` a problem may carry: the one list. /openapi.json says the same, held to it by a test.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace entitle {

// In the order of the alphabet. Stable: clients decide by them; a word may be added, never given another meaning.
inline constexpr std::array<std::string_view, 64> problemCodes{
    "account-needed",          // 403: a device's token where an account's is needed
    "admin-only",              // 403
    "already-decided",         // 409: the approval
    "ambiguous-length",        // 400: Content-Length and Transfer-Encoding
    "answer-stale",            // 409: a request file whose document no longer counts
    "approval-denied",         // 403: an admin said no, not long ago
    "approval-waits",          // 409: an admin was asked; then the same request again
    "bad-chunk",               // 400
    "bad-content-length",      // 400
    "bad-envelope",            // 400: not a request a device signed for this route
    "bad-host",                // 400
    "bad-json",                // 400
    "bad-key",                 // 404: no license key of this authority
    "bad-path",                // 400: an escape that cannot be decoded
    "bad-request",             // 422: no request file
    "bad-secret",              // 503: LICENSE_SECRET_KEY
    "bad-target",              // 400
    "bad-transfer-encoding",   // 400
    "body-too-large",          // 413
    "database-unavailable",    // 503
    "device-limit",            // 409: no free seat, or more held than the limit wished
    "draining",                // 503: the server is being stopped
    "email-taken",             // 409
    "expectation",             // 417
    "head-too-large",          // 431
    "http-version",            // 505
    "internal",                // 500: the log of this request id says what
    "invalid-field",           // 422: the detail names it
    "key-set-behind",          // 409: the device knows a newer key set
    "last-admin",              // 409: somebody must stay administrator
    "license-ended",           // 403
    "license-revoked",         // 403
    "license-suspended",       // 403
    "malformed-request",       // 400: no HTTP
    "method-not-allowed",      // 405
    "metrics-elsewhere",       // 403: [metrics] from
    "no-hardware",             // 422: a request file that names nothing to bind to
    "no-signing-key",          // 503: keys rotate
    "no-such-route",           // 404
    "other-hardware",          // 409: a request file of a device that is bound to another machine
    "overloaded",              // 503
    "refused",                 // 422: a denial this list has no word for
    "request-timeout",         // 408
    "roots-in-reach",          // 503
    "seat-released",           // 409: a request file whose seat was given back
    "seat-taken",              // 409
    "secret-retired",          // 409: LICENSE_SECRET_KEY lacks what the key was made with
    "sequence-spent",          // 422
    "token-invalid",           // 401: unknown, revoked or expired
    "token-missing",           // 401
    "too-many-headers",        // 431
    "too-many-requests",       // 429
    "too-many-wrong-secrets",  // 429
    "transfer-encoding",       // 400, 501
    "transfers-spent",         // 403: moved as often as its owner may
    "trial-used",              // 403
    "unknown-account",         // 404
    "unknown-approval",        // 404
    "unknown-device",          // 404
    "unknown-field",           // 422
    "unknown-license",         // 404
    "wrong-authority",         // 422: a request file that asks another
    "wrong-content-type",      // 415
    "wrong-credentials",       // 401 at the door, 403 for a change of password
};

class ProblemCode {
  public:
    // A word in quotes that is not in the list does not compile.
    template <std::size_t n>
    consteval ProblemCode(const char (&word)[n]) : word_(word, n - 1) {
        if (std::find(problemCodes.begin(), problemCodes.end(), word_) == problemCodes.end())
            throw "this code is not in problemCodes";
    }
    static std::optional<ProblemCode> find(std::string_view word) {
        const auto at = std::find(problemCodes.begin(), problemCodes.end(), word);
        return at == problemCodes.end() ? std::nullopt : std::optional(ProblemCode(*at, Listed{}));
    }
    constexpr std::string_view word() const { return word_; }

  private:
    struct Listed {};
    constexpr ProblemCode(std::string_view word, Listed) : word_(word) {}
    std::string_view word_;
};

}  // namespace entitle
