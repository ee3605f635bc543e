#include "daemon/virtualization_linux.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <utility>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#define ENTITLE_HAS_CPUID 1
#else
#define ENTITLE_HAS_CPUID 0
#endif

namespace entitle {

namespace {

constexpr std::size_t procBytes = 16 * 1024;
using Named = std::pair<std::string_view, std::string_view>;

// How vendor and product begin in the DMI tables of virtual machines.
constexpr std::array dmiNames{Named{"QEMU", "qemu"},
                              Named{"KVM", "kvm"},
                              Named{"VMware", "vmware"},
                              Named{"VMW", "vmware"},
                              Named{"innotek GmbH", "virtualbox"},
                              Named{"VirtualBox", "virtualbox"},
                              Named{"Xen", "xen"},
                              Named{"Bochs", "bochs"},
                              Named{"Parallels", "parallels"},
                              Named{"BHYVE", "bhyve"},
                              Named{"OpenStack", "kvm"},
                              Named{"Google Compute Engine", "google"},
                              Named{"Virtual Machine", "microsoft"},
                              Named{"Apple Virtualization", "apple"}};

// The value after "name :" in /proc/cpuinfo, of the first processor.
std::string cpuField(std::string_view cpuinfo, std::string_view name) {
    while (!cpuinfo.empty()) {
        const auto end = std::min(cpuinfo.find('\n'), cpuinfo.size());
        const auto line = cpuinfo.substr(0, end);
        const auto colon = line.find(':');
        if (colon != std::string_view::npos && trimmed(line.substr(0, colon)) == name) {
            return trimmed(line.substr(colon + 1));
        }
        cpuinfo.remove_prefix(std::min(end + 1, cpuinfo.size()));
    }
    return {};
}

bool hasWord(std::string_view text, std::string_view word) {
    return (" " + std::string(text) + " ").find(" " + std::string(word) + " ") != std::string::npos;
}

#if ENTITLE_HAS_CPUID

// The 12 letters of CPUID leaf 0x40000000. Source: systemd's src/basic/virt.c and the hypervisors' own documents.
constexpr std::array hypervisors{
    Named{"KVMKVMKVM", "kvm"},           Named{"Linux KVM Hv", "kvm"},       Named{"TCGTCGTCGTCG", "qemu"},
    Named{"VMwareVMware", "vmware"},     Named{"Microsoft Hv", "microsoft"}, Named{"XenVMMXenVMM", "xen"},
    Named{"VBoxVBoxVBox", "virtualbox"}, Named{"bhyve bhyve ", "bhyve"},     Named{" lrpepyh  vr", "parallels"},
    Named{"QNXQVMBSQG", "qnx"},          Named{"ACRNACRNACRN", "acrn"}};

struct Registers {
    unsigned a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(unsigned leaf) {
    Registers r;
    __cpuid(leaf, r.a, r.b, r.c, r.d);
    return r;
}

std::string letters(std::array<unsigned, 3> words) {
    std::string text(12, '\0');
    std::memcpy(text.data(), words.data(), text.size());
    return text.c_str();  // up to the first NUL
}

std::string hypervisorOfProcessor() {
    if (!(cpuid(1).c & 1U << 31)) return {};
    const auto r = cpuid(0x40000000);
    const auto name = letters({r.b, r.c, r.d});
    const auto known = std::ranges::find(hypervisors, std::string_view(name), &Named::first);
    return std::string(known != hypervisors.end() ? known->second : "hypervisor");
}

// Family and model as the kernel counts them: Intel SDM volume 2, CPUID leaf 1.
std::string modelOfProcessor() {
    const auto vendor = cpuid(0);
    const auto signature = cpuid(1).a;
    auto family = signature >> 8 & 0xf, model = signature >> 4 & 0xf;
    if (family == 6 || family == 15) model |= (signature >> 16 & 0xf) << 4;
    if (family == 15) family += signature >> 20 & 0xff;
    return letters({vendor.b, vendor.d, vendor.c}) + "/" + std::to_string(family) + "/" + std::to_string(model);
}
#else
std::string hypervisorOfProcessor() {
    return {};
}
std::string modelOfProcessor() {
    return {};
}
#endif

// ARM's main identification register as sysfs shows it, in the words of /proc/cpuinfo, which a sandbox may hide: the
// two must not differ, or hiding one would look like another processor. Source: Arm ARM, MIDR_EL1.
std::string modelOfIdentification(std::string_view text) {
    if (text.starts_with("0x")) text.remove_prefix(2);
    std::uint64_t midr = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), midr, 16);
    if (error != std::errc() || end != text.data() + text.size() || midr == 0 || midr >> 32 != 0) return {};
    std::array<char, 24> model{};
    // Only 64-bit kernels have that file, and those say architecture 8.
    std::snprintf(model.data(), model.size(), "0x%02x/8/0x%03x", static_cast<unsigned>(midr >> 24),
                  static_cast<unsigned>(midr >> 4 & 0xfff));
    return model.data();
}

// What may stand in a message: a container manager's own word for itself.
std::string containerWord(std::string_view word) {
    const bool plain = !word.empty() && word.size() <= 32 && std::ranges::all_of(word, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
    return plain ? std::string(word) : "container";
}

}  // namespace

std::string detectVirtualMachine(const Sysfs& sysfs) {
    if (sysfs.isRealRoot() && ENTITLE_HAS_CPUID) {
        if (auto name = hypervisorOfProcessor(); !name.empty()) return name;
    } else if (hasWord(cpuField(sysfs.readStart("/proc/cpuinfo", procBytes), "flags"), "hypervisor")) {
        return "hypervisor";
    }
    const auto product = sysfs.read("/sys/class/dmi/id/product_name").value_or("");
    const auto vendor = sysfs.read("/sys/class/dmi/id/sys_vendor").value_or("");
    for (const auto& [begins, name] : dmiNames) {
        if (vendor.starts_with(begins) || product.starts_with(begins)) return std::string(name);
    }
    if (vendor == "Amazon EC2" && product.find(".metal") == std::string::npos) return "amazon";
    if (sysfs.read("/sys/hypervisor/type").value_or("") == "xen") return "xen";
    return {};
}

std::string detectContainer(const Sysfs& sysfs) {
    // Said by the container's manager itself: https://systemd.io/CONTAINER_INTERFACE
    if (const auto word = sysfs.read("/run/systemd/container"); word && !word->empty()) return containerWord(*word);
    if (sysfs.exists("/run/.containerenv")) return "podman";
    if (sysfs.exists("/.dockerenv")) return "docker";
    // Readable by root, and by us when we are process 1 ourselves.
    auto environment = sysfs.readStart("/proc/1/environ", procBytes);
    std::ranges::replace(environment, '\0', '\n');
    for (std::string_view rest = environment; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\n'));
        if (line.starts_with("container=")) return containerWord(line.substr(10));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    }
    const auto groups = sysfs.readStart("/proc/1/cgroup", procBytes);
    for (const auto& [hint, name] : {Named{"/docker", "docker"}, Named{"/libpod", "podman"}, Named{"/lxc", "lxc"},
                                     Named{"/kubepods", "kubernetes"}, Named{"/machine.slice/", "systemd-nspawn"}}) {
        if (groups.find(hint) != std::string::npos) return std::string(name);
    }
    if (sysfs.exists("/proc/vz") && !sysfs.exists("/proc/bc")) return "openvz";
    return {};
}

std::string processorModel(const Sysfs& sysfs) {
    if (sysfs.isRealRoot()) {
        if (auto model = modelOfProcessor(); !model.empty()) return model;
    }
    const auto midr = sysfs.read("/sys/devices/system/cpu/cpu0/regs/identification/midr_el1");
    if (auto model = modelOfIdentification(midr.value_or("")); !model.empty()) return model;
    const auto cpuinfo = sysfs.readStart("/proc/cpuinfo", procBytes);
    for (const auto& names : {std::array{"vendor_id", "cpu family", "model"},
                              std::array{"CPU implementer", "CPU architecture", "CPU part"}}) {
        const auto vendor = cpuField(cpuinfo, names[0]), family = cpuField(cpuinfo, names[1]),
                   model = cpuField(cpuinfo, names[2]);
        if (!vendor.empty() && !family.empty() && !model.empty()) return vendor + "/" + family + "/" + model;
    }
    return {};
}

}  // namespace entitle
