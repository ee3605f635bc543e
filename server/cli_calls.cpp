#include "server/cli_calls.h"

#include <boost/json/serialize.hpp>

#include "server/token_file.h"

namespace entitle {
namespace {

constexpr int pageSize = 500;

std::string setting(const Cli& cli, const std::string& option, const char* variable) {
    return option.empty() ? cli.environment(variable).value_or("") : option;
}

Granted<std::unique_ptr<ApiCalls>> callsOf(const Cli& cli) {
    const auto server = serverOf(cli);
    if (server.empty()) {
        auto authority = cli.open();
        if (!authority) return authority.error();
        auto secrets = cli.licenseSecrets();
        if (!secrets) return secrets.error();
        return callsWithin(std::move(*authority), std::move(*secrets), {cli.now, cli.steady});
    }
    if (const auto wrong = checkServerUrl(server)) return Denial{DenialReason::usage, server + ": " + *wrong};
    const auto saved = readTokenFile(tokenFileOf(cli));
    if (!saved)
        return Denial{saved.error().reason,
                      saved.error().message + "; log in first: entitle-server login --server " + server + " EMAIL"};
    // A token is for the server that gave it: another one must not see it.
    if (!saved->server.empty() && saved->server != server)
        return Denial{DenialReason::usage, "the token in " + tokenFileOf(cli).string() + " is for " + saved->server +
                                               ", not for " + server + ": log in there, or name another --token-file"};
    return callsTo({server, cli.caOption, saved->token});
}

std::string advice(const CallFailure& failure, const std::string& server) {
    const auto login = "entitle-server login" + (server.empty() ? "" : " --server " + server) + " EMAIL";
    if (failure.code == "token-invalid" || failure.code == "token-missing") return "; log in again: " + login;
    if (failure.code == "admin-only") return "; log in as one: " + login;
    if (failure.retryAfter) return " (in " + std::to_string(*failure.retryAfter) + " s)";
    return "";
}

}  // namespace

std::filesystem::path tokenFileOf(const Cli& cli) {
    if (const auto named = setting(cli, cli.tokenFileOption, "ENTITLE_SERVER_TOKEN_FILE"); !named.empty()) return named;
    if (const auto config = cli.environment("XDG_CONFIG_HOME"); config && !config->empty())
        return std::filesystem::path(*config) / "entitle-server/token";
    return std::filesystem::path(cli.environment("HOME").value_or(".")) / ".config/entitle-server/token";
}

std::string serverOf(const Cli& cli) {
    if (!cli.serverOption.empty()) {
        auto url = cli.serverOption;
        while (url.ends_with('/')) url.pop_back();
        return url;
    }
    if (!cli.directoryOption.empty()) return {};
    if (auto url = cli.environment("ENTITLE_SERVER_URL").value_or(""); !url.empty()) {
        while (url.ends_with('/')) url.pop_back();
        return url;
    }
    if (cli.tokenFileOption.empty()) return {};
    const auto saved = readTokenFile(cli.tokenFileOption);
    return saved ? saved->server : std::string();
}

Granted<void> checkHere(const Cli& cli, const std::string& what) {
    if (cli.serverOption.empty()) return {};
    return Denial{DenialReason::usage, what + " works on the authority's own machine: leave --server away there"};
}

Answer told(const CallFailure& failure, const std::string& server) {
    Answer answer;
    Failure out;
    const bool later = failure.status == 429 || failure.status >= 500;
    out.exit = failure.fault == CallFault::refused && !later ? ExitCode::refused : ExitCode::unreachable;
    out.code = failure.code;
    out.message = failure.message + advice(failure, server) +
                  (failure.fault == CallFault::refused ? " [" + failure.code + "]" : "") +
                  (failure.requestId.empty() ? "" : " request " + failure.requestId);
    if (failure.status != 0) out.more["status"] = failure.status;
    if (!failure.requestId.empty()) out.more["request_id"] = failure.requestId;
    if (failure.retryAfter) out.more["retry_after_s"] = *failure.retryAfter;
    answer.failure = std::move(out);
    return answer;
}

Command overApi(Cli& cli, ApiTask task) {
    return [&cli, task = std::move(task)]() -> Granted<Answer> {
        auto calls = callsOf(cli);
        if (!calls) return calls.error();
        auto done = task(**calls);
        if (!done) return told(done.error(), serverOf(cli));
        return std::move(*done);
    };
}

Called<boost::json::array> readPages(ApiCalls& calls, const std::string& path, std::string_view member, int most) {
    boost::json::array all;
    std::string after;
    for (;;) {
        const int limit = most == 0 ? pageSize : std::min(pageSize, most - static_cast<int>(all.size()));
        auto page = calls.ask(
            "GET", path + (path.find('?') == std::string::npos ? "?" : "&") + "limit=" + std::to_string(limit) + after);
        if (!page) return page.error();
        const auto* items = page->if_contains(member);
        if (items == nullptr || !items->is_array())
            return CallFailure{CallFault::notAuthority, 200, "not-authority", "the answer has no list in it", {}, {}};
        for (const auto& each : items->get_array())
            if (each.is_object()) all.push_back(each);
        const auto* next = page->if_contains("next");
        if (next == nullptr || next->is_null() || (most != 0 && static_cast<int>(all.size()) >= most)) return all;
        after = "&after=" +
                percentEncoded(next->is_string() ? std::string(next->get_string()) : boost::json::serialize(*next));
    }
}

Called<std::string> accountId(ApiCalls& calls, const std::string& idOrEmail) {
    if (idOrEmail.find('@') == std::string::npos) return idOrEmail;
    auto found = calls.ask("GET", "/v1/admin/accounts?email=" + percentEncoded(idOrEmail));
    if (!found) return found.error();
    const auto* list = found->if_contains("accounts");
    if (list == nullptr || !list->is_array() || list->get_array().empty() || !list->get_array().front().is_object())
        return CallFailure{CallFault::refused,
                           404,
                           "unknown-account",
                           "there is no account " + idOrEmail + ": see `entitle-server account list`",
                           {},
                           {}};
    return word(list->get_array().front().get_object(), "user_id");
}

std::string word(const boost::json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return "-";
    if (value->is_string()) return std::string(value->get_string());
    return boost::json::serialize(*value);
}

}  // namespace entitle
