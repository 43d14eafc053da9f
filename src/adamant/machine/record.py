"""What is kept of a machine, as versioned JSON: `machine.json` (what it is) and `run.json` (its process, if any)."""

from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from adamant.core import files, limits
from adamant.machine.accelerator import Accelerator
from adamant.machine.process import Process
from adamant.machine.qemu import OnPanic
from adamant.model.arch import Arch
from adamant.model.definition import NAME_PATTERN
from adamant.model.errors import AdamantError

MACHINE = "machine.json"
RUN = "run.json"
SCHEMA = 1

_UUID = r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"


_Port = Annotated[int, Meta(ge=1, le=65535)]


class KernelRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """A kernel that is booted instead of the disk's boot loader; paths are absolute."""

    kernel: str
    command_line: str
    initrd: str | None = None


class MachineRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """What a machine is. Memory and disks in bytes; `image` is where its disk was copied from, to be shown."""

    name: Annotated[str, Meta(pattern=NAME_PATTERN)]
    arch: Arch
    uuid: Annotated[str, Meta(pattern=_UUID)]
    image: str
    memory: Annotated[int, Meta(ge=1)]
    cpus: Annotated[int, Meta(ge=1)]
    disk_size: Annotated[int, Meta(ge=1)]
    port: _Port
    secure_boot: bool
    tpm: bool
    on_panic: OnPanic
    credentials: tuple[Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]+$")], ...]
    kernel: KernelRecord | None = None
    extra_disks: tuple[Annotated[int, Meta(ge=1)], ...] = ()
    forwards: tuple[tuple[_Port, _Port], ...] = ()
    """Further ports of 127.0.0.1, each with that of the machine that it leads to."""
    setup_mode: bool = False
    """The firmware got no keys when the machine was made."""
    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA


class RunRecord(Struct, frozen=True, forbid_unknown_fields=True):
    """The process of a machine that was started."""

    qemu: Process
    accelerator: Accelerator
    schema: Annotated[int, Meta(ge=SCHEMA, le=SCHEMA)] = SCHEMA


T = TypeVar("T", MachineRecord, RunRecord)


def write(path: Path, record: MachineRecord | RunRecord) -> None:
    """Keep a record, readable by its owner only."""
    data = msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=1)
    files.write_atomic(path, data + b"\n", 0o600)


def read(path: Path, kind: type[T]) -> T:
    """A record from its file. Raises AdamantError machine-record-malformed."""
    try:
        return msgspec.json.decode(files.read_limited(path, limits.MACHINE_RECORD_SIZE, "record"), type=kind)
    except (AdamantError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AdamantError(
            "machine-record-malformed",
            f"the record of the machine cannot be read: {getattr(error, 'message', error)}",
            context=f"in {path}",
            hint="adamant machine delete removes the machine",
        ) from error
