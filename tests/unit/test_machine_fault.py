"""What the end of a console means: the fault that explains most, by its real texts."""

import pytest

from adamant.machine.fault import FAULTS, explain

# fault id: lines as real machines printed them
SHOWN: dict[str, list[str]] = {
    "usr-corrupted": [
        "[    9.1] device-mapper: verity: 254:3: data block 1702 is corrupted",
        "[    9.1] Kernel panic - not syncing: dm-verity device corrupted",
    ],
    "no-slot": [
        "[    33.1] adamant: no slot holds the usr image of this release",
        "[    33.1] adamant: this try has failed, rebooting",
    ],
    "no-root-hash": [
        "[    3.1] adamant: there is no adamant.usrhash= on the command line",
        "[    3.1] adamant: this try has failed, rebooting",
    ],
    "initrd-failed": [
        "[    3.1] adamant: cannot mount: /usr (error 19)",
        "[    3.1] adamant: this try has failed, rebooting",
    ],
    "secure-boot-refused": [
        'BdsDxe: failed to load Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0): Access Denied',
        "BdsDxe: No bootable option or device was found.",
        "BdsDxe: Press any key to enter the Boot Manager Menu.",
    ],
    "no-boot-loader": [
        'BdsDxe: failed to load Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x3,0x0): Not Found',
        "BdsDxe: No bootable option or device was found.",
    ],
    "no-boot-entry": ["No loader found. Configuration files in \\loader\\entries\\*.conf are needed."],
    "out-of-memory": ["[   14.2] Out of memory: Killed process 311 (containerd) total-vm:1843304kB"],
    "initrd-damaged": ["[    0.9] Initramfs unpacking failed: ZSTD-compressed data is corrupt"],
    "no-root": ["[    2.9] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)"],
    "init-ended": ["[    5.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b"],
    "kernel-panic": ["[    5.0] Kernel panic - not syncing: Fatal exception in interrupt"],
    "disk-shut": ["[FAILED] Failed to start adamant-open@state.service - Encrypted partition state."],
    "device-missing": ["[ TIME ] Timed out waiting for device /dev/disk/by-partlabel/var."],
    "disk-full": ["systemd-repart[201]: Can't fit requested partitions into available free space (1.2G), refusing."],
    "emergency-mode": [
        "[FAILED] Failed to start systemd-repart.service - Repartition Root Disk.",
        "You are in emergency mode. After logging in, type",
    ],
    "io-error": ["[  40.0] I/O error, dev vda, sector 2048 op 0x0:(READ)"],
    "stuck": ["[  40.0] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [swapper/0:1]"],
    "agent-failed": ["[FAILED] Failed to start adamant-agent.service - Answers the API of this machine."],
    "unit-failed": ["[FAILED] Failed to start nginx.service - A high performance web server."],
}


@pytest.mark.parametrize("name", [f.id for f in FAULTS])
def test_each_fault_is_told_by_what_machines_print(name: str) -> None:
    found = explain(["[    0.0] Linux version 6.12", *SHOWN[name]])
    assert found is not None
    assert found.fault.id == name
    assert found.line in SHOWN[name]


def test_each_fault_is_one_meaning_and_one_thing_to_do() -> None:
    assert len({f.id for f in FAULTS}) == len(FAULTS)
    for fault in FAULTS:
        assert fault.means.endswith(".")
        assert fault.remedy.endswith(".")


def test_the_reason_of_a_panic_comes_before_the_panic() -> None:
    lines = [line for shown in SHOWN.values() for line in shown]
    found = explain(lines)
    assert found is not None
    assert found.fault.id == "usr-corrupted"


def test_the_last_line_that_shows_a_fault_is_given() -> None:
    found = explain(["Kernel panic - not syncing: one", "Kernel panic - not syncing: two"])
    assert found is not None
    assert found.line.endswith("two")


def test_a_good_boot_has_no_fault() -> None:
    assert explain(["[    3.1] adamant: the usr image comes from slot: usr-a", "[  OK  ] Reached target"]) is None
    assert explain([]) is None
