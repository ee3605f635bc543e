#include "daemon/tpm.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "daemon/process.h"
#include "daemon/tpm_work.h"

namespace entitle {
namespace {

// What the child writes, at once and whole: no pipe takes less than this in one piece.
//   u8  0 for a result, else the fault;  then the result, or the message
constexpr std::size_t mostAnswerBytes = 2048;
static_assert(mostAnswerBytes <= PIPE_BUF);

std::string printAnswer(const SealResult<std::string>& answer) {
    const auto fault = answer ? '\0' : static_cast<char>(answer.error().fault);
    const auto& text = answer ? *answer : answer.error().message;
    return fault + text.substr(0, mostAnswerBytes - 1);
}

SealProblem noAnswer() {
    return {SealFault::busy, "the TPM did not answer in time"};
}

SealResult<std::string> readAnswer(std::string_view bytes) {
    if (bytes.empty()) return SealProblem{SealFault::busy, "asking the TPM failed: its library ended the process"};
    const auto fault = static_cast<unsigned char>(bytes[0]);
    std::string text(bytes.substr(1));
    if (fault == 0) return {boost::system::in_place_value, std::move(text)};
    if (fault > static_cast<unsigned char>(SealFault::damaged)) return noAnswer();
    return SealProblem{static_cast<SealFault>(fault), std::move(text)};
}

// Only what was inherited on purpose: a client's socket that stayed open here would outlive its connection.
void keepOnly(int descriptor) {
    if (descriptor > 3) (void)::close_range(3, static_cast<unsigned>(descriptor) - 1, 0);
    (void)::close_range(static_cast<unsigned>(descriptor) + 1, ~0U, 0);
}

[[noreturn]] void answerFrom(const TpmTask& task, const std::string& tcti, int answer, unsigned seconds) noexcept {
    // A handler of ours would write to the daemon's own loop; and whatever happens, this ends.
    for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGALRM, SIGPIPE}) ::signal(number, SIG_DFL);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
    ::alarm(seconds + 1);
    keepOnly(answer);
    int status = 1;
    try {
        auto library = TpmLibrary::load(tcti);
        const auto outcome = library ? askTpm(*library, tcti, task)
                                     : SealResult<std::string>(SealProblem{SealFault::absent, library.error()});
        const auto text = printAnswer(outcome);
        if (::write(answer, text.data(), text.size()) == static_cast<ssize_t>(text.size())) status = 0;
    } catch (...) {
        // No answer is an answer.
    }
    ::_exit(status);
}

}  // namespace

TpmAsking::TpmAsking(TpmAsking&& other) noexcept
    : answer_(std::move(other.answer_)), child_(std::exchange(other.child_, -1)), held_(std::move(other.held_)) {}

TpmAsking& TpmAsking::operator=(TpmAsking&& other) noexcept {
    if (this != &other) {
        end();
        answer_ = std::move(other.answer_);
        child_ = std::exchange(other.child_, -1);
        held_ = std::move(other.held_);
    }
    return *this;
}

TpmAsking::~TpmAsking() {
    end();
}

