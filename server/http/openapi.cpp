#include "server/http/openapi.h"

#include <map>
#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "server/http/problem_code.h"

namespace entitle {

namespace {

namespace json = boost::json;

std::set<std::string> parametersOf(std::string_view pattern) {
    std::set<std::string> out;
    for (auto open = pattern.find('{'); open != std::string_view::npos; open = pattern.find('{', open + 1))
        out.emplace(pattern.substr(open + 1, pattern.find('}', open) - open - 1));
    return out;
}

using Names = std::set<std::string>;

void addParameters(const json::object& holder, std::string_view in, Names& to) {
    const auto* list = holder.if_contains("parameters");
    if (list == nullptr) return;
    for (const auto& each : list->as_array())
        if (each.at("in").as_string() == in) to.emplace(each.at("name").as_string());
}

Names namesOf(const std::vector<std::string>& words) {
    return {words.begin(), words.end()};
}

// The members of its JSON body; none for another kind of body.
Names membersOf(const json::object& operation) {
    Names out;
    const auto* body = operation.if_contains("requestBody");
    const auto* json = body == nullptr ? nullptr : body->at("content").as_object().if_contains("application/json");
    if (json == nullptr) return out;
    const auto& schema = json->at("schema").as_object();
    if (const auto* properties = schema.if_contains("properties"))
        for (const auto& each : properties->as_object()) out.emplace(each.key());
    return out;
}

bool closed(const json::object& operation) {
    const auto& schema = operation.at("requestBody").at("content").at("application/json").at("schema").as_object();
    const auto* more = schema.if_contains("additionalProperties");
    return more != nullptr && more->is_bool() && !more->get_bool();
}

// Its answers that are no problem.
Names successesOf(const json::object& operation) {
    Names out;
    for (const auto& each : operation.at("responses").as_object())
        if (each.key().starts_with("2")) out.emplace(each.key());
    return out;
}

bool needsToken(const json::object& operation) {
    const auto* security = operation.if_contains("security");
    return security != nullptr && !security->as_array().empty();
}

}  // namespace

std::vector<std::string> openApiDifferences(std::string_view document, const std::vector<Route>& routes) {
    const auto root = json::parse(document);
    std::vector<std::string> out;
    if (root.at("openapi").as_string().subview(0, 4) != "3.1.") out.emplace_back("the document is not OpenAPI 3.1");

    std::map<std::string, const json::object*> described;
    std::map<std::string, Names> parameters, queries;
    Names ids;
    for (const auto& [path, item] : root.at("paths").as_object()) {
        for (const auto& [method, operation] : item.as_object()) {
            if (method == "parameters") continue;
            std::string name(method);
            for (auto& c : name) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
            name += " " + std::string(path);
            described[name] = &operation.as_object();
            addParameters(item.as_object(), "path", parameters[name]);
            addParameters(operation.as_object(), "path", parameters[name]);
            addParameters(operation.as_object(), "query", queries[name]);
            const auto* id = operation.as_object().if_contains("operationId");
            if (id == nullptr || !ids.emplace(id->as_string()).second)
                out.push_back(name + " has no operationId of its own");
            if (operation.at("responses").as_object().empty()) out.push_back(name + " describes no response");
        }
    }

    for (const auto& route : routes) {
        const auto name = route.method + " " + route.pattern;
        const auto found = described.find(name);
        if (found == described.end()) {
            out.push_back(name + " is served and not described");
            continue;
        }
        const auto& operation = *found->second;
        const bool token = route.access != Access::open && route.access != Access::device;
        if (token != needsToken(operation))
            out.push_back(name +
                          (token ? " needs a token and does not say so" : " says it needs a token and does not"));
        if (parameters[name] != parametersOf(route.pattern))
            out.push_back(name + " does not describe exactly the parameters of its path");
        if (queries[name] != namesOf(route.queries))
            out.push_back(name + " does not describe exactly the parameters of its query");
        if (membersOf(operation) != namesOf(route.members))
            out.push_back(name + " does not describe exactly the members of its body");
        if (!route.members.empty() && !closed(operation))
            out.push_back(name + " does not say that other members are refused");
        if (successesOf(operation) != Names{std::to_string(route.success)})
            out.push_back(name + " does not describe exactly the success it answers with");
        if (const auto* body = operation.if_contains("requestBody"); body != nullptr) {
            const auto& types = body->at("content").as_object();
            if (!route.accepts.empty() && types.if_contains(route.accepts) == nullptr)
                out.push_back(name + " does not say that its body is " + route.accepts);
        }
        described.erase(found);
    }
    for (const auto& [name, operation] : described) out.push_back(name + " is described and not served");
    return out;
}

std::vector<std::string> openApiCodeDifferences(std::string_view document) {
    const auto root = json::parse(document);
    std::set<std::string, std::less<>> listed;
    for (const auto& word : root.at_pointer("/components/schemas/Problem/properties/code/enum").as_array())
        listed.emplace(word.as_string());
    std::vector<std::string> out;
    for (const auto code : problemCodes)
        if (listed.erase(std::string(code)) == 0) out.push_back("the code " + std::string(code) + " is not described");
    for (const auto& word : listed) out.push_back("the code " + word + " is described and never told");
    return out;
}

}  // namespace entitle
