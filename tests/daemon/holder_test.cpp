#include "daemon/holder.h"

#include <csignal>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

namespace entitle {
namespace {

using Socket = boost::asio::local::stream_protocol::socket;

Descriptor handleOf(pid_t pid) {
    return Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

TEST(Holder, AnEndedProcessIsNoticed) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    boost::asio::io_context context(1);
    Descriptor handle = handleOf(child);
    if (handle.get() < 0) GTEST_SKIP() << "this kernel gives no handle of a process";
    const auto watch = watchProcess(context, std::move(handle), [&] { context.stop(); });
    EXPECT_EQ(context.poll(), 0u) << "it was taken for dead while it lives";
    ::kill(child, SIGKILL);
    context.run();  // until it is noticed
    ::waitpid(child, nullptr, 0);
}

// Seen with a few hundred connections that came and went: a holder lost its slots while it lived. Asio keeps the
// records of descriptors in a pool. When one handler closes a socket whose event waits in the same batch, and a process
// is watched next, the watch gets the record, and with it the event.
TEST(Holder, TheEventOfAClosedSocketIsNotTheEndOfALivingProcess) {
    boost::asio::io_context context(1);
    Socket first(context), firstPeer(context), second(context), secondPeer(context);
    boost::asio::local::connect_pair(first, firstPeer);
    boost::asio::local::connect_pair(second, secondPeer);
    bool ended = false;
    std::unique_ptr<ProcessWatch> watch;
    char a = 0, b = 0;
    second.async_read_some(boost::asio::buffer(&b, 1), [](boost::system::error_code, std::size_t) {});
    first.async_read_some(boost::asio::buffer(&a, 1), [&](boost::system::error_code, std::size_t) {
        second.close();
        Descriptor handle = handleOf(::getpid());
        if (handle.get() >= 0) watch = watchProcess(context, std::move(handle), [&] { ended = true; });
    });
    boost::asio::write(firstPeer, boost::asio::buffer("1", 1));
    boost::asio::write(secondPeer, boost::asio::buffer("2", 1));
    context.poll();
    if (!watch) GTEST_SKIP() << "this kernel gives no handle of a process";
    EXPECT_FALSE(ended);
}

}  // namespace
}  // namespace entitle