void TpmAsking::end() {
    if (child_ < 0) return;
    ::kill(child_, SIGKILL);
    // One that the kernel holds in the TPM's driver does not die yet: it is not waited for here.
    bool ended = false;
    constexpr timespec moment{0, 200'000};
    for (int tries = 0; tries < 250 && !ended; ++tries) {
        ended = ::waitpid(child_, nullptr, WNOHANG) != 0;
        if (!ended) (void)::ppoll(nullptr, 0, &moment, nullptr);
    }
    if (!ended) held_->push_back(child_);
    child_ = -1;
}

bool TpmAsking::wait(std::chrono::milliseconds patience) {
    pollfd one{answer_.get(), POLLIN, 0};
    int ready = -1;
    do {
        ready = ::poll(&one, 1, static_cast<int>(patience.count()));
    } while (ready < 0 && errno == EINTR);
    return ready > 0;
}

SealResult<std::string> TpmAsking::finish() {
    std::array<char, mostAnswerBytes> bytes{};
    const auto size = ::read(answer_.get(), bytes.data(), bytes.size());
    auto answer = size < 0 ? SealResult<std::string>(noAnswer())
                           : readAnswer(std::string_view(bytes.data(), static_cast<std::size_t>(size)));
    sodium_memzero(bytes.data(), bytes.size());
    end();
    return answer;
}

Tpm::Place Tpm::placeBelow(const std::string& root, const std::string& tcti) {
    Place place;
    if (!tcti.empty()) {
        place.tcti = tcti;
        return place;
    }
    place.device = (root == "/" ? "" : root) + "/dev/tpmrm0";
    place.tcti = "device:" + place.device;
    return place;
}

std::string Tpm::obstacle() const {
    if (place_.device.empty() || ::access(place_.device.c_str(), R_OK | W_OK) == 0) return {};
    if (errno == ENOENT || errno == ENOTDIR)
        return "this machine shows no TPM 2.0 (" + place_.device + "): switch it on in the firmware, if it has one";
    return place_.device + " may not be used by entitled: its unit and group tss allow it (" + std::strerror(errno) +
           ")";
}

SealResult<TpmAsking> Tpm::begin(const TpmTask& task) const {
    if (auto why = obstacle(); !why.empty()) return SealProblem{SealFault::absent, std::move(why)};
    std::erase_if(*held_, [](int child) { return ::waitpid(child, nullptr, WNOHANG) != 0; });
    if (!held_->empty())
        return SealProblem{SealFault::busy, "the TPM has not let go of the process that asked it before"};
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return SealProblem{SealFault::busy, std::string("the TPM cannot be asked: ") + std::strerror(errno)};
    Descriptor reading(ends[0]), writing(ends[1]);
    pid_t child = -1;
    withoutSignals([&] {
        child = ::fork();
        if (child == 0)
            answerFrom(task, place_.tcti, writing.get(), static_cast<unsigned>(place_.patience.count() / 1000));
    });
    if (child < 0) return SealProblem{SealFault::busy, "the TPM cannot be asked: no process can be started for it"};
    return TpmAsking(std::move(reading), child, held_);
}

SealResult<std::string> Tpm::taken(TpmAsking& asking) {
    const bool inTime = asking.wait(std::chrono::milliseconds{0});
    auto answer = asking.finish();
    silent_ = !inTime || (answer.has_error() && answer.error().fault == SealFault::absent);
    return answer;
}

SealResult<std::string> Tpm::ask(const TpmTask& task) {
    auto asking = begin(task);
    if (!asking) {
        silent_ = silent_ || asking.error().fault == SealFault::absent;
        return asking.error();
    }
    (void)asking->wait(place_.patience);
    return taken(*asking);
}

SealResult<std::string> Tpm::seal(const Seed& seed, const VerifyKey&) {
    TpmTask task;
    task.kind = TpmTask::Kind::seal;
    task.seed = Seed(seed.bytes());
    return ask(task);
}

namespace {

TpmTask unsealingOf(std::string_view sealed) {
    TpmTask task;
    task.kind = TpmTask::Kind::unseal;
    task.blob = sealed;
    return task;
}

SealResult<Seed> seedOf(SealResult<std::string> answer) {
    if (!answer) return answer.error();
    Seed seed;
    const bool whole = answer->size() == seed.bytes().size();
    if (whole) std::memcpy(seed.bytes().data(), answer->data(), seed.bytes().size());
    sodium_memzero(answer->data(), answer->size());
    if (!whole) return noAnswer();
    return seed;
}

}  // namespace

SealResult<Seed> Tpm::unseal(std::string_view sealed, const VerifyKey&) {
    return seedOf(ask(unsealingOf(sealed)));
}

SealResult<TpmAsking> Tpm::beginUnsealing(std::string_view sealed) const {
    return begin(unsealingOf(sealed));
}

SealResult<Seed> Tpm::finishUnsealing(TpmAsking& asking) {
    return seedOf(taken(asking));
}

std::string Tpm::endorsementKey() {
    if (!endorsementKey_.empty() || silent_) return endorsementKey_;
    if (auto answer = ask(TpmTask{}); answer) endorsementKey_ = *std::move(answer);
    return endorsementKey_;
}

}  // namespace entitle
