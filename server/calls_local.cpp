// Calls in this process: the same handlers that `serve` serves, without a socket.
#include <boost/json/serialize.hpp>

#include "server/admin_action.h"
#include "server/calls.h"
#include "server/service.h"

namespace entitle {
namespace {

class LocalCalls final : public ApiCalls {
  public:
    LocalCalls(Authority authority, LicenseSecrets secrets, HttpClock clock)
        : authority_(std::move(authority)),
          clock_(std::move(clock)),
          service_(authority_, std::move(secrets), config_, clock_, metrics_, [] { return false; }),
          router_(service_.routes()),
          worker_(service_.makeWorker()) {}

    Called<boost::json::object> ask(std::string_view method, const std::string& path,
                                    const std::optional<boost::json::object>& body) override {
        HttpRequest request;
        request.method = method;
        const auto mark = path.find('?');
        request.path = path.substr(0, mark);
        if (mark != std::string::npos) request.query = path.substr(mark + 1);
        if (body) request.body = boost::json::serialize(*body);
        request.now = clock_.now();
        const auto found = router_.find(method, request.path);
        const auto* match = std::get_if<Router::Match>(&found);
        if (match == nullptr) throw std::logic_error("no route " + request.method + " " + request.path);
        Caller caller;
        caller.account = localActor;
        caller.admin = true;
        auto reply = match->route->handler(*worker_, Call{request, match->parameters, caller, *match->route});
        const auto* response = std::get_if<HttpResponse>(&reply);
        if (response == nullptr) throw std::logic_error("the command line waits for nothing");
        return readAnswer(response->status, response->contentType, response->body);
    }

  private:
    Authority authority_;
    const HttpClock clock_;
    const ServeConfig config_{};
    HttpMetrics metrics_;
    Service service_;
    const Router router_;
    std::shared_ptr<Worker> worker_;
};

}  // namespace

std::unique_ptr<ApiCalls> callsWithin(Authority authority, LicenseSecrets secrets, HttpClock clock) {
    return std::make_unique<LocalCalls>(std::move(authority), std::move(secrets), std::move(clock));
}

}  // namespace entitle
