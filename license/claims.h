// A strict reader of JSON, for what a signature already vouches for and yet must have only one reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/object.hpp>

#include "license/time.h"

namespace entitle {

struct ClaimLimits {
    std::size_t depth = 4;  // objects and arrays around a value, the outermost included
    std::size_t keysPerObject = 64;
    std::size_t itemsPerArray = 64;
    std::size_t values = 512;  // of every kind, in all
    std::size_t bytes = 16 * 1024;
};

// RFC 8259 without its freedoms: an object outside, no duplicate key, no null, no number that is not an integer of 64
// bits with a sign, valid UTF-8, nothing above the limits. nullopt for anything else; never throws for its input, and
// stops at the first fault, so that a hostile text costs no more than its length.
std::optional<boost::json::object> readClaims(std::string_view text, const ClaimLimits& = {});

// Takes claims out of an object, remembering whether each was there and of the right kind. Unknown members are the
// caller's to refuse: it encodes what it has read and compares the bytes, which also fixes order and spacing.
class ClaimReader {
  public:
    explicit ClaimReader(const boost::json::object& object) : object_(object) {}

    std::string text(std::string_view name);
    std::string optionalText(std::string_view name);  // "" if it is missing; refused if it is there and empty
    std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most);
    std::optional<std::int64_t> optionalInteger(std::string_view name, std::int64_t least, std::int64_t most);
    bool boolean(std::string_view name);
    Instant instant(std::string_view name);  // RFC 3339, within earliestInstant … latestInstant
    std::optional<Instant> optionalInstant(std::string_view name);
    const boost::json::object& object(std::string_view name);
    const boost::json::array& array(std::string_view name);

    void refuse() { good_ = false; }
    void require(bool condition) { good_ = good_ && condition; }
    bool good() const { return good_; }  // what was read means something only if this is true

  private:
    const boost::json::value* find(std::string_view name);

    const boost::json::object& object_;
    bool good_ = true;
};

}  // namespace entitle
