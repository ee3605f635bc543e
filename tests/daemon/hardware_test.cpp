#include "daemon/hardware.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/daemon/temporary_directory.h"

namespace entitle {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TemporaryDirectory;
using testing::writeFile;

// A machine built file by file, laid out as sysfs lays it out: classes link into the device tree.
class Machine {
  public:
    Machine& file(const std::string& path, std::string_view text) {
        writeFile(root / path, text);
        return *this;
    }
    Machine& link(const std::string& path, const std::string& target) {
        std::filesystem::create_directories(std::filesystem::path(root / path).parent_path());
        std::filesystem::create_symlink(target, root / path);
        return *this;
    }
    Machine& mounts(const std::string& device, const std::string& type, const std::string& source) {
        return file("proc/self/mountinfo",
                    "21 1 0:5 / /proc rw - proc proc rw\n"
                    "22 1 " +
                        device + " / / rw,relatime shared:1 - " + type + " " + source +
                        " rw\n"
                        "23 22 0:31 / /home rw - tmpfs tmpfs rw\n");
    }
    // A whole disk with one partition, as 259:0 and 259:1.
    Machine& nvme(const std::string& wwid) {
        const std::string disk = "sys/devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1";
        file(disk + "/wwid", wwid + "\n").file(disk + "/nvme0n1p1/partition", "1\n");
        std::filesystem::create_directories(root / (disk + "/slaves"));
        link("sys/dev/block/259:0", "../../devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1");
        link("sys/dev/block/259:1", "../../devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p1");
        return link("sys/class/block/nvme0n1p1", "../../devices/pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p1");
    }
    Machine& card(const std::string& name, const std::string& bus, const std::string& address,
                  const std::string& assignment = "0") {
        const auto device = "sys/devices/" + bus;
        file(device + "/net/" + name + "/address", address + "\n");
        file(device + "/net/" + name + "/addr_assign_type", assignment + "\n");
        link(device + "/net/" + name + "/device", "../..");
        return link("sys/class/net/" + name, "../../devices/" + bus + "/net/" + name);
    }
    Machine& virtualCard(const std::string& name, const std::string& address) {
        file("sys/devices/virtual/net/" + name + "/address", address + "\n");
        file("sys/devices/virtual/net/" + name + "/addr_assign_type", "0\n");
        return link("sys/class/net/" + name, "../../devices/virtual/net/" + name);
    }
    HardwareProbe probe(const std::string& credentials = "") const { return probeHardware({root.path(), credentials}); }

