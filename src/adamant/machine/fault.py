"""What the last lines of a console mean: a table of faults, each with its sign, its meaning and what to do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that a console shows. `id` is stable; `means` and `remedy` are whole sentences for a person."""

    id: str
    sign: re.Pattern[str]
    means: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A fault, and the line that showed it."""

    fault: Fault
    line: str


def _fault(name: str, sign: str, means: str, remedy: str) -> Fault:
    return Fault(name, re.compile(sign, re.IGNORECASE), means, remedy)


FAULTS: tuple[Fault, ...] = (
    _fault(
        "usr-corrupted",
        r"dm-verity device corrupted|verity: .*(block \d+ is corrupted|reached maximum errors)",
        "A block of the usr image is not what its signed root hash says, so the machine stopped rather than use it.",
        "Delete the machine and create it again from a fresh build; if that fails too, check this computer's disk.",
    ),
    _fault(
        "no-slot",
        r"adamant: no slot holds the usr image of this release",
        "The kernel started, but no slot of the disk holds the usr image that its signed command line names.",
        "The disk is damaged, or belongs to another release than the UKI: create the machine again from one build.",
    ),
    _fault(
        "no-root-hash",
        r"adamant: (there is no adamant\.usrhash=|adamant\.usrhash= )",
        "The kernel's command line does not say which usr image belongs to it.",
        "The UKI was not made by adamant build, or its command line was replaced: build again.",
    ),
    _fault(
        "initrd-failed",
        r"adamant: this try has failed, rebooting",
        "The initrd could not set up the system; the line before this one says what it could not do.",
        "Look for a kernel module that the kernel flavour lacks, then build again.",
    ),
    _fault(
        "secure-boot-refused",
        r"(failed to (load|start)|error loading) .*(access denied|security violation)",
        "Secure Boot refused a program: it is unsigned, changed after signing, or signed with another key.",
        "Sign the build with the key whose certificate the machine was created with, and create the machine again.",
    ),
    _fault(
        "no-boot-loader",
        r"BdsDxe: (failed to load .*: Not Found|No bootable option)|No bootable device|UEFI Interactive Shell",
        "The firmware found nothing to boot on the disk.",
        "Give the disk.raw of a build; a build for another architecture does not boot either.",
    ),
    _fault(
        "no-boot-entry",
        r"No loader found|unable to find .*boot entr|error executing kernel image|error opening root path",
        "The boot loader runs, but finds no UKI that it can start.",
        "Build again: the ESP of the disk is not complete.",
    ),
    _fault(
        "out-of-memory",
        r"Out of memory: Killed process|Out of memory and no killable processes|deadlocked on memory"
        r"|not enough memory|invoked oom-killer|Initramfs unpacking failed: write error",
        "The machine ran out of memory.",
        "Delete it and create it again with more memory.",
    ),
    _fault(
        "initrd-damaged",
        r"Initramfs unpacking failed",
        "The kernel could not unpack the initrd inside the UKI.",
        "Build again; if it stays, the kernel lacks the compression that the initrd has.",
    ),
    _fault(
        "no-root",
        r"Unable to mount root fs|No working init found|Requested init .* failed",
        "The kernel started without an initrd that sets up the system.",
        "Boot the UKI of a build; a bare kernel does not find a slot.",
    ),
    _fault(
        "init-ended",
        r"Attempted to kill init|systemd\[1\]: (Caught <|Freezing execution)|Freezing execution",
        "PID 1 of the machine ended or crashed.",
        "Look at the lines before for what it said last.",
    ),
    _fault(
        "kernel-panic",
        r"Kernel panic - not syncing",
        "The kernel stopped; the reason stands in that line.",
        "Look at the lines before it; another kernel flavour may help if a driver is named.",
    ),
    _fault(
        "disk-shut",
        r"Failed to start adamant-open@|"
        r"systemd-repart\[\d+\]: Failed to (encrypt device|create TPM2 context|read key file)",
        "The disk is encrypted, and the machine has no key for it.",
        "Give it what opened its disk before: its TPM (--tpm) and a release that is signed with the same pcr key, the "
        "credential adamant.disk-key, or a tang server. A machine with another TPM takes its recovery keys "
        "(adamant node recover).",
    ),
    _fault(
        "device-missing",
        r"Timed out waiting for device|\.device: Job .* timed out|dependency failed for /|cannot open .*no such device",
        "The system waited for a disk or a partition that does not appear.",
        "Check that the disk is large enough for the partitions of the first boot, and that the kernel has its driver.",
    ),
    _fault(
        "disk-full",
        r"No space left on device|can't fit|not enough free space",
        "A file system of the machine, or its whole disk, is full.",
        "Create the machine with a larger disk.",
    ),
    _fault(
        "emergency-mode",
        r"You are in emergency mode|Reached target .*emergency|Started .*Emergency Shell",
        "A unit that the boot needs has failed, and systemd gave up.",
        "The lines with [FAILED] or [DEPEND] name the unit.",
    ),
    _fault(
        "io-error",
        r"I/O error, dev |Buffer I/O error|EXT4-fs error|erofs: .*(corrupt|error)",
        "The machine cannot read or write its disk.",
        "Check the disk of this computer and its free space.",
    ),
    _fault(
        "stuck",
        r"watchdog: BUG: soft lockup|rcu: INFO: rcu_\w+ detected stalls|blocked for more than \d+ seconds",
        "The machine got no time to run: a part of it stood still for many seconds.",
        "This computer is overloaded, above all without KVM: stop other work, or give the machine fewer processors.",
    ),
    _fault(
        "agent-failed",
        r"Failed to start adamant-agent|adamant-agent\.service: (Failed|Main process exited|Start request repeated)",
        "The system runs, but the agent that answers the API does not.",
        "The lines of adamant-agent before this one say why.",
    ),
    _fault(
        "unit-failed",
        r"\[FAILED\]|Failed to start ",
        "A unit of the machine did not start.",
        "The line names it; the machine itself may well run.",
    ),
)
"""In the order of how much each explains: a panic has a reason, and the reason comes first."""


def explain(lines: Iterable[str]) -> Explanation | None:
    """The fault that explains most among the plain lines of a console, with the last line that shows it."""
    shown = list(lines)
    for fault in FAULTS:
        for line in reversed(shown):
            if fault.sign.search(line):
                return Explanation(fault, line)
    return None
