// A request that came as a file, against the authority's real database: whose hardware a seat is bound to, and trials.
#include "license/fingerprint.h"
#include "server/founding.h"
#include "tests/server/store_fixture.h"

namespace entitle {
namespace {

using testing::day;
using testing::Machine;
using testing::noon;

// The mainboard, and what stands and falls with a disk: with one of them changed a machine drifts.
FingerprintTemplate hardware(const std::string& uuid, const std::string& id, const std::string& disk) {
    return enroll(
        {false,
         false,
         {{"product_uuid", {uuid}}, {"machine_id", {id}}, {"disk", {disk}}, {"cpu", {"genuineintel/6/158"}}}});
}
const std::string boardA = "4c4c4544-004b-3510-804a-b9c04f4d3032", boardB = "4c4c4544-004b-3510-804a-b9c04f4d3033";
const std::string systemA = "4c4c4544004b3510804ab9c04f4d3032", systemB = "4c4c4544004b3510804ab9c04f4d3033";

class OfflineIssue : public ::testing::TestWithParam<Dialect> {
  protected:
    void SetUp() override {
        std::optional<DatabaseAddress> address;
        if (GetParam() == Dialect::postgresql) {
            std::string whyNot;
            auto* cluster = testing::PostgresCluster::shared(whyNot);
            if (cluster == nullptr) GTEST_SKIP() << whyNot;
            address = cluster->newDatabase();
        }
        const auto directory = temporary_.path() / "authority";
        ASSERT_TRUE(foundAuthority({directory, temporary_.path() / "roots", "desk", std::nullopt, address}, noon));
        authority_.emplace(Authority::open(directory, noon, std::chrono::seconds(10)).value());
        license_ = mint("pro");
    }
    Store& store() { return authority_->store(); }
    LicenseId mint(const std::string& type) {
        NewLicense wish;
        wish.type = type;
        return mint(wish);
    }
    LicenseId mint(const NewLicense& wish) {
        const auto secrets = LicenseSecrets::read(authority_->files(), std::nullopt).value();
        return mintLicense(store(), secrets, wish, noon).value().row.id;
    }
    static std::string file(const Machine& machine, const FingerprintTemplate& on) {
        auto request = machine.request("desk");
        request.fingerprint = on;
        return machine.file(request);
    }
    Granted<IssuedFile> answer(const std::string& requestFile, Instant now = noon) {
        return answerRequest(*authority_, license_, requestFile, IssueTerms{}, rights_, now);
    }
    void expectDenied(const std::string& requestFile, DenialReason reason, Instant now = noon) {
        const auto answered = answer(requestFile, now);
        ASSERT_FALSE(answered) << "granted, and not " << toString(reason);
        EXPECT_EQ(toString(answered.error().reason), toString(reason)) << answered.error().message;
    }
    std::vector<ApprovalRow> approvals() { return store().approvals(std::nullopt, 0, 10); }

    const FingerprintTemplate original_ = hardware(boardA, systemA, "wwn-a");
    const FingerprintTemplate other_ = hardware(boardB, systemA, "wwn-b");  // with the copied system's own id
    testing::TemporaryDirectory temporary_;
    std::optional<Authority> authority_;
    LicenseId license_;
    IssueRights rights_;
    Machine machine_{"trading host"};
};
ENTITLE_ON_BOTH_DATABASES(OfflineIssue);

// A copied state directory has the device key. What it asks from other hardware was answered with a second document
// that was good for a year, on the same seat.
TEST_P(OfflineIssue, CopiedStateOnOtherHardwareIsRefusedAndTheSeatStaysBound) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    const auto seat = store().devices(license_);
    expectDenied(file(machine_, other_), DenialReason::otherHardware);
    EXPECT_EQ(store().devices(license_), seat);
    EXPECT_EQ(store().documents(license_).size(), 1u);
    EXPECT_EQ(store().license(license_)->lastSequence, 1u);
    EXPECT_TRUE(approvals().empty()) << "whoever sits at the authority needs nobody's approval";
    EXPECT_EQ(store().attempts(license_, 1).front().outcome, "other-hardware");
    EXPECT_TRUE(answer(file(machine_, original_))) << "the machine itself goes on";
}

TEST_P(OfflineIssue, OtherHardwareIsBoundWhenTheOperatorSaysSo) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    rights_.otherHardware = true;
    const auto issued = answer(file(machine_, other_));
    ASSERT_TRUE(issued) << issued.error().message;
    EXPECT_EQ(issued->license.fingerprint, other_);
    EXPECT_EQ(store().devices(license_).size(), 1u);
    EXPECT_EQ(store().attempts(license_, 1).front().outcome, "rebound");
    rights_.otherHardware = false;
    expectDenied(file(machine_, original_), DenialReason::otherHardware);
}

TEST_P(OfflineIssue, OwnersOtherHardwareWaitsForAnAdminWhoseYesCountsOnce) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    rights_.owner.emplace();
    const auto request = file(machine_, other_);
    expectDenied(request, DenialReason::approvalWaits);
    expectDenied(request, DenialReason::approvalWaits);
    ASSERT_EQ(approvals().size(), 1u) << "one that waits is not asked again";
    EXPECT_EQ(approvals()[0].reason, "drift");
    EXPECT_EQ(approvals()[0].hostLabel, "trading host");
    EXPECT_EQ(store().documents(license_).size(), 1u);

    ASSERT_TRUE(store().decideApproval(1, true, AccountId{"acc_admin"}, noon + day));
    const auto issued = answer(request, noon + day);
    ASSERT_TRUE(issued) << issued.error().message;
    EXPECT_EQ(issued->license.fingerprint, other_);
    EXPECT_EQ(approvals()[0].state, ApprovalState::used);
    EXPECT_EQ(answer(request, noon + day)->text, issued->text) << "the same request, the same file";
    expectDenied(file(machine_, original_), DenialReason::approvalWaits, noon + day);
}

