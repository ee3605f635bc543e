#include "daemon/audit.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/json.hpp>

#include "license/document.h"

namespace entitle {

namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

constexpr std::string_view logName = "audit.log";
constexpr std::size_t maxReadBytes = 80u << 20;  // config allows files of 64 MiB; one entry may overshoot
constexpr std::size_t maxWaiting = 1'000;
constexpr std::size_t maxDenialKinds = 32;  // told apart in one window; keeps the entry under maxAuditDetail
constexpr std::size_t maxReasonBytes = 48;
constexpr std::chrono::nanoseconds shortestWindow = 1min, longestWindow = 1h;

std::string fileName(unsigned age) {
    return age == 0 ? std::string(logName) : std::string(logName) + "." + std::to_string(age);
}

// Calls `use(line)` for every whole line. What follows the last newline is returned: a torn line, or nothing.
template <class Use>
std::string_view forEachLine(std::string_view text, Use use) {
    while (true) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos) return text;
        use(text.substr(0, end));
        text.remove_prefix(end + 1);
    }
}

// The index of a line, without checking the rest of it.
std::uint64_t indexOf(std::string_view line) {
    constexpr std::string_view start = R"({"index":)";
    std::uint64_t index = 0;
    if (line.starts_with(start)) std::from_chars(line.data() + start.size(), line.data() + line.size(), index);
    return index;
}

Assertion checkpointAssertion(const VerifyKey& device) {
    return {Purpose::auditCheckpoint, "", {deviceIdOf(device).value}};
}

std::string checkpointPayload(std::uint64_t index, const AuditHash& hash) {
    json::array bytes(hash.begin(), hash.end());
    return json::serialize(json::object{{"index", index}, {"hash", std::move(bytes)}});
}

// A checkpoint signs the entry before it.
bool checkpointHolds(const AuditEntry& entry, const VerifyKey& device) {
    boost::system::error_code error;
    const auto detail = json::parse(entry.detail, error);
    if (error || !detail.is_object()) return false;
    const auto* token = detail.get_object().if_contains("token");
    if (!token || !token->is_string()) return false;
    const auto payload = verifyToken(std::string_view(token->get_string()), device, checkpointAssertion(device));
    return payload.has_value() && *payload == checkpointPayload(entry.index - 1, entry.previous);
}

std::string entries(std::uint64_t first, std::uint64_t last) {
    if (first == last) return "entry " + std::to_string(first) + " is";
    return "entries " + std::to_string(first) + " to " + std::to_string(last) + " are";
}

// Follows the chain line by line; stops at the first break.
class Verifier {
  public:
    Verifier(const VerifyKey& device, const std::vector<VerifyKey>& formers, const std::optional<AuditEntry>& stored)
        : device_(device), formers_(formers), stored_(stored) {}

    void take(std::string_view line, const std::string& file) {
        if (!check_.message.empty()) return;
        ++lineNumber_;
        const auto where = file + ", line " + std::to_string(lineNumber_);
        const auto entry = parseAuditEntry(line);
        if (!entry) return fail(where + " was changed: its form or its hash does not hold");
        if (last_ == 0 && entry->index != 1 && (entry->kind != "checkpoint" || !holds(*entry))) {
            return fail(where + ": everything before entry " + std::to_string(entry->index) +
                        " is missing, and no checkpoint of this device vouches for it");
        }
        if (last_ == 0 && entry->index == 1 && entry->previous != AuditHash{}) return fail(where + " was changed");
        if (last_ != 0 && entry->index != last_ + 1) {
            if (entry->index <= last_) return fail(where + ": entry " + std::to_string(entry->index) + " stands twice");
            return fail(where + ": " + entries(last_ + 1, entry->index - 1) + " missing");
        }
        if (last_ != 0 && entry->previous != lastHash_) {
            return fail(where + " does not follow from the entry before it: one of the two was changed");
        }
        if (entry->kind == "checkpoint") {
            if (!holds(*entry)) {
                return fail(where + ": the checkpoint was not signed by this device's key");
            }
            ++check_.checkpoints;
        }
        if (stored_ && entry->index == stored_->index && entry->hash != stored_->hash) {
            return fail(where + ": entry " + std::to_string(entry->index) + " is not the one the daemon remembers");
        }
        last_ = entry->index;
        lastHash_ = entry->hash;
        ++check_.entries;
    }
    void startFile() { lineNumber_ = 0; }
    void torn(const std::string& file) { fail(file + " ends in the middle of a line"); }
    void fail(std::string message) {
        if (check_.message.empty()) check_.message = std::move(message);
    }

