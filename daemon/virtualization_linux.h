// Does this system run in a virtual machine, or in a container? Of the real processor where the root is the real one.
#pragma once

#include <string>

#include "daemon/sysfs_linux.h"

namespace entitle {

// "kvm", "vmware", "microsoft", "xen", "virtualbox", "qemu", …; "hypervisor" for one without a name we know; "" for
// none.
std::string detectVirtualMachine(const Sysfs&);

// "docker", "podman", "systemd-nspawn", "lxc", "kubernetes", …; "" outside one.
std::string detectContainer(const Sysfs&);

// "GenuineIntel/6/143", "0x41/8/0xd0c" on ARM; "" if unknown.
std::string processorModel(const Sysfs&);

}  // namespace entitle
