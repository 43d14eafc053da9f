"""QEMU's command line, as a pure function of what a machine is.

Names of files are relative to the machine's folder, in which QEMU runs: the path of a Unix socket may have 107 bytes
only. No secret stands in the arguments, which everybody on the host may read: credentials are files.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from adamant.api.methods import PORT
from adamant.machine.accelerator import Accelerator
from adamant.model.arch import Arch

DISK = "disk.raw"
VARIABLES = "vars.fd"
CONSOLE_SOCKET = "console.sock"
CONSOLE_LOG = "console.log"
QMP_SOCKET = "qmp.sock"
PID_FILE = "qemu.pid"
TPM_SOCKET = "tpm.sock"
CREDENTIALS = "credentials"

ROOM = 1 << 20
"""The unit of `-m`, in bytes."""


class OnPanic(StrEnum):
    """What a reset of the guest does: `reboot` as hardware would, `stop` ends the machine (for tests)."""

    REBOOT = "reboot"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class DirectKernel:
    """A kernel to boot instead of the disk's boot loader."""

    kernel: Path
    command_line: str
    initrd: Path | None = None


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What a machine is. `memory` in bytes; `port` is the port of 127.0.0.1 that leads to the API of the node.

    `credentials` are the names of files in the folder CREDENTIALS, each one SMBIOS string. `code` is the firmware,
    `data_folders` are those of QEMU itself. `forwards` are further ports of 127.0.0.1, each with that of the machine
    that it leads to.
    """

    name: str
    arch: Arch
    accelerator: Accelerator
    uuid: str
    memory: int
    cpus: int
    port: int
    code: Path
    data_folders: tuple[Path, ...]
    secure_boot: bool = False
    tpm: bool = False
    extra_disks: int = 0
    forwards: tuple[tuple[int, int], ...] = ()
    credentials: tuple[str, ...] = ()
    on_panic: OnPanic = OnPanic.REBOOT
    kernel: DirectKernel | None = None


def mac(uuid: str) -> str:
    """The address of the network card: locally administered, fixed by the machine's UUID."""
    digits = uuid.replace("-", "")[-6:]
    return f"52:54:00:{digits[:2]}:{digits[2:4]}:{digits[4:]}"


def arguments(spec: MachineSpec) -> tuple[str, ...]:
    """The arguments of QEMU 10 for `spec`, without the program's name."""
    return (
        *_machine(spec),
        *_firmware(spec),
        *_devices(spec),
        *_channels(spec),
        *_tpm(spec),
        *_boot(spec),
    )


def _machine(spec: MachineSpec) -> tuple[str, ...]:
    if spec.arch is Arch.AMD64:
        # Secure Boot needs system management mode, which keeps the guest's kernel off the firmware's variables.
        # Neither disks on SATA nor a PS/2 keyboard are there: firmware and kernel need not look for them.
        board = f"q35,smm={'on' if spec.secure_boot else 'off'},vmport=off,sata=off,i8042=off"
        # With `erms` the kernel clears and copies memory by the byte, which takes eight steps of emulation for one.
        emulated = "max,erms=off,fsrm=off"
    else:
        board = "virt,gic-version=max"
        emulated = "cortex-a72"  # `max` has pointer authentication, whose emulation is slow
    fast = spec.accelerator is Accelerator.KVM
    return (
        *("-name", _escape(f"adamant-{spec.name}")),
        *("-uuid", spec.uuid),
        *("-machine", board),
        *("-accel", "kvm" if fast else "tcg,thread=multi"),
        *("-cpu", "host" if fast else emulated),
        *("-smp", str(spec.cpus)),
        *("-m", str(spec.memory // ROOM)),
        *("-nodefaults", "-no-user-config"),
        *("-display", "none"),
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *(word for folder in spec.data_folders for word in ("-L", str(folder))),
    )


def _firmware(spec: MachineSpec) -> tuple[str, ...]:
    flash: tuple[str, ...] = (
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={_escape(str(spec.code))}"),
        *("-drive", f"if=pflash,format=raw,unit=1,file={VARIABLES}"),
    )
    if spec.arch is Arch.AMD64:
        flash += ("-global", "ICH9-LPC.disable_s3=1")
        if spec.secure_boot:
            flash += ("-global", "driver=cfi.pflash01,property=secure,value=on")
    return flash


def _devices(spec: MachineSpec) -> tuple[str, ...]:
    return (
        *("-drive", f"if=none,id=disk,format=raw,file={DISK},cache=writeback,discard=unmap,detect-zeroes=unmap"),
        *("-device", "virtio-blk-pci,drive=disk,bootindex=1"),
        *("-netdev", ",".join(["user,id=net", *(_forward(*pair) for pair in ((spec.port, PORT), *spec.forwards))])),
        # No option ROM: the machine boots from its disk, never from a network.
        *("-device", f"virtio-net-pci,netdev=net,mac={mac(spec.uuid)},romfile="),
        *("-device", "virtio-rng-pci"),
        *("-device", "i6300esb", "-action", "watchdog=reset"),
        # Last, so that the name of the network card is the same with and without them.
        *(word for number in range(1, spec.extra_disks + 1) for word in _extra_disk(number)),
    )


def _forward(here: int, there: int) -> str:
    return f"hostfwd=tcp:127.0.0.1:{here}-:{there}"


def extra_disk(number: int) -> str:
    """File of the further disk of that number, which is its serial number too, but for the suffix."""
    return f"disk-{number}.raw"


def _extra_disk(number: int) -> tuple[str, ...]:
    file = extra_disk(number)
    return (
        *("-drive", f"if=none,id=disk{number},format=raw,file={file},cache=writeback,discard=unmap"),
        *("-device", f"virtio-blk-pci,drive=disk{number},serial={file.removesuffix('.raw')}"),
    )


def _channels(spec: MachineSpec) -> tuple[str, ...]:
    return (
        *("-chardev", f"socket,id=console,path={CONSOLE_SOCKET},server=on,wait=off,logfile={CONSOLE_LOG}"),
        *("-serial", "chardev:console"),
        *("-chardev", f"socket,id=qmp,path={QMP_SOCKET},server=on,wait=off"),
        *("-mon", "chardev=qmp,mode=control"),
        *("-pidfile", PID_FILE),
        *(
            word
            for name in sorted(spec.credentials)
            for word in ("-smbios", f"type=11,path={_escape(f'{CREDENTIALS}/{name}')}")
        ),
    )


def _tpm(spec: MachineSpec) -> tuple[str, ...]:
    if not spec.tpm:
        return ()
    device = "tpm-crb" if spec.arch is Arch.AMD64 else "tpm-tis-device"
    return (
        *("-chardev", f"socket,id=tpm,path={TPM_SOCKET}"),
        *("-tpmdev", "emulator,id=tpm,chardev=tpm"),
        *("-device", f"{device},tpmdev=tpm"),
    )


def _boot(spec: MachineSpec) -> tuple[str, ...]:
    words: tuple[str, ...] = ("-boot", "strict=on")
    if spec.kernel is not None:
        words += ("-kernel", str(spec.kernel.kernel), "-append", spec.kernel.command_line)
        if spec.kernel.initrd is not None:
            words += ("-initrd", str(spec.kernel.initrd))
    if spec.on_panic is OnPanic.STOP:
        words += ("-no-reboot",)
    return words


def _escape(value: str) -> str:
    """A value for QEMU's `key=value,...`, in which a comma is written twice."""
    return value.replace(",", ",,")
