#include "daemon/hardware.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "daemon/sysfs_linux.h"
#include "daemon/virtualization_linux.h"

namespace entitle {

namespace {

constexpr std::size_t mountinfoBytes = 1024 * 1024;  // thousands of mounts are not rare
constexpr unsigned maxStackedDevices = 8;            // dm on md on partitions …
constexpr std::size_t maxCards = 16;

std::string attribute(const Sysfs& sysfs, const std::string& path) {
    return sysfs.read(path).value_or("");
}

// A DMI value only root may read: from sysfs, else as systemd hands it over. The unit's SetCredential says "none" on
// machines without one.
std::string dmiSecret(const Sysfs& sysfs, const HardwareSource& source, const std::string& name,
                      std::vector<std::string>& notes) {
    const auto path = "/sys/class/dmi/id/" + name;
    if (auto value = attribute(sysfs, path); !value.empty()) return value;
    if (!source.credentialsDirectory.empty()) {
        auto value = attribute(Sysfs(source.credentialsDirectory), "/" + name);
        if (!value.empty() && value != "none") return value;
    }
    if (sysfs.deniedToUs(path)) {
        notes.push_back(name + " is readable by root only: start entitled by its systemd unit, which hands it over");
    } else {
        notes.push_back("this machine tells no " + name);
    }
    return {};
}

struct RootMount {
    std::string device;  // "254:0"
    std::string source;  // "/dev/vda"
};

// proc(5), /proc/pid/mountinfo: id parent major:minor root mountpoint options [tags…] - type source superoptions
std::optional<RootMount> findRootMount(const Sysfs& sysfs) {
    std::istringstream lines(sysfs.readStart("/proc/self/mountinfo", mountinfoBytes));
    std::optional<RootMount> found;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream fields(line);
        std::string id, parent, device, root, point, word;
        if (!(fields >> id >> parent >> device >> root >> point) || point != "/") continue;
        while (fields >> word && word != "-") {
        }
        std::string type, from;
        fields >> type >> from;
        found = RootMount{device, from};  // the last one lies on top
    }
    return found;
}

// The sysfs directory of the block device below the root file system; "" if there is none (overlay, network, ZFS).
std::string rootBlockDevice(const Sysfs& sysfs) {
    const auto mount = findRootMount(sysfs);
    if (!mount) return {};
    const bool isNumber = mount->device.find_first_not_of("0123456789:") == std::string::npos;
    if (isNumber && !mount->device.starts_with("0:")) {
        const auto path = "/sys/dev/block/" + mount->device;
        if (sysfs.exists(path)) return path;
    }
    // btrfs has a number of its own; its source names the device.
    constexpr std::string_view mapper = "/dev/mapper/", devices = "/dev/";
    if (mount->source.starts_with(mapper)) {
        const auto wanted = mount->source.substr(mapper.size());
        for (const auto& name : sysfs.list("/sys/class/block")) {
            if (attribute(sysfs, "/sys/class/block/" + name + "/dm/name") == wanted) return "/sys/class/block/" + name;
        }
    } else if (mount->source.starts_with(devices)) {
        const auto name = mount->source.substr(devices.size());
        const auto path = "/sys/class/block/" + name;
        if (name.find('/') == std::string::npos && name.find("..") == std::string::npos && sysfs.exists(path))
            return path;
    }
    return {};
}

// SCSI's unit serial number page (SPC-4, 7.8.16): 4 bytes of head, then the serial in ASCII.
std::string serialPage(const Sysfs& sysfs, const std::string& path) {
    const auto page = sysfs.readStart(path, Sysfs::attributeBytes);
    return page.size() > 4 ? trimmed(std::string_view(page).substr(4)) : std::string();
}

// What hypervisors give every disk they make. A serial without a single digit is a name, not a number.
bool isConstant(std::string_view id) {
    if (id.find_first_of("0123456789") == std::string_view::npos) return true;
    for (const auto* made :
         {"QEMU HARDDISK", "QM0000", "drive-scsi", "drive-virtio", "persistent-disk", "virtio-disk"}) {
        if (id.find(made) != std::string_view::npos) return true;
    }
    return false;
}

bool isUsable(std::string_view id) {
    return !isJunk("disk", id) && !isConstant(id);
}

// The lasting id of one whole disk: a world-wide name if it has one, else its serial.
std::string diskId(const Sysfs& sysfs, const std::string& disk) {
    for (const auto* name : {"/wwid", "/device/wwid", "/device/serial", "/serial", "/device/cid"}) {
        if (auto id = attribute(sysfs, disk + name); isUsable(id)) return id;
    }
    auto id = serialPage(sysfs, disk + "/device/vpd_pg80");
    return isUsable(id) ? id : std::string();
}

// Down through partitions, device mapper and RAID to whole disks. Of several the smallest id, so that the order in
// which they were found at boot does not matter.
std::string systemDiskId(const Sysfs& sysfs, const std::string& device, unsigned depth) {
    if (depth == 0) return {};
    // ".." after a symlink is the parent of what it points to: the disk of a partition.
    const auto disk = sysfs.exists(device + "/partition") ? device + "/.." : device;
    std::string best;
    const auto below = sysfs.list(disk + "/slaves");
    for (const auto& name : below) {
        auto id = systemDiskId(sysfs, disk + "/slaves/" + name, depth - 1);
        if (!id.empty() && (best.empty() || id < best)) best = std::move(id);
    }
    return below.empty() ? diskId(sysfs, disk) : best;
}

// A card soldered or plugged into this machine, with the address it was made with. Not: bridges, veth, docker0 (no
// device), made-up addresses (addr_assign_type), USB adapters and docks, virtual functions.
bool isPhysicalCard(const Sysfs& sysfs, const std::string& card) {
    if (!sysfs.exists(card + "/device") || attribute(sysfs, card + "/addr_assign_type") != "0") return false;
    if (sysfs.exists(card + "/device/physfn")) return false;
    const auto bus = sysfs.linkTarget(card + "/device/subsystem");
    if (bus.ends_with("/usb")) return false;
    // The class directory's link goes through the whole bus path: …/usb1/1-2/1-2:1.0/net/enx…
    return sysfs.linkTarget(card).find("/usb") == std::string::npos;
}

std::vector<std::string> cardAddresses(const Sysfs& sysfs) {
    std::vector<std::string> addresses;
    for (const auto& name : sysfs.list("/sys/class/net")) {
        const auto card = "/sys/class/net/" + name;
        if (!isPhysicalCard(sysfs, card)) continue;
        if (auto address = attribute(sysfs, card + "/address"); !address.empty() && addresses.size() < maxCards) {
            addresses.push_back(std::move(address));
        }
    }
    std::ranges::sort(addresses);
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
    return addresses;
}

void add(HardwareFacts& facts, std::string component, std::string value) {
    if (!value.empty()) facts.facts.push_back({std::move(component), {std::move(value)}});
}

}  // namespace

