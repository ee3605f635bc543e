// A program that uses the daemon as it is told, one line at a time: a holder that tests can kill, fork or run as
// another user. Reads commands from standard input, answers each with one line.
//
//   connect PATH | acquire N | many N | reclaim HEX | release | held | check NAME | status | admin METHOD
//   methods         of the admin interface, as the schema lists them
//   request FILE | import FILE                      on the admin socket
//   subscribe | told | answer                       an observer whose calls wait until they are answered
//   fork      a child that keeps every socket open and does nothing; answers its pid
//   uid N     become this user for good
#include <csignal>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <capnp/dynamic.h>
#include <grp.h>
#include <proto/entitled.capnp.h>

#include "proto/connection.h"

namespace {

using namespace entitle;
using Socket = boost::asio::local::stream_protocol::socket;

class SlowObserver final : public wire::Observer::Server {
  public:
    struct Heard {
        unsigned calls = 0;
        std::uint64_t generation = 0;
        kj::Maybe<kj::Own<kj::PromiseFulfiller<void>>> open;
    };
    explicit SlowObserver(Heard& heard) : heard_(heard) {}
    kj::Promise<void> changed(ChangedContext context) override {
        ++heard_.calls;
        heard_.generation = context.getParams().getChange().getGeneration();
        auto gate = kj::newPromiseAndFulfiller<void>();
        heard_.open = kj::mv(gate.fulfiller);
        return kj::mv(gate.promise);
    }

  private:
    Heard& heard_;
};

struct Puppet {
    SlowObserver::Heard heard;
    boost::asio::io_context io{oneIoThread};
    KjLoop loop{io};
    std::optional<Connection> connection;
    std::optional<wire::Entitled::Client> query;
    std::optional<wire::Admin::Client> admin;
    std::vector<wire::Slot::Client> slots;
    std::optional<wire::Subscription::Client> subscription;

    std::string hex(capnp::Data::Reader bytes) {
        std::string text;
        for (unsigned char byte : bytes) {
            text += "0123456789abcdef"[byte >> 4];
            text += "0123456789abcdef"[byte & 15];
        }
        return text;
    }
    std::vector<kj::byte> unhex(const std::string& text) {
        std::vector<kj::byte> bytes;
        for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
            bytes.push_back(static_cast<kj::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
        }
        return bytes;
    }
    std::string keep(wire::Held::Reader held) {
        slots.push_back(held.getSlot());
        return "held " + std::to_string(held.getId()) + " " + hex(held.getSecret());
    }

    std::string connect(const std::string& path) {
        slots.clear();
        subscription.reset();
        query.reset();
        admin.reset();
        connection.reset();
        Socket socket(io);
        boost::system::error_code error;
        socket.connect(path, error);
        if (error) return "refused " + error.message();
        connection.emplace(loop, std::move(socket), WireLimits::client(), [](CloseReason) {});
        query = connection->bootstrap<wire::Entitled>();
        admin = connection->bootstrap<wire::Admin>();
        return "ok";
    }

    std::string acquire(unsigned count) {
        auto request = query->acquireRequest();
        request.setQuota("bots");
        request.setCount(count);
        auto answer = request.send().wait(loop.waitScope());
        auto outcome = answer.getOutcome();
        if (outcome.isHeld()) return keep(outcome.getHeld());
        return "denied " + std::to_string(static_cast<int>(outcome.getDenied().getReason()));
    }

    // One by one, many at a time.
    std::string many(unsigned count) {
        for (unsigned done = 0; done < count;) {
            kj::Vector<capnp::RemotePromise<wire::Entitled::AcquireResults>> calls;
            for (; calls.size() < 200 && done < count; ++done) {
                auto request = query->acquireRequest();
                request.setQuota("bots");
                request.setCount(1);
                calls.add(request.send());
            }
            for (auto& call : calls) {
                auto answer = call.wait(loop.waitScope());
                if (!answer.getOutcome().isHeld()) return "denied";
                slots.push_back(answer.getOutcome().getHeld().getSlot());
            }
        }
        return "held " + std::to_string(slots.size());
    }

    std::string subscribe() {
        auto request = query->subscribeRequest();
        request.setObserver(kj::heap<SlowObserver>(heard));
        subscription = request.send().wait(loop.waitScope()).getSubscription();
        return told();
    }

    // The calls heard so far: what the daemon sent before it answered us has arrived.
    std::string told() {
        auto now = query->statusRequest().send().wait(loop.waitScope()).getStatus().getGeneration();
        loop.poll();
        return "told " + std::to_string(heard.calls) + (heard.generation == now ? " latest" : " old");
    }

    std::string answer() {
        KJ_IF_MAYBE (fulfiller, heard.open) (*fulfiller)->fulfill();
        heard.open = nullptr;
        (void)status();  // carries the answer there, and back what follows from it
        return told();
    }