    TemporaryDirectory root;
};

Machine& laptop(Machine& machine) {
    return machine.file("sys/class/dmi/id/product_uuid", "4C4C4544-0042-3510-8052-B4C04F4E5A31\n")
        .file("sys/class/dmi/id/board_serial", "/ABC1234/CNWS2000123/\n")
        .file("sys/class/dmi/id/sys_vendor", "Dell Inc.\n")
        .file("sys/class/dmi/id/product_name", "XPS 13\n")
        .nvme("eui.0025385b71b0a1c2")
        .mounts("259:1", "ext4", "/dev/nvme0n1p1")
        .file("etc/machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n")
        .card("eth0", "pci0000:00/0000:02:00.0", "a4:bb:6d:01:02:03")
        .file("proc/cpuinfo",
              "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 140\n"
              "model name\t: Core\nflags\t\t: fpu vme sse\n\nprocessor\t: 1\nvendor_id\t: Other\n");
}

std::vector<std::string> values(const HardwareProbe& probe, std::string_view component) {
    for (const auto& fact : probe.facts.facts) {
        if (fact.component == component) return fact.values;
    }
    return {};
}

TEST(Hardware, ABareMetalMachineTellsAllItsComponents) {
    Machine machine;
    const auto probe = laptop(machine).probe();
    EXPECT_THAT(values(probe, "product_uuid"), ElementsAre("4C4C4544-0042-3510-8052-B4C04F4E5A31"));
    EXPECT_THAT(values(probe, "board_serial"), ElementsAre("/ABC1234/CNWS2000123/"));
    EXPECT_THAT(values(probe, "disk"), ElementsAre("eui.0025385b71b0a1c2"));
    EXPECT_THAT(values(probe, "machine_id"), ElementsAre("3d1219c7c4c5404aaa1f6d2a48adfda4"));
    EXPECT_THAT(values(probe, "nic"), ElementsAre("a4:bb:6d:01:02:03"));
    EXPECT_THAT(values(probe, "cpu"), ElementsAre("GenuineIntel/6/140"));
    EXPECT_FALSE(probe.facts.virtualMachine);
    EXPECT_FALSE(probe.facts.container);
    EXPECT_THAT(probe.notes, IsEmpty());
    EXPECT_EQ(enroll(probe.facts).components.size(), 6U);
    EXPECT_EQ(nodeLockingObstacle(probe, enroll(probe.facts)), "");
}

TEST(Hardware, TheSameMachineProbedTwiceGivesTheSameTemplate) {
    Machine machine;
    laptop(machine);
    EXPECT_EQ(enroll(machine.probe().facts), enroll(machine.probe().facts));
}

TEST(Hardware, AnEmptyRootIsAMachineThatTellsNothing) {
    Machine machine;
    const auto probe = machine.probe();
    EXPECT_THAT(probe.facts.facts, IsEmpty());
    EXPECT_FALSE(probe.facts.virtualMachine);
    EXPECT_THAT(nodeLockingObstacle(probe, enroll(probe.facts)), HasSubstr("none is readable"));
    EXPECT_THAT(probeHardware({machine.root / "no/such/root", "/no/such/credentials"}).facts.facts, IsEmpty());
}

TEST(Hardware, WithoutDmiTheOtherComponentsCarryTheBinding) {
    Machine machine;
    laptop(machine);
    std::filesystem::remove_all(machine.root / "sys/class/dmi");
    const auto probe = machine.probe();
    EXPECT_THAT(probe.notes, Contains("this machine tells no product_uuid"));
    EXPECT_EQ(nodeLockingObstacle(probe, enroll(probe.facts)), "");
}

TEST(Hardware, OneComponentAloneIsTooLittleAndTheAnswerSaysWhatIsMissing) {
    Machine machine;
    machine.file("etc/machine-id", "3d1219c7c4c5404aaa1f6d2a48adfda4\n");
    const auto probe = machine.probe();
    const auto obstacle = nodeLockingObstacle(probe, enroll(probe.facts));
    EXPECT_THAT(obstacle, HasSubstr("one is readable"));
    EXPECT_THAT(obstacle, HasSubstr("the root file system lies on no disk"));
    EXPECT_THAT(obstacle, ::testing::Not(HasSubstr("3d1219c7"))) << "raw values never reach a message";
}

// --- DMI ------------------------------------------------------------------------------------------------------------

TEST(Hardware, RootOnlyIdentifiersComeFromTheCredentialsDirectory) {
    Machine machine;
    const TemporaryDirectory credentials;
    writeFile(credentials / "product_uuid", "4C4C4544-0042-3510-8052-B4C04F4E5A31\n");
    writeFile(credentials / "board_serial", "none\n");  // the unit's SetCredential on a machine without one
    const auto probe = machine.probe(credentials.path());
    EXPECT_THAT(values(probe, "product_uuid"), ElementsAre("4C4C4544-0042-3510-8052-B4C04F4E5A31"));
    EXPECT_THAT(values(probe, "board_serial"), IsEmpty());
}

TEST(Hardware, IdentifiersWeMayNotReadAreSaidToBeForRootOnly) {
    if (testing::weAreRoot()) GTEST_SKIP() << "root may read every file; run as another user";
    Machine machine;
    laptop(machine);
    ASSERT_EQ(::chmod((machine.root / "sys/class/dmi/id/product_uuid").c_str(), 0), 0);
    EXPECT_THAT(machine.probe().notes, Contains(HasSubstr("product_uuid is readable by root only")));
}

TEST(Hardware, JunkInTheDmiTablesIsNotEnrolled) {
    Machine machine;
    laptop(machine)
        .file("sys/class/dmi/id/board_serial", "To Be Filled By O.E.M.\n")
        .file("sys/class/dmi/id/product_uuid", "00000000-0000-0000-0000-000000000000\n");
    for (const auto& component : enroll(machine.probe().facts).components) {
        EXPECT_NE(component.name, "board_serial");
        EXPECT_NE(component.name, "product_uuid");
    }
}

// --- disk -----------------------------------------------------------------------------------------------------------

TEST(Hardware, TheSystemDiskIsFoundThroughLvmOnAnEncryptedPartition) {
    Machine machine;
    machine.nvme("eui.0025385b71b0a1c2").mounts("254:1", "ext4", "/dev/mapper/vg-root");
    machine.link("sys/dev/block/254:1", "../../devices/virtual/block/dm-1")
        .file("sys/devices/virtual/block/dm-1/dm/name", "vg-root\n")
        .link("sys/devices/virtual/block/dm-1/slaves/dm-0", "../../dm-0")
        .link("sys/devices/virtual/block/dm-0/slaves/nvme0n1p1",
              "../../../../pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p1");
    EXPECT_THAT(values(machine.probe(), "disk"), ElementsAre("eui.0025385b71b0a1c2"));
}

TEST(Hardware, TheSystemDiskOfBtrfsIsFoundByItsSource) {
    Machine machine;
    machine.nvme("eui.0025385b71b0a1c2").mounts("0:33", "btrfs", "/dev/nvme0n1p1");
    EXPECT_THAT(values(machine.probe(), "disk"), ElementsAre("eui.0025385b71b0a1c2"));
    Machine mapped;
    mapped.nvme("eui.0025385b71b0a1c2").mounts("0:33", "btrfs", "/dev/mapper/luks-x");
    mapped.link("sys/class/block/dm-0", "../../devices/virtual/block/dm-0")
        .file("sys/devices/virtual/block/dm-0/dm/name", "luks-x\n")
        .link("sys/devices/virtual/block/dm-0/slaves/nvme0n1p1",
              "../../../../pci0000:00/0000:01:00.0/nvme/nvme0/nvme0n1/nvme0n1p1");
    EXPECT_THAT(values(mapped.probe(), "disk"), ElementsAre("eui.0025385b71b0a1c2"));
}

TEST(Hardware, OfAMirrorTheSmallestIdCountsWhateverTheOrderAtBoot) {
    for (const bool swapped : {false, true}) {
        Machine machine;
        machine.mounts("9:0", "ext4", "/dev/md0").link("sys/dev/block/9:0", "../../devices/virtual/block/md0");
        for (const auto* name : {"sda", "sdb"}) {
            const auto disk = std::string("sys/devices/ata/") + name;
            const bool first = (name == std::string("sda")) != swapped;
            machine.file(disk + "/device/wwid", first ? "naa.5000c500a1\n" : "naa.5000c500b2\n");
            machine.link(std::string("sys/devices/virtual/block/md0/slaves/") + name,
                         std::string("../../../../ata/") + name);
        }
        EXPECT_THAT(values(machine.probe(), "disk"), ElementsAre("naa.5000c500a1"));
    }
}

TEST(Hardware, ADiskWithoutAWorldWideNameGivesItsSerial) {
    Machine page;
    page.mounts("8:0", "ext4", "/dev/sda")
        .file("sys/dev/block/8:0/device/vpd_pg80", std::string_view("\0\x80\0\x08WD123456", 12));
    EXPECT_THAT(values(page.probe(), "disk"), ElementsAre("WD123456"));
    Machine virtio;
    virtio.mounts("254:0", "ext4", "/dev/vda").file("sys/dev/block/254:0/serial", "vol0123456789abcdef0");
    EXPECT_THAT(values(virtio.probe(), "disk"), ElementsAre("vol0123456789abcdef0"));
}

TEST(Hardware, SerialsThatAHypervisorGivesEveryDiskAreIgnored) {
    for (const auto* constant : {"overlayblk", "QM00001", "drive-scsi0-0-0-0", "persistent-disk-0", "rootfs",
                                 "t10.ATA     QEMU HARDDISK                           QM00001"}) {
        Machine machine;
        machine.mounts("254:0", "ext4", "/dev/vda").file("sys/dev/block/254:0/serial", constant);
        const auto probe = machine.probe();
        EXPECT_THAT(values(probe, "disk"), IsEmpty()) << constant;
        EXPECT_THAT(probe.notes, Contains(HasSubstr("the system disk tells neither")));
    }
}

TEST(Hardware, ARootOnOverlayOrNetworkHasNoDisk) {
    for (const auto* source : {"overlay", "server:/export", "/dev/../etc/passwd", "/dev/nosuch"}) {
        Machine machine;
        machine.nvme("eui.0025385b71b0a1c2").mounts("0:44", "overlay", source);
        EXPECT_THAT(values(machine.probe(), "disk"), IsEmpty()) << source;
    }
}

// --- network cards --------------------------------------------------------------------------------------------------

TEST(Hardware, DockerVethUsbAndMadeUpAddressesAreNoNetworkCards) {
    Machine machine;
    laptop(machine)
        .virtualCard("lo", "00:00:00:00:00:00")
        .virtualCard("docker0", "02:42:ac:11:00:02")
        .virtualCard("veth12ab", "a4:bb:6d:99:99:99")
        .card("wlan0", "pci0000:00/0000:03:00.0", "a4:bb:6d:00:00:01")
        .card("enx1", "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0", "a4:bb:6d:77:77:77")
        .card("random", "pci0000:00/0000:04:00.0", "a4:bb:6d:66:66:66", "1")
        .card("vf0", "pci0000:00/0000:05:00.1", "a4:bb:6d:55:55:55")
        .link("sys/devices/pci0000:00/0000:05:00.1/physfn", "../0000:05:00.0");
    std::filesystem::create_directories(machine.root / "sys/devices/pci0000:00/0000:05:00.0");
    EXPECT_THAT(values(machine.probe(), "nic"), ElementsAre("a4:bb:6d:00:00:01", "a4:bb:6d:01:02:03"));
}

TEST(Hardware, ThousandsOfCardsAreBounded) {
    Machine machine;
    for (int i = 0; i < 400; ++i) {
        const auto n = std::to_string(i);
        machine.card("eth" + n, "pci0000:00/0000:" + n,
                     "a4:bb:6d:00:0" + std::to_string(i / 100) + ":" + n.substr(0, 2));
    }
    EXPECT_LE(values(machine.probe(), "nic").size(), 16U);
}

// --- virtual machines and containers --------------------------------------------------------------------------------

TEST(Hardware, VirtualMachinesAreRecognised) {
    const auto kindWith = [](const std::string& path, const std::string& text) {
        Machine machine;
        return machine.file(path, text).probe().virtualization;
    };
    EXPECT_EQ(kindWith("proc/cpuinfo", "vendor_id : AuthenticAMD\nflags : fpu hypervisor sse\n"), "hypervisor");
    EXPECT_EQ(kindWith("proc/cpuinfo", "flags : fpu hypervisorish\n"), "");
    EXPECT_EQ(kindWith("sys/class/dmi/id/sys_vendor", "QEMU\n"), "qemu");
    EXPECT_EQ(kindWith("sys/class/dmi/id/product_name", "VMware Virtual Platform\n"), "vmware");
    EXPECT_EQ(kindWith("sys/class/dmi/id/product_name", "VirtualBox\n"), "virtualbox");
    EXPECT_EQ(kindWith("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"), "amazon");
    EXPECT_EQ(kindWith("sys/hypervisor/type", "xen\n"), "xen");
    EXPECT_EQ(kindWith("sys/class/dmi/id/sys_vendor", "Dell Inc.\n"), "");
    Machine metal;
    metal.file("sys/class/dmi/id/sys_vendor", "Amazon EC2\n").file("sys/class/dmi/id/product_name", "c5.metal\n");
    EXPECT_EQ(metal.probe().virtualization, "");
}

TEST(Hardware, ContainersAreRecognisedAndRefusedWithAWayOut) {
    const std::vector<std::pair<std::string, std::string>> signs{
        {"run/systemd/container", "systemd-nspawn\n"},
        {".dockerenv", ""},
        {"run/.containerenv", "engine=\"podman\"\n"},
        {"proc/1/environ", std::string("PATH=/bin\0container=lxc\0TERM=xterm\0", 36)},
        {"proc/1/cgroup", "0::/docker/0123456789abcdef\n"},
        {"proc/1/cgroup", "1:name=systemd:/kubepods/besteffort/pod1\n"},
    };
    std::vector<std::string> kinds;
    for (const auto& [path, text] : signs) {
        Machine machine;
        const auto probe = laptop(machine).file(path, text).probe();
        EXPECT_TRUE(probe.facts.container) << path;
        kinds.push_back(probe.containerKind);
        const auto obstacle = nodeLockingObstacle(probe, enroll(probe.facts));
        EXPECT_THAT(obstacle, HasSubstr("this is a container"));
        EXPECT_THAT(obstacle, HasSubstr("mount its socket"));
    }
    EXPECT_THAT(kinds, ElementsAre("systemd-nspawn", "docker", "podman", "lxc", "docker", "kubernetes"));
}

TEST(Hardware, AContainersNameCannotForgeAMessage) {
    Machine machine;
    EXPECT_EQ(machine.file("run/systemd/container", "x\nroot: all is well\n").probe().containerKind, "container");
}

TEST(Hardware, AnArmProcessorIsNamedByItsParts) {
    Machine machine;
    machine.file("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: 0xd0c\n");
    EXPECT_THAT(values(machine.probe(), "cpu"), ElementsAre("0x41/8/0xd0c"));
}

TEST(Hardware, AnArmProcessorHasOneNameWithAndWithoutProc) {
    Machine machine;
    machine.file("sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "0x00000000413fd0c1\n");
    EXPECT_THAT(values(machine.probe(), "cpu"), ElementsAre("0x41/8/0xd0c"));
    machine.file("sys/devices/system/cpu/cpu0/regs/identification/midr_el1", "0x1 of forged text\n");
    machine.file("proc/cpuinfo", "processor\t: 0\nCPU implementer\t: 0x51\nCPU architecture: 8\nCPU part\t: 0x001\n");
    EXPECT_THAT(values(machine.probe(), "cpu"), ElementsAre("0x51/8/0x001"));
}

// --- hostile trees --------------------------------------------------------------------------------------------------

TEST(Hardware, FifosLoopsDirectoriesAndHugeFilesAreIgnoredWithoutWaiting) {
    Machine machine;
    laptop(machine).file("etc/machine-id", std::string(1 << 20, 'a'));
    const auto uuid = machine.root / "sys/class/dmi/id/product_uuid";
    std::filesystem::remove(uuid);
    ASSERT_EQ(::mkfifo(uuid.c_str(), 0600), 0);
    const auto serial = machine.root / "sys/class/dmi/id/board_serial";
    std::filesystem::remove(serial);
    std::filesystem::create_symlink("board_serial", serial);
    machine.file("run/systemd/container/inside", "x");  // a directory in place of the file
    std::filesystem::remove_all(machine.root / "sys/class/net");
    std::filesystem::create_directories(machine.root / "sys/class");
    std::filesystem::create_symlink("net", machine.root / "sys/class/net");
    const auto begin = std::chrono::steady_clock::now();
    const auto probe = machine.probe();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds{5});
    EXPECT_THAT(values(probe, "machine_id"), IsEmpty());
    EXPECT_THAT(values(probe, "product_uuid"), IsEmpty());
    EXPECT_THAT(values(probe, "board_serial"), IsEmpty());
    EXPECT_THAT(values(probe, "nic"), IsEmpty());
    EXPECT_THAT(values(probe, "disk"), ElementsAre("eui.0025385b71b0a1c2"));
}

TEST(Hardware, DevicesStackedInACircleEnd) {
    Machine machine;
    machine.mounts("254:0", "ext4", "/dev/dm-0").link("sys/dev/block/254:0", "../../devices/dm-0");
    for (const auto* name : {"a", "b"}) machine.link(std::string("sys/devices/dm-0/slaves/") + name, "../../dm-0");
    EXPECT_THAT(values(machine.probe(), "disk"), IsEmpty());
}

TEST(Hardware, AMountTableOfManyThousandLinesIsReadToItsEnd) {
    Machine machine;
    machine.nvme("eui.0025385b71b0a1c2");
    std::string table;
    for (int i = 0; i < 5'000; ++i) table += "99 1 0:7 / /mnt/" + std::to_string(i) + " rw - tmpfs tmpfs rw\n";
    machine.file("proc/self/mountinfo", table + "22 1 259:1 / / rw - ext4 /dev/root rw\n");
    EXPECT_THAT(values(machine.probe(), "disk"), ElementsAre("eui.0025385b71b0a1c2"));
}

TEST(Hardware, ThisMachineIsProbedWithoutFault) {
    const auto probe = probeHardware({});
    const auto enrolled = enroll(probe.facts);
    // Whatever it is: an answer either way, and the same one twice.
    EXPECT_EQ(enroll(probeHardware({}).facts), enrolled);
    if (enrolled.components.size() < 2) {
        EXPECT_NE(nodeLockingObstacle(probe, enrolled), "");
    }
    for (const auto& component : enrolled.components) {
        std::printf("  %-14s weight %2d, %zu value(s)\n", component.name.c_str(), component.weight,
                    component.hashes.size());
    }
    std::printf("  virtualization \"%s\", container \"%s\"\n", probe.virtualization.c_str(),
                probe.containerKind.c_str());
    for (const auto& note : probe.notes) std::printf("  note: %s\n", note.c_str());
}

}  // namespace
}  // namespace entitle
