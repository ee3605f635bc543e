// Files handed over as descriptors: what is read, and what becomes of those that never answer.
#include "daemon/handed_file.h"

#include <future>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle::testing {
namespace {

using namespace std::chrono_literals;
using Reading = std::shared_ptr<HandedFiles::Reading>;

// A kernel that does not return from reading /dev/null until it is told to; everything else is read as usual.
class SlowKernel : public ::testing::Test {
  protected:
    void SetUp() override { writeFile(file, "content"); }
    ~SlowKernel() override { answer(); }

    HandedFiles::Reader reader(std::chrono::milliseconds patience) {
        auto usual = HandedFiles::usualReader().content;
        return {[usual, answered = answered_](int descriptor, std::size_t limit) {
                    struct stat status {};
                    ::fstat(descriptor, &status);
                    if (S_ISCHR(status.st_mode)) answered.wait();
                    return usual(descriptor, limit);
                },
                patience};
    }
    void answer() {
        if (!std::exchange(told_, true)) answers_.set_value();
    }
    // The word of its refusal, "read" where it was read, "" as long as there is no answer.
    Reading read(HandedFiles& files, const std::string& path, std::string& said) {
        return files.read(Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), 1 << 20,
                          [&said](HandedFiles::Result result) { said = result ? "read" : result.error().code; });
    }
    void runUntil(const std::function<bool()>& so) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!so() && std::chrono::steady_clock::now() < end) {
            context.restart();
            context.run_one_for(1s);
        }
    }

    boost::asio::io_context context;
    TemporaryDirectory directory;
    const std::string file = directory / "file";

  private:
    std::promise<void> answers_;
    std::shared_future<void> answered_ = answers_.get_future().share();
    bool told_ = false;
};

TEST_F(SlowKernel, AFileThatNeverAnswersIsWaitedForNoLongerThanThat) {
    HandedFiles files(context, reader(10ms));
    std::string stuck;
    const auto reading = read(files, "/dev/null", stuck);
    runUntil([&] { return !stuck.empty(); });
    EXPECT_EQ(stuck, "timed-out");
}

TEST_F(SlowKernel, SoManyThatNeverAnswerAreHeldAndNoMore) {
    HandedFiles files(context, reader(20s));
    std::vector<Reading> stuck;
    std::vector<std::string> said(HandedFiles::mostThreads);
    std::string other;
    for (std::size_t i = 0; i + 1 < said.size(); ++i) {
        stuck.push_back(read(files, "/dev/null", said[i]));
        ASSERT_TRUE(stuck.back());
    }
    auto last = read(files, file, other);
    ASSERT_TRUE(last) << "one place is left";
    runUntil([&] { return !other.empty(); });
    EXPECT_EQ(other, "read");
    stuck.push_back(read(files, "/dev/null", said.back()));
    ASSERT_TRUE(stuck.back()) << "and is given back";
    EXPECT_FALSE(read(files, file, other));
    stuck[0].reset();
    EXPECT_FALSE(read(files, file, other)) << "who withdraws the question does not get the thread out of there";
    answer();
    runUntil([&] { return !said[1].empty() && !said[2].empty() && !said[3].empty(); });
    EXPECT_EQ(said[1], "unreadable");
    Reading next;
    runUntil([&] { return (next = read(files, file, other)) != nullptr; });
    EXPECT_TRUE(next) << "the kernel has answered";
}

TEST_F(SlowKernel, WhoGoesBeforeTheAnswerIsNotMissed) {
    std::string said;
    Reading reading;
    {
        HandedFiles files(context, reader(20s));
        reading = read(files, "/dev/null", said);
    }
    reading.reset();
    answer();
    EXPECT_EQ(said, "");
}

}  // namespace
}  // namespace entitle::testing
