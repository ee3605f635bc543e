// What identifies the hardware is hashed at once: the facts themselves are in nothing that leaves the daemon's memory.
#include <algorithm>
#include <cctype>
#include <filesystem>

#include "license/base64url.h"
#include "tests/e2e/online_fixture.h"

namespace entitle::e2e {
namespace {

namespace fs = std::filesystem;

class Identifiers : public Online {
  protected:
    // As somebody would look for them: without regard to case and separators.
    static std::string plain(std::string text) {
        std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
        std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
        return text;
    }
    // The text, and what is in it as base64url: the payloads of tokens.
    static std::string unpacked(const std::string& text) {
        const auto letter = [](unsigned char c) { return std::isalnum(c) || c == '-' || c == '_'; };
        std::string all = text;
        for (std::size_t at = 0; at < text.size();) {
            const auto from = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), letter);
            const auto to = std::find_if_not(from, text.end(), letter);
            if (to - from >= 8) all += "\n" + fromBase64url(std::string(from, to)).value_or("");
            at = static_cast<std::size_t>(to - text.begin());
        }
        return all;
    }
    std::vector<std::string> facts() const {
        const auto root = machine.directory() + "/hardware";
        std::vector<std::string> all;
        for (const char* path : {"/sys/class/dmi/id/product_uuid", "/sys/class/dmi/id/board_serial", "/etc/machine-id",
                                 "/sys/class/net/eth0/address"}) {
            auto fact = machine.read(root + path);
            fact.erase(fact.find_last_not_of('\n') + 1);
            EXPECT_GE(plain(fact).size(), 8U) << path;
            all.push_back(fact);
        }
        return all;
    }
    bool tells(const std::string& text) const {
        const auto inside = plain(unpacked(text));
        return std::ranges::any_of(facts(), [&](const auto& fact) { return inside.find(plain(fact)) != inside.npos; });
    }
    void silent(const std::string& text, const std::string& where) const {
        EXPECT_FALSE(text.empty()) << where;
        EXPECT_FALSE(tells(text)) << where << " tells a fact of the hardware:\n" << text;
    }
    void silentFiles(const std::string& directory) const {
        unsigned files = 0;
        for (const auto& file : fs::recursive_directory_iterator(directory)) {
            if (!file.is_regular_file()) continue;
            ++files;
            EXPECT_FALSE(tells(machine.read(file.path()))) << file.path() << " tells a fact of the hardware";
        }
        EXPECT_GT(files, 0U) << directory;
    }
};

TEST_F(Identifiers, AreFoundWhereTheyAre) {
    for (const auto& fact : facts()) {
        EXPECT_TRUE(tells("before " + fact + " after"));
        EXPECT_TRUE(tells("{\"request\":\"v4.public." + toBase64url("{\"fact\":\"" + fact + "\"}") + "\"}"));
    }
}

TEST_F(Identifiers, AreInNoLogFileAnswerOrRequest) {
    silent(machine.ctl({"request"}).out, "the request file");
    activate(server.license());
    ASSERT_EQ(machine.ctl({"refresh"}).status, 0);
    machine.changeHardware('b');  // other facts to compare, and to tell of
    machine.killDaemon();
    machine.start();
    machine.ctl({"refresh"});
    for (const char seed : {'a', 'b'}) {
        machine.changeHardware(seed);  // the facts that are looked for
        for (const std::vector<std::string>& question : {std::vector<std::string>{"status"},
                                                         {"fingerprint"},
                                                         {"doctor"},
                                                         {"quota"},
                                                         {"features"},
                                                         {"slots"},
                                                         {"audit"},
                                                         {"metrics"},
                                                         {"version"},
                                                         {"request", "--fresh"}}) {
            auto asJson = question;
            asJson.push_back("--json");
            silent(machine.ctl(question).both(), question[0]);
            silent(machine.ctl(asJson).both(), question[0] + " --json");
        }
        silent(machine.log(), "the log");
        silent(proxy->told(), "the wire");
        for (const auto& path : {activatePath, renewPath}) {
            const auto exchanges = proxy->exchanges(path);
            EXPECT_FALSE(exchanges.empty()) << path;
            for (const auto& exchange : exchanges) silent(exchange.request + exchange.answer, "the wire, " + path);
        }
        silentFiles(machine.stateDirectory());
        silentFiles(machine.directory() + "/run");
        silentFiles(server.directory());
    }
}

}  // namespace
}  // namespace entitle::e2e
