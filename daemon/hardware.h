// Raw facts about this machine. Matching and hashing are license/fingerprint's; raw values go there and nowhere else.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "license/fingerprint.h"

namespace entitle {

struct HardwareSource {
    std::string root = "/";  // another one in tests and in the quick start: sysfs, proc, etc and run below it
    // Where systemd put "product_uuid" and "board_serial", readable by root only in sysfs. Empty: none.
    std::string credentialsDirectory;
    // A digest of the TPM's endorsement key; "" if there is none. Asked on bare metal only: elsewhere it is the
    // hypervisor's to give.
    std::function<std::string()> endorsementKey = {};
};

struct HardwareProbe {
    HardwareFacts facts;             // hand to `enroll` at once, then drop; never log
    std::string containerKind;       // "docker", "podman", "systemd-nspawn", "lxc", …; "" outside one
    std::string virtualization;      // "kvm", "vmware", "hypervisor" …; "" on bare metal
    std::vector<std::string> notes;  // what could not be read and why, one sentence each, without values
};

// Never fails: what cannot be read is missing. Reads at most 4 KiB of each file and ignores whatever is not a regular
// file; takes milliseconds and blocks on nothing but `endorsementKey`.
HardwareProbe probeHardware(const HardwareSource&);

// Why this machine cannot be node-locked and what to do instead; "" if it can. A container cannot (its facts are the
// host's or nobody's); a machine with fewer than two usable components cannot (SAME needs two matches).
std::string nodeLockingObstacle(const HardwareProbe&, const FingerprintTemplate& enrolled);

}  // namespace entitle