    AuditCheck finish() {
        if (check_.message.empty() && stored_ && stored_->index > last_) {
            fail("the log ends too early: " + entries(last_ + 1, stored_->index) + " missing");
        }
        check_.intact = check_.message.empty();
        return check_;
    }

  private:
    bool holds(const AuditEntry& checkpoint) const {
        const auto signedBy = [&](const VerifyKey& key) { return checkpointHolds(checkpoint, key); };
        return signedBy(device_) || std::any_of(formers_.begin(), formers_.end(), signedBy);
    }

    const VerifyKey& device_;
    const std::vector<VerifyKey>& formers_;
    const std::optional<AuditEntry>& stored_;
    AuditCheck check_;
    std::uint64_t lineNumber_ = 0;
    std::uint64_t last_ = 0;
    AuditHash lastHash_{};
};

// A fault that may pass: the daemon starts and the log catches up. Anything else somebody must look at first.
bool isPassing(const FileProblem& problem) {
    return problem.fault == FileFault::full || problem.fault == FileFault::readOnly || problem.fault == FileFault::io;
}

// How the newest file ends.
struct Tail {
    std::optional<AuditEntry> last;  // the last line that holds
    std::uint64_t end = 0;           // of that line, in bytes
    std::uint64_t sinceCheckpoint = 0;
    bool broken = false;  // a whole line at the end does not hold: evidence, to be kept
};

Tail readTail(std::string_view text) {
    Tail tail;
    std::uint64_t at = 0;
    forEachLine(text, [&](std::string_view line) {
        at += line.size() + 1;
        // Only the end matters here; verify() looks at the rest. Lines are parsed where a later one could not hold.
        auto entry = parseAuditEntry(line);
        tail.broken = !entry;
        if (!entry) return;
        tail.sinceCheckpoint = entry->kind == "checkpoint" ? 0 : tail.sinceCheckpoint + 1;
        tail.last = *std::move(entry);
        tail.end = at;
    });
    return tail;
}

}  // namespace

AuditLog::AuditLog(OwnedDirectory& directory, const DeviceKey& key, const Limits& limits)
    : directory_(directory), key_(key), limits_(limits) {
    limits_.fileBytes = std::max<std::uint64_t>(limits_.fileBytes, 16 * 1024);
    limits_.files = std::clamp(limits_.files, 2U, 64U);
    limits_.checkpointEvery = std::max<std::uint64_t>(limits_.checkpointEvery, 1);
    denials_.window = shortestWindow;
}

