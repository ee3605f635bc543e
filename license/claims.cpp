#include "license/claims.h"

#include <set>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>

namespace entitle {
namespace {

namespace json = boost::json;

// What the parser calls as it reads. Values are built by Boost's own stack; this decides what may reach it.
class StrictHandler {
  public:
    // Boost refuses longer ones by itself. Counts below are checked here, where they can be set per caller.
    static constexpr std::size_t max_object_size = 4096;
    static constexpr std::size_t max_array_size = 4096;
    static constexpr std::size_t max_key_size = 256;
    static constexpr std::size_t max_string_size = 64 * 1024;

    explicit StrictHandler(const ClaimLimits& limits) : limits_(limits) { stack_.reset(); }

    json::value release() { return stack_.release(); }

    bool on_document_begin(json::error_code&) { return true; }
    bool on_document_end(json::error_code&) { return true; }

    bool on_object_begin(json::error_code& error) {
        open_.push_back({{}, 0, true});
        return depthIsRight(error);
    }
    bool on_object_end(std::size_t size, json::error_code& error) {
        open_.pop_back();
        stack_.push_object(size);
        return countValue(error);
    }
    bool on_array_begin(json::error_code& error) {
        open_.push_back({{}, 0, false});
        // A claim set is an object outside.
        return open_.size() > 1 ? depthIsRight(error) : refuse(error);
    }
    bool on_array_end(std::size_t size, json::error_code& error) {
        open_.pop_back();
        stack_.push_array(size);
        return countValue(error);
    }

    bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
        key_.append(part.data(), part.size());
        stack_.push_chars(part);
        return true;
    }
    bool on_key(json::string_view part, std::size_t, json::error_code& error) {
        key_.append(part.data(), part.size());
        stack_.push_key(part);
        auto& keys = open_.back().keys;
        if (!keys.insert(std::exchange(key_, {})).second || keys.size() > limits_.keysPerObject) return refuse(error);
        return true;
    }
    bool on_string_part(json::string_view part, std::size_t, json::error_code&) {
        stack_.push_chars(part);
        return true;
    }
    bool on_string(json::string_view part, std::size_t, json::error_code& error) {
        stack_.push_string(part);
        return countValue(error);
    }
    bool on_number_part(json::string_view, json::error_code&) { return true; }
    bool on_int64(std::int64_t number, json::string_view, json::error_code& error) {
        stack_.push_int64(number);
        return countValue(error);
    }
    bool on_uint64(std::uint64_t, json::string_view, json::error_code& error) { return refuse(error); }
    bool on_double(double, json::string_view, json::error_code& error) { return refuse(error); }
    bool on_bool(bool truth, json::error_code& error) {
        stack_.push_bool(truth);
        return countValue(error);
    }
    bool on_null(json::error_code& error) { return refuse(error); }
    bool on_comment_part(json::string_view, json::error_code& error) { return refuse(error); }
    bool on_comment(json::string_view, json::error_code& error) { return refuse(error); }

  private:
    struct Open {
        std::set<std::string, std::less<>> keys;
        std::size_t items;
        bool isObject;
    };

    static bool refuse(json::error_code& error) {
        error = json::error::extra_data;  // any error stops the parser; which one, nobody asks
        return false;
    }
    bool depthIsRight(json::error_code& error) { return open_.size() <= limits_.depth ? true : refuse(error); }
    bool countValue(json::error_code& error) {
        if (++values_ > limits_.values) return refuse(error);
        if (open_.empty()) return true;  // the claim set itself
        if (!open_.back().isObject && ++open_.back().items > limits_.itemsPerArray) return refuse(error);
        return true;
    }

    const ClaimLimits& limits_;
    json::value_stack stack_;
    std::vector<Open> open_;
    std::string key_;  // of the parts of a key that came so far
    std::size_t values_ = 0;
};

}  // namespace

std::optional<json::object> readClaims(std::string_view text, const ClaimLimits& limits) {
    if (text.empty() || text.size() > limits.bytes) return std::nullopt;
    json::parse_options options;  // no comments, no trailing commas, UTF-8 checked
    options.max_depth = limits.depth + 1;
    json::basic_parser<StrictHandler> parser(options, limits);
    json::error_code error;
    const auto used = parser.write_some(false, text.data(), text.size(), error);
    if (error || used != text.size() || !parser.done()) return std::nullopt;
    json::value value = parser.handler().release();
    if (!value.is_object()) return std::nullopt;
    return std::move(value.get_object());
}

const json::value* ClaimReader::find(std::string_view name) {
    const auto* value = object_.if_contains(name);
    if (value == nullptr) refuse();
    return value;
}

std::string ClaimReader::text(std::string_view name) {
    const auto* value = find(name);
    if (value == nullptr || !value->is_string()) {
        refuse();
        return {};
    }
    return std::string(value->get_string());
}

std::string ClaimReader::optionalText(std::string_view name) {
    if (!object_.contains(name)) return {};
    std::string value = text(name);
    require(!value.empty());
    return value;
}

std::int64_t ClaimReader::integer(std::string_view name, std::int64_t least, std::int64_t most) {
    const auto* value = find(name);
    if (value == nullptr || !value->is_int64() || value->get_int64() < least || value->get_int64() > most) {
        refuse();
        return least;
    }
    return value->get_int64();
}

std::optional<std::int64_t> ClaimReader::optionalInteger(std::string_view name, std::int64_t least, std::int64_t most) {
    if (!object_.contains(name)) return std::nullopt;
    return integer(name, least, most);
}

bool ClaimReader::boolean(std::string_view name) {
    const auto* value = find(name);
    if (value == nullptr || !value->is_bool()) {
        refuse();
        return false;
    }
    return value->get_bool();
}

Instant ClaimReader::instant(std::string_view name) {
    const auto when = fromRfc3339(text(name));
    if (!when || *when < earliestInstant || *when > latestInstant) {
        refuse();
        return earliestInstant;
    }
    return *when;
}

std::optional<Instant> ClaimReader::optionalInstant(std::string_view name) {
    if (!object_.contains(name)) return std::nullopt;
    return instant(name);
}

const json::object& ClaimReader::object(std::string_view name) {
    static const json::object none;
    const auto* value = find(name);
    if (value == nullptr || !value->is_object()) {
        refuse();
        return none;
    }
    return value->get_object();
}

const json::array& ClaimReader::array(std::string_view name) {
    static const json::array none;
    const auto* value = find(name);
    if (value == nullptr || !value->is_array()) {
        refuse();
        return none;
    }
    return value->get_array();
}

}  // namespace entitle
