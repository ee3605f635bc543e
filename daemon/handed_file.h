// The content of a file that another program handed over as a descriptor. What stands behind it is anybody's: a pipe
// that never ends, a file system of their own that never answers. So a thread reads it, and the loop only waits so
// long.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/result.hpp>

#include "daemon/answers.h"
#include "daemon/owned_directory.h"

namespace entitle {

class HandedFiles {
  public:
    using Result = boost::system::result<std::string, AdminRefusal>;
    // One being read. Dropping it withdraws the question; the thread may need a while longer.
    class Reading;

    // What a thread does with a descriptor, and how long the loop waits for it: longer than a reader that can watch the
    // time takes.
    struct Reader {
        std::function<Result(int descriptor, std::size_t limit)> content;
        std::chrono::milliseconds patience;
    };
    static Reader usualReader();
    // At once. A thread that the kernel does not let go of keeps its place until it does, or the daemon ends.
    static constexpr unsigned mostThreads = 4;

    explicit HandedFiles(boost::asio::io_context&, Reader = usualReader());
    ~HandedFiles();
    HandedFiles(const HandedFiles&) = delete;
    HandedFiles& operator=(const HandedFiles&) = delete;

    // A regular file from its beginning, or a pipe to its end; anything else is refused, and so is more than `limit`
    // bytes. `done` is called on the io_context, once, never from within. Null while so many are read.
    [[nodiscard]] std::shared_ptr<Reading> read(Descriptor, std::size_t limit, std::function<void(Result)> done);

  private:
    struct Shared;
    boost::asio::io_context& context_;
    const Reader reader_;
    std::shared_ptr<Shared> shared_;
};

}  // namespace entitle