FileResult<AuditLog::Opened> AuditLog::open(OwnedDirectory& directory, const DeviceKey& key, const Limits& limits,
                                            const std::optional<AuditEntry>& stored, const Now& now) {
    Opened opened{std::unique_ptr<AuditLog>(new AuditLog(directory, key, limits)), {}};
    auto& log = *opened.log;

    // A crash between the renames of a rotation leaves no newest file: the one before it tells where the chain stands.
    std::string content;
    unsigned age = 0;
    for (; age < 2; ++age) {
        auto text = directory.read(fileName(age), maxReadBytes);
        if (text.has_error() && !isPassing(text.error())) return text.error();
        if (text.has_error()) opened.findings.push_back(text.error().message);
        if (text.has_value() && *text && !(*text)->empty()) {
            content = **std::move(text);
            break;
        }
    }
    const bool onNewest = age == 0;
    const auto tail = readTail(content);
    if (tail.last) {
        log.lastIndex_ = tail.last->index;
        log.lastHash_ = tail.last->hash;
        log.sinceCheckpoint_ = tail.sinceCheckpoint;
    }
    if (auto file = directory.openAppend(logName); file.has_value()) {
        log.file_ = *std::move(file);
    } else if (isPassing(file.error())) {
        opened.findings.push_back(file.error().message + ". Entries wait in memory until it can be written");
    } else {
        return file.error();
    }
    if (tail.broken) {
        opened.findings.push_back(directory.path() + "/" + fileName(age) +
                                  " ends with a line that does not hold; it is kept as it is for "
                                  "entitlectl audit --verify, and a new file was begun");
        if (onNewest) (void)log.rotate(now.wall);
    } else if (onNewest && tail.end < content.size()) {
        opened.findings.push_back("the last line of " + directory.path() + "/audit.log was torn by a crash; its " +
                                  std::to_string(content.size() - tail.end) + " bytes were cut off");
        if (log.file_) (void)log.file_->truncate(tail.end);
    }
    if (!onNewest && log.lastIndex_ > 0) (void)log.checkpoint(now);  // a file that is not the first begins with one
    for (unsigned surplus = log.limits_.files; surplus < 64; ++surplus) (void)directory.remove(fileName(surplus));

    if (stored && stored->index == log.lastIndex_ && stored->hash != log.lastHash_) {
        opened.findings.push_back("the audit log is not the one this state belongs to: entry " +
                                  std::to_string(stored->index) + " differs from the one remembered");
    } else if (stored && stored->index > log.lastIndex_) {
        if (stored->index != log.lastIndex_ + 1 || stored->previous != log.lastHash_) {
            const auto first = std::min(log.lastIndex_ + 1, stored->index);
            opened.findings.push_back("the audit log was shortened: " + entries(first, stored->index) + " missing");
        }
        (void)log.enqueue(*stored);
    }
    return opened;
}

AuditEntry AuditLog::prepare(std::string_view kind, std::string_view detail, const Now& now) const {
    return makeAuditEntry(lastIndex_ + 1, now.wall, kind, detail, lastHash_);
}

FileResult<void> AuditLog::commit(const AuditEntry& entry) {
    if (entry.index != lastIndex_ + 1 || entry.previous != lastHash_) {
        return FileProblem{FileFault::corrupt, "an audit entry was committed out of order"};
    }
    auto written = enqueue(entry);
    if (written.has_error()) return written;
    if (!key_.secret()) return written;  // a new file begins with a checkpoint: later
    if (file_ && file_->size() >= limits_.fileBytes) return rotate(entry.time);
    if (sinceCheckpoint_ >= limits_.checkpointEvery) return checkpointAt(entry.time);
    return written;
}

FileResult<void> AuditLog::note(std::string_view kind, std::string_view detail, const Now& now) {
    return commit(prepare(kind, detail, now));
}

// Takes the entry into the chain; then writes what waits, oldest first.
FileResult<void> AuditLog::enqueue(const AuditEntry& entry) {
    if (waiting_.size() >= maxWaiting) {
        ++dropped_;
        droppedAt_ = entry.time;
        return FileProblem{FileFault::full, "the audit log cannot be written and entries are being dropped"};
    }
    waiting_.push_back(entry);
    lastIndex_ = entry.index;
    lastHash_ = entry.hash;
    sinceCheckpoint_ = entry.kind == "checkpoint" ? 0 : sinceCheckpoint_ + 1;
    return drain();
}

FileResult<void> AuditLog::drain() {
    if (!file_) {
        auto file = directory_.openAppend(logName);
        if (file.has_error()) return file.error();
        file_ = *std::move(file);
    }
    while (!waiting_.empty()) {
        if (auto written = file_->append(printAuditEntry(waiting_.front()) + "\n"); written.has_error()) return written;
        waiting_.pop_front();
    }
    if (dropped_ == 0) return {};
    // The disk is well again: say in the chain itself that it has a hole in what it tells.
    const auto count = std::exchange(dropped_, 0);
    return enqueue(makeAuditEntry(lastIndex_ + 1, droppedAt_, "lost", json::serialize(json::object{{"entries", count}}),
                                  lastHash_));
}

// Every name moves up by one and the oldest is gone; a signed checkpoint at the head of the new file carries the chain
// over. Whatever fails on the way, the newest file is opened again by name, so no entry goes to a renamed one.
FileResult<void> AuditLog::rotate(Instant time) {
    if (file_) (void)file_->sync();
    file_.reset();
    for (unsigned age = limits_.files - 1; age-- > 0;) {
        auto renamed = directory_.rename(fileName(age), fileName(age + 1));
        if (renamed.has_error() && renamed.error().fault != FileFault::missing) {
            (void)drain();
            return renamed;
        }
    }
    return checkpointAt(time);
}

