// Calls over the network, by libcurl: loaded when a command needs it, so that `serve` carries none of it.
#include <array>
#include <charconv>
#include <cstdlib>
#include <stdexcept>

#include <boost/json/serialize.hpp>
#include <dlfcn.h>

#define CURL_DISABLE_TYPECHECK  // its macros would call the functions by name
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo

#include "server/calls.h"

namespace entitle {
namespace {

constexpr std::size_t longestAnswer = 16 * 1024 * 1024;
constexpr long connectLimit = 15'000;  // milliseconds
constexpr long answerLimit = 60'000;

struct Curl {
    decltype(&::curl_global_init) globalInit = nullptr;
    decltype(&::curl_easy_init) init = nullptr;
    decltype(&::curl_easy_cleanup) cleanup = nullptr;
    decltype(&::curl_easy_reset) reset = nullptr;
    decltype(&::curl_easy_setopt) set = nullptr;
    decltype(&::curl_easy_getinfo) get = nullptr;
    decltype(&::curl_easy_perform) perform = nullptr;
    decltype(&::curl_easy_strerror) words = nullptr;
    decltype(&::curl_slist_append) append = nullptr;
    decltype(&::curl_slist_free_all) freeAll = nullptr;
};

template <class Function>
void find(void* library, const char* name, Function& into) {
    into = reinterpret_cast<Function>(::dlsym(library, name));
    if (into == nullptr) throw std::runtime_error(std::string("libcurl is too old: it has no ") + name);
}

const Curl& curl() {
    static const Curl loaded = [] {
        void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
        if (library == nullptr) throw std::runtime_error("libcurl cannot be loaded: install libcurl4");
        Curl out;
        find(library, "curl_global_init", out.globalInit);
        find(library, "curl_easy_init", out.init);
        find(library, "curl_easy_cleanup", out.cleanup);
        find(library, "curl_easy_reset", out.reset);
        find(library, "curl_easy_setopt", out.set);
        find(library, "curl_easy_getinfo", out.get);
        find(library, "curl_easy_perform", out.perform);
        find(library, "curl_easy_strerror", out.words);
        find(library, "curl_slist_append", out.append);
        find(library, "curl_slist_free_all", out.freeAll);
        if (out.globalInit(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw std::runtime_error("libcurl does not start");
        return out;
    }();
    return loaded;
}

struct Received {
    std::string body;
    bool tooMuch = false;
};

std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* into) {
    auto& received = *static_cast<Received*>(into);
    received.tooMuch = received.tooMuch || received.body.size() + size * count > longestAnswer;
    if (received.tooMuch) return 0;  // ends the transfer
    received.body.append(bytes, size * count);
    return size * count;
}

CallFailure failed(CallFault fault, std::string code, std::string message) {
    return {fault, 0, std::move(code), std::move(message), {}, {}};
}

class RemoteCalls final : public ApiCalls {
  public:
    explicit RemoteCalls(CallPlace place) : place_(std::move(place)) {
        while (place_.url.ends_with('/')) place_.url.pop_back();
    }
    RemoteCalls(const RemoteCalls&) = delete;
    RemoteCalls& operator=(const RemoteCalls&) = delete;
    ~RemoteCalls() override {
        if (easy_ != nullptr) curl().cleanup(easy_);
    }

    Called<boost::json::object> ask(std::string_view method, const std::string& path,
                                    const std::optional<boost::json::object>& body) override {
        const Curl* library = nullptr;
        try {
            library = &curl();
        } catch (const std::runtime_error& lacking) {
            return failed(CallFault::noTransport, "no-transport", lacking.what());
        }
        if (easy_ == nullptr) easy_ = library->init();
        if (easy_ == nullptr) return failed(CallFault::noTransport, "no-transport", "libcurl does not start");
        library->reset(easy_);  // the connection stays
        Received received;
        curl_slist* headers = nullptr;
        const auto done = perform(*library, method, path, body, received, headers);
        library->freeAll(headers);
        if (done != CURLE_OK) return failureOf(*library, done, received);
        long status = 0;
        const char* type = nullptr;
        curl_off_t retryAfter = 0;
        library->get(easy_, CURLINFO_RESPONSE_CODE, &status);
        library->get(easy_, CURLINFO_CONTENT_TYPE, &type);
        library->get(easy_, CURLINFO_RETRY_AFTER, &retryAfter);
        return readAnswer(static_cast<int>(status), type == nullptr ? "" : type, received.body,
                          retryAfter > 0 ? std::optional<std::int64_t>(retryAfter) : std::nullopt);
    }

  private:
    CURLcode perform(const Curl& library, std::string_view method, const std::string& path,
                     const std::optional<boost::json::object>& body, Received& received, curl_slist*& headers) {
        CURLcode wrong = CURLE_OK;
        const auto set = [&](CURLoption option, auto value) {
            if (const auto code = library.set(easy_, option, value); wrong == CURLE_OK) wrong = code;
        };
        const auto header = [&](const std::string& line) {
            auto* longer = library.append(headers, line.c_str());
            if (longer == nullptr)
                wrong = CURLE_OUT_OF_MEMORY;
            else
                headers = longer;
        };
        const bool secure = place_.url.starts_with("https:");
        const std::string url = place_.url + path, verb(method), text = body ? boost::json::serialize(*body) : "";
        header("Accept: application/json, application/problem+json");
        header("Expect:");
        if (!place_.token.empty()) header("Authorization: Bearer " + place_.token);
        if (body) {
            header("Content-Type: application/json");
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(text.size()));
            set(CURLOPT_POSTFIELDS, text.c_str());  // outlives perform()
        } else if (method == "POST") {
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(0));
            set(CURLOPT_POSTFIELDS, "");
            header("Content-Type:");
        }
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_CUSTOMREQUEST, verb.c_str());
        set(CURLOPT_HTTPHEADER, headers);
        set(CURLOPT_PROTOCOLS_STR, secure ? "https" : "http");
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_CONNECTTIMEOUT_MS, connectLimit);
        set(CURLOPT_TIMEOUT_MS, answerLimit);
        set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        if (!place_.caFile.empty()) {
            set(CURLOPT_CAINFO, place_.caFile.c_str());
            set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        }
        if (!secure) set(CURLOPT_PROXY, "");  // to this machine: no proxy shall see it
        set(CURLOPT_ERRORBUFFER, words_.data());
        set(CURLOPT_WRITEFUNCTION, &receive);
        set(CURLOPT_WRITEDATA, static_cast<void*>(&received));
        words_[0] = '\0';
        return wrong == CURLE_OK ? library.perform(easy_) : wrong;
    }

    CallFailure failureOf(const Curl& library, CURLcode code, const Received& received) const {
        const std::string words = words_[0] != '\0' ? words_.data() : library.words(code);
        switch (code) {
            case CURLE_SSL_CONNECT_ERROR:
            case CURLE_PEER_FAILED_VERIFICATION:
            case CURLE_SSL_CACERT_BADFILE:
            case CURLE_SSL_ISSUER_ERROR:
            case CURLE_SSL_CERTPROBLEM:
            case CURLE_SSL_CIPHER:
                return failed(
                    CallFault::untrusted, "untrusted",
                    place_.url + " is not trusted (" + words + "): --ca FILE names the certificates to trust, in PEM");
            case CURLE_WRITE_ERROR:
                if (received.tooMuch)
                    return failed(CallFault::notAuthority, "not-authority",
                                  place_.url + " answers without end: is the address right?");
                [[fallthrough]];
            default:
                return failed(CallFault::unreachable, "unreachable",
                              "cannot reach " + place_.url + " (" + words +
                                  "): is the address right, and does `entitle-server serve` run there?");
        }
    }

    CallPlace place_;
    CURL* easy_ = nullptr;
    std::array<char, CURL_ERROR_SIZE> words_{};
};

}  // namespace

std::unique_ptr<ApiCalls> callsTo(CallPlace place) {
    return std::make_unique<RemoteCalls>(std::move(place));
}

}  // namespace entitle
