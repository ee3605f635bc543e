#include "server/terminal.h"

#include <iostream>

#include <fcntl.h>
#include <unistd.h>

#include <termios.h>

#include "server/files.h"

namespace entitle {
namespace {

constexpr std::size_t longestLine = 4096;

// Shows nothing of what is typed while it lives. A signal in between ends the process with the terminal as it is; a
// shell sets it right.
class Unseen {
  public:
    explicit Unseen(int terminal) : terminal_(terminal), changed_(::tcgetattr(terminal, &before_) == 0) {
        if (!changed_) return;
        auto silent = before_;
        silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        silent.c_lflag |= ECHONL;
        changed_ = ::tcsetattr(terminal, TCSAFLUSH, &silent) == 0;
    }
    Unseen(const Unseen&) = delete;
    Unseen& operator=(const Unseen&) = delete;
    ~Unseen() {
        if (changed_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
    }
    bool works() const { return changed_; }

  private:
    int terminal_;
    termios before_{};
    bool changed_;
};

}  // namespace

Granted<std::string> askPassword(std::string_view prompt, const std::string& file) {
    std::string password;
    if (!file.empty()) {
        auto text = readSecretFile(file, longestLine);
        if (!text) return text.error();
        password = text->substr(0, text->find('\n'));
    } else if (::isatty(STDIN_FILENO) != 0) {
        std::cerr << prompt << std::flush;
        const Unseen unseen(STDIN_FILENO);
        if (!unseen.works())
            return Denial{DenialReason::usage, "this terminal shows what is typed: use --password-file FILE"};
        std::getline(std::cin, password);
    } else {
        std::getline(std::cin, password);
    }
    while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) password.pop_back();
    if (password.empty())
        return Denial{DenialReason::usage, "give the password on standard input, or by --password-file FILE"};
    return password;
}

}  // namespace entitle