FileResult<void> AuditLog::checkpoint(const Now& now) {
    return checkpointAt(now.wall);
}

FileResult<void> AuditLog::checkpointAt(Instant time) {
    if (!key_.secret()) return drain();
    const auto token =
        signToken(*key_.secret(), checkpointPayload(lastIndex_, lastHash_), checkpointAssertion(key_.verifyKey()));
    return enqueue(
        makeAuditEntry(lastIndex_ + 1, time, "checkpoint", json::serialize(json::object{{"token", token}}), lastHash_));
}

FileResult<void> AuditLog::sync() {
    if (auto written = drain(); written.has_error()) return written;
    return file_->sync();
}

void AuditLog::countDenial(std::uint32_t uid, std::string_view reason, const Now& now) {
    if (!denials_.end) {
        if (now.boottime - denials_.lastFlush > denials_.window) denials_.window = shortestWindow;
        denials_.end = now.boottime + denials_.window;
    }
    const std::pair key(uid, std::string(reason.substr(0, maxReasonBytes)));
    if (const auto found = denials_.counts.find(key); found != denials_.counts.end()) {
        ++found->second;
    } else if (denials_.counts.size() < maxDenialKinds) {
        denials_.counts.emplace(key, 1);
    } else {
        ++denials_.others;
    }
}

std::optional<std::chrono::nanoseconds> AuditLog::nextFlush() const {
    return denials_.end;
}

FileResult<void> AuditLog::flushDenials(const Now& now, bool evenIfEarly) {
    if (!denials_.end || (now.boottime < *denials_.end && !evenIfEarly)) return {};
    json::array list;
    for (const auto& [key, count] : denials_.counts) {
        list.push_back(json::object{{"uid", key.first}, {"reason", key.second}, {"count", count}});
    }
    const json::object detail{{"denials", std::move(list)}, {"others", denials_.others}};
    denials_.counts.clear();
    denials_.others = 0;
    denials_.end.reset();
    denials_.lastFlush = now.boottime;
    denials_.window = std::min(denials_.window * 2, longestWindow);
    return note("denied", json::serialize(detail), now);
}

FileResult<AuditLog::Page> AuditLog::page(std::uint64_t after, std::size_t most) const {
    most = most == 0 ? 50 : std::min<std::size_t>(most, 100);
    Page page;
    bool more = false;
    for (unsigned age = limits_.files; age-- > 0 && !more;) {
        const auto text = directory_.read(fileName(age), maxReadBytes);
        if (text.has_error()) return text.error();
        if (!*text) continue;
        forEachLine(**text, [&](std::string_view line) {
            if (more || indexOf(line) <= after) return;
            auto entry = parseAuditEntry(line);
            if (!entry) return;  // verify() is the one to say so
            if (page.entries.size() == most) {
                more = true;
            } else {
                page.entries.push_back(*std::move(entry));
            }
        });
    }
    if (more) page.next = page.entries.back().index;
    return page;
}

AuditCheck AuditLog::verify(const std::optional<AuditEntry>& stored) const {
    // While entries wait for the disk the log on it is honestly shorter than the state remembers.
    return verifyAuditLog(directory_, key_.verifyKey(), limits_.files, waiting_.empty() ? stored : std::nullopt,
                          key_.formers);
}

AuditCheck verifyAuditLog(const OwnedDirectory& directory, const VerifyKey& device, unsigned files,
                          const std::optional<AuditEntry>& stored, const std::vector<VerifyKey>& formers) {
    Verifier verifier(device, formers, stored);
    for (unsigned age = files; age-- > 0;) {
        const auto name = fileName(age);
        const auto text = directory.read(name, maxReadBytes);
        if (text.has_error()) {
            verifier.fail(text.error().message);
            break;
        }
        if (!*text) continue;
        verifier.startFile();
        const auto rest = forEachLine(**text, [&](std::string_view line) { verifier.take(line, name); });
        if (!rest.empty()) verifier.torn(name);
    }
    return verifier.finish();
}

}  // namespace entitle
