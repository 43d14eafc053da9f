"""Machines on this computer: create, start, stop, delete, list, reset.

Owns a folder of machines; each machine is one folder in it, which appears and goes by rename, and holds all that the
machine has. Commands that change a machine hold its lock, so two at once are a BusyError, never a broken machine. What
runs is known by process identity (`process`), so a command that was killed leaves nothing that cannot be stopped.
"""

import os
import re
import secrets
import shutil
import time
import uuid as uuids
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from adamant.core import files, limits
from adamant.core.store import Store
from adamant.machine import accelerator, credential, port, power, process, qemu, record
from adamant.machine.accelerator import Accelerator
from adamant.machine.firmware import firmware, in_setup_mode
from adamant.machine.qemu import DirectKernel, MachineSpec, OnPanic
from adamant.machine.qmp import Qmp
from adamant.machine.record import KernelRecord, MachineRecord, RunRecord
from adamant.model.arch import Arch
from adamant.model.definition import NAME_PATTERN
from adamant.model.errors import AdamantError, BusyError, InputError
from adamant.packages.tools import ToolsTree

CERTIFICATE = "secure-boot.pem"

_LOCKS = ".locks"
_PORTS = "ports"
_START_TRIES = 3
_SECTOR = 512
_NAME = re.compile(NAME_PATTERN)


class Status(StrEnum):
    """`crashed`: QEMU ended without an end of the guest. `broken`: the machine's record cannot be read."""

    RUNNING = "running"
    STOPPED = "stopped"
    CRASHED = "crashed"
    BROKEN = "broken"


class Stopped(StrEnum):
    """How a machine ended: by itself when asked, or cut off; `already` when it did not run."""

    SHUT_DOWN = "shut-down"
    CUT_OFF = "cut-off"
    ALREADY = "already"


