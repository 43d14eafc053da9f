"""The accelerator: KVM where a guest has proved that it works, else emulation (TCG).

The proof costs up to KVM_PROBE_SECONDS and holds for one boot of the host, one QEMU and one user; it is kept in the
cache. Only a guest of the host's own architecture can use KVM.
"""

import os
import platform
from enum import StrEnum
from pathlib import Path

import msgspec

from adamant.core import files, limits, proc
from adamant.machine import probe, process
from adamant.model.arch import NAMES, Arch
from adamant.model.digest import sha256
from adamant.model.errors import AdamantError
from adamant.packages.tools import ToolsTree

KVM_DEVICE = Path("/dev/kvm")

PROGRAMS = {Arch.AMD64: "qemu-system-x86_64", Arch.ARM64: "qemu-system-aarch64"}
"""QEMU for each guest."""


class Accelerator(StrEnum):
    """What runs the guest's instructions."""

    KVM = "kvm"
    TCG = "tcg"


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    key: str
    works: bool


def choose(arch: Arch, tools: ToolsTree, cache: Path) -> Accelerator:
    """The accelerator for a guest of `arch` on this computer. The answer is kept below `cache`."""
    if NAMES[arch].kernel != platform.machine() or not os.access(KVM_DEVICE, os.R_OK | os.W_OK):
        return Accelerator.TCG
    key = _key(arch, tools)
    record = cache / "machine" / f"kvm-{arch.value}-{os.getuid()}.json"
    with files.locked(record.with_suffix(".lock"), "the proof of KVM"):
        known = _read(record)
        if known is None or known.key != key:
            works = proves(arch, Accelerator.KVM, tools, record.parent)
            known = _Answer(key, works)
            files.write_atomic(record, msgspec.json.encode(known))
    return Accelerator.KVM if known.works else Accelerator.TCG


def proves(arch: Arch, accelerator: Accelerator, tools: ToolsTree, scratch: Path) -> bool:
    """Whether a tiny guest of `arch` runs to its end under `accelerator` before the deadline."""
    with files.work_folder(scratch, "probe") as folder:
        rom = folder / "guest.bin"
        files.write_atomic(rom, probe.guest(arch))
        serial = folder / "serial"
        arguments = [
            *("-accel", accelerator.value, "-m", "64", "-bios", str(rom)),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        ]
        if arch is Arch.AMD64:
            arguments += ["-machine", "q35", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
            arguments += ["-cpu", "host" if accelerator is Accelerator.KVM else "max"]
        else:
            arguments += ["-machine", "virt", "-serial", f"file:{serial}"]
            arguments += ["-cpu", "host" if accelerator is Accelerator.KVM else "cortex-a72"]
        data = [word for path in data_folders(tools) for word in ("-L", str(path))]
        try:
            result = proc.run(
                f"prove {accelerator.value}",
                tools.argv(PROGRAMS[arch], *data, *arguments),
                seconds=limits.KVM_PROBE_SECONDS,
                check=False,
            )
        except AdamantError:
            return False  # it does not start, or it hangs: that is the answer
        if arch is Arch.AMD64:
            return result.code == probe.EXIT_CODE
        return result.code == 0 and serial.exists() and serial.read_bytes() == probe.ARM64_WORD


def data_folders(tools: ToolsTree) -> tuple[Path, ...]:
    """Where QEMU of the tools tree finds its data; without them it would search the host."""
    return tuple(tools.root / path for path in ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"))


def _key(arch: Arch, tools: ToolsTree) -> str:
    """What the answer depends on: the boot of the host, QEMU, the guest."""
    emulator = files.sha256_file(tools.program(PROGRAMS[arch]))
    return f"{process.boot_id()} {emulator} {sha256(probe.guest(arch))}"


def _read(record: Path) -> _Answer | None:
    try:
        return msgspec.json.decode(record.read_bytes(), type=_Answer)
    except (OSError, msgspec.DecodeError):
        return None