HardwareProbe probeHardware(const HardwareSource& source) {
    const Sysfs sysfs(source.root);
    HardwareProbe probe;
    probe.containerKind = detectContainer(sysfs);
    probe.virtualization = detectVirtualMachine(sysfs);
    probe.facts.container = !probe.containerKind.empty();
    probe.facts.virtualMachine = !probe.virtualization.empty();

    const bool bareMetal = !probe.facts.container && !probe.facts.virtualMachine;
    if (bareMetal && source.endorsementKey) {
        auto digest = source.endorsementKey();
        if (digest.empty()) probe.notes.emplace_back("no TPM 2.0 tells an endorsement key");
        add(probe.facts, "tpm_ek", std::move(digest));
    }
    add(probe.facts, "product_uuid", dmiSecret(sysfs, source, "product_uuid", probe.notes));
    add(probe.facts, "board_serial", dmiSecret(sysfs, source, "board_serial", probe.notes));
    if (const auto device = rootBlockDevice(sysfs); device.empty()) {
        probe.notes.emplace_back("the root file system lies on no disk of this machine");
    } else if (auto id = systemDiskId(sysfs, device, maxStackedDevices); id.empty()) {
        probe.notes.emplace_back("the system disk tells neither a world-wide name nor a serial of its own");
    } else {
        add(probe.facts, "disk", std::move(id));
    }
    if (auto id = attribute(sysfs, "/etc/machine-id"); id.empty()) {
        probe.notes.emplace_back("/etc/machine-id is missing or empty: systemd-machine-id-setup makes one");
    } else {
        add(probe.facts, "machine_id", std::move(id));
    }
    if (auto addresses = cardAddresses(sysfs); addresses.empty()) {
        probe.notes.emplace_back("no built-in network card has an address of its own");
    } else {
        probe.facts.facts.push_back({"nic", std::move(addresses)});
    }
    add(probe.facts, "cpu", processorModel(sysfs));
    return probe;
}

std::string nodeLockingObstacle(const HardwareProbe& probe, const FingerprintTemplate& enrolled) {
    if (probe.facts.container) {
        return "this is a container (" + probe.containerKind +
               "): its hardware is the host's or nobody's, so no license can be bound to it. Run entitled on the host "
               "and "
               "mount its socket /run/entitled/entitled.sock into the container";
    }
    if (enrolled.components.size() >= 2) return {};
    std::string message =
        "this machine tells too little about itself to bind a license to it: two lasting components are "
        "needed, " +
        std::string(enrolled.components.empty() ? "none is" : "one is") + " readable";
    for (const auto& note : probe.notes) message += "; " + note;
    return message;
}

}  // namespace entitle
