// Whatever an operator and the machines do, in whatever order: one seat, rising numbers, documents that go on
// verifying.
#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "server/rotation.h"
#include "tests/server/desk.h"

namespace entitle {
namespace {

using testing::day;
using testing::Desk;
using testing::Machine;
using testing::noon;

class History {
  public:
    History() : license_(desk_.mint("pro").row.id) {
        for (int i = 0; i < 3; ++i) machines_.emplace_back("host " + std::to_string(i));
    }

    void askAnew(int machine) {
        requests_.push_back(machines_[static_cast<std::size_t>(machine)].file("desk"));
        ask(requests_.back());
    }
    void askAgain(int which) {
        if (!requests_.empty()) ask(requests_[static_cast<std::size_t>(which) % requests_.size()]);
    }
    void release() {
        if (!holder_) return;
        RC_ASSERT(desk_.store().release(license_, *holder_, now_).has_value());
        holder_.reset();
    }
    void rotate(int overlapDays) { (void)rotateSigningKey(desk_.authority(), desk_.roots(), overlapDays * day, now_); }
    void wait(int hours) { now_ += std::chrono::hours(hours); }

    void check() {
        const auto seats = desk_.store().devices(license_);
        const auto held = std::count_if(seats.begin(), seats.end(), [](const auto& seat) { return !seat.releasedAt; });
        RC_ASSERT(held == (holder_ ? 1 : 0));
        RC_ASSERT(desk_.store().documents(license_).size() == granted_.size());
        const auto set = desk_.authority().keySet();
        for (const auto& [device, token] : granted_) RC_ASSERT(verifyLicense(token, set, device).has_value());
    }

  private:
    void ask(const std::string& file) {
        const auto answer = desk_.answer(license_, file, now_);
        if (!answer) return;
        const auto token = parseLicenseFile(answer->text).value().documentToken;
        const bool known =
            std::any_of(granted_.begin(), granted_.end(), [&](const auto& one) { return one.second == token; });
        RC_ASSERT(answer->repeated == known);
        if (!known) {
            RC_ASSERT(answer->license.sequence == lastSequence_ + 1);
            lastSequence_ = answer->license.sequence;
            granted_.emplace_back(answer->license.device, token);
        }
        // Outside of RC_ASSERT, whose operators evaluate both sides.
        const bool allowed = !holder_ || *holder_ == answer->license.device;
        RC_ASSERT(allowed);
        holder_ = answer->license.device;
    }

    Desk desk_;
    std::vector<Machine> machines_;
    std::vector<std::string> requests_;  // every one ever made, to be replayed
    LicenseId license_;
    Instant now_ = noon;
    std::vector<std::pair<DeviceId, std::string>> granted_;
    std::uint64_t lastSequence_ = 0;
    std::optional<DeviceId> holder_;
};

// At most 25 steps of at most 30 hours: no document grows old enough for its key to fall away.
RC_GTEST_PROP(Histories, NeverTwoSeatsNeverAFallingNumberNeverADocumentLostToARotation, ()) {
    // A range is only used in full at the nominal size, which must not be the length of the history.
    const auto upTo = [](int end) { return rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, end)); };
    const auto steps =
        *rc::gen::resize(25, rc::gen::container<std::vector<std::pair<int, int>>>(rc::gen::pair(upTo(9), upTo(30))));
    History history;
    for (const auto& [kind, number] : steps) {
        if (kind <= 2) history.askAnew(kind);
        if (kind == 3 || kind == 4) history.askAgain(number);
        if (kind == 5) history.release();
        if (kind == 6) history.rotate(number);
        if (kind >= 7) history.wait(number);
        history.check();
    }
}

}  // namespace
}  // namespace entitle
