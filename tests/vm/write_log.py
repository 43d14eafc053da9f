"""Every write of a machine to its disk, in order, and so what each cut of the power would leave on it.

QEMU's driver blklogwrites keeps them, in the format of the kernel's dm-log-writes (Documentation/admin-guide/
device-mapper/log-writes.rst): a sector that tells of the log, then for each operation a sector that tells of it, and
its data. An operation stands there once the disk has done it; what stands before a flush is then on the disk for good.
"""

import random
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adamant.machine import qemu
from adamant.machine.machine import Machine
from adamant.machine.qemu import DISK, MachineSpec
from adamant.model.layout import SECTOR

_LOG = "writes.log"
_MAGIC = 0x6A736677736872
_DISCARD = 4
_FEW = 8
VERSIONED = 1 << 20
"""Bytes that have a version of their own."""
_DRIVE = "if=none,id=disk,"
_LOGGED = (
    f"{_DRIVE}driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename={DISK}"
    f",log.driver=raw,log.file.driver=file,log.file.filename={_LOG},cache=writeback,discard=unmap"
)


@dataclass(frozen=True)
class Write:
    """The operation `number` of a log: `data` written at `offset` (bytes of the disk), or a flush, which has none."""

    number: int
    offset: int
    data: bytes


def place(machine: Machine) -> Path:
    """Where the log of a machine lies."""
    return machine.folder / _LOG


@contextmanager
def recording(machine: Machine) -> Iterator[None]:
    """The machine, which is off, keeps a log of what is written to its disk when it is started meanwhile."""
    arguments = qemu.arguments
    place(machine).write_bytes(b"")

    def changed(spec: MachineSpec) -> tuple[str, ...]:
        words = arguments(spec)
        assert [word.startswith(_DRIVE) for word in words].count(True) == 1
        return tuple(_LOGGED if word.startswith(_DRIVE) else word for word in words)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(qemu, "arguments", changed)
        yield


def read(log: Path) -> Iterator[Write]:
    """The writes and flushes of a log, in order."""
    with log.open("rb") as file:
        magic, version, count, size = struct.unpack_from("<QQQI", file.read(SECTOR))
        assert (magic, version, size) == (_MAGIC, 1, SECTOR), "no log of writes"
        for number in range(count):
            sector, sectors, flags, _ = struct.unpack_from("<QQQQ", file.read(SECTOR))
            if not flags & _DISCARD:
                yield Write(number, sector * SECTOR, file.read(sectors * SECTOR))


@dataclass(frozen=True)
class Cut:
    """A cut of the power before the flush `number`: of the writes since the one before, the disk has only `kept`."""

    number: int
    since: int
    kept: frozenset[int]

    def leaves(self, write: Write) -> bool:
        """Whether the write is on the disk."""
        return write.number < self.since or write.number in self.kept


class Part:
    """The bytes of a partition that begins at `first` on its disk.

    `versions` has a number for each VERSIONED bytes: where it is the same as before, so are they.
    """

    def __init__(self, first: int, data: bytes) -> None:
        self.first = first
        self.data = bytearray(data)
        self.versions = [0] * -(-len(data) // VERSIONED)
        self._last = 0

    def holds(self, write: Write) -> bool:
        """Whether the write is to this partition."""
        return self.first <= write.offset < self.first + len(self.data)

    def apply(self, write: Write) -> None:
        """Write it."""
        self._last += 1
        begin = write.offset - self.first
        self.data[begin : begin + len(write.data)] = write.data
        for block in range(begin // VERSIONED, -(-(begin + len(write.data)) // VERSIONED)):
            self.versions[block] = self._last

    @contextmanager
    def with_writes(self, writes: Iterable[Write]) -> Iterator[None]:
        """These writes are there meanwhile."""
        versions = self.versions.copy()
        before = []
        for write in writes:
            begin = write.offset - self.first
            before.append((begin, bytes(self.data[begin : begin + len(write.data)])))
            self.apply(write)
        try:
            yield
        finally:
            for begin, data in reversed(before):
                self.data[begin : begin + len(data)] = data
            self.versions = versions


def cuts(part: Part, log: Path, chance: random.Random) -> Iterator[Cut]:
    """Each cut, as far as it concerns a partition.

    `part` has what was there before the first write; while a cut is given, it has what that leaves. Writes that no
    flush has followed yet are on the disk or not, each for itself. Of few of them every choice is given; of many each
    beginning, each beginning without one of it, and some choices at random.
    """
    pending: list[Write] = []
    since = 0
    for write in read(log):
        if write.data:
            if part.holds(write):
                pending.append(write)
            continue
        for choice in _choices(len(pending), chance) if pending else ():
            chosen = [pending[place] for place in choice]
            with part.with_writes(chosen):
                yield Cut(write.number, since, frozenset(each.number for each in chosen))
        for each in pending:
            part.apply(each)
        pending.clear()
        since = write.number


def _choices(count: int, chance: random.Random) -> Iterator[tuple[int, ...]]:
    if count <= _FEW:
        for mask in range(1 << count):
            yield tuple(place for place in range(count) if mask >> place & 1)
        return
    for end in range(count + 1):
        yield tuple(range(end))
        gone = chance.randrange(end + 1)
        yield tuple(place for place in range(end) if place != gone)
    for _ in range(1 << _FEW - 2):
        yield tuple(place for place in range(count) if chance.random() < 0.5)
