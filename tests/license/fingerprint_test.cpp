#include "license/fingerprint.h"

#include <algorithm>
#include <cstdio>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

namespace entitle {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

HardwareFacts bareMetal() {
    HardwareFacts hardware;
    hardware.facts = {{"tpm_ek", {"9f3c0f6a5e"}},
                      {"product_uuid", {"4C4C4544-0043-3510-8052-B4C04F4A4E32"}},
                      {"board_serial", {"/7C5RJN2/CNWS20094Q0123/"}},
                      {"disk", {"eui.0025385b71b0ff12"}},
                      {"machine_id", {"0c2a7d1e94b84a35a1f3e1c65d0b9a77"}},
                      {"nic", {"3c:ec:ef:12:34:56", "3c:ec:ef:12:34:57"}},
                      {"cpu", {"GenuineIntel/6/158"}}};
    return hardware;
}

HardwareFacts virtualMachine() {
    HardwareFacts hardware;
    hardware.virtualMachine = true;
    hardware.facts = {{"product_uuid", {"564d1c9e-33aa-7b0e-8c11-2f9d5e77c0aa"}},
                      {"disk", {"6000c29b7a3f7d1e"}},
                      {"machine_id", {"0c2a7d1e94b84a35a1f3e1c65d0b9a77"}},
                      {"nic", {"00:50:56:9a:12:34"}},
                      {"cpu", {"AuthenticAMD/23/49"}}};
    return hardware;
}

HardwareFacts without(HardwareFacts hardware, std::string_view component) {
    auto& facts = hardware.facts;
    facts.erase(std::remove_if(facts.begin(), facts.end(), [&](const auto& f) { return f.component == component; }),
                facts.end());
    return hardware;
}

// The same machine with other parts. "nic" gets a real address: an invented one would be junk, which is "unreadable".
HardwareFacts changed(HardwareFacts hardware, std::initializer_list<std::string_view> components) {
    for (const std::string_view component : components)
        for (HardwareFact& fact : hardware.facts) {
            if (fact.component != component) continue;
            fact.values = {"an other " + fact.component};
            if (component == "nic") fact.values = {"a0:36:9f:ab:cd:ef"};
            if (component == "machine_id") fact.values = {"77a9b0d56c1e3f1a53a48b49e1d7a2c0"};
        }
    return hardware;
}

MatchReport compare(const HardwareFacts& enrolled, const HardwareFacts& present) {
    return match(enroll(enrolled), enroll(present));
}

ComponentMatch::Result resultOf(const MatchReport& report, std::string_view component) {
    for (const ComponentMatch& c : report.components)
        if (c.name == component) return c.result;
    ADD_FAILURE() << "no component " << component;
    return ComponentMatch::Result::unreadable;
}

// --- the worked cases of security.md
// ----------------------------------------------------------------------------------
TEST(FingerprintCases, SameMachineScoresOne) {
    const MatchReport report = compare(bareMetal(), bareMetal());
    EXPECT_EQ(report.match, Match::same);
    EXPECT_DOUBLE_EQ(report.score, 1.0);
    EXPECT_TRUE(report.strongMatched);
}

TEST(FingerprintCases, NicSwappedScores092AndIsSame) {
    const MatchReport report = compare(bareMetal(), changed(bareMetal(), {"nic"}));
    EXPECT_DOUBLE_EQ(report.score, 110.0 / 120);
    EXPECT_NEAR(report.score, 0.92, 0.005);
    EXPECT_EQ(report.match, Match::same);
}

TEST(FingerprintCases, SystemReinstalledScores083AndIsSame) {
    const MatchReport report = compare(bareMetal(), changed(bareMetal(), {"machine_id"}));
    EXPECT_DOUBLE_EQ(report.score, 100.0 / 120);
    EXPECT_NEAR(report.score, 0.83, 0.005);
    EXPECT_EQ(report.match, Match::same);
}

TEST(FingerprintCases, DiskAndSystemReplacedScores071AndIsSame) {
    const MatchReport report = compare(bareMetal(), changed(bareMetal(), {"machine_id", "disk"}));
    EXPECT_DOUBLE_EQ(report.score, 85.0 / 120);
    EXPECT_NEAR(report.score, 0.71, 0.005);
    EXPECT_EQ(report.match, Match::same);
}

// A mainboard takes its TPM, UUID, serial and network card along; disk, system and processor move to the new one.
TEST(FingerprintCases, MainboardReplacedScores033AndIsDifferent) {
    const MatchReport report =
        compare(bareMetal(), changed(bareMetal(), {"tpm_ek", "product_uuid", "board_serial", "nic"}));
    EXPECT_DOUBLE_EQ(report.score, 40.0 / 120);
    EXPECT_NEAR(report.score, 0.33, 0.005);
    EXPECT_EQ(report.match, Match::different);
}

TEST(FingerprintCases, DiskMovedToAnotherMachineScores029AndIsDifferent) {
    const MatchReport report =
        compare(bareMetal(), changed(bareMetal(), {"tpm_ek", "product_uuid", "board_serial", "nic", "cpu"}));
    EXPECT_DOUBLE_EQ(report.score, 35.0 / 120);
    EXPECT_NEAR(report.score, 0.29, 0.005);
    EXPECT_EQ(report.match, Match::different);
}

TEST(FingerprintCases, MainboardReplacedWithoutTpmScores044AndDriftsWithoutStrongMatch) {
    const HardwareFacts machine = without(bareMetal(), "tpm_ek");
    const MatchReport report = compare(machine, changed(machine, {"product_uuid", "board_serial", "nic"}));
    EXPECT_DOUBLE_EQ(report.score, 40.0 / 90);
    EXPECT_NEAR(report.score, 0.44, 0.005);
    EXPECT_EQ(report.match, Match::drift);
    EXPECT_FALSE(report.strongMatched);
}

TEST(FingerprintCases, DiskMovedWithoutTpmScores039AndDriftsWithoutStrongMatch) {
    const HardwareFacts machine = without(bareMetal(), "tpm_ek");
    const MatchReport report = compare(machine, changed(machine, {"product_uuid", "board_serial", "nic", "cpu"}));
    EXPECT_DOUBLE_EQ(report.score, 35.0 / 90);
    EXPECT_NEAR(report.score, 0.39, 0.005);
    EXPECT_EQ(report.match, Match::drift);
    EXPECT_FALSE(report.strongMatched);
}

TEST(FingerprintCases, SmallChangesWithoutTpmStaySame) {
    const HardwareFacts machine = without(bareMetal(), "tpm_ek");
    EXPECT_DOUBLE_EQ(compare(machine, changed(machine, {"nic"})).score, 80.0 / 90);
    EXPECT_EQ(compare(machine, changed(machine, {"nic"})).match, Match::same);
    EXPECT_DOUBLE_EQ(compare(machine, changed(machine, {"machine_id"})).score, 70.0 / 90);
    EXPECT_EQ(compare(machine, changed(machine, {"machine_id"})).match, Match::same);
    EXPECT_DOUBLE_EQ(compare(machine, changed(machine, {"machine_id", "disk"})).score, 55.0 / 90);
    EXPECT_EQ(compare(machine, changed(machine, {"machine_id", "disk"})).match, Match::same);
}

// A hypervisor's clone gets a UUID and a network card of its own.
TEST(FingerprintCases, VmClonedByHypervisorScores042AndDrifts) {
    const MatchReport report = compare(virtualMachine(), changed(virtualMachine(), {"product_uuid", "nic"}));
    EXPECT_DOUBLE_EQ(report.score, 40.0 / 95);
    EXPECT_NEAR(report.score, 0.42, 0.005);
    EXPECT_EQ(report.match, Match::drift);
    EXPECT_FALSE(report.strongMatched);
}

TEST(FingerprintCases, VmCopiedWithItsUuidScoresOne) {
    const MatchReport report = compare(virtualMachine(), virtualMachine());
    EXPECT_DOUBLE_EQ(report.score, 1.0);
    EXPECT_EQ(report.match, Match::same);
}

// --- the rules
// --------------------------------------------------------------------------------------------------------
TEST(Fingerprint, UnreadableComponentCountsHalf) {
    const MatchReport report = compare(bareMetal(), without(bareMetal(), "tpm_ek"));
    EXPECT_DOUBLE_EQ(report.score, 105.0 / 120);
    EXPECT_EQ(resultOf(report, "tpm_ek"), ComponentMatch::Result::unreadable);
    EXPECT_EQ(report.match, Match::same);
}

TEST(Fingerprint, ATpmThatAppearsLaterCostsNothing) {
    const MatchReport report = compare(without(bareMetal(), "tpm_ek"), bareMetal());
    EXPECT_DOUBLE_EQ(report.score, 1.0);
    EXPECT_EQ(report.match, Match::same);
    EXPECT_EQ(report.components.size(), 6u);
}

TEST(Fingerprint, MachineWithoutOneReadableFactIsDifferent) {
    const MatchReport report = match(enroll(bareMetal()), {});
    EXPECT_DOUBLE_EQ(report.score, 0.5);
    EXPECT_EQ(report.match, Match::different);
}

TEST(Fingerprint, WithoutRootTheRestOfTheMachineIsStillTheSame) {
    HardwareFacts unprivileged = bareMetal();
    for (const char* rootOnly : {"tpm_ek", "product_uuid", "board_serial"})
        unprivileged = without(unprivileged, rootOnly);
    const MatchReport report = compare(bareMetal(), unprivileged);
    EXPECT_DOUBLE_EQ(report.score, 85.0 / 120);
    EXPECT_EQ(report.match, Match::same);
}

TEST(Fingerprint, SameNeedsAStrongMatchIfOneWasEnrolled) {
    // 60 of 100 without anything strong, as only a signed template of other weights can make it.
    const FingerprintTemplate enrolled{
        1, false, {{"cpu", 30, {"a"}}, {"machine_id", 30, {"b"}}, {"product_uuid", 40, {"c"}}}};
    const FingerprintTemplate present{
        1, false, {{"cpu", 5, {"a"}}, {"machine_id", 5, {"b"}}, {"product_uuid", 5, {"x"}}}};
    const MatchReport report = match(enrolled, present);
    EXPECT_DOUBLE_EQ(report.score, 0.6);
    EXPECT_EQ(report.match, Match::drift);
    FingerprintTemplate weak = enrolled;
    weak.components[2].name = "unheard_of";
    FingerprintTemplate weakPresent = present;
    weakPresent.components[2].name = "unheard_of";
    EXPECT_EQ(match(weak, weakPresent).match, Match::same) << "no strong component was enrolled";
}

TEST(Fingerprint, SameNeedsTwoMatches) {
    const FingerprintTemplate enrolled{1, false, {{"product_uuid", 90, {"c"}}, {"cpu", 10, {"a"}}}};
    const FingerprintTemplate present{1, false, {{"product_uuid", 90, {"c"}}, {"cpu", 10, {"x"}}}};
    EXPECT_EQ(match(enrolled, present).match, Match::drift);
}

TEST(Fingerprint, ThresholdsAreExact) {
    const auto scored = [](int matched) {
        const FingerprintTemplate enrolled{
            1, false, {{"a", 1, {"1"}}, {"b", 99 - matched, {"2"}}, {"c", matched, {"3"}}, {"d", 1, {"4"}}}};
        const FingerprintTemplate present{
            1, false, {{"b", 1, {"x"}}, {"c", 1, {"3"}}, {"a", 1, {"x"}}, {"d", 1, {"4"}}}};
        return match(enrolled, present).match;
    };
    EXPECT_EQ(scored(60), Match::same);  // 61 of 101 is 0.604
    EXPECT_EQ(scored(59), Match::drift);
    EXPECT_EQ(scored(35), Match::drift);
    EXPECT_EQ(scored(34), Match::different);  // 35 of 101 is 0.347
    const FingerprintTemplate five{1, false, {{"a", 20, {"1"}}, {"b", 20, {"1"}}, {"c", 20, {"1"}}, {"d", 40, {"1"}}}};
    const FingerprintTemplate three{1, false, {{"a", 1, {"1"}}, {"b", 1, {"1"}}, {"c", 1, {"1"}}, {"d", 1, {"x"}}}};
    EXPECT_EQ(match(five, three).match, Match::same) << "0.60 exactly";
}

TEST(Fingerprint, EmptyTemplateMatchesNothing) {
    EXPECT_EQ(match({}, {}).match, Match::different);
    EXPECT_EQ(match({}, enroll(bareMetal())).match, Match::different);
    EXPECT_EQ(match({}, enroll(bareMetal())).changesLeft, 0);
}

TEST(Fingerprint, OneNetworkCardOfTheSetIsEnough) {
    HardwareFacts present = bareMetal();
    present.facts[5].values = {"a0:36:9f:ab:cd:ef", "3c:ec:ef:12:34:57"};
    EXPECT_DOUBLE_EQ(compare(bareMetal(), present).score, 1.0);
}

// Docker, a VPN and a dock bring network cards along: none of them may cost a user his license.
TEST(Fingerprint, AddedNetworkCardsChangeNothing) {
    HardwareFacts present = bareMetal();
    for (const char* mac : {"02:42:ac:11:00:02", "fe:54:00:12:34:56", "00:e0:4c:68:00:01"})
        present.facts[5].values.emplace_back(mac);
    EXPECT_DOUBLE_EQ(compare(bareMetal(), present).score, 1.0);
}

TEST(Fingerprint, WeightsAreThoseOfBareMetalOrVm) {
    const auto weights = [](const HardwareFacts& hardware) {
        std::vector<std::pair<std::string, int>> all;
        for (const FingerprintComponent& c : enroll(hardware).components) all.emplace_back(c.name, c.weight);
        return all;
    };
    using Weight = std::pair<std::string, int>;
    EXPECT_THAT(weights(bareMetal()),
                ElementsAre(Weight{"board_serial", 15}, Weight{"cpu", 5}, Weight{"disk", 15}, Weight{"machine_id", 20},
                            Weight{"nic", 10}, Weight{"product_uuid", 25}, Weight{"tpm_ek", 30}));
    HardwareFacts vm = bareMetal();
    vm.virtualMachine = true;
    EXPECT_THAT(weights(vm), ElementsAre(Weight{"cpu", 5}, Weight{"disk", 10}, Weight{"machine_id", 25},
                                         Weight{"nic", 15}, Weight{"product_uuid", 40}));
    EXPECT_TRUE(enroll(vm).virtualMachine);
}

TEST(Fingerprint, NothingIsEnrolledInAContainer) {
    HardwareFacts container = bareMetal();
    container.container = true;
    EXPECT_THAT(enroll(container).components, IsEmpty());
    EXPECT_EQ(compare(bareMetal(), container).match, Match::different);
}

TEST(Fingerprint, JunkAndUnknownComponentsAreNotEnrolled) {
    HardwareFacts hardware = bareMetal();
    hardware.facts[2].values = {"To Be Filled By O.E.M."};
    hardware.facts.push_back({"colour_of_case", {"black"}});
    const FingerprintTemplate enrolled = enroll(hardware);
    EXPECT_THAT(enrolled.components, SizeIs(6));
    for (const FingerprintComponent& c : enrolled.components) {
        EXPECT_NE(c.name, "board_serial");
        EXPECT_NE(c.name, "colour_of_case");
        EXPECT_THAT(c.hashes, Each(SizeIs(22)));
    }
}

TEST(Fingerprint, TemplateDoesNotDependOnTheOrderOfProbes) {
    HardwareFacts reversed = bareMetal();
    std::reverse(reversed.facts.begin(), reversed.facts.end());
    for (HardwareFact& fact : reversed.facts) std::reverse(fact.values.begin(), fact.values.end());
    EXPECT_EQ(enroll(reversed), enroll(bareMetal()));
}

TEST(Fingerprint, MachineWithAThousandNetworkCardsStaysBounded) {
    HardwareFacts hardware;
    HardwareFact nics{"nic", {}};
    for (int i = 0; i < 1000; ++i) {
        char mac[18];
        std::snprintf(mac, sizeof mac, "3c:ec:ef:00:%02x:%02x", i / 256, i % 256);
        nics.values.emplace_back(mac);
    }
    hardware.facts.push_back(nics);
    EXPECT_THAT(enroll(hardware).components.at(0).hashes, SizeIs(16));
}

// --- junk
// -------------------------------------------------------------------------------------------------------------
TEST(FingerprintJunk, FirmwareFillersIdentifyNothing) {
    for (const char* value : {"", "   ", "\t\n", "To Be Filled By O.E.M.", "to be filled by o.e.m.", " Default string ",
                              "None", "N/A", "Not Specified", "System Serial Number", "0", "00000000", "0000-0000",
                              "FFFFFFFF", "ff:ff", "XXXXXXXX", ".......", "123456789", "0123456789"})
        EXPECT_TRUE(isJunk("board_serial", value)) << value;
    EXPECT_FALSE(isJunk("board_serial", "/7C5RJN2/CNWS20094Q0123/"));
    EXPECT_FALSE(isJunk("cpu", "GenuineIntel/6/158"));
}

TEST(FingerprintJunk, SharedUuidsIdentifyNothing) {
    EXPECT_TRUE(isJunk("product_uuid", "00000000-0000-0000-0000-000000000000"));
    EXPECT_TRUE(isJunk("product_uuid", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"));
    EXPECT_TRUE(isJunk("product_uuid", "03000200-0400-0500-0006-000700080009"));
    EXPECT_FALSE(isJunk("product_uuid", "4C4C4544-0043-3510-8052-B4C04F4A4E32"));
}

TEST(FingerprintJunk, MachineIdsBakedIntoImagesIdentifyNothing) {
    EXPECT_TRUE(isJunk("machine_id", "88544b92092430bc5d3fbbffc12a2f04"));
    EXPECT_TRUE(isJunk("machine_id", "85F94E57AB75F80918CAB17D001EAC85\n"));
    EXPECT_TRUE(isJunk("machine_id", "uninitialized"));
    EXPECT_TRUE(isJunk("machine_id", "0c2a7d1e94b84a35a1f3e1c65d0b9a7"));
    EXPECT_FALSE(isJunk("machine_id", "0c2a7d1e94b84a35a1f3e1c65d0b9a77\n"));
}

TEST(FingerprintJunk, InventedMacAddressesIdentifyNothing) {
    EXPECT_TRUE(isJunk("nic", "02:42:ac:11:00:02"));
    EXPECT_TRUE(isJunk("nic", "52:54:00:12:34:56"));
    EXPECT_TRUE(isJunk("nic", "DE:AD:BE:EF:00:01"));
    EXPECT_TRUE(isJunk("nic", "01:00:5e:00:00:01")) << "a group address";
    EXPECT_TRUE(isJunk("nic", "00:00:00:00:00:00"));
    EXPECT_TRUE(isJunk("nic", "3c:ec:ef:12:34"));
    EXPECT_TRUE(isJunk("nic", "not a mac"));
    EXPECT_FALSE(isJunk("nic", "3c:ec:ef:12:34:56"));
    EXPECT_FALSE(isJunk("nic", "00-50-56-9A-12-34"));
}

TEST(FingerprintJunk, ControlCharactersAndHugeValuesIdentifyNothing) {
    EXPECT_TRUE(isJunk("disk", std::string("abc\0def", 7)));
    EXPECT_TRUE(isJunk("disk", "abc\x1b[31mdef"));
    EXPECT_TRUE(isJunk("disk", "abc\ndef"));
    EXPECT_TRUE(isJunk("disk", "abc\x7f"));
    std::string serial(1'000'000, 'a');
    serial.back() = 'b';
    EXPECT_TRUE(isJunk("disk", serial));
    EXPECT_FALSE(isJunk("disk", serial.substr(serial.size() - 256)));
    EXPECT_TRUE(isJunk("disk", serial.substr(serial.size() - 257)));
}

RC_GTEST_PROP(FingerprintJunk, AnyBytesAreAnswered, (const std::string& value)) {
    for (const char* component : {"nic", "machine_id", "product_uuid", "disk", "", "unheard_of"}) {
        isJunk(component, value);
        RC_ASSERT(hashFact(component, value).size() == 22u);
    }
}

// --- hashing
// ----------------------------------------------------------------------------------------------------------
TEST(FingerprintHash, SpellingDoesNotMatter) {
    EXPECT_EQ(hashFact("nic", "3C:EC:EF:12:34:56"), hashFact("nic", "3c-ec-ef-12-34-56"));
    EXPECT_EQ(hashFact("nic", "3cec.ef12.3456"), hashFact("nic", " 3cecef123456\n"));
    EXPECT_EQ(hashFact("product_uuid", "4C4C4544-0043-3510-8052-B4C04F4A4E32"),
              hashFact("product_uuid", "{4c4c4544004335108052b4c04f4a4e32}"));
    EXPECT_EQ(hashFact("disk", "WD  Black\tSN850 "), hashFact("disk", " wd black sn850"));
    EXPECT_NE(hashFact("disk", "ab-cd"), hashFact("disk", "abcd")) << "a dash in a serial is part of it";
}

TEST(FingerprintHash, ComponentsDoNotShareHashes) {
    EXPECT_NE(hashFact("disk", "abc"), hashFact("board_serial", "abc"));
    EXPECT_NE(hashFact("disk", "abc"), hashFact("dis", "kabc")) << "name and value are kept apart";
}

// Documents in the field carry these: a change of key, normalisation or encoding would tear every license off its
// machine.
TEST(FingerprintHash, HashesAreFixedForEver) {
    EXPECT_EQ(hashFact("disk", "eui.0025385b71b0ff12"), "YXGSZv5UJYsekQiSYT6jrQ");
    EXPECT_EQ(hashFact("nic", "3C:EC:EF:12:34:56"), "VrezjeGX5-t5j7LUKeF-VQ");
    EXPECT_EQ(hashFact("product_uuid", "4C4C4544-0043-3510-8052-B4C04F4A4E32"), "G73xOtva9PcLKMK9sx84TA");
}

// --- changesLeft
// ------------------------------------------------------------------------------------------------------
TEST(Fingerprint, SaysHowManyChangesAreLeft) {
    EXPECT_EQ(compare(bareMetal(), bareMetal()).changesLeft, 1);  // 90 of 120 after a TPM; 65 after the UUID as well
    EXPECT_EQ(compare(bareMetal(), changed(bareMetal(), {"nic"})).changesLeft, 1);
    EXPECT_EQ(compare(bareMetal(), changed(bareMetal(), {"machine_id", "disk"})).changesLeft, 0);
    EXPECT_EQ(compare(virtualMachine(), virtualMachine()).changesLeft, 0);  // a VM is its UUID
}

struct Machine {
    FingerprintTemplate enrolled;
    FingerprintTemplate present;
};

// Up to seven components of any weight, each as it was, changed or gone.
Machine anyMachine() {
    Machine machine;
    for (const char* name : {"board_serial", "cpu", "disk", "machine_id", "nic", "product_uuid", "tpm_ek"}) {
        if (*rc::gen::inRange(0, 4) == 0) continue;
        machine.enrolled.components.push_back({name, *rc::gen::inRange(1, 41), {"old"}});
        const int now = *rc::gen::inRange(0, 6);
        if (now < 4) machine.present.components.push_back({name, 1, {"old"}});
        if (now == 4) machine.present.components.push_back({name, 1, {"new"}});
    }
    return machine;
}

// The same machine with the components of `which` (bits) changed.
FingerprintTemplate withChanges(const Machine& machine, unsigned which) {
    FingerprintTemplate present;
    for (std::size_t i = 0; i < machine.enrolled.components.size(); ++i) {
        const std::string& name = machine.enrolled.components[i].name;
        if ((which >> i & 1) != 0) {
            present.components.push_back({name, 1, {"new"}});
            continue;
        }
        for (const FingerprintComponent& c : machine.present.components)
            if (c.name == name) present.components.push_back(c);
    }
    return present;
}

int bitsOf(unsigned n) {
    return n == 0 ? 0 : static_cast<int>(n & 1) + bitsOf(n >> 1);
}

RC_GTEST_PROP(Fingerprint, ChangesLeftIsTheWorstCaseOfAllChoices, ()) {
    const Machine machine = anyMachine();
    const MatchReport report = match(machine.enrolled, machine.present);
    const int count = static_cast<int>(machine.enrolled.components.size());
    int fewest = count + 1;  // the fewest further changes that take SAME away
    for (unsigned which = 0; which < 1u << count; ++which)
        if (match(machine.enrolled, withChanges(machine, which)).match != Match::same)
            fewest = std::min(fewest, bitsOf(which));
    RC_ASSERT(report.changesLeft == std::max(fewest - 1, 0));
}

RC_GTEST_PROP(Fingerprint, AChangeNeverRaisesTheScore, ()) {
    const Machine machine = anyMachine();
    const MatchReport before = match(machine.enrolled, machine.present);
    RC_ASSERT(before.score >= 0 && before.score <= 1);
    for (unsigned i = 0; i < machine.enrolled.components.size(); ++i) {
        const MatchReport after = match(machine.enrolled, withChanges(machine, 1u << i));
        RC_ASSERT(after.score <= before.score);
        RC_ASSERT(static_cast<int>(after.match) >= static_cast<int>(before.match));
    }
}

TEST(Fingerprint, EveryResultHasAName) {
    EXPECT_EQ(toString(Match::same), "same");
    EXPECT_EQ(toString(Match::drift), "drift");
    EXPECT_EQ(toString(Match::different), "different");
    EXPECT_EQ(toString(static_cast<Match>(99)), "unknown");
    EXPECT_EQ(toString(ComponentMatch::Result::matched), "matched");
    EXPECT_EQ(toString(ComponentMatch::Result::changed), "changed");
    EXPECT_EQ(toString(ComponentMatch::Result::unreadable), "unreadable");
}

}  // namespace
}  // namespace entitle