    std::string request(const std::string& file) {
        auto answer = admin->requestRequest().send().wait(loop.waitScope());
        auto outcome = answer.getOutcome();
        if (!outcome.isFile()) return outcome.getRefused().getCode().cStr();
        std::ofstream(file) << outcome.getFile().cStr();
        return "ok";
    }

    std::string import(const std::string& file) {
        std::ifstream in(file);
        std::string text{std::istreambuf_iterator<char>(in), {}};
        auto request = admin->importRequest();
        request.setDocument(text.c_str());
        auto answer = request.send().wait(loop.waitScope());
        auto outcome = answer.getOutcome();
        return outcome.isStatus() ? "ok" : outcome.getRefused().getCode().cStr();
    }

    std::string reclaim(const std::string& secret) {
        auto request = query->reclaimRequest();
        auto bytes = unhex(secret);
        request.setSecret(capnp::Data::Reader(bytes.data(), bytes.size()));
        auto answer = request.send().wait(loop.waitScope());
        auto outcome = answer.getOutcome();
        if (outcome.isHeld()) return keep(outcome.getHeld());
        return outcome.isOtherUser() ? "other-user" : "unknown-secret";
    }

    // How many units each kept capability still stands for.
    std::string held() {
        std::string text = "held";
        for (auto& slot : slots) {
            text += " " + std::to_string(slot.infoRequest().send().wait(loop.waitScope()).getSlot().getCount());
        }
        return text;
    }

    std::string status() {
        auto answer = query->statusRequest().send().wait(loop.waitScope());
        auto status = answer.getStatus();
        return "status " + std::to_string(static_cast<int>(status.getStanding())) + " " +
               std::to_string(status.getMaxBots()) + " " + std::to_string(status.getBotsInUse());
    }

    std::string check(const std::string& feature) {
        auto request = query->checkRequest();
        request.setFeature(feature.c_str());
        return request.send().wait(loop.waitScope()).getVerdict().getAllowed() ? "yes" : "no";
    }

    // Any method of the schema, with empty arguments.
    std::string administer(const std::string& method) {
        auto& scope = loop.waitScope();
        if (capnp::Schema::from<wire::Admin>().findMethodByName(method.c_str()) == nullptr) return "no such method";
        if (method == "entitled") {  // the capability must not be an empty promise
            admin->entitledRequest().send().wait(scope).getEntitled().statusRequest().send().wait(scope);
        } else {
            wire::Admin::Client copy = *admin;  // which the next line moves from
            capnp::DynamicCapability::Client any = kj::mv(copy);
            any.newRequest(method.c_str()).send().wait(scope);
        }
        return "answered";
    }

    std::string adminMethods() {
        std::string names = "methods";
        for (auto method : capnp::Schema::from<wire::Admin>().getMethods()) {
            names += std::string(" ") + method.getProto().getName().cStr();
        }
        return names;
    }

    std::string obey(const std::string& line) {
        std::istringstream words(line);
        std::string verb, argument;
        words >> verb >> argument;
        try {
            if (verb == "connect") return connect(argument);
            if (verb == "acquire") return acquire(static_cast<unsigned>(std::stoul(argument)));
            if (verb == "many") return many(static_cast<unsigned>(std::stoul(argument)));
            if (verb == "subscribe") return subscribe();
            if (verb == "told") return told();
            if (verb == "answer") return answer();
            if (verb == "request") return request(argument);
            if (verb == "import") return import(argument);
            if (verb == "reclaim") return reclaim(argument);
            if (verb == "held") return held();
            if (verb == "check") return check(argument);
            if (verb == "status") return status();
            if (verb == "admin") return administer(argument);
            if (verb == "methods") return adminMethods();
            if (verb == "release") {
                slots.clear();
                (void)status();  // the release has been handled when a later call is answered
                return "ok";
            }
            if (verb == "fork") {
                pid_t child = ::fork();
                if (child != 0) return "child " + std::to_string(child);
                for (;;) ::pause();
            }
            if (verb == "uid") {
                auto uid = static_cast<uid_t>(std::stoul(argument));
                if (::setgroups(0, nullptr) != 0 || ::setgid(uid) != 0 || ::setuid(uid) != 0) return "failed";
                return "ok";
            }
        } catch (const kj::Exception& fault) {
            return std::string("exception ") + (fault.getType() == kj::Exception::Type::DISCONNECTED ? "disconnected"
                                                : fault.getType() == kj::Exception::Type::UNIMPLEMENTED
                                                    ? "unimplemented"
                                                    : fault.getDescription().cStr());
        }
        return "what?";
    }
};

}  // namespace

int main() {
    std::signal(SIGPIPE, SIG_IGN);
    Puppet puppet;
    std::string line;
    while (std::getline(std::cin, line)) std::cout << puppet.obey(line) << std::endl;
    ::_exit(0);  // as a program that ends without a word
}
