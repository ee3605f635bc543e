#include "tests/server/described.h"

#include <algorithm>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "server/http/openapi.h"

namespace entitle::testing {
namespace {

namespace json = boost::json;

const json::value& document() {
    static const json::value parsed = json::parse(openApiDocument());
    return parsed;
}

std::string lower(std::string text) {
    for (auto& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    return text;
}

const json::object& resolved(const json::object& schema) {
    const auto* reference = schema.if_contains("$ref");
    if (reference == nullptr) return schema;
    return document().at_pointer(std::string(reference->as_string()).substr(1)).as_object();
}

bool isOf(const json::value& value, std::string_view type) {
    if (type == "string") return value.is_string();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    if (type == "boolean") return value.is_bool();
    if (type == "array") return value.is_array();
    if (type == "object") return value.is_object();
    return type == "null" && value.is_null();
}

class Comparison {
  public:
    void compare(const json::value& value, const json::object& named, const std::string& where) {
        const json::object& schema = resolved(named);
        if (const auto* type = schema.if_contains("type"); type != nullptr) {
            const auto types = type->is_array() ? type->as_array() : json::array{*type};
            if (std::none_of(types.begin(), types.end(), [&](const json::value& each) {
                    return isOf(value, std::string_view(each.as_string()));
                })) {
                found.push_back(where + " is " + json::serialize(value) + ", and not " + json::serialize(*type));
                return;
            }
        }
        if (const auto* words = schema.if_contains("enum"))
            if (std::find(words->as_array().begin(), words->as_array().end(), value) == words->as_array().end())
                found.push_back(where + " is " + json::serialize(value) + ", which is not in its list");
        if (value.is_array())
            if (const auto* items = schema.if_contains("items"))
                for (const auto& each : value.get_array()) compare(each, items->as_object(), where + "[]");
        if (value.is_object()) compareMembers(value.get_object(), schema, where);
    }
    std::vector<std::string> found;

  private:
    void compareMembers(const json::object& value, const json::object& schema, const std::string& where) {
        if (const auto* required = schema.if_contains("required"))
            for (const auto& name : required->as_array())
                if (!value.contains(name.as_string())) found.push_back(where + " has no " + json::serialize(name));
        const auto* properties = schema.if_contains("properties");
        const auto* more = schema.if_contains("additionalProperties");
        for (const auto& [name, each] : value) {
            const auto in = where + "." + std::string(name);
            const auto* described = properties == nullptr ? nullptr : properties->as_object().if_contains(name);
            if (described != nullptr) {
                compare(each, described->as_object(), in);
            } else if (more != nullptr && more->is_object()) {
                compare(each, more->as_object(), in);
            } else if (more != nullptr && more->is_bool() && !more->get_bool()) {
                found.push_back(in + " is not described");
            }
        }
    }
};

const json::object& answersOf(const std::string& method, const std::string& pattern) {
    return document().at("paths").at(pattern).at(lower(method)).at("responses").as_object();
}

}  // namespace

std::vector<std::string> responseDifferences(const Route& route, const HttpResponse& response) {
    if (response.status >= 300) return {};
    const auto name = route.method + " " + route.pattern;
    if (response.status != route.success)
        return {name + " answered " + std::to_string(response.status) + ", and its success is " +
                std::to_string(route.success)};
    const auto& described = answersOf(route.method, route.pattern).at(std::to_string(response.status)).as_object();
    const auto* content = described.if_contains("content");
    if (content == nullptr) {
        if (response.body.empty()) return {};
        return {name + " answers with a body and does not say so"};
    }
    const auto* schema = content->as_object().if_contains("application/json");
    if (schema == nullptr) return {};
    Comparison comparison;
    comparison.compare(json::parse(response.body), schema->at("schema").as_object(), name);
    return comparison.found;
}

std::vector<std::string> describedMembers(const std::string& method, const std::string& pattern) {
    std::vector<std::string> out;
    for (const auto& [status, answer] : answersOf(method, pattern)) {
        if (!status.starts_with("2")) continue;
        const auto& schema = resolved(answer.at("content").at("application/json").at("schema").as_object());
        if (const auto* properties = schema.if_contains("properties"))
            for (const auto& each : properties->as_object()) out.emplace_back(each.key());
    }
    return out;
}

}  // namespace entitle::testing