@dataclass(frozen=True, slots=True)
class Options:
    """What a machine gets. Sizes are bytes. `certificate` (PEM) turns Secure Boot on, with that one key enrolled.
    With `setup_mode`, without a certificate, none is: the image may enrol its own.

    `extra_disks` are the sizes of further disks, empty, whose serial numbers are disk-1, disk-2 and so on. `forwards`
    are ports of 127.0.0.1 besides that of the API, each with that of the machine that it leads to.
    """

    arch: Arch
    memory: int = 2 << 30
    cpus: int = 2
    disk_size: int = 8 << 30
    certificate: bytes | None = None
    setup_mode: bool = False
    tpm: bool = False
    extra_disks: tuple[int, ...] = ()
    forwards: tuple[tuple[int, int], ...] = ()
    credentials: Mapping[str, bytes] = field(default_factory=dict)
    on_panic: OnPanic = OnPanic.REBOOT
    kernel: DirectKernel | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as it is now. `record` is None when it is broken; `run` is None when it does not run."""

    name: str
    folder: Path
    status: Status
    record: MachineRecord | None
    run: RunRecord | None = None

    @property
    def console_log(self) -> Path:
        """Everything the machine printed since it was started."""
        return self.folder / qemu.CONSOLE_LOG

    @property
    def console_socket(self) -> Path:
        """Its serial port."""
        return self.folder / qemu.CONSOLE_SOCKET

    @property
    def address(self) -> str:
        """Where its API is reached from this computer, HOST:PORT; empty when it is broken."""
        return f"{port.LOOPBACK}:{self.record.port}" if self.record else ""


class Machines:
    """The machines below the folder `root`, which is made when needed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create(self, name: str, image: Path, options: Options) -> Machine:
        """A machine whose disk is a copy of the raw disk image `image`, grown to `options.disk_size`.

        The copy shares blocks with the image where the file system can, and is sparse where not; the image is never
        written, and may be built anew while the machine is there.
        Raises InputError machine-name, image-*, BusyError machine-exists, AdamantError disk-full.
        """
        _check_name(name)
        size = _check_image(image, options)
        with self._locked(name):
            folder = self.root / name
            if folder.exists():
                raise BusyError(
                    "machine-exists", f"there is a machine {name} already", hint=f"adamant machine delete {name}"
                )
            self._clear_abandoned(name)
            with files.work_folder(self.root, name) as work:
                made = work / "made"
                made.mkdir(mode=0o700)
                try:
                    names = credential.write_credentials(made / qemu.CREDENTIALS, options.credentials)
                    if options.certificate is not None:
                        files.write_atomic(made / CERTIFICATE, options.certificate)
                    disk = made / qemu.DISK
                    disk.touch(mode=0o600)
                    os.truncate(disk, size)
                    files.copy_range(image, disk)
                    os.truncate(disk, max(size, options.disk_size))
                    for number, extra in enumerate(options.extra_disks, 1):
                        empty = made / qemu.extra_disk(number)
                        empty.touch(mode=0o600)
                        os.truncate(empty, extra)
                except OSError as error:
                    raise files.write_failed(made / qemu.DISK, error) from error
                with self._ports():
                    record.write(made / record.MACHINE, self._record(name, image, options, names))
                    made.rename(folder)
            files.sync_folder(self.root)
        return self.get(name)

    def start(self, name: str, tools: ToolsTree, cache: Path) -> Machine:
        """Power the machine on and return when QEMU answers; the boot has then begun.

        `cache` holds firmware and the proof of KVM. The console log begins anew, the one before is kept beside it.
        Raises BusyError machine-running, AdamantError machine-not-started with what QEMU said.
        """
        with self._locked(name):
            machine = self.get(name)
            kept = record.read(machine.folder / record.MACHINE, MachineRecord)
            if machine.status is Status.RUNNING:
                raise BusyError("machine-running", f"the machine {name} runs already")
            power.off(machine.folder)
            if kept.setup_mode:
                parts = in_setup_mode(kept.arch, tools)
            else:
                certificate = (machine.folder / CERTIFICATE).read_bytes() if kept.secure_boot else None
                parts = firmware(kept.arch, certificate, tools, Store(cache))
            variables = machine.folder / qemu.VARIABLES
            if not variables.exists():
                files.write_atomic(variables, parts.variables.read_bytes(), 0o600)
            chosen = accelerator.choose(kept.arch, tools, cache)
            for left in range(_START_TRIES - 1, -1, -1):
                kept = self._reserve_port(machine.folder, kept)
                spec = _spec(kept, chosen, parts.code, accelerator.data_folders(tools))
                try:
                    power.on(machine.folder, spec, tools)
                    break
                except AdamantError as error:
                    power.off(machine.folder)
                    # somebody took the port between the look and QEMU's own bind
                    if left == 0 or "host forwarding rule" not in error.context:
                        raise
        return self.get(name)

    def stop(self, name: str, seconds: float = limits.MACHINE_STOP_SECONDS) -> Stopped:
        """Press the power button and wait; what has not shut down after `seconds` is cut off (0: at once)."""
        with self._locked(name):
            machine = self.get(name)
            running = power.running(machine.folder)
            if running is None:
                power.off(machine.folder)
                return Stopped.ALREADY
            how = Stopped.CUT_OFF
            deadline = time.monotonic() + seconds
            while (left := deadline - time.monotonic()) > 0:
                # Who listens to the button starts a little after the machine is up, so it is pressed again.
                pressed = power.ask(machine.folder, "system_powerdown")
                if process.wait(running, min(left, limits.POWER_BUTTON_SECONDS) if pressed else 0):
                    how = Stopped.SHUT_DOWN
                if how is Stopped.SHUT_DOWN or not pressed:
                    break
            power.off(machine.folder)
            return how

    def reset(self, name: str) -> None:
        """Press the reset button. Raises BusyError machine-stopped, UnreachableError machine-silent."""
        with self._locked(name):
            machine = self.get(name)
            if machine.status is not Status.RUNNING:
                raise BusyError("machine-stopped", f"the machine {name} does not run")
            with Qmp(machine.folder / qemu.QMP_SOCKET) as session:
                session.execute("system_reset")

    def delete(self, name: str, *, force: bool = False) -> None:
        """Remove the machine with its disk. One that runs is cut off with `force`, else it is a BusyError."""
        with self._locked(name):
            machine = self.get(name)
            if machine.status is Status.RUNNING and not force:
                raise BusyError(
                    "machine-running", f"the machine {name} runs", hint=f"adamant machine stop {name}, or --force"
                )
            power.off(machine.folder)
            gone = self.root / f".{name}.{secrets.token_hex(6)}"
            machine.folder.rename(gone)
            files.sync_folder(self.root)
            shutil.rmtree(gone, ignore_errors=True)

    def get(self, name: str) -> Machine:
        """The machine `name`. Raises InputError machine-unknown."""
        _check_name(name)
        folder = self.root / name
        if not folder.is_dir():
            known = ", ".join(m.name for m in self.list()) or "none"
            raise InputError("machine-unknown", f"there is no machine {name}", hint=f"machines: {known}")
        return self._machine(folder)

    def list(self) -> "list[Machine]":
        """All machines, by name; a broken one does not keep the others from being listed."""
        if not self.root.is_dir():
            return []
        folders = [p for p in self.root.iterdir() if not p.name.startswith(".") and p.is_dir()]
        return [self._machine(folder) for folder in sorted(folders)]

    def wait(self, name: str, seconds: float) -> bool:
        """Wait until the machine has ended, at most `seconds`. Whether it has."""
        running = power.running(self.get(name).folder)
        return running is None or process.wait(running, seconds)

    def _machine(self, folder: Path) -> Machine:
        try:
            kept = record.read(folder / record.MACHINE, MachineRecord)
        except AdamantError:
            kept = None
        run = power.run_record(folder)
        running = power.running(folder)
        if running is not None:
            if run is None or run.qemu != running:
                run = RunRecord(running, Accelerator.TCG)  # its record was lost; the slower one is what may be said
            return Machine(folder.name, folder, Status.RUNNING, kept, run)
        if kept is None:
            return Machine(folder.name, folder, Status.BROKEN, None)
        # QEMU removes its pid file when it ends in order
        crashed = (folder / qemu.PID_FILE).exists()
        return Machine(folder.name, folder, Status.CRASHED if crashed else Status.STOPPED, kept)

    def _record(self, name: str, image: Path, options: Options, credentials: tuple[str, ...]) -> MachineRecord:
        """The record of a new machine. The caller holds the lock of the ports until it is written."""
        kernel = options.kernel
        return MachineRecord(
            name=name,
            arch=options.arch,
            uuid=str(uuids.uuid4()),
            image=str(image.resolve()),
            memory=options.memory,
            cpus=options.cpus,
            disk_size=max(image.stat().st_size, options.disk_size),
            port=port.allocate(self._taken_ports(), self.root),
            secure_boot=options.certificate is not None or options.setup_mode,
            setup_mode=options.setup_mode,
            tpm=options.tpm,
            extra_disks=options.extra_disks,
            forwards=options.forwards,
            on_panic=options.on_panic,
            credentials=credentials,
            kernel=None
            if kernel is None
            else KernelRecord(str(kernel.kernel), kernel.command_line, str(kernel.initrd) if kernel.initrd else None),
        )

    def _reserve_port(self, folder: Path, kept: MachineRecord) -> MachineRecord:
        """The record with a port that is free now: the machine's own if it can be."""
        with self._ports():
            if port.free(kept.port):
                return kept
            changed = record.MachineRecord(
                **{name: getattr(kept, name) for name in kept.__struct_fields__ if name != "port"},
                port=port.allocate(self._taken_ports(), self.root),
            )
            record.write(folder / record.MACHINE, changed)
            return changed

    def _taken_ports(self) -> set[int]:
        return {machine.record.port for machine in self.list() if machine.record is not None}

    def _clear_abandoned(self, name: str) -> None:
        """Remove what a killed create or delete of this machine left. The caller holds its lock."""
        for left in self.root.glob(f".{name}.*"):
            shutil.rmtree(left, ignore_errors=True)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        _check_name(name)
        with files.locked(self.root / _LOCKS / f"{name}.machine", f"the machine {name}", wait=False):
            yield

    @contextmanager
    def _ports(self) -> Iterator[None]:
        with files.locked(self.root / _LOCKS / _PORTS, "the table of ports"):
            yield


