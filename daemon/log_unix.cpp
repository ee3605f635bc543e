#include "daemon/log.h"

#include <cstdlib>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

namespace entitle {

bool stderrIsJournal() {
    const char* stream = std::getenv("JOURNAL_STREAM");  // "device:inode" of the stream, see systemd.exec(5)
    struct stat status {};
    if (!stream || ::fstat(STDERR_FILENO, &status) != 0) return false;
    return stream == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

}  // namespace entitle
