// HTTPS to the authority, by libcurl in one thread. The loop hands over questions and takes answers; what libcurl does
// in between (names, TLS, proxies) may sleep without anybody waiting for it.
#include <algorithm>
#include <array>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "daemon/authority.h"
#include "daemon/curl_library.h"
#include "daemon/idle_memory.h"
#include "daemon/process.h"
#include "license/printable.h"

namespace entitle {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds connectLimit{15'000};
constexpr milliseconds longestQuestion{120'000};
constexpr int asleep = 3'600'000;  // milliseconds; whoever has something to say wakes the thread
constexpr int calm = 1'000;        // milliseconds without a word: a conversation is over
constexpr std::size_t maxWords = 200;
constexpr auto partingTime = std::chrono::seconds(1);

using Result = Authority::Result;

// A question on its way, as the worker holds it.
struct Transfer {
    std::uint64_t id = 0;
    Question question;
    std::string body;
    bool overflow = false;
    std::array<char, CURL_ERROR_SIZE> words{};  // what libcurl says went wrong, more closely than its code
    CURL* easy = nullptr;
    curl_slist* headers = nullptr;
};

ContactFault faultOf(CURLcode code) {
    switch (code) {
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
            return ContactFault::unresolved;
        case CURLE_OPERATION_TIMEDOUT:
            return ContactFault::silent;
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CIPHER:
            return ContactFault::untrusted;
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_WEIRD_SERVER_REPLY:
            return ContactFault::notAuthority;
        default:
            return ContactFault::unconnected;
    }
}

bool sameMediaType(const char* header, std::string_view wanted) {
    if (!header) return false;
    std::string_view type(header);
    type = type.substr(0, type.find(';'));
    while (!type.empty() && type.back() == ' ') type.remove_suffix(1);
    return std::ranges::equal(type, wanted, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

// The worker and what it shares with the loop. Kept alive by its thread: it may outlast the daemon's last second.
class Worker : public std::enable_shared_from_this<Worker> {
  public:
    Worker(boost::asio::io_context& context, AuthorityPlace place) : context_(context), place_(std::move(place)) {}

    using Deliver = std::function<void(std::uint64_t, Result)>;
    void start(Deliver deliver) {
        deliver_ = std::move(deliver);
        withoutSignals([&] { thread_ = std::thread([self = shared_from_this()] { self->run(); }); });
    }

    void add(std::uint64_t id, Question question) {
        const std::lock_guard lock(mutex_);
        Transfer transfer;
        transfer.id = id;
        transfer.question = std::move(question);
        wanted_.push_back(std::move(transfer));
        wake();
    }

    void withdraw(std::uint64_t id) {
        const std::lock_guard lock(mutex_);
        std::erase_if(wanted_, [&](const Transfer& each) { return each.id == id; });
        unwanted_.push_back(id);
        wake();
    }

    // Nothing is delivered after this. A thread inside a name server's time-out is left behind: the process ends soon.
    void stop() {
        {
            std::unique_lock lock(mutex_);
            stopping_ = true;
            wake();
            ended_.wait_for(lock, partingTime, [&] { return gone_; });
            if (!gone_) {
                thread_.detach();
                return;
            }
        }
        thread_.join();
    }

  private:
    // With mutex_ held: the handle must not go meanwhile.
    void wake() {
        if (multi_) curl_->multiWakeup(multi_);
        arrived_.notify_one();
    }

    void run() {
        auto loaded = CurlLibrary::load();
        CURLM* multi = nullptr;
        if (loaded) {
            curl_ = *loaded;
            multi = curl_->multiInit();
            // One connection waits for news, one asks; they are not kept for long.
            if (multi) curl_->multiSet(multi, CURLMOPT_MAXCONNECTS, 2L);
        }
        {
            const std::lock_guard lock(mutex_);
            multi_ = multi;
        }
        bool lean = false;
        const std::string lacking = loaded ? "libcurl does not start" : loaded.error();
        while (serve(lacking)) {
            if (!multi) {
                std::unique_lock lock(mutex_);
                arrived_.wait(lock, [&] { return stopping_ || !wanted_.empty(); });
                continue;
            }
            int running = 0;
            curl_->multiPerform(multi, &running);
            finish();
            // Between the look at the wishes and this, a wake-up is remembered by libcurl.
            int ready = 0;
            curl_->multiPoll(multi, nullptr, 0, lean ? asleep : calm, &ready);
            if (ready > 0 || asked()) {
                lean = false;
            } else if (!std::exchange(lean, true)) {
                giveBackIdleMemory();
            }
        }
        for (auto& [easy, transfer] : underWay_) dispose(transfer);
        underWay_.clear();
        {
            const std::lock_guard lock(mutex_);
            multi_ = nullptr;
        }
        if (multi) curl_->multiCleanup(multi);
        const std::lock_guard lock(mutex_);
        gone_ = true;
        ended_.notify_all();
    }

    bool asked() {
        const std::lock_guard lock(mutex_);
        return stopping_ || !wanted_.empty() || !unwanted_.empty();
    }

    // Takes up what is wanted, drops what is not. false: it is over.
    bool serve(const std::string& lacking) {
        std::vector<Transfer> wanted;
        std::vector<std::uint64_t> unwanted;
        {
            const std::lock_guard lock(mutex_);
            if (stopping_) return false;
            wanted.swap(wanted_);
            unwanted.swap(unwanted_);
        }
        for (const auto id : unwanted) {
            const auto at = std::ranges::find_if(underWay_, [&](const auto& each) { return each.second.id == id; });
            if (at == underWay_.end()) continue;
            dispose(at->second);
            underWay_.erase(at);
        }
        for (auto& each : wanted) {
            const auto id = each.id;
            if (!begin(std::move(each))) deliver(id, ContactFailure{ContactFault::noTransport, lacking, std::nullopt});
        }
        return true;
    }

    bool begin(Transfer transfer) {
        CURL* easy = multi_ ? curl_->easyInit() : nullptr;
        if (!easy) return false;
        transfer.easy = easy;
        auto& kept = underWay_.emplace(easy, std::move(transfer)).first->second;
        const auto set = [&](CURLoption option, auto value) { return curl_->easySet(easy, option, value) == CURLE_OK; };
        const std::string url = place_.url.substr(0, place_.url.find_last_not_of('/') + 1) + kept.question.path;
        const auto limit = std::min(kept.question.limit, longestQuestion);
        for (const char* header : {"Content-Type: ", "Accept: "}) {
            const auto type = header[0] == 'C' ? requestContentType : answerContentType;
            kept.headers = curl_->slistAppend(kept.headers, (header + std::string(type)).c_str());
        }
        kept.headers = curl_->slistAppend(kept.headers, "Expect:");  // no "100-continue" round trip
        bool good = kept.headers && set(CURLOPT_URL, url.c_str()) && set(CURLOPT_HTTPHEADER, kept.headers);
        good = good && set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(kept.question.body.size()));
        good = good && set(CURLOPT_COPYPOSTFIELDS, kept.question.body.c_str());
        good = good && set(CURLOPT_PROTOCOLS_STR, place_.url.starts_with("https:") ? "https" : "http");
        good = good && set(CURLOPT_FOLLOWLOCATION, 0L) && set(CURLOPT_NOSIGNAL, 1L);
        good = good && set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
        good = good && set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(limit, connectLimit).count()));
        good = good && set(CURLOPT_SSL_VERIFYPEER, 1L) && set(CURLOPT_SSL_VERIFYHOST, 2L);
        good = good && set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
        good = good && set(CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(maxAnswerBytes));
        good = good && set(CURLOPT_WRITEFUNCTION, &Worker::received) && set(CURLOPT_WRITEDATA, &kept);
        good = good && set(CURLOPT_ERRORBUFFER, kept.words.data());
        // Answers are never compressed: what is small cannot grow.
        if (!place_.caFile.empty()) {
            good = good && set(CURLOPT_CAINFO, place_.caFile.c_str()) &&
                   set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
        }
        if (place_.proxy == "none") {
            good = good && set(CURLOPT_PROXY, "");
        } else if (!place_.proxy.empty()) {
            good = good && set(CURLOPT_PROXY, place_.proxy.c_str());
        }
        good = good && set(CURLOPT_QUICK_EXIT, 1L);  // a name server's time-out holds nobody up
        if (good && curl_->multiAdd(multi_, easy) == CURLM_OK) return true;
        dispose(kept);
        underWay_.erase(easy);
        return false;
    }

    static std::size_t received(char* bytes, std::size_t one, std::size_t count, void* to) {
        auto& transfer = *static_cast<Transfer*>(to);
        if (transfer.body.size() + one * count > maxAnswerBytes) {
            transfer.overflow = true;
            return 0;  // ends the transfer
        }
        transfer.body.append(bytes, one * count);
        return one * count;
    }

    void finish() {
        int left = 0;
        while (const CURLMsg* message = curl_->multiRead(multi_, &left)) {
            if (message->msg != CURLMSG_DONE) continue;
            const auto at = underWay_.find(message->easy_handle);
            if (at == underWay_.end()) continue;
            auto result = outcome(at->second, message->data.result);
            const auto id = at->second.id;
            dispose(at->second);
            underWay_.erase(at);
            deliver(id, std::move(result));
        }
    }

    Result outcome(Transfer& transfer, CURLcode code) const {
        const auto fail = [&](ContactFault fault, std::string message, std::optional<Seconds> after = std::nullopt) {
            return ContactFailure{fault, place_.url + ": " + std::move(message), after};
        };
        if (transfer.overflow || code == CURLE_FILESIZE_EXCEEDED) {
            return fail(ContactFault::tooLarge, "the answer is larger than any answer of an authority");
        }
        if (code != CURLE_OK) {
            std::string words = printableFrom(transfer.words.data(), maxWords);
            if (words.empty()) words = curl_->easyError(code);
            if (code == CURLE_PEER_FAILED_VERIFICATION) words.insert(0, "the certificate is not believed: ");
            if (code == CURLE_SSL_CONNECT_ERROR) words.insert(0, "no TLS connection comes about: ");
            return fail(faultOf(code), std::move(words));
        }
        long status = 0;
        const char* type = nullptr;
        curl_off_t retryAfter = 0;
        curl_->easyGet(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
        curl_->easyGet(transfer.easy, CURLINFO_CONTENT_TYPE, &type);
        curl_->easyGet(transfer.easy, CURLINFO_RETRY_AFTER, &retryAfter);
        std::optional<Seconds> after;
        if (retryAfter > 0) after = std::min(maxRetryAfter, Seconds(std::min<curl_off_t>(retryAfter, 1'000'000'000)));
        if (status == 429 || status >= 500) {
            return fail(ContactFault::busy, "the authority is busy (status " + std::to_string(status) + ")", after);
        }
        if (status != 200 || !sameMediaType(type, answerContentType)) {
            return fail(ContactFault::notAuthority,
                        "something other than the authority answered (status " + std::to_string(status) + ")", after);
        }
        return std::move(transfer.body);
    }

    void dispose(Transfer& transfer) {
        if (transfer.easy) {
            if (multi_) curl_->multiRemove(multi_, transfer.easy);
            curl_->easyCleanup(transfer.easy);
        }
        if (transfer.headers) curl_->slistFree(transfer.headers);
        transfer.easy = nullptr;
        transfer.headers = nullptr;
    }

    void deliver(std::uint64_t id, Result result) {
        const std::lock_guard lock(mutex_);
        if (stopping_) return;  // the context may be going
        boost::asio::post(context_, [deliver = deliver_, id, result = std::move(result)]() mutable {
            deliver(id, std::move(result));
        });
    }

    boost::asio::io_context& context_;
    const AuthorityPlace place_;
    Deliver deliver_;
    std::thread thread_;
    const CurlLibrary* curl_ = nullptr;  // set before multi_ is

    std::mutex mutex_;  // for what follows
    std::condition_variable ended_, arrived_;
    CURLM* multi_ = nullptr;
    std::vector<Transfer> wanted_;
    std::vector<std::uint64_t> unwanted_;
    bool stopping_ = false, gone_ = false;

    std::map<CURL*, Transfer> underWay_;  // the thread's alone
};

class HttpsAuthority final : public Authority {
  public:
    HttpsAuthority(boost::asio::io_context& context, AuthorityPlace place)
        : context_(context), place_(std::move(place)), waiting_(std::make_shared<Waiting>()) {}
    ~HttpsAuthority() override {
        waiting_->clear();
        if (worker_) worker_->stop();
    }

    std::unique_ptr<Asking> ask(Question question, Done done) override {
        if (!worker_) {
            worker_ = std::make_shared<Worker>(context_, place_);
            worker_->start([waiting = waiting_](std::uint64_t id, Result result) {
                auto found = waiting->extract(id);
                if (!found.empty()) found.mapped()(std::move(result));
            });
        }
        const auto id = ++lastId_;
        waiting_->emplace(id, std::move(done));
        worker_->add(id, std::move(question));
        return std::make_unique<Withdrawal>(waiting_, worker_, id);
    }

  private:
    // Who waits for which answer; of the loop's thread alone.
    using Waiting = std::map<std::uint64_t, Done>;

    class Withdrawal final : public Asking {
      public:
        Withdrawal(const std::shared_ptr<Waiting>& waiting, const std::shared_ptr<Worker>& worker, std::uint64_t id)
            : waiting_(waiting), worker_(worker), id_(id) {}
        ~Withdrawal() override {
            const auto waiting = waiting_.lock();
            const auto worker = worker_.lock();
            if (waiting && worker && waiting->erase(id_) != 0) worker->withdraw(id_);
        }

      private:
        std::weak_ptr<Waiting> waiting_;
        std::weak_ptr<Worker> worker_;
        std::uint64_t id_;
    };

    boost::asio::io_context& context_;
    const AuthorityPlace place_;
    std::shared_ptr<Waiting> waiting_;
    std::shared_ptr<Worker> worker_;
    std::uint64_t lastId_ = 0;
};

}  // namespace

std::unique_ptr<Authority> httpsAuthority(boost::asio::io_context& context, AuthorityPlace place) {
    return std::make_unique<HttpsAuthority>(context, std::move(place));
}

}  // namespace entitle