TEST_P(OfflineIssue, AdminsYesToTheOwnerCountsAlsoForWhoeverSitsAtTheAuthority) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    rights_.owner.emplace();
    const auto request = file(machine_, other_);
    expectDenied(request, DenialReason::approvalWaits);
    rights_.owner.reset();
    expectDenied(request, DenialReason::otherHardware);
    ASSERT_TRUE(store().decideApproval(1, true, AccountId{"acc_admin"}, noon));
    const auto issued = answer(request);
    ASSERT_TRUE(issued) << issued.error().message;
    EXPECT_EQ(issued->license.fingerprint, other_);
    EXPECT_EQ(approvals().at(0).state, ApprovalState::used);
}

TEST_P(OfflineIssue, AdminsNoStandsForAWeek) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    rights_.owner.emplace();
    expectDenied(file(machine_, other_), DenialReason::approvalWaits);
    ASSERT_TRUE(store().decideApproval(1, false, AccountId{"acc_admin"}, noon));
    expectDenied(file(machine_, other_), DenialReason::approvalDenied, noon + 6 * day);
    expectDenied(file(machine_, other_), DenialReason::approvalWaits, noon + 7 * day);
    EXPECT_EQ(approvals().size(), 2u);
}

TEST_P(OfflineIssue, DriftThatTheBoardBacksIsBoundAnewAndWithoutItIsNot) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    const auto moved = hardware(boardA, systemB, "wwn-b");  // disk and system replaced
    ASSERT_EQ(match(original_, moved).match, Match::drift);
    const auto issued = answer(file(machine_, moved));
    ASSERT_TRUE(issued) << issued.error().message;
    EXPECT_EQ(issued->license.fingerprint, moved);
    const auto systemAlone = hardware(boardB, systemB, "wwn-c");
    ASSERT_EQ(match(moved, systemAlone).match, Match::drift);
    expectDenied(file(machine_, systemAlone), DenialReason::otherHardware);
}

// Else one small change after the other would walk the seat to any machine.
TEST_P(OfflineIssue, TheSameMachineKeepsWhatWasEnrolled) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    const auto newDisk = hardware(boardA, systemA, "wwn-b");
    ASSERT_EQ(match(original_, newDisk).match, Match::same);
    EXPECT_EQ(answer(file(machine_, newDisk))->license.fingerprint, original_);
}

TEST_P(OfflineIssue, ReinstalledMachineTakesItsOwnSeatBackAsOftenAsItsOwnerMay) {
    ASSERT_TRUE(answer(file(machine_, original_)));
    rights_.owner.emplace();
    for (int i = 0; i < 3; ++i) {
        const Machine reinstalled("trading host");
        const auto issued = answer(file(reinstalled, original_));
        ASSERT_TRUE(issued) << issued.error().message;
        EXPECT_EQ(issued->license.sequence, static_cast<std::uint64_t>(i) + 2);
        EXPECT_EQ(store().license(license_)->devicesHeld, 1);
    }
    const Machine again("trading host");
    const auto request = file(again, original_);
    expectDenied(request, DenialReason::approvalWaits);
    EXPECT_EQ(approvals().at(0).reason, "enrolments");
    ASSERT_TRUE(store().decideApproval(1, true, AccountId{"acc_admin"}, noon));
    EXPECT_TRUE(answer(request));
    expectDenied(file(Machine(), other_), DenialReason::seatTaken);
}

// The block of the machine's earlier self is the machine's; else it would be leased twice until the first lease ends.
TEST_P(OfflineIssue, AReinstalledMachineHasItsEarlierBlockOfTheTotalAndNoSecondOne) {
    NewLicense wish;
    wish.type = "pro";
    wish.totalBots = 6;
    wish.deviceLimit = 2;
    license_ = mint(wish);
    const auto blockOf = [&](const Machine& machine) { return store().device(license_, machine.device())->botsLeased; };
    const Machine elsewhere("other host");
    ASSERT_TRUE(answer(file(machine_, original_)));
    ASSERT_TRUE(answer(file(elsewhere, hardware(boardB, systemB, "wwn-b"))));
    ASSERT_EQ(blockOf(machine_), 3);
    rights_.owner.emplace();
    std::optional<Machine> last;
    for (int i = 0; i < 3; ++i) {
        last.emplace("trading host");
        const auto issued = answer(file(*last, original_));
        ASSERT_TRUE(issued) << issued.error().message;
        EXPECT_EQ(issued->license.botsLeased, 3) << "reinstalled " << i + 1 << " times";
        EXPECT_EQ(blockOf(*last), 3);
    }
    EXPECT_EQ(blockOf(elsewhere), 3);
}

TEST_P(OfflineIssue, TrialIsGivenToAMachineOnceAlsoByFile) {
    license_ = mint("trial");
    ASSERT_TRUE(answer(file(machine_, original_)));
    EXPECT_TRUE(answer(file(machine_, original_), noon + day)) << "its own trial goes on";
    const auto second = license_ = mint("trial");
    const Machine reinstalled("trading host");
    expectDenied(file(reinstalled, original_), DenialReason::trialUsed);
    EXPECT_EQ(store().license(second)->devicesHeld, 0);
    EXPECT_TRUE(answer(file(reinstalled, hardware(boardB, systemB, "wwn-b"))));
    license_ = mint("pro");
    EXPECT_TRUE(answer(file(reinstalled, original_))) << "what is paid for is no trial";
}

}  // namespace
}  // namespace entitle
