// Writers of one SQLite file who wait together are written together, and nobody notices.
#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/database.h"
#include "tests/server/desk.h"

namespace entitle::testing {
namespace {

class StoreTogetherTest : public ::testing::Test {
  protected:
    std::filesystem::path file() const { return temporary_.path() / "authority.db"; }
    void SetUp() override {
        writeFile(file(), "");
        ASSERT_TRUE(Database(file(), std::chrono::seconds(10)).migrate(noon));
    }
    long long number(const std::string& sql) {
        Database database(file(), std::chrono::seconds(10));
        return database.read([&](Sql& with) { return with.number(sql); });
    }

  private:
    TemporaryDirectory temporary_;
};

constexpr auto insert = "INSERT INTO settings (name, value) VALUES (:name, :value)";

TEST_F(StoreTogetherTest, EveryOneIsWrittenOnceAndBeforeItReturns) {
    constexpr int threads = 8, each = 200;
    std::vector<std::thread> all;
    std::atomic<int> missing{0};
    for (int t = 0; t < threads; ++t)
        all.emplace_back([&, t] {
            Database mine(file(), std::chrono::seconds(30)), other(file(), std::chrono::seconds(30));
            for (int i = 0; i < each; ++i) {
                const std::string name = std::to_string(t) + "/" + std::to_string(i);
                mine.write([&](Sql& sql) { return sql.run(insert, name, name); });
                if (other.read([&](Sql& sql) {
                        return sql.number("SELECT COUNT(*) FROM settings WHERE name = :name", name);
                    }) != 1)
                    ++missing;
            }
        });
    for (auto& thread : all) thread.join();
    EXPECT_EQ(missing, 0);
    EXPECT_EQ(number("SELECT COUNT(*) FROM settings"), threads * each);
}

// While one writes, the others gather behind it: then they are one batch.
class Gathered {
  public:
    explicit Gathered(const std::filesystem::path& file) : file_(file) {}
    // What each work says: "" when it was written, else the fault's words.
    std::vector<std::string> write(const std::vector<std::function<bool(Database&, Sql&)>>& works) {
        std::vector<std::string> said(works.size());
        std::vector<std::thread> threads;
        std::atomic<std::size_t> gathering{0};
        Database first(file_, std::chrono::seconds(30));
        first.write([&](Sql&) {
            for (std::size_t i = 0; i < works.size(); ++i)
                threads.emplace_back([&, i] {
                    Database own(file_, std::chrono::seconds(30));
                    ++gathering;
                    try {
                        own.write([&](Sql& sql) { return works[i](own, sql); });
                    } catch (const std::exception& fault) {
                        said[i] = fault.what();
                    }
                });
            while (gathering < works.size()) std::this_thread::yield();
            return true;
        });
        for (auto& thread : threads) thread.join();
        return said;
    }

  private:
    const std::filesystem::path file_;
};

TEST_F(StoreTogetherTest, AFaultIsToldToItsOwnWriterAndHarmsNobodyElse) {
    const auto keep = [](const char* name) {
        return [name](Database&, Sql& sql) { return sql.run(insert, name, "kept") == 1; };
    };
    const auto said = Gathered(file()).write({keep("a"), keep("b"),
                                              [](Database&, Sql& sql) -> bool {
                                                  sql.run(insert, "lost", "lost");
                                                  throw std::runtime_error("mine");
                                              },
                                              [](Database&, Sql& sql) { return sql.run("NO SUCH STATEMENT") == 0; },
                                              [](Database& own, Sql& sql) {
                                                  sql.run(insert, "undone", "undone");
                                                  own.rollBack();
                                                  return true;
                                              },
                                              keep("c")});
    EXPECT_EQ(said[0] + said[1] + said[5], "");
    EXPECT_EQ(said[2], "mine");
    EXPECT_THAT(said[3], ::testing::HasSubstr("syntax error"));
    EXPECT_EQ(said[4], "");
    EXPECT_EQ(number("SELECT COUNT(*) FROM settings WHERE value = 'kept'"), 3);
    EXPECT_EQ(number("SELECT COUNT(*) FROM settings"), 3);
}

TEST_F(StoreTogetherTest, WhoeverWaitsTooLongIsToldThatItIsLocked) {
    Database slow(file(), std::chrono::seconds(30)), hasty(file(), std::chrono::milliseconds(20));
    std::string said;
    slow.write([&](Sql& sql) {
        std::thread other([&] {
            try {
                hasty.write([](Sql& with) { return with.run(insert, "hasty", "never"); });
            } catch (const DatabaseFault& fault) {
                said = fault.what();
            }
        });
        other.join();
        return sql.run(insert, "slow", "written");
    });
    EXPECT_THAT(said, ::testing::HasSubstr("locked"));
    EXPECT_EQ(number("SELECT COUNT(*) FROM settings WHERE name = 'hasty'"), 0);
    EXPECT_EQ(number("SELECT COUNT(*) FROM settings WHERE name = 'slow'"), 1);
}

}  // namespace
}  // namespace entitle::testing