def _spec(kept: MachineRecord, chosen: Accelerator, code: Path, data_folders: tuple[Path, ...]) -> MachineSpec:
    kernel = kept.kernel
    return MachineSpec(
        name=kept.name,
        arch=kept.arch,
        accelerator=chosen,
        uuid=kept.uuid,
        memory=kept.memory,
        cpus=kept.cpus,
        port=kept.port,
        code=code,
        data_folders=data_folders,
        secure_boot=kept.secure_boot,
        tpm=kept.tpm,
        extra_disks=len(kept.extra_disks),
        forwards=kept.forwards,
        credentials=kept.credentials,
        on_panic=kept.on_panic,
        kernel=None
        if kernel is None
        else DirectKernel(Path(kernel.kernel), kernel.command_line, Path(kernel.initrd) if kernel.initrd else None),
    )


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InputError(
            "machine-name",
            f"not a name for a machine: {name[:80]!r}",
            hint="lower-case letters, digits and dashes, at most 32, beginning with a letter",
        )


def _check_image(image: Path, options: Options) -> int:
    """Size of a raw disk image, in bytes."""
    try:
        with image.open("rb") as source:
            head = source.read(2 * _SECTOR)
            size = source.seek(0, os.SEEK_END)
    except OSError as error:
        raise InputError("image-unreadable", f"cannot read the disk image {image}: {error.strerror}") from error
    raw = head[_SECTOR:].startswith(b"EFI PART") or options.kernel is not None
    if not raw or size % _SECTOR or size > limits.IMAGE_SIZE:
        raise InputError(
            "image-not-a-disk",
            f"{image} is not a raw disk image with a GUID partition table",
            hint="give the disk.raw of a build",
        )
    if options.kernel is not None and options.certificate is not None:
        # OVMF starts a kernel that it is handed even when its signature does not hold
        raise InputError(
            "kernel-not-verified",
            "a kernel that is given by hand is not checked by Secure Boot",
            hint="leave one of the two out",
        )
    if options.memory < qemu.ROOM or options.cpus < 1:
        raise InputError("machine-too-small", "a machine needs memory and a processor")
    return size
