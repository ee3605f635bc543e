#include "tests/bench/measure.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace entitle::bench {

double median(std::vector<double> values) {
    if (values.empty()) throw std::logic_error("the median of nothing");
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

int pinToOneCore() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) throw std::system_error(errno, std::generic_category());
    // The last one: the first serves most interrupts.
    int core = CPU_SETSIZE - 1;
    while (core > 0 && !CPU_ISSET(core, &allowed)) --core;
    CPU_ZERO(&allowed);
    CPU_SET(core, &allowed);
    if (::sched_setaffinity(0, sizeof allowed, &allowed) != 0) throw std::system_error(errno, std::generic_category());
    return core;
}

int allowedCores() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) throw std::system_error(errno, std::generic_category());
    return CPU_COUNT(&allowed);
}

std::size_t raiseDescriptorLimit(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    rlimit raised{limit.rlim_max, limit.rlim_max};
    if (raised.rlim_max < wanted) {
        // Beyond the hard limit only a privileged user gets.
        const rlimit beyond{wanted, wanted};
        if (::setrlimit(RLIMIT_NOFILE, &beyond) == 0) return wanted;
    }
    return ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

std::optional<ProcessFacts> factsOf(pid_t pid) {
    const std::filesystem::path root = "/proc/" + std::to_string(pid);
    ProcessFacts facts;
    std::error_code error;
    for (const auto& task : std::filesystem::directory_iterator(root / "task", error)) {
        std::ifstream status(task.path() / "status");
        std::string name;
        while (status >> name) {
            std::uint64_t value = 0;
            if (name == "VmRSS:" && status >> value) facts.residentBytes = value * 1'024;
            if (name == "voluntary_ctxt_switches:" && status >> value) facts.wakeUps += value;
            status.clear();
            status.ignore(1'000, '\n');
        }
    }
    if (error || facts.residentBytes == 0) return std::nullopt;
    return facts;
}

namespace {

struct Stat {
    std::string name;
    pid_t parent = 0;
    double cpu = 0;
    double ended = 0;  // of its children that have ended
};

// Source: proc(5), /proc/pid/stat; fields 4 and 14 to 17. The name may hold anything, so its end is looked for from
// behind.
std::optional<Stat> statOf(const std::filesystem::path& process) {
    std::ifstream file(process / "stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto open = text.find('('), close = text.rfind(')');
    if (open == std::string::npos || close == std::string::npos) return std::nullopt;
    Stat out;
    out.name = text.substr(open + 1, close - open - 1);
    std::istringstream rest(text.substr(close + 1));
    std::string state, skipped;
    rest >> state >> out.parent;
    for (int field = 5; field < 14; ++field) rest >> skipped;
    double user = 0, system = 0, endedUser = 0, endedSystem = 0;
    rest >> user >> system >> endedUser >> endedSystem;
    const auto tick = static_cast<double>(::sysconf(_SC_CLK_TCK));
    out.cpu = (user + system) / tick;
    out.ended = (endedUser + endedSystem) / tick;
    return out;
}

}  // namespace

double cpuSeconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto seconds = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double cpuSeconds(pid_t pid) {
    const auto stat = statOf("/proc/" + std::to_string(pid));
    return stat ? stat->cpu : 0;
}

double cpuSecondsBelow(pid_t root, const std::string& name) {
    std::map<pid_t, Stat> all;
    std::error_code ignored;
    for (const auto& each : std::filesystem::directory_iterator("/proc", ignored)) {
        const auto word = each.path().filename().string();
        if (word.find_first_not_of("0123456789") != std::string::npos) continue;
        if (auto stat = statOf(each.path())) all.emplace(std::stoi(word), std::move(*stat));
    }
    double sum = 0;
    for (const auto& [pid, stat] : all) {
        if (stat.name != name) continue;
        for (pid_t up = pid; up > 1;) {
            const auto found = all.find(up);
            if (found == all.end()) break;
            if (up == root) sum += stat.cpu + stat.ended;
            up = found->second.parent;
        }
    }
    return sum;
}

Child::Child(const std::function<void(int fd)>& serve) {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        throw std::system_error(errno, std::generic_category(), "socketpair");
    }
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(fds[0]);
        try {
            serve(fds[1]);
        } catch (...) {
            ::_exit(1);
        }
        ::_exit(0);
    }
    ::close(fds[1]);
    fd_ = fds[0];
}

Child::~Child() {
    if (fd_ >= 0) ::close(fd_);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

int Child::releaseSocket() {
    return std::exchange(fd_, -1);
}

}  // namespace entitle::bench
