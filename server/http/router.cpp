#include "server/http/router.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <stdexcept>

namespace entitle {

namespace {

// "/a/b" → {"a", "b"}; "/" → {""}. The path begins with '/'.
std::vector<std::string_view> segmentsOf(std::string_view path) {
    std::vector<std::string_view> out;
    path.remove_prefix(1);
    for (;;) {
        const auto end = path.find('/');
        out.push_back(path.substr(0, end));
        if (end == std::string_view::npos) return out;
        path.remove_prefix(end + 1);
    }
}

bool isName(std::string_view name) {
    return !name.empty() &&
           std::ranges::all_of(name, [](unsigned char c) { return std::islower(c) || std::isdigit(c) || c == '_'; });
}

bool isLiteral(std::string_view segment) {
    return std::ranges::all_of(segment,
                               [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool isMethod(std::string_view method) {
    return method == "GET" || method == "POST" || method == "PUT" || method == "PATCH" || method == "DELETE";
}

}  // namespace

std::optional<std::string> Call::query(std::string_view name) const {
    if (std::find(route.queries.begin(), route.queries.end(), name) == route.queries.end())
        throw std::logic_error(route.pattern + " does not say that it takes ?" + std::string(name));
    return request.parameter(name);
}

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
    std::set<std::string> seen;
    for (const auto& route : routes_) {
        const auto wrong = [&](const char* why) {
            throw std::invalid_argument("route " + route.method + " " + route.pattern + ": " + why);
        };
        if (!isMethod(route.method)) wrong("no method this server knows");
        if (!route.pattern.starts_with('/')) wrong("a pattern begins with '/'");
        if (route.work == Work::none) {
            if (!route.quick || route.handler) wrong("Work::none has `quick`, and no handler");
            if (route.access != Access::open) wrong("a token needs a worker to be looked up");
        } else if (!route.handler || route.quick) {
            wrong("it needs a handler, and no `quick`");
        }

        Pattern pattern;
        pattern.route = &route;
        std::string shape = route.method;
        std::set<std::string_view> names;
        for (const auto segment : segmentsOf(route.pattern)) {
            const bool parameter = segment.starts_with('{');
            auto text = segment;
            if (parameter) {
                if (!segment.ends_with('}')) wrong("a parameter is a whole segment");
                text = segment.substr(1, segment.size() - 2);
                if (!isName(text) || !names.insert(text).second) wrong("a parameter has a name of its own");
            } else if (!isLiteral(segment)) {
                wrong("a segment is made of letters, digits, '-', '_' and '.'");
            }
            pattern.segments.emplace_back(text);
            pattern.isParameter.push_back(parameter);
            shape.append("/").append(parameter ? std::string_view("{}") : segment);
        }
        if (!seen.insert(shape).second) wrong("another route answers the same");
        auto& peers = bySegments_[pattern.segments.size()];
        // The earlier a segment is literal, the earlier it is tried: {false, true} < {true, false}.
        const auto place = std::ranges::upper_bound(peers, pattern.isParameter, {}, &Pattern::isParameter);
        peers.insert(place, std::move(pattern));
    }
}

std::variant<Router::Match, Router::NotFound, Router::WrongMethod, Router::BadPath> Router::find(
    std::string_view method, std::string_view path) const {
    if (!path.starts_with('/')) return BadPath{};
    const auto raw = segmentsOf(path);
    const auto found = bySegments_.find(raw.size());
    if (found == bySegments_.end()) return NotFound{};
    std::vector<std::string> segments;
    segments.reserve(raw.size());
    for (const auto segment : raw) {
        auto decoded = percentDecoded(segment);
        if (!decoded) return BadPath{};
        segments.push_back(std::move(*decoded));
    }

    const auto wanted = method == "HEAD" ? std::string_view("GET") : method;
    std::set<std::string_view> allowed;
    for (const auto& pattern : found->second) {
        bool fits = true;
        for (std::size_t i = 0; fits && i < segments.size(); ++i)
            fits = pattern.isParameter[i] ? !segments[i].empty() : segments[i] == pattern.segments[i];
        if (!fits) continue;
        if (pattern.route->method != wanted) {
            allowed.insert(pattern.route->method);
            if (pattern.route->method == "GET") allowed.insert("HEAD");
            continue;
        }
        Match match;
        match.route = pattern.route;
        for (std::size_t i = 0; i < segments.size(); ++i)
            if (pattern.isParameter[i]) match.parameters.emplace(pattern.segments[i], std::move(segments[i]));
        return match;
    }
    if (allowed.empty()) return NotFound{};
    WrongMethod wrong;
    for (const auto each : allowed) wrong.allow.append(wrong.allow.empty() ? "" : ", ").append(each);
    return wrong;
}

}  // namespace entitle
